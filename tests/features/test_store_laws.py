"""The laws of a history: page and ledger equal the log, no leakage, and the stored formats stand still."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.event import FLEETING, LOG_ONLY, Event, Kind
from features.history import CONSENT_ENTRY, EVENT, LEDGER_ENTRY, PAGE_LIMIT, CustomerRecord, page, text_code
from features.stores import open_store
from features.stores.packed import RECORD
from features.stores.protocol import Append, Store
from tests.checks.store_examples import NOON, event, import_table, user

GOLDEN = Path(__file__).parent.parent / "golden" / "store_records.json"
KINDS = [
    Kind.VIEWED,
    Kind.ORDERED,
    Kind.REFUNDED,
    Kind.CONSENT_GRANTED,
    Kind.CONSENT_WITHDRAWN,
    Kind.SENT,
    Kind.DECIDED,
]

happenings = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 30), st.integers(0, 9), st.sampled_from([None, "i", "j"])),
    min_size=1,
    max_size=90,
)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    """Two handles on one store; every example has a customer of its own."""
    url = f"sqlite:///{tmp_path_factory.mktemp('laws')}/store.db"
    pair = open_store(url), open_store(url)
    yield pair
    assert pair[0].check().faults == ()
    for one in pair:
        one.close()


def events_of(name: str, drawn: list[tuple[Kind, int, int, str | None]]) -> list[Event]:
    return [
        event(f"{name}-{number}", kind, NOON + at, recorded_at=NOON + at + lag, item=item, channel="web", order=item)
        for number, (kind, at, lag, item) in enumerate(drawn)
    ]


def page_slowly(given_events: list[Event], moment: int) -> list[tuple[int, int, int]]:
    """(occurred_at, recorded_at, kind) of the page, from events in the order in which they were told."""
    known = [
        (one.kind not in FLEETING, one.occurred_at, number, one)
        for number, one in enumerate(given_events)
        if one.recorded_at <= moment and one.kind not in LOG_ONLY
    ]
    kept = sorted(known, key=lambda one: one[:3])[-PAGE_LIMIT:]
    kept.sort(key=lambda one: one[1:3])
    return [(one.occurred_at, one.recorded_at, int(one.kind)) for *_, one in kept]


def as_tuples(record: CustomerRecord) -> list[tuple[int, int, int]]:
    return [(int(row["occurred_at"]), int(row["recorded_at"]), int(row["kind"])) for row in record.page]


def same(one: CustomerRecord, other: CustomerRecord) -> bool:
    arrays = all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in ("page", "ledger", "consents")
    )
    return arrays and (one.person, one.version, one.traits) == (other.person, other.version, other.traits)


customers = iter(f"customer-{number}" for number in range(10**6))
relaxed = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@relaxed
@given(data=st.data(), drawn=happenings)
def test_appends_one_by_one_make_the_page_of_the_log(
    stores: tuple[Store, Store], data: st.DataObject, drawn: list[tuple[Kind, int, int, str | None]]
) -> None:
    name = next(customers)
    told = events_of(name, drawn)
    at = 0
    while at < len(told):
        size, handle = data.draw(st.integers(1, 40)), data.draw(st.integers(0, 1))
        stores[handle].append([Append(user(name), tuple(told[at : at + size]))]).result()
        at += size
    everything = NOON + 10_000
    record = stores[0].read(user(name))
    assert as_tuples(record) == page_slowly(told, everything)
    assert same(record, stores[1].read_as_of(user(name), everything))


@relaxed
@given(drawn=happenings, later=happenings, moment=st.integers(0, 30))
def test_nothing_leaks_into_the_past(
    stores: tuple[Store, Store],
    drawn: list[tuple[Kind, int, int, str | None]],
    later: list[tuple[Kind, int, int, str | None]],
    moment: int,
) -> None:
    store, name = stores[0], next(customers)
    told = events_of(name, drawn)
    store.append([Append(user(name), tuple(told), {"city": "York"})]).result()
    before = store.read_as_of(user(name), NOON + moment)
    assert as_tuples(before) == page_slowly(told, NOON + moment)
    assert (before.ledger["recorded_at"] <= NOON + moment).all()
    after = events_of(f"{name}-later", [(kind, at, 31, item) for kind, at, _, item in later])
    store.append([Append(user(name), tuple(after), {"city": "Leeds"})]).result()
    assert same(before, store.read_as_of(user(name), NOON + moment))


@relaxed
@given(data=st.data(), drawn=happenings)
def test_an_event_told_again_changes_nothing(
    stores: tuple[Store, Store], data: st.DataObject, drawn: list[tuple[Kind, int, int, str | None]]
) -> None:
    store, name = stores[0], next(customers)
    told = events_of(name, drawn)
    store.append([Append(user(name), tuple(told))]).result()
    before = store.read(user(name))
    again = tuple(data.draw(st.permutations(told)))
    (receipt,) = stores[1].append([Append(user(name), again)]).result()
    assert (receipt.stored, receipt.duplicates) == (0, len(told))
    assert same(before, store.read(user(name)))


@relaxed
@given(drawn=happenings)
def test_an_import_makes_what_telling_makes(
    stores: tuple[Store, Store], drawn: list[tuple[Kind, int, int, str | None]]
) -> None:
    name, imported = next(customers), next(customers)
    told = sorted(events_of(name, drawn), key=lambda one: one.occurred_at)
    stores[0].append([Append(user(name), tuple(told))]).result()
    rows = [
        {
            "customer_id": imported,
            **{field: getattr(one, field) for field in ("occurred_at", "recorded_at", "channel", "item", "order")},
            "kind": int(one.kind),
        }
        for one in told
    ]
    stores[0].import_events(import_table(rows), imported)
    one, other = stores[1].read(user(name)), stores[1].read(user(imported))
    for array in ("page", "ledger", "consents"):
        mine, theirs = getattr(one, array).copy(), getattr(other, array).copy()
        mine["sequence"] = theirs["sequence"] = 0
        assert mine.tobytes() == theirs.tobytes()


def test_a_page_past_its_limit_keeps_purchases_and_drops_old_views(stores: tuple[Store, Store]) -> None:
    store, name, rng = stores[0], next(customers), np.random.default_rng(7)
    kinds = [Kind.VIEWED, Kind.PAGE_SEEN, Kind.ORDERED]
    drawn = [
        (kinds[kind], int(at), 0, "i")
        for kind, at in zip(rng.integers(0, 3, 2600), rng.integers(0, 9000, 2600), strict=True)
    ]
    told = events_of(name, drawn)
    for start in range(0, len(told), 50):
        store.append([Append(user(name), tuple(told[start : start + 50]))]).result()
        if start % 650 == 0 or start > 2500:
            assert as_tuples(store.read(user(name))) == page_slowly(told[: start + 50], NOON + 10**6)
    record = store.read(user(name))
    assert len(record.page) == PAGE_LIMIT
    assert len(record.ledger) == sum(one.kind == Kind.ORDERED for one in told)
    (log,) = [person.records for person in store.scan(0, 1) if person.customer_id == name]
    assert record.page.tobytes() == page(log).tobytes()
    assert as_tuples(store.read_as_of(user(name), NOON + 4000)) == page_slowly(told, NOON + 4000)


def test_the_stored_formats_stand_still() -> None:
    golden = json.loads(GOLDEN.read_text())
    for name, dtype in (("event", EVENT), ("ledger", LEDGER_ENTRY), ("consent", CONSENT_ENTRY)):
        (row,) = np.frombuffer(bytes.fromhex(golden[name]["bytes"]), dtype=dtype)
        for field, value in golden[name]["fields"].items():
            assert row[field] == pytest.approx(value), (name, field)
    assert RECORD.pack(*golden["event"]["fields"].values()).hex() == golden["event"]["bytes"]
    assert {text: text_code(text) for text in golden["text_codes"]} == golden["text_codes"]
    assert {kind.name: int(kind) for kind in Kind} == golden["kinds"]
