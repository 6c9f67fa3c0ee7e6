"""A company's own files: what comes in, what is refused and how it is said, and that nothing is half-imported."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.consent import EVERYTHING, state
from features.event import Kind
from features.identity import customer_identifier, normalise
from features.ledger import owned
from features.progress import Silent
from features.stores import open_store
from features.stores.protocol import AmbiguousIdentifier, Store
from models.catalogue import CatalogueInvalid
from training.sources.columns_file import FileReport, import_files
from training.sources.errors import InvalidRows, SourceMissing
from training.sources.files.columns import AHEAD_LIMIT, EARLIEST, SHOWN

PRESENT = 1_770_000_000_000
NOON = "2026-01-31T12:00:00Z"
NOON_MS = 1_769_860_800_000

CATALOGUE = """
currency: EUR
time_zone: Europe/Berlin
repurchase: {rule: after, days: 7}
channels:
  web: {direction: inbound, consent: not_needed, reward_window_days: 7}
  email: {direction: outbound, consent: opt_in, reward_window_days: 14}
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


def events_csv(folder: Path, *rows: str, header: str = "customer_id,event,occurred_at,item,quantity,amount") -> Path:
    return written(folder, "events.csv", "\n".join([header, *rows]) + "\n")


def faults_of(store: Store, path: Path) -> InvalidRows:
    with pytest.raises(InvalidRows) as caught:
        bring(store, events=path)
    assert store.people() == 0
    return caught.value


def test_an_order_comes_in_with_its_texts_as_they_were_written(store: Store, tmp_path: Path) -> None:
    path = events_csv(tmp_path, f"007,Order Completed,{NOON},0042,2,5.00", f"007,viewed,{NOON_MS},0042,,")
    report = bring(store, events=path)
    assert report.events is not None
    assert (report.events.stored, report.events.people) == (2, 1)
    record = store.read(customer_identifier("007"))
    assert record.known
    assert record.page["kind"].tolist() == [Kind.ORDERED, Kind.VIEWED]
    assert record.page["occurred_at"].tolist() == [NOON_MS, NOON_MS]
    assert record.page["amount"][0] == 5.0
    assert store.vocabulary.text("item", int(record.page["item"][0])) == "0042"
    assert not store.read(customer_identifier("7")).known


def test_an_import_repeated_is_an_import_once(store: Store, tmp_path: Path) -> None:
    path = events_csv(tmp_path, f"c,ordered,{NOON},1,1,1", f"c,ordered,{NOON},1,1,1")
    first, again = bring(store, events=path).events, bring(store, events=path).events
    assert first is not None
    assert again is not None
    assert (first.stored, again.stored, again.duplicates) == (2, 0, 2)
    assert len(store.read(customer_identifier("c")).page) == 2


def test_a_dry_run_checks_and_writes_nothing(store: Store, tmp_path: Path) -> None:
    path = events_csv(tmp_path, f"c,ordered,{NOON},77,1,1")
    catalogue = written(tmp_path, "catalogue.yaml", CATALOGUE)
    report = bring(store, events=path, catalogue=catalogue, dry_run=True)
    assert (report.event_rows, report.events, report.catalogue_version, report.unknown_items) == (1, None, None, 1)
    assert (store.people(), store.catalogue_version()) == (0, 0)
    with pytest.raises(InvalidRows):
        bring(store, events=events_csv(tmp_path, f"c,orderd,{NOON},77,1,1"), dry_run=True)


def test_parquet_keeps_times_with_a_zone_and_refuses_them_without(store: Store, tmp_path: Path) -> None:
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    rows = {"customer_id": ["c"], "event": ["viewed"], "item": [42], "occurred_at": [moment]}
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    bring(store, events=tmp_path / "a.parquet")
    page = store.read(customer_identifier("c")).page
    assert page["occurred_at"].tolist() == [NOON_MS]
    assert store.vocabulary.text("item", int(page["item"][0])) == "42"
    pl.DataFrame(rows | {"occurred_at": [moment.replace(tzinfo=None)]}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InvalidRows, match=r"b\.parquet row 1: occurred_at is .*; a time has an offset"):
        bring(store, events=tmp_path / "b.parquet")


def test_ids_as_fractions_have_lost_their_text(store: Store, tmp_path: Path) -> None:
    rows = {"customer_id": [7.0], "event": ["viewed"], "occurred_at": [NOON_MS], "item": ["1"]}
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InvalidRows, match=r"row 1: customer_id is 7\.0; this is text, not Float64"):
        bring(store, events=tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (f",viewed,{NOON},1,,", "customer_id"),
        (f"  ,viewed,{NOON},1,,", "customer_id"),
        (f"c,vieuwed,{NOON},1,,", "event"),
        (f"c,decided,{NOON},1,,", "event"),
        (f"c,,{NOON},1,,", "event"),
        ("c,viewed,,1,,", "occurred_at"),
        ("c,viewed,2026-01-31T12:00:00,1,,", "occurred_at"),
        ("c,viewed,31.01.2026,1,,", "occurred_at"),
        ("c,viewed,2026-02-30T12:00:00Z,1,,", "occurred_at"),
        ("c,viewed,1769860800,1,,", "occurred_at"),
        ("c,viewed,2126-01-31T12:00:00Z,1,,", "occurred_at"),
        (f"c,viewed,{PRESENT + AHEAD_LIMIT + 1},1,,", "occurred_at"),
        (f"c,viewed,{NOON},a\x07b,,", "item"),
        (f"c,viewed,{NOON},{'x' * 257},,", "item"),
        (f"c,ordered,{NOON},1,nan,", "quantity"),
        (f"c,ordered,{NOON},1,0,", "quantity"),
        (f"c,ordered,{NOON},1,1,inf", "amount"),
        (f"c,ordered,{NOON},1,1,NaN", "amount"),
        (f"c,ordered,{NOON},1,1,-2", "amount"),
        (f"c,ordered,{NOON},1,1,1e400", "amount"),
        (f'c,ordered,{NOON},1,1,"1,50"', "amount"),
        (f"c,ordered,{NOON},,1,1", "item"),
        (f"c,Action Sent,{NOON},,,", "channel"),
    ],
)
def test_a_fault_names_file_row_and_column_and_nothing_is_stored(
    store: Store, tmp_path: Path, row: str, column: str
) -> None:
    found = faults_of(store, events_csv(tmp_path, f"c,viewed,{NOON},1,,", row))
    assert found.total == 1
    assert found.faults[0].startswith(f"events.csv row 2: {column} is ")
    assert found.faults[0].count("; ") >= 2


def test_the_bounds_of_time_are_inside(store: Store, tmp_path: Path) -> None:
    rows = [f"c,viewed,{EARLIEST},1,,", f"c,viewed,{PRESENT + AHEAD_LIMIT},1,,"]
    bring(store, events=events_csv(tmp_path, *rows))
    # 1e12 ms is 2001; the same digits in seconds would be the far future, and are not guessed at.
    refused = faults_of(
        open_store("sqlite:///" + str(tmp_path / "other.db")), events_csv(tmp_path, f"c,viewed,{EARLIEST - 1},1,,")
    )
    assert "after the year 2000" in refused.faults[0]


def test_many_faults_are_counted_and_the_first_rows_shown(store: Store, tmp_path: Path) -> None:
    rows = [f"c,viewed,{NOON},1,,", *[f"c,ordered,never,1,x,{i}" for i in range(40)]]
    found = faults_of(store, events_csv(tmp_path, *rows))
    assert found.total == 80
    assert len(found.faults) == SHOWN
    assert [f"row {i // 2 + 2}:" in fault for i, fault in enumerate(found.faults)] == [True] * SHOWN
    assert str(found).endswith("... and 60 more")


def test_two_facts_under_one_name_are_refused_and_one_fact_told_twice_is_one(store: Store, tmp_path: Path) -> None:
    header = "customer_id,event,occurred_at,item,message_id"
    pen, ink = f"c,ordered,{NOON},pen,m-1", f"c,ordered,{NOON},ink,m-1"
    found = faults_of(store, events_csv(tmp_path, pen, pen, ink, f"d,ordered,{NOON},pen,", header=header))
    assert found.total == 1
    assert found.faults[0].startswith("events.csv row 3: message_id is 'm-1'; ")
    assert found.faults[0].endswith("give each line of a message its `line`")
    lines = [f"{pen},", f"{pen},0", f"{ink},1", f"c,viewed,{NOON},pen,,", f"c,viewed,{NOON},ink,,"]
    receipt = bring(store, events=events_csv(tmp_path, *lines, header=f"{header},line")).events
    assert receipt is not None
    assert (receipt.stored, receipt.duplicates) == (4, 1)


def test_blank_lines_are_left_out_and_counted_as_rows(store: Store, tmp_path: Path) -> None:
    path = events_csv(tmp_path, "", f"c,viewed,{NOON},1,,", " ,,,,,", f"d,vieuwed,{NOON},1,,", "", "")
    found = faults_of(store, path)
    assert found.total == 1
    assert found.faults[0].startswith("events.csv row 4: event is 'vieuwed'; ")
    for _ in range(2):
        report = bring(store, events=written(tmp_path, "good.csv", path.read_text().replace("vieuwed", "viewed")))
    assert report.events is not None
    assert (report.event_rows, report.events.duplicates, store.people()) == (2, 2, 2)
    customers = written(tmp_path, "customers.csv", f'customer_id,holds,holds_since\n\nc,,\n\nd,"[7, 7.5]",{NOON}\n\n')
    with pytest.raises(InvalidRows, match=r"^customers\.csv row 4: holds is '\[7, 7\.5\]'"):
        bring(store, customers=customers)
    customers.write_text(customers.read_text(encoding="utf-8").replace("7.5", '{""item"": """"}'), encoding="utf-8")
    with pytest.raises(InvalidRows, match=r"^customers\.csv row 4: holds is ''"):
        bring(store, customers=customers)


def test_a_day_that_is_not_is_told_as_such(store: Store, tmp_path: Path) -> None:
    for time in ("2026-02-30T12:00:00Z", "2026-01-31T25:00:00+01:00"):
        found = faults_of(store, events_csv(tmp_path, f"c,viewed,{time},1,,"))
        assert (found.total, "there is no such day or time of day" in found.faults[0]) == (1, True)


def test_a_doubled_column_is_told_by_its_name(store: Store, tmp_path: Path) -> None:
    path = events_csv(tmp_path, f"c,viewed,{NOON},1,2", header="customer_id,event,occurred_at,item,item")
    assert faults_of(store, path).faults[0].startswith("events.csv: column item is doubled; ")


def test_a_misspelt_event_gets_a_hint(store: Store, tmp_path: Path) -> None:
    assert "'Order Completed'" in faults_of(store, events_csv(tmp_path, f"c,Order Complete,{NOON},1,,")).faults[0]


def test_columns_are_checked_by_name(store: Store, tmp_path: Path) -> None:
    header = "customer_id,event,item,prize"
    found = faults_of(store, events_csv(tmp_path, "c,viewed,1,2", header=header))
    assert "column occurred_at is missing" in found.faults[0]
    assert "column prize is unknown" in found.faults[1]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"customer_id,event,occurred_at\na,b,c,d,e\n"])
def test_an_unreadable_file_is_one_clear_error(store: Store, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(content)
    assert "events.csv" in faults_of(store, path).faults[0]
    with pytest.raises(SourceMissing, match="not there"):
        bring(store, events=tmp_path / "none.csv")
    with pytest.raises(SourceMissing, match="no table"):
        bring(store, events=written(tmp_path, "events.xlsx", ""))


def test_a_fault_in_any_file_keeps_all_of_them_out(store: Store, tmp_path: Path) -> None:
    good = events_csv(tmp_path, f"c,viewed,{NOON},0042,,")
    catalogue = written(tmp_path, "catalogue.yaml", CATALOGUE)
    bad = written(tmp_path, "customers.csv", "customer_id,identifier.email\nc,nobody\n")
    with pytest.raises(InvalidRows, match=r"customers\.csv row 1: identifier.email is 'nobody'"):
        bring(store, events=good, catalogue=catalogue, customers=bad)
    broken = written(tmp_path, "broken.yaml", CATALOGUE.replace("value: 2.5", "value: -1"))
    with pytest.raises(CatalogueInvalid):
        bring(store, events=good, catalogue=broken)
    assert (store.people(), store.catalogue_version()) == (0, 0)


def test_channels_are_those_of_the_catalogue(store: Store, tmp_path: Path) -> None:
    header = "customer_id,event,occurred_at,channel,action"
    path = events_csv(tmp_path, f"c,sent,{NOON},fax,a-1", header=header)
    catalogue = written(tmp_path, "catalogue.yaml", CATALOGUE)
    with pytest.raises(InvalidRows, match="channel is 'fax'; the catalogue's channels are email, web"):
        bring(store, events=path, catalogue=catalogue)
    bring(store, catalogue=catalogue)
    with pytest.raises(InvalidRows, match="fax"):
        bring(store, events=path)
    assert bring(store, events=events_csv(tmp_path, f"c,sent,{NOON},email,b-9", header=header)).unknown_actions == 1


def test_customers_bring_traits_identifiers_consents_and_holdings(store: Store, tmp_path: Path) -> None:
    header = (
        "customer_id,trait.postcode,identifier.email,consent.email,consent.web,consent_at,holds,holds_since,time_zone"
    )
    holds = '"[""0042"", {""item"": 77, ""quantity"": 2}]"'
    row = f"c,01067,A@Example.com,granted,withdrawn,{NOON},{holds},{NOON},Europe/Berlin"
    path = written(tmp_path, "customers.csv", f"{header}\n{row}\nd,,,,,,,,\n")
    catalogue = written(tmp_path, "catalogue.yaml", CATALOGUE)
    for _ in range(2):
        report = bring(store, customers=path, catalogue=catalogue)
    assert report.customers is not None
    assert store.people() == 2
    record = store.read(normalise("email", "a@example.com"))
    assert record.customer_id == "c"
    assert record.traits["postcode"] == "01067"
    assert record.time_zone == "Europe/Berlin"
    granted = state(record.consents, store.vocabulary.code("channel", "email"), EVERYTHING, PRESENT)
    withdrawn = state(record.consents, store.vocabulary.code("channel", "web"), EVERYTHING, PRESENT)
    assert granted is not None
    assert withdrawn is not None
    assert (granted.granted, granted.since, withdrawn.granted) == (True, NOON_MS, False)
    held = owned(record.ledger, PRESENT)
    assert {store.vocabulary.text("item", int(row["item"])): float(row["quantity"]) for row in held} == {
        "0042": 1.0,
        "77": 2.0,
    }
    assert store.check().faults == ()


def test_parquet_traits_keep_their_types(store: Store, tmp_path: Path) -> None:
    rows = {"customer_id": ["c"], "trait.age": [41], "trait.vip": [True], "traits": ['{"plan": "0"}']}
    pl.DataFrame(rows).write_parquet(tmp_path / "customers.parquet")
    bring(store, customers=tmp_path / "customers.parquet")
    assert dict(store.read(customer_identifier("c")).traits) == {"age": 41, "vip": True, "plan": "0"}


@pytest.mark.parametrize(
    ("header", "row", "column"),
    [
        ("customer_id,consent.email", "c,granted", "consent_at"),
        ("customer_id,consent.email,consent_at", f"c,yes,{NOON}", "consent.email"),
        ("customer_id,consent.fax,consent_at", f"c,granted,{NOON}", "consent.fax"),
        ("customer_id,identifier.phone", "c,020 7946", "identifier.phone"),
        ("customer_id,holds", 'c,"[""1""]"', "holds_since"),
        ("customer_id,holds,holds_since", f"c,0042,{NOON}", "holds"),
        ("customer_id,holds,holds_since", f'c,"[{{""id"": 1}}]",{NOON}', "holds"),
        ("customer_id,holds,holds_since", f'c,"[{{""item"": 1, ""quantity"": -1}}]",{NOON}', "holds.quantity"),
        ("customer_id,traits", "c,[1]", "traits"),
        ("customer_id,traits", 'c,"{""x"": NaN}"', "traits"),
    ],
)
def test_a_customers_fault_names_its_place(store: Store, tmp_path: Path, header: str, row: str, column: str) -> None:
    catalogue = written(tmp_path, "catalogue.yaml", CATALOGUE)
    path = written(tmp_path, "customers.csv", f"{header}\nb{',' * header.count(',')}\n{row}\n")
    with pytest.raises(InvalidRows) as caught:
        bring(store, customers=path, catalogue=catalogue)
    assert caught.value.faults[0].startswith(f"customers.csv row 2: {column} is ")
    assert store.people() == 0


def test_identifiers_that_several_customers_have_are_counted(store: Store, tmp_path: Path) -> None:
    rows = "c,a@example.com,1\nd,A@Example.com,2\ne,b@example.com,2\nf,b@example.com,\ng,c@example.com,3\n"
    path = written(tmp_path, "customers.csv", f"customer_id,identifier.email,identifier.card\n{rows}")
    expected = ("identifiers of several customers, which find none of them: 3",)
    for dry_run in (True, False):
        report = bring(store, customers=path, dry_run=dry_run)
        assert (report.shared_identifiers, report.remarks()) == (3, expected)
    alone = written(tmp_path, "alone.csv", "customer_id,identifier.email\nh,h@example.com\n")
    assert bring(store, customers=alone).remarks() == ()
    with pytest.raises(AmbiguousIdentifier):
        store.read(normalise("email", "a@example.com"))
    assert store.read(normalise("email", "c@example.com")).customer_id == "g"


def test_a_customer_has_one_row(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InvalidRows, match="a customer has one row"):
        bring(store, customers=written(tmp_path, "customers.csv", "customer_id\nc\nd\nc\n"))


_CELL = st.text(alphabet='ab0",\x07 é-', max_size=6) | st.sampled_from(
    [NOON, str(NOON_MS), "nan", "1", "{}", "ordered", "c"]
)


@given(rows=st.lists(st.tuples(*[_CELL] * 6), min_size=1, max_size=4), time=st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_the_cells_say_it_is_stored_whole_or_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], time: bool
) -> None:
    names = ("customer_id", "event", "occurred_at", "item", "amount", "properties")
    if time:
        rows = [("c", "ordered", NOON, *row[3:]) for row in rows]
    folder = tmp_path_factory.mktemp("cells")
    path = folder / "events.csv"
    pl.DataFrame(rows, schema=list(names), orient="row").write_csv(path)
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    try:
        report = bring(store, events=path)
    except InvalidRows:
        assert store.people() == 0
    else:
        assert report.events is not None
        told = [row for row in rows if any(cell.strip() for cell in row)]
        assert report.events.stored == len(told)
        texts = [json.loads(row[5] or "{}") for row in told]
        assert all(isinstance(text, dict) for text in texts)
    finally:
        store.close()


def test_the_documentation_names_every_column_and_kind() -> None:
    from training.sources.files import customers, events

    text = (Path(__file__).parents[2] / "docs" / "importing.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([a-z_.]+?)(?:<\w+>)?`", text))
    columns = {*events.REQUIRED, *events.OPTIONAL, *customers.REQUIRED, *customers.OPTIONAL}
    assert columns <= documented
    assert {kind.name.lower() for kind in Kind} <= documented
