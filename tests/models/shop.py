"""Small synthetic shops and customers for the tests of what decides: real catalogues, real ledgers, plain scorers."""

# ruff: noqa: ARG002 a scorer takes what the protocol gives it

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from features import consent, ledger
from features.candidates import Candidates
from features.event import Event, Kind
from features.history import EVENT, CustomerRecord, Records, page, text_code
from features.stores.protocol import StoredCatalogue
from features.vocabulary import Vocabulary
from models.catalogue import parse
from models.catalogue_file import CatalogueSource
from models.columns import CompiledCatalogue, compile_catalogue
from models.decision import DecisionRequest
from models.scoring import Scores

DAY = 86_400_000
NOW = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""


def vocabulary_of(source: CatalogueSource, catalogue_channels: Sequence[str], action_ids: Sequence[str]) -> Vocabulary:
    """Codes as a store gives them on publishing, after one of each that the catalogue does not know."""
    vocabulary = Vocabulary()
    vocabulary.learn("channel", list(enumerate(["elsewhere", *catalogue_channels])))
    vocabulary.learn("item", list(enumerate(["unlisted", *source.items["id"].to_pylist()])))
    vocabulary.learn("action", list(enumerate(["retired", *action_ids])))
    return vocabulary


def stored(source: CatalogueSource, version: int = 1) -> StoredCatalogue:
    return StoredCatalogue(version, "digest", source.document, source.items_ipc(), NOW, "test", "synthetic")


def compiled(source: CatalogueSource, version: int = 1) -> tuple[CompiledCatalogue, Vocabulary]:
    catalogue = parse(source.document, version)
    vocabulary = vocabulary_of(source, list(catalogue.channels), [action.id for action in catalogue.actions])
    return compile_catalogue(stored(source, version), vocabulary), vocabulary


def records(events: Sequence[Event], vocabulary: Vocabulary) -> Records:
    """The events as a store's log has them."""
    rows = np.zeros(len(events), EVENT)
    for row, event in enumerate(events):
        rows[row] = (
            event.occurred_at,
            event.recorded_at,
            row + 1,
            (event.ends_at or 0) if event.kind is Kind.RESERVED else text_code(event.order or event.topic),
            text_code(event.decision),
            event.amount,
            event.quantity,
            vocabulary.code("item", event.item),
            vocabulary.code("action", event.action),
            event.kind,
            vocabulary.code("channel", event.channel),
            event.severity,
        )
    return rows


def customer(
    events: Sequence[Event],
    vocabulary: Vocabulary,
    time_zone: str | None = None,
    traits: Mapping[str, object] | None = None,
) -> CustomerRecord:
    """A known customer with these events, whoever they come from in whatever order."""
    rows = records(events, vocabulary)
    return CustomerRecord(
        person=7,
        customer_id="c-7",
        known=True,
        version=len(rows),
        page=page(rows),
        ledger=ledger.entries(rows),
        consents=consent.entries(rows),
        traits=traits or {},
        time_zone=time_zone,
    )


def event(
    kind: Kind,
    days_ago: float,
    *,
    item: str | None = None,
    order: str | None = None,
    channel: str | None = None,
    quantity: float = math.nan,
    lag_days: float = 0.0,
    topic: str | None = None,
    action: str | None = None,
    decision: str | None = None,
    severity: int = 0,
    held_days: float | None = None,
) -> Event:
    """An event `days_ago` before NOW, known to us `lag_days` later. held_days: from then on, of a reservation."""
    occurred_at = NOW - round(days_ago * DAY)
    recorded_at = occurred_at + round(lag_days * DAY)
    return Event(
        message_id="m",
        kind=kind,
        name=kind.name,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        item=item,
        order=order,
        channel=channel,
        quantity=quantity,
        topic=topic,
        action=action,
        decision=decision,
        severity=severity,
        ends_at=None if held_days is None else occurred_at + round(held_days * DAY),
    )


def request(
    *channels: str,
    limit: int = 1,
    across: str = "each",
    distinct: bool = False,
    deliver_at: int = NOW,
    placement: str | None = None,
    exclude: Sequence[str] = (),
    explain: bool = False,
    seed: int = 1,
    subject: str = "c-7",
    context: Mapping[str, object] | None = None,
) -> DecisionRequest:
    return DecisionRequest(
        channels=channels,
        limit=limit,
        across=across,
        distinct=distinct,
        deliver_at=deliver_at,
        placement=placement,
        exclude=frozenset(exclude),
        explain=explain,
        seed=seed,
        subject=subject,
        context={} if context is None else context,
    )


@dataclass(frozen=True, slots=True)
class ByAction:
    """A scorer with one known probability for each action (by vocabulary code), `otherwise` for the rest."""

    probability: Mapping[int, float] = field(default_factory=dict)
    otherwise: float = 0.5
    version: str = "by-action"

    def score(
        self, record: CustomerRecord, moment: int, utc_offset: int, candidates: Candidates, compiled: CompiledCatalogue
    ) -> Scores:
        response = np.array([self.probability.get(int(code), self.otherwise) for code in candidates.action], np.float64)
        clock = np.full(len(candidates), (moment + utc_offset) % DAY, np.float64)
        return Scores(response, response / 2, np.column_stack([response, clock]))


@dataclass(frozen=True, slots=True)
class Broken:
    """A scorer that always fails."""

    version: str = "broken"

    def score(
        self, record: CustomerRecord, moment: int, utc_offset: int, candidates: Candidates, compiled: CompiledCatalogue
    ) -> Scores:
        raise RuntimeError("the forest burns")


@dataclass(frozen=True, slots=True)
class Absurd:
    """A scorer whose answers are no probabilities."""

    response: float
    version: str = "absurd"

    def score(
        self, record: CustomerRecord, moment: int, utc_offset: int, candidates: Candidates, compiled: CompiledCatalogue
    ) -> Scores:
        count = len(candidates)
        return Scores(np.full(count, self.response), np.zeros(count), np.zeros((count, 1)))


def items_table(
    category_of: Mapping[str, str | None],
    price_of: Mapping[str, float] | None = None,
    variant_of: Mapping[str, str] | None = None,
    contains: Mapping[str, Sequence[str]] | None = None,
) -> pa.Table:
    prices, heads, parts = price_of or {}, variant_of or {}, contains or {}
    return pa.table(
        {
            "id": pa.array(list(category_of), pa.string()),
            "category": pa.array(list(category_of.values()), pa.string()),
            "name": pa.nulls(len(category_of), pa.string()),
            "price": pa.array([prices.get(item) for item in category_of], pa.float64()),
            "variant_of": pa.array([heads.get(item) for item in category_of], pa.string()),
            "contains": pa.array([parts.get(item) for item in category_of], pa.list_(pa.string())),
        }
    )
