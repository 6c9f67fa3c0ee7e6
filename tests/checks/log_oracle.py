"""What is known of one person as of a moment, by plain loops over what was told: slow and obviously right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from features.event import FLEETING, LOG_ONLY, Event, Kind
from features.history import PAGE_LIMIT, CustomerRecord, text_code
from features.vocabulary import Vocabulary

PageRow = tuple[int, int, int, str | None, int]
"""(occurred_at, recorded_at, kind, item, text_code of the order)."""
LedgerRow = tuple[int, int, int, str | None, int, float]


@dataclass(frozen=True, slots=True)
class Known:
    """page: oldest first. ledger: in the order told. owned: units by item. consents: (occurred_at, channel, granted) in
    the order told. traits: the newest values."""

    page: tuple[PageRow, ...]
    ledger: tuple[LedgerRow, ...]
    owned: Mapping[str, int]
    consents: tuple[tuple[int, str | None, bool], ...]
    traits: Mapping[str, object]


Told = tuple[Event, Mapping[str, object]]
"""An event and the traits that came with it."""


def known(told: Sequence[Told], moment: int) -> Known:
    """told: in the order in which the store took it."""
    seen = [(number, event) for number, (event, _) in enumerate(told) if event.recorded_at <= moment]
    in_page = [(number, event) for number, event in seen if event.kind not in LOG_ONLY]
    lasting_last = sorted(in_page, key=lambda one: (one[1].kind not in FLEETING, one[1].occurred_at, one[0]))
    kept = sorted(lasting_last[-PAGE_LIMIT:], key=lambda one: (one[1].occurred_at, one[0]))
    traits: dict[str, object] = {}
    for event, said in told:
        if event.recorded_at <= moment:
            traits.update(said)
    return Known(
        page=tuple(_page_row(event) for _, event in kept),
        ledger=tuple((*_page_row(event), event.quantity) for _, event in seen if event.kind in _TRADE),
        owned=_owned(event for _, event in seen),
        consents=tuple(
            (event.occurred_at, event.channel, event.kind == Kind.CONSENT_GRANTED)
            for _, event in seen
            if event.kind in {Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN}
        ),
        traits=traits,
    )


_TRADE = frozenset({Kind.ORDERED, Kind.REFUNDED})


def _page_row(event: Event) -> PageRow:
    order = event.order if event.topic is None else event.topic
    return event.occurred_at, event.recorded_at, int(event.kind), event.item, text_code(order)


def _owned(events: Iterable[Event]) -> Mapping[str, int]:
    """Each order is told once here, and what comes back comes back by line, whole, before or after its order."""
    listed = list(events)
    returned = {(event.order, event.item) for event in listed if event.kind == Kind.REFUNDED}
    owned: Counter[str] = Counter()
    for event in listed:
        if event.kind == Kind.ORDERED and (event.order, event.item) not in returned:
            owned[str(event.item)] += int(event.quantity)
    return owned


def read(record: CustomerRecord, vocabulary: Vocabulary, owned: Mapping[str, int]) -> Known:
    """The store's record in the same words. owned: units by item, netted by features.ledger."""
    return Known(
        page=tuple(_read_row(row, vocabulary) for row in record.page),
        ledger=tuple((*_read_row(row, vocabulary), float(row["quantity"])) for row in record.ledger),
        owned=owned,
        consents=tuple(
            (int(row["occurred_at"]), vocabulary.text("channel", int(row["channel"])), bool(row["granted"]))
            for row in record.consents
        ),
        traits=dict(record.traits),
    )


def _read_row(row: Mapping[str, int], vocabulary: Vocabulary) -> PageRow:
    item = vocabulary.text("item", int(row["item"]))
    return int(row["occurred_at"]), int(row["recorded_at"]), int(row["kind"]), item, int(row["order"])
