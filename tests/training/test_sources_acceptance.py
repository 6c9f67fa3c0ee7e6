"""Whatever a store refuses, the importer refuses before it: nothing is half imported, and a dry run does not lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.columns import CUSTOMER_SCHEMA
from features.consent import EVERYTHING, state
from features.event import Event, Identifier, Kind
from features.identity import customer_identifier
from features.ledger import owned
from features.progress import Advance, Silent
from features.stores import open_store
from features.stores.protocol import Append, Store
from training.sources.columns_file import FileReport, import_files
from training.sources.errors import InvalidRows
from training.sources.files.accepted import check_acceptable, customers_acceptable
from training.sources.files.columns import Faults

PRESENT = 1_770_000_000_000
NOON = "2026-01-31T12:00:00Z"
NOON_MS = 1_769_860_800_000
EVENTS = f"customer_id,event,occurred_at\nc,viewed,{NOON}\n"
CATALOGUE = """
currency: EUR
time_zone: Europe/Berlin
repurchase: {rule: after, days: 7}
channels: {web: {direction: inbound, consent: not_needed, reward_window_days: 7}}
items: [{id: "0042", price: 2.5}]
actions:
  - id: a-1
    kind: offer
    group: g
    items: ["0042"]
    value: 2.5
    success: converted
    treatments: [{id: t, channel: web}]
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def bring(store: Store, **files: Any) -> FileReport:
    return import_files(store, Silent(), PRESENT, **files)


def refused(store: Store, **files: Path) -> tuple[str, ...]:
    """The faults; a dry run tells the same ones, and neither writes anything."""
    before = (store.people(), store.catalogue_version())
    told = []
    for dry_run in (True, False):
        with pytest.raises(InvalidRows) as caught:
            bring(store, **files, dry_run=dry_run)
        told.append(caught.value.faults)
    assert told[0] == told[1]
    assert (store.people(), store.catalogue_version()) == before
    return told[0]


@pytest.mark.parametrize(
    ("header", "row", "column"),
    [
        ("customer_id,time_zone", "c,Mars/Olympus", "time_zone"),
        ("customer_id,trait.time_zone", "c,Mars/Olympus", "trait.time_zone"),
        ("customer_id,traits", 'c,"{""time_zone"": 7}"', "trait.time_zone"),
        ("customer_id,traits", 'c,"{""x"": 1e999}"', "traits"),
        ("customer_id,traits", 'c,"{""x"": ""\\ud800""}"', "traits"),
        ("customer_id,traits,trait.a", 'c,"{""x"": ""\\uDFFF""}",1', "traits"),
        ("customer_id,trait.a", "anon: ,1", "customer_id"),
        ("customer_id,holds,holds_since", f'c,"[""\\ud800""]",{NOON}', "holds"),
    ],
)
def test_what_a_store_refuses_of_a_customer_is_told_before(
    store: Store, tmp_path: Path, header: str, row: str, column: str
) -> None:
    customers = written(tmp_path, "customers.csv", f"{header}\nb{',' * header.count(',')}\n{row}\n")
    events = written(tmp_path, "events.csv", EVENTS)
    catalogue = written(tmp_path, "catalogue.yaml", CATALOGUE)
    faults = refused(store, events=events, customers=customers, catalogue=catalogue)
    assert faults[0].startswith(f"customers.csv row 2: {column} is ")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (f"anon: ,viewed,{NOON},", "customer_id"),
        (f'c,viewed,{NOON},"{{""x"": 1e999}}"', "properties"),
        (f'c,viewed,{NOON},"{{""x"": ""\\ud800""}}"', "properties"),
    ],
)
def test_what_a_store_refuses_of_an_event_is_told_before(store: Store, tmp_path: Path, row: str, column: str) -> None:
    text = f"customer_id,event,occurred_at,properties\nc,viewed,{NOON},\n{row}\n"
    faults = refused(store, events=written(tmp_path, "events.csv", text))
    assert faults[0].startswith(f"events.csv row 2: {column} is ")


def test_structured_traits_are_objects_or_unknown(store: Store, tmp_path: Path) -> None:
    rows = {"customer_id": ["c", "d"], "traits": [{"plan": "x"}, None]}
    pl.DataFrame(rows).write_parquet(tmp_path / "customers.parquet")
    bring(store, customers=tmp_path / "customers.parquet")
    assert dict(store.read(customer_identifier("c")).traits) == {"plan": "x"}
    assert dict(store.read(customer_identifier("d")).traits) == {}


def test_a_customer_id_that_would_name_two_people_is_told_before(store: Store, tmp_path: Path) -> None:
    text = f"customer_id,identifier.user_id,consent.web,consent_at\nc,d,,\nd,,granted,{NOON}\n"
    customers = written(tmp_path, "customers.csv", text)
    assert refused(store, customers=customers)[0].startswith("customers.csv row 2: customer_id is 'd'; ")
    alone = written(tmp_path, "alone.csv", "customer_id,identifier.user_id\nc,d\n")
    events = written(tmp_path, "events.csv", f"customer_id,event,occurred_at\nc,viewed,{NOON}\nd,viewed,{NOON}\n")
    assert bring(store, customers=alone, events=events, dry_run=True).event_rows == 2
    store.append([Append(Identifier("user_id", "d"), (Event("m", Kind.VIEWED, "viewed", 1, 1),))]).result()
    assert refused(store, customers=alone, events=events)[0].startswith("events.csv row 2: customer_id is 'd'; ")


def test_one_person_may_have_two_customer_ids(store: Store, tmp_path: Path) -> None:
    customers = written(tmp_path, "customers.csv", "customer_id,identifier.user_id\nc,d\n")
    events = written(tmp_path, "events.csv", f"customer_id,event,occurred_at\nc,viewed,{NOON}\nd,viewed,{NOON}\n")
    for _ in range(2):
        bring(store, customers=customers, events=events)
    assert (store.people(), len(store.read(customer_identifier("d")).page)) == (1, 2)


def test_the_same_customer_written_twice_is_one(store: Store, tmp_path: Path) -> None:
    customers = written(tmp_path, "customers.csv", "customer_id\nc\n c \n")
    assert "a customer has one row" in refused(store, customers=customers)[0]


def test_channels_beyond_what_a_store_knows_are_told_before(store: Store, tmp_path: Path) -> None:
    rows = "".join(f"c,other,{NOON},ch-{number}\n" for number in range(256))
    events = written(tmp_path, "events.csv", "customer_id,event,occurred_at,channel\n" + rows)
    assert refused(store, events=events)[0].startswith("events.csv row 256: channel is 'ch-255'; ")
    last = f"c,other,{NOON},ch-255\n"
    bring(store, events=written(tmp_path, "fits.csv", events.read_text(encoding="utf-8").removesuffix(last)))
    customers = written(tmp_path, "customers.csv", f"customer_id,consent.fax,consent_at\nb,,\nc,granted,{NOON}\n")
    assert refused(store, customers=customers)[0].startswith("customers.csv row 2: consent is 'fax'; ")
    catalogue = written(tmp_path, "catalogue.yaml", CATALOGUE)
    assert "channels are 256" in refused(store, catalogue=catalogue)[0]


def test_the_stores_own_rules_have_the_last_word_in_the_rows_of_the_file() -> None:
    rows = [("c", None, None, None), ("d", "{}", None, "Mars/Olympus")]
    columns = dict(zip(CUSTOMER_SCHEMA.names, zip(*rows, strict=True), strict=True))
    table = pa.Table.from_pydict(columns, schema=CUSTOMER_SCHEMA)
    with pytest.raises(InvalidRows, match=r"^people\.csv: time_zone of row 2 is 'Mars/Olympus'; "):
        check_acceptable(Faults("people.csv"), customers_acceptable, table)


def test_a_fact_told_again_in_another_file_is_the_same_event(store: Store, tmp_path: Path) -> None:
    header = "customer_id,consent.email,consent.web,consent_at,holds"
    pen = '{""item"": ""pen"", ""since"": ""2025-11-01T00:00:00Z""}'
    row = f'c,granted,granted,{NOON},"[{pen}, {pen}]"'
    first = bring(store, customers=written(tmp_path, "customers.csv", f"{header}\n{row}\n")).consents_and_holdings
    later = f'c,granted,withdrawn,{NOON_MS},"[{pen}, {pen}, {pen}]"'
    grown = f"{header}\na,granted,,{NOON},\n{later}\n"
    again = bring(store, customers=written(tmp_path, "grown.csv", grown)).consents_and_holdings
    assert first is not None
    assert again is not None
    assert (first.stored, again.stored, again.duplicates) == (4, 3, 3)
    held = owned(store.read(customer_identifier("c")).ledger, PRESENT)
    assert held["quantity"].sum() == 3
    withdrawn = state(
        store.read(customer_identifier("c")).consents, store.vocabulary.code("channel", "web"), EVERYTHING, PRESENT
    )
    assert withdrawn is not None
    assert not withdrawn.granted


class Interrupted:
    """A progress whose watcher stops everything when a step begins."""

    def __init__(self, title: str) -> None:
        self._title = title

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Advance]:  # noqa: ARG002
        if title.startswith(self._title):
            raise KeyboardInterrupt
        yield lambda steps=1.0, /: None  # noqa: ARG005


@pytest.mark.parametrize("title", ["Check", "Import 1 customers", "Import 1 events", "Publish"])
def test_an_import_that_was_interrupted_publishes_nothing_and_is_completed_by_the_next(
    store: Store, tmp_path: Path, title: str
) -> None:
    files = {
        "events": written(tmp_path, "events.csv", EVENTS),
        "customers": written(tmp_path, "customers.csv", f"customer_id,holds,holds_since\nc,[7],{NOON}\n"),
        "catalogue": written(tmp_path, "catalogue.yaml", CATALOGUE),
    }
    with pytest.raises(KeyboardInterrupt):
        import_files(store, Interrupted(title), PRESENT, files["events"], files["customers"], files["catalogue"])
    assert store.catalogue_version() == 0
    bring(store, **files)
    assert (store.catalogue_version(), len(store.read(customer_identifier("c")).page)) == (1, 2)
    assert store.check().faults == ()


_TEXT = st.text(alphabet='ab:"\\ud80{}[]1e9 ß\u0130\u200b', max_size=8)
_NAME = st.sampled_from(["c", "d", "anon:", "anon:x", "anon: ", "x" * 256, "anon:" + "é" * 251, "ß"]) | _TEXT
_JSON = st.sampled_from(['{"x": 1e999}', '{"time_zone": "UTC"}', '{"time_zone": "Mars"}', '{"x": "\\ud83d"}', "null"])


@given(
    rows=st.lists(
        st.tuples(_NAME, _JSON | _TEXT, _NAME, st.sampled_from(["", "UTC", "utc", "Mars"]), _NAME),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=60, deadline=None)
def test_a_dry_run_without_faults_is_an_import_without_faults(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    names = ["customer_id", "traits", "identifier.user_id", "time_zone", "identifier.anonymous_id"]
    told = [tuple(cell or None for cell in row) for row in rows]
    pl.DataFrame(told, schema=dict.fromkeys(names, pl.String), orient="row").write_csv(folder / "customers.csv")
    acts = [(row[place], "viewed", NOON) for row in told for place in (0, 2)]
    pl.DataFrame(acts, schema=["customer_id", "event", "occurred_at"], orient="row").write_csv(folder / "events.csv")
    files = {"customers": folder / "customers.csv", "events": folder / "events.csv"}
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    try:
        bring(store, **files, dry_run=True)
    except InvalidRows:
        return
    else:
        bring(store, **files)
        bring(store, **files)
    finally:
        store.close()


def test_a_phone_written_nationally_is_read_in_the_region(store: Store, tmp_path: Path) -> None:
    customers = written(tmp_path, "customers.csv", "customer_id,identifier.phone\nc,020 7946 0018\n")
    with pytest.raises(InvalidRows, match=r"identifier\.phone is '020 7946 0018'"):
        bring(store, customers=customers)
    bring(store, customers=customers, region="GB")
    identity = store.identity(Identifier("phone", "+442079460018"))
    assert identity is not None
    assert identity.customer_id == "c"
    assert {one.since_outside for one in identity.identifiers} == {None}
