"""The demo's history: the credit rule beside a plain one, what becomes of lines, mailings and days, the real tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Kind
from features.identity import customer_identifier
from features.ledger import owned
from features.progress import Silent
from features.stores import open_store
from features.stores.protocol import Store
from models import catalogue
from tests.training import synthetic_journey as synthetic
from tests.training.synthetic_journey import CATEGORIES, DAY, Line
from training.sources import complete_journey
from training.sources.errors import SourceMissing
from training.sources.journey import frames
from training.sources.journey.catalogue import catalogue as catalogue_of
from training.sources.journey.credit import UNCREDITED, credited
from training.sources.journey.events import events
from training.sources.journey.readable import phrase

Redemption = tuple[int, int, int, datetime]
Coupon = tuple[int, int, int]

_HOURS = st.sampled_from([0, 3, 4, 12, 23, 27, 28])
"""UTC hours of the day: those before 4 still belong to the day before in New York."""
_LINES: st.SearchStrategy[list[Line]] = st.lists(
    st.builds(
        lambda household, basket, product, quantity, cents, discount, hour: (
            household,
            100 * household + basket,
            product,
            quantity,
            cents / 100,
            discount / 100,
            DAY + timedelta(hours=hour),
        ),
        st.integers(1, 2),
        st.integers(1, 3),
        st.sampled_from([1, 2, 3, 4, 5, 6, 7, 9]),
        st.integers(0, 3),
        st.sampled_from([0, 50, 100, 250]),
        st.sampled_from([0, 0, 50, 100]),
        _HOURS,
    ),
    max_size=8,
)
_COUPONS: st.SearchStrategy[list[Coupon]] = st.lists(
    st.tuples(st.integers(10, 12), st.integers(1, 7), st.integers(1, 2)), max_size=10
)
_REDEMPTIONS: st.SearchStrategy[list[Redemption]] = st.lists(
    st.tuples(
        st.integers(1, 2), st.integers(10, 12), st.integers(1, 2), st.sampled_from([DAY, DAY + timedelta(days=1)])
    ),
    max_size=5,
)


def plain_credit(
    lines: list[Line], coupons: list[Coupon], redemption: Redemption
) -> tuple[int, bool, str | None, int | None]:
    """evidence, ambiguous, category, basket of one redemption, as the words of the rule say it."""
    household, coupon, campaign, day = redemption
    products = {p for c, p, k in coupons if (c, k) == (coupon, campaign) and _offered(CATEGORIES.get(p))}
    categories = {CATEGORIES[p] for p in products}
    bought = [
        line
        for line in lines
        if line[0] == household
        and (line[6] - timedelta(hours=4)).date() == day.date()  # New York in June
        and (line[3] > 0 or round(line[4], 2) > 0)
        and CATEGORIES.get(line[2]) in categories
    ]
    listed = [line for line in bought if line[2] in products]
    levels = [[line for line in listed if line[5] > 0], listed, [line for line in bought if line[5] > 0], bought]
    for evidence, found in enumerate(levels, start=1):
        if found:
            return (evidence, *_choose(found))
    if len(categories) == 1:
        return 5, False, categories.pop(), None
    return UNCREDITED, False, None, None


def _offered(category: str | None) -> bool:
    return category is not None and category not in frames.TILL_CATEGORIES


def _choose(found: list[Line]) -> tuple[bool, str | None, int]:
    totals: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for line in found:
        category = CATEGORIES[line[2]]
        assert category is not None
        totals[category][0] += line[5]
        totals[category][1] += line[4]
    best = min(totals, key=lambda name: (-round(totals[name][0], 2), -round(totals[name][1], 2), name))
    its = [line for line in found if CATEGORIES[line[2]] == best]
    speaker = min(its, key=lambda line: (-line[5], -line[4], line[1], line[2]))
    return len(totals) > 1, best, speaker[1]


@given(lines=_LINES, coupons=_COUPONS, redemptions=_REDEMPTIONS)
@settings(max_examples=150, deadline=None)
def test_the_credit_rule_is_what_its_words_say(
    lines: list[Line], coupons: list[Coupon], redemptions: list[Redemption]
) -> None:
    made = synthetic.tables(lines, redemptions, coupons, [])
    credit = credited(made, frames.purchase_lines(made))
    told = credit.select("evidence", "ambiguous", "category", "basket").rows()
    assert told == [plain_credit(lines, coupons, redemption) for redemption in redemptions]


@given(lines=_LINES, coupons=_COUPONS, redemptions=_REDEMPTIONS, seed=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_changes_no_credit(
    lines: list[Line], coupons: list[Coupon], redemptions: list[Redemption], seed: object
) -> None:
    import random

    assert isinstance(seed, random.Random)
    made = synthetic.tables(lines, redemptions, coupons, [])
    first = credited(made, frames.purchase_lines(made))
    seed.shuffle(lines)
    seed.shuffle(coupons)
    again = synthetic.tables(lines, redemptions, coupons, [])
    columns = ["evidence", "ambiguous", "category", "basket"]
    assert credited(again, frames.purchase_lines(again)).select(columns).equals(first.select(columns))


NOON = DAY + timedelta(hours=16)


@pytest.fixture
def journey() -> frames.JourneyTables:
    """Two households; campaign 1 offers soup and eggs, 2 only soup; household 1 redeems one coupon of campaign 1."""
    lines: list[Line] = [
        (1, 101, 1, 2, 3.0, 0.5, NOON),
        (1, 101, 3, 1, 2.0, 0.0, NOON),
        (1, 101, 9, 0, 0.0, 0.5, NOON),  # the coupon, scanned by itself
        (1, 102, 4, 0, 1.5, 0.0, NOON + timedelta(days=1)),  # paid for, units unknown
        (2, 201, 3, 1, 0.0, 0.0, NOON),  # a price nobody knows
        (2, 202, 6, 10_000, 24.0, 0.0, NOON),  # ten gallons
        (2, 203, 5, 1, 1.776e-15, 0.0, NOON),
    ]
    coupons = [(10, 1, 1), (10, 3, 1), (11, 4, 1), (12, 2, 2), (12, 5, 2), (12, 6, 2)]
    return synthetic.tables(lines, [(1, 10, 1, DAY)], coupons, [(1, 1), (1, 2), (2, 1)])


def test_lines_become_purchases_and_what_is_unknown_stays_unknown(journey: frames.JourneyTables) -> None:
    lines = frames.purchase_lines(journey)
    told = {row[1:3]: row[3:] for row in lines.select("household", "basket", "product_id", "quantity", "amount").rows()}
    assert set(told) == {(101, 1), (101, 3), (102, 4), (201, 3), (202, 6), (203, 5)}
    assert told[101, 1] == (2.0, 3.0)
    assert told[202, 6] == (10.0, 24.0)
    assert str(told[102, 4]) == "(nan, 1.5)"
    assert str(told[201, 3]) == "(1.0, nan)"
    assert str(told[203, 5]) == "(1.0, nan)"


def test_one_mailing_is_one_decision_at_one_moment(journey: frames.JourneyTables) -> None:
    lines = frames.purchase_lines(journey)
    table = events(journey, lines, credited(journey, lines))
    sent = [row for row in table.to_pylist() if row["kind"] == Kind.SENT]
    mailings = {(row["customer_id"], row["decision"], row["occurred_at"]) for row in sent}
    assert len(mailings) == journey.campaigns.height
    by_mailing = defaultdict(set)
    for row in sent:
        by_mailing[row["decision"]].add(row["action"])
    assert by_mailing == {
        "mailing/1/1": {"type-a/soup", "type-a/eggs", "type-a/frzn-novelties-wtr-ice"},
        "mailing/1/2": {"type-a/soup", "type-a/eggs", "type-a/frzn-novelties-wtr-ice"},
        "mailing/2/1": {"type-b/soup", "type-b/fuel"},
    }
    (converted,) = (row for row in table.to_pylist() if row["kind"] == Kind.CONVERTED)
    assert converted["action"] == "type-a/soup"
    assert (converted["decision"], converted["order"], converted["amount"]) == ("mailing/1/1", "101", 3.0)


def test_events_are_in_order_of_time_and_within_the_clocks(journey: frames.JourneyTables) -> None:
    lines = frames.purchase_lines(journey)
    table = events(journey, lines, credited(journey, lines))
    occurred = table["occurred_at"].to_pylist()
    assert occurred == sorted(occurred)
    assert table["recorded_at"].to_pylist() == occurred


@pytest.mark.parametrize(("text", "midnight"), [("2017-03-12", 1_489_294_800_000), ("2017-03-13", 1_489_377_600_000)])
def test_a_campaign_starts_at_midnight_in_new_york_in_winter_and_summer(text: str, midnight: int) -> None:
    frame = pl.DataFrame({"day": [datetime.fromisoformat(text)]}).select(frames.new_york_midnight(pl.col("day")))
    assert frame.item() == midnight


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


def test_a_second_import_brings_nothing_new(journey: frames.JourneyTables, store: Store, tmp_path: Path) -> None:
    folder = synthetic.write(journey, tmp_path)
    first = complete_journey.import_into(store, Silent(), folder)
    again = complete_journey.import_into(store, Silent(), folder)
    assert first.events.stored == first.events.rows == 6 + 3 + 3 + 2 + 1
    assert (again.events.stored, again.events.duplicates) == (0, first.events.stored)
    assert (first.catalogue_version, again.catalogue_version) == (1, 1)
    assert store.people() == 2
    assert store.check().faults == ()


def test_the_demo_stands_at_the_end_of_its_data(journey: frames.JourneyTables, store: Store, tmp_path: Path) -> None:
    report = complete_journey.import_into(store, Silent(), synthetic.write(journey, tmp_path))
    last = int((NOON + timedelta(days=1)).replace(tzinfo=UTC).timestamp() * 1000)
    assert report.present == last
    assert store.setting("clock") == "driven"
    assert "public data, The Complete Journey" in (store.setting("data") or "")
    assert store.advance_present(0) == last
    record = store.read(customer_identifier("1"))
    assert record.traits["age"] == "45-54"
    held = owned(record.ledger, last)
    assert {store.vocabulary.text("item", int(row["item"])) for row in held} == {"1", "3", "4"}


def test_a_coupon_says_by_its_name_and_words_how_it_came_to_somebody(journey: frames.JourneyTables) -> None:
    """Types are all that the data call them; a household's own and everybody's are not the same thing to say."""
    made = catalogue.parse(catalogue_of(journey, frames.purchase_lines(journey)).document, 1)
    names = [one.name for one in made.actions]
    assert len(set(names)) == len(names)
    for one in made.actions:
        letter = one.group.removeprefix("type-")
        said = next(str(two.content["say"]) for two in one.treatments if two.channel == "agent")
        personal = letter == "a"
        assert one.name.endswith(f": {'personal' if personal else 'general'} coupon (type {letter.upper()})")
        assert ("we picked a coupon" in said) == personal
        assert ("for all our customers" in said) != personal


def test_the_catalogue_offers_what_the_campaigns_offered(journey: frames.JourneyTables) -> None:
    lines = frames.purchase_lines(journey)
    source = catalogue_of(journey, lines)
    made = catalogue.parse(source.document, 1)
    assert {action.id for action in made.actions} == {
        "type-a/soup",
        "type-a/eggs",
        "type-a/frzn-novelties-wtr-ice",
        "type-b/soup",
        "type-b/fuel",
    }
    assert {treatment.channel for action in made.actions for treatment in action.treatments} == {
        *("mail", "email", "web", "app", "agent", "store")
    }
    assert made.categories["soup"].parent == "department/grocery"
    items = {row["id"]: row for row in source.items.to_pylist()}
    assert items["1"]["price"] == 1.5
    assert items["6"]["price"] == 2.4
    assert (items["5"]["category"], items["5"]["price"]) == ("department/miscellaneous", None)


def test_labels_are_said_in_words() -> None:
    assert phrase("FRZN NOVELTIES/WTR ICE") == "Frozen novelties, water ice"
    assert phrase("CHIPS&SNACKS") == "Chips & snacks"


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(frames, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(SourceMissing, match=r"not installed.*pip install 'nextbest\[demo\]'") as caught:
        frames.package_folder()
    assert "\n" not in str(caught.value)
    with pytest.raises(SourceMissing, match=r"transactions\.parquet is missing"):
        frames.read_tables(tmp_path)


def test_the_real_tables_become_what_the_documentation_says() -> None:
    """The numbers of docs/data/complete-journey.md that later parts rely on."""
    tables = frames.read_tables(frames.package_folder())
    lines = frames.purchase_lines(tables)
    credit = credited(tables, lines)
    table = events(tables, lines, credit)
    counts = {row["values"]: row["counts"] for row in pc.value_counts(table["kind"]).to_pylist()}
    assert counts == {Kind.ORDERED: 1_460_467, Kind.SENT: 796_398, Kind.CONVERTED: 2_102}
    levels = dict(credit.group_by("evidence").len().rows())
    assert levels == {1: 1129, 2: 709, 3: 145, 4: 78, 5: 24, UNCREDITED: 17}
    assert credit["ambiguous"].sum() == 290
    sent = pl.DataFrame(
        {name: table.filter(pc.equal(table["kind"], Kind.SENT))[name].cast("string") for name in ("action", "decision")}
    )
    converted = pl.DataFrame(
        {name: table.filter(pc.equal(table["kind"], Kind.CONVERTED))[name].cast("string") for name in sent.columns}
    ).drop_nulls()
    assert sent["decision"].n_unique() == tables.campaigns.height == 6_589
    assert converted.join(sent, on=["action", "decision"], how="anti").height == 0
    assert len(catalogue.parse(catalogue_of(tables, lines).document, 1).actions) == sent["action"].n_unique()
