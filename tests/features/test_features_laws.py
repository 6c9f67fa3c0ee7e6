"""The laws of the feature path: one path, no leakage, order and company of candidates do not matter."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features import build, definitions
from features.candidates import Candidates
from features.definitions import FEATURES, names, schema_digest
from features.event import Event, Kind
from features.history import EVENT, NO_CHANNEL, PAGE_LIMIT, Records, as_of, joined, page
from features.stores.packed import record_of
from tests.features.histories import DAY, NOW, World, crowded_world, records, worlds

QUICK = settings(max_examples=40, deadline=None)


def rows(world: World, only: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
    return build.rows(world.records, world.moment, world.utc_offset, world.candidates, world.facts, only)


def same(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Bit for bit, NaN included."""
    return one.shape == other.shape and one.tobytes() == other.tobytes()


def taken(candidates: Candidates, order: NDArray[np.intp]) -> Candidates:
    parts = [candidates.item[candidates.item_start[i] : candidates.item_start[i + 1]] for i in order]
    plain = {f.name: getattr(candidates, f.name)[order] for f in fields(candidates) if not f.name.startswith("item")}
    start = np.cumsum([0, *(len(part) for part in parts)], dtype=np.int32)
    return Candidates(**plain, item_start=start, item=np.concatenate([*parts, np.zeros(0, np.int32)], dtype=np.int32))


@QUICK
@given(worlds(), st.data())
def test_the_customers_own_features_need_no_candidate(world: World, data: st.DataObject) -> None:
    named = definitions.columns_of_customer()
    assert {FEATURES[column].scope for column in named.values()} == {"customer"}
    chosen = data.draw(st.lists(st.sampled_from(sorted(named.values())), min_size=1, max_size=9, unique=True))
    only = np.array(chosen, np.intp)
    alone = build.customer_row(world.records, world.moment, world.utc_offset, world.facts, only)
    assert all(same(alone, row) for row in rows(world, only))


@given(worlds(), st.lists(st.integers(-60 * DAY, 60 * DAY), max_size=4), st.data())
@QUICK
def test_a_training_table_holds_the_rows_of_requests_bit_for_bit(
    world: World, ages: list[int], data: st.DataObject
) -> None:
    moments = np.array([NOW + age for age in ages], dtype=np.int64)
    offsets = np.array([data.draw(st.sampled_from([0, 3_600_000])) for _ in ages], dtype=np.int64)
    indices = st.lists(st.integers(0, max(0, len(world.candidates) - 1)), max_size=4 if len(world.candidates) else 0)
    picks = [np.array(data.draw(indices), dtype=np.int32) for _ in ages]
    start = np.cumsum([0, *(len(pick) for pick in picks)], dtype=np.int64)
    chosen = np.concatenate([*picks, np.zeros(0, np.int32)], dtype=np.int32)
    table = build.table(world.records, moments, offsets, start, chosen, world.candidates, world.facts)
    for number, pick in enumerate(picks):
        alone = replace(world, moment=int(moments[number]), utc_offset=int(offsets[number]))
        assert same(table[start[number] : start[number + 1]], rows(alone)[pick])


@pytest.mark.parametrize("seed", [3, 4])
def test_a_table_over_a_long_history_equals_requests_on_pages(seed: int) -> None:
    world = crowded_world(seed, 4 * PAGE_LIMIT, 6)
    moments = NOW - np.array([400, 90, 30, 0], dtype=np.int64) * DAY
    start, chosen = np.arange(0, 25, 6, dtype=np.int64), np.tile(np.arange(6, dtype=np.int32), 4)
    offsets = np.zeros(4, dtype=np.int64)
    table = build.table(world.records, moments, offsets, start, chosen, world.candidates, world.facts)
    truncated = 0
    for number, moment in enumerate(moments):
        known = as_of(world.records, int(moment))
        truncated += len(known) > PAGE_LIMIT
        served = build.rows(page(known), int(moment), 0, world.candidates, world.facts)
        assert same(table[start[number] : start[number + 1]], served)
    assert truncated >= 2


@given(worlds(), st.lists(records(20), max_size=4), st.data())
@QUICK
def test_a_table_of_many_people_holds_the_rows_of_each(
    world: World, others: list[Records], data: st.DataObject
) -> None:
    """Somebody without events and somebody who is not asked about included."""
    people = [world.records, *others]
    ages = [data.draw(st.lists(st.integers(-60 * DAY, 60 * DAY), max_size=3)) for _ in people]
    moments = np.array([NOW + age for own in ages for age in own], dtype=np.int64)
    chosen = np.array(data.draw(st.permutations(range(len(world.candidates)))), dtype=np.int32)
    asked = build.Asked(
        records_start=np.cumsum([0, *(len(own) for own in people)], dtype=np.int64),
        moments_start=np.cumsum([0, *(len(own) for own in ages)], dtype=np.int64),
        moments=moments,
        utc_offsets=np.zeros(len(moments), np.int64),
        start=len(chosen) * np.arange(len(moments) + 1, dtype=np.int64),
        chosen=np.tile(chosen, len(moments)),
    )
    table = build.people_table(joined(people), asked, world.candidates, world.facts)
    whose = np.repeat(np.arange(len(people)), [len(own) for own in ages])
    for number, person in enumerate(whose.tolist()):
        alone = replace(world, records=people[person], moment=int(moments[number]), utc_offset=0)
        assert same(table[asked.start[number] : asked.start[number + 1]], rows(alone)[chosen])


@given(worlds(), records(20), st.integers(1, 30 * DAY))
@QUICK
def test_what_is_recorded_later_changes_nothing(world: World, later: Records, lag: int) -> None:
    later = later.copy()
    later["recorded_at"] = np.maximum(later["recorded_at"], world.moment + lag)
    later["sequence"] += len(world.records)
    assert same(rows(world), rows(replace(world, records=np.concatenate([world.records, later]))))


@given(worlds(), st.randoms(use_true_random=False))
@QUICK
def test_the_order_of_records_changes_nothing(world: World, random: object) -> None:
    shuffled = list(range(len(world.records)))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert same(rows(world), rows(replace(world, records=world.records[np.array(shuffled, dtype=np.intp)])))


@given(worlds(), st.data())
@QUICK
def test_candidates_neither_see_one_another_nor_their_places(world: World, data: st.DataObject) -> None:
    order = np.array(data.draw(st.permutations(range(len(world.candidates)))), dtype=np.intp)
    order = order[: data.draw(st.integers(0, len(order)))]
    assert same(rows(world)[order], rows(replace(world, candidates=taken(world.candidates, order))))


@given(worlds(), st.lists(st.integers(0, len(FEATURES) - 1), unique=True, max_size=30))
@QUICK
def test_any_choice_of_features_gives_the_same_columns(world: World, columns: list[int]) -> None:
    only = np.array(columns, dtype=np.intp)
    assert same(np.ascontiguousarray(rows(world)[:, only]), rows(world, only))


@given(worlds())
@QUICK
def test_scopes_depend_on_what_they_say(world: World) -> None:
    """A bare category with nothing else said of it has the same category and customer features."""
    count = len(world.candidates)
    bare = Candidates(
        action=np.full(count, -1, np.int32),
        group=np.full(count, -1, np.int32),
        category=world.candidates.category,
        channel=np.full(count, NO_CHANNEL, np.uint8),
        item_start=np.zeros(count + 1, np.int32),
        item=np.zeros(0, np.int32),
        price=np.full(count, np.nan),
        value=np.full(count, np.nan),
        kind=np.zeros(count, np.int8),
        starts_at=np.zeros(count, np.int64),
        ends_at=np.full(count, 2**62),
    )
    only = build.category_feature_index()
    assert {FEATURES[i].scope for i in only} == {"customer", "category"}
    assert same(rows(world, only), rows(replace(world, candidates=bare), only))
    own = [i for i, feature in enumerate(FEATURES) if feature.scope == "customer"]
    assert all(same(np.ascontiguousarray(line), rows(world)[0, own]) for line in rows(world)[:, own])


def test_a_mailing_of_many_actions_is_one_contact() -> None:
    mailing = np.zeros(200, dtype=EVENT)
    mailing["occurred_at"] = mailing["recorded_at"] = NOW - DAY // 2
    mailing["sequence"], mailing["action"], mailing["item"] = np.arange(200), np.arange(200), -1
    mailing["decision"], mailing["kind"] = 77, Kind.SENT
    world = crowded_world(1, 0, 1)
    found = dict(zip(names(), rows(replace(world, records=mailing))[0], strict=True))
    assert found["customer.contacts.1d"] == found["customer.contacts.365d"] == 1
    assert found["customer.contacts.last"] == 0.5


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ([], None),
        ([(Kind.SUBSCRIPTION_STARTED, 30)], 30),
        ([(Kind.SUBSCRIPTION_STARTED, None)], None),
        ([(Kind.SUBSCRIPTION_STARTED, 30), (Kind.SUBSCRIPTION_CHANGED, 12)], 12),
        ([(Kind.SUBSCRIPTION_STARTED, 30), (Kind.SUBSCRIPTION_CHANGED, None)], None),
        ([(Kind.SUBSCRIPTION_STARTED, 30), (Kind.SUBSCRIPTION_ENDED, 30)], None),
        ([(Kind.SUBSCRIPTION_ENDED, None), (Kind.SUBSCRIPTION_STARTED, -2)], -2),
    ],
)
def test_a_term_is_the_one_that_was_stated_last(told: list[tuple[Kind, int | None]], left: int | None) -> None:
    events = [
        Event("m", kind, "", NOW - 9 + number, NOW - 1, ends_at=None if days is None else NOW + days * DAY)
        for number, (kind, days) in enumerate(told)
    ]
    written = b"".join(record_of(event, number, NO_CHANNEL, -1, -1) for number, event in enumerate(events))
    world = replace(crowded_world(1, 0, 1), records=np.frombuffer(written, dtype=EVENT))
    found = dict(zip(names(), rows(world)[0], strict=True))["customer.subscription.term"]
    assert np.isnan(found) if left is None else found == left


def test_read_only_and_writable_arrays_are_served_by_one_compilation() -> None:
    world = crowded_world(2, 40, 3)
    frozen = np.frombuffer(world.records.tobytes(), dtype=EVENT)
    assert same(rows(world), rows(replace(world, records=frozen)))


def test_a_wrong_dtype_is_refused() -> None:
    world = crowded_world(2, 4, 3)
    wrong = replace(world.candidates, category=world.candidates.category.astype(np.int64))
    with pytest.raises(TypeError):
        rows(replace(world, candidates=wrong))


def test_names_are_unique_and_the_digest_is_of_the_declarations() -> None:
    assert len(set(names())) == len(FEATURES) >= 150
    assert len(schema_digest()) == 64
    assert len(build.category_feature_index()) < len(FEATURES)


def test_another_revision_of_the_kernel_is_another_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    before = schema_digest()
    monkeypatch.setattr(definitions, "KERNEL_REVISION", definitions.KERNEL_REVISION + 1)
    assert schema_digest() != before
