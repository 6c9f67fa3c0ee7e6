"""The ranker of what comes next: nothing later is seen, its parts equal slow readings of their definitions, and it
finds what there is to find in synthetic baskets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.parts.next_basket_neighbours import Tifuknn, UpCf
from features.event import Kind
from features.history import EVENT, NO_CHANNEL, Records
from features.progress import Silent
from training.errors import NothingToLearn
from training.next_purchase.baskets import Baskets, baskets
from training.next_purchase.crowd import THINGS, Crowd, crowd, foretelling, past
from training.next_purchase.frequency import Decay
from training.next_purchase.questions import INPUTS, evidence, questions
from training.next_purchase.ranker import Ranker, Settings, Why, crowd_of, fit, rank
from training.next_purchase.walk import ENTRY, EXIT, LATE, walk

DAY = 86_400_000
THINGS_THERE = 6
LAW = settings(max_examples=20, deadline=None)
FEW = Settings(rounds=8, forests=2, others=1.0)

orders = st.lists(st.sets(st.integers(0, THINGS_THERE - 1), min_size=1, max_size=4), min_size=0, max_size=6)
shops = st.lists(orders, min_size=2, max_size=6).filter(lambda shop: sum(map(len, shop)) > 2)


def history(baskets_of: list[set[int]], *, recorded_later: int = 0) -> Records:
    """SYNTHETIC. An order a day."""
    lines = [(day, item) for day, basket in enumerate(baskets_of) for item in sorted(basket)]
    records = np.zeros(len(lines), EVENT)
    for row, (day, item) in enumerate(lines):
        at = (day + 1) * DAY
        records[row] = (
            at,
            at + recorded_later,
            row + 1,
            day + 1,
            0,
            1.0,
            1.0,
            item,
            -1,
            int(Kind.ORDERED),
            NO_CHANNEL,
            0,
        )
    return records


def read(shop: list[list[set[int]]], known_at: int = 100 * DAY) -> Baskets:
    return baskets([history(one) for one in shop], np.arange(THINGS_THERE, dtype=np.int32), known_at)


def of_all(known: Baskets) -> Crowd:
    return crowd(known, np.flatnonzero(known.count() > 0))


def as_lists(found: Baskets) -> list[list[set[int]]]:
    return [
        [
            set(found.thing[found.first[basket] : found.first[basket + 1]].tolist())
            for basket in range(found.start[person], found.start[person + 1])
        ]
        for person in range(found.people)
    ]


def habitual(people: int, seed: int) -> list[list[set[int]]]:
    """SYNTHETIC. Everybody repeats one own thing of 0..2; of 3, 4 and 5 each follows the one before it in turn."""
    rng = np.random.default_rng(seed)
    return [
        [{int(own), 3 + (int(turn) + day) % 3} for day in range(6)]
        for own, turn in zip(rng.integers(0, 3, people), rng.integers(0, 3, people), strict=True)
    ]


@given(shops)
@LAW
def test_baskets_are_the_orders_of_each_person_oldest_first(shop: list[list[set[int]]]) -> None:
    assert as_lists(read(shop)) == shop


@given(shops, st.integers(0, 7))
@LAW
def test_what_was_recorded_later_is_not_seen(shop: list[list[set[int]]], days: int) -> None:
    assert as_lists(read(shop, days * DAY)) == [one[:days] for one in shop]
    late = baskets(
        [history(one, recorded_later=DAY) for one in shop], np.arange(THINGS_THERE, dtype=np.int32), days * DAY
    )
    assert as_lists(late) == [one[: max(days - 1, 0)] for one in shop]


@given(shops, st.integers(0, 7))
@LAW
def test_without_the_last_is_as_if_they_had_not_been(shop: list[list[set[int]]], dropped: int) -> None:
    found = read(shop)
    before = (found.start.copy(), found.first.copy())
    assert as_lists(found.without_last(dropped)) == [one[: max(len(one) - dropped, 0)] for one in shop]
    found.last()
    found.profile(np.zeros(len(found)))
    assert all(np.array_equal(was, now) for was, now in zip(before, (found.start, found.first), strict=True))


def test_lines_without_order_of_one_moment_are_one_basket_and_items_of_nothing_are_left_out() -> None:
    records = history([{0, 1}, {2, 3}])
    records["order"] = 0
    thing = np.array([0, 0, 1, -1], np.int32)
    assert as_lists(baskets([records], thing, 100 * DAY)) == [[{0}, {1}]]


@given(shops)
@LAW
def test_the_past_of_a_basket_is_what_its_person_bought_before_fading(shop: list[list[set[int]]]) -> None:
    found = read(shop)
    slow = [
        [
            sum(0.8 ** (at - 1 - earlier) for earlier in range(at) if thing in one[earlier])
            for thing in range(found.things)
        ]
        for one in shop
        for at in range(len(one))
    ]
    assert np.allclose(past(found).toarray(), np.array(slow).reshape(len(found), found.things))


def slow_tifuknn(shop: list[list[set[int]]], model: Tifuknn, asked: int, things: int) -> NDArray[np.float64]:
    def own(one: list[set[int]]) -> NDArray[np.float64]:
        size, decay = model.decay.group, model.decay
        backwards = one[::-1]
        groups = [backwards[first : first + size] for first in range(0, len(one), size)]
        total = np.zeros(things)
        for number, group in enumerate(groups):
            for place, basket in enumerate(group):
                for thing in basket:
                    total[thing] += decay.within**place * decay.between**number / len(group) / len(groups)
        return total

    vectors = [own(one) for one in shop]
    others = [person for person in range(len(shop)) if person != asked and shop[person]]
    others.sort(key=lambda person: float(((vectors[person] - vectors[asked]) ** 2).sum()))
    near = others[: model.neighbours]
    mean = np.mean([vectors[person] for person in near], axis=0) if near else np.zeros(things)
    return np.asarray(model.own * vectors[asked] + (1 - model.own) * mean)


@given(shops)
@LAW
def test_tifuknn_is_its_definition_when_everybody_is_a_neighbour(shop: list[list[set[int]]]) -> None:
    found, model = read(shop), Tifuknn(Decay(2, 0.9, 0.7), 300, 0.7)
    asked = np.flatnonzero(found.count() > 0)
    score = model.score(found, asked).toarray()
    for row, person in enumerate(asked.tolist()):
        assert np.allclose(score[row], slow_tifuknn(shop, model, person, found.things))


def test_tifuknn_asks_the_nearest_first() -> None:
    shop = [[{0}, {0}], [{0}, {0, 1}], [{2}, {3}], [{4}, {4}]]
    found, model = read(shop), Tifuknn(neighbours=1)
    score = model.score(found, np.array([0])).toarray()[0]
    assert np.allclose(score, slow_tifuknn(shop, model, 0, found.things))
    assert score[1] > 0.0
    assert score[2] == 0.0


@given(shops)
@LAW
def test_up_cf_is_its_definition(shop: list[list[set[int]]]) -> None:
    found, model = read(shop), UpCf(2, 0.25, 3.0)
    asked = np.flatnonzero(found.count() > 0)
    score = model.score(found, asked).toarray()
    ever = [set().union(*one) for one in shop]
    for row, person in enumerate(asked.tolist()):
        slow = np.zeros(found.things)
        for other, one in enumerate(shop):
            if one:
                cosine_of = len(ever[person] & ever[other]) / (len(ever[person]) ** 0.25 * len(ever[other]) ** 0.75)
                for basket in one[-2:]:
                    slow[list(basket)] += cosine_of**3.0 / min(len(one), 2)
        assert np.allclose(score[row], slow)


def slow_walk(
    shop: list[list[set[int]]], asked: int, start: set[int], *, oneself: bool, met: list[int] | None = None
) -> NDArray[np.float64]:
    """From each thing of start to each purchase of it by anybody (of `met`), and on to one thing of their baskets."""
    may = range(len(shop)) if met is None else met
    often = {thing: sum(thing in basket for one in shop for basket in one) for thing in range(THINGS_THERE)}
    total = np.zeros(THINGS_THERE)
    weight_met = 0.0
    for other, one in enumerate(shop):
        if one and other in may and (oneself or other != asked):
            share = sum(sum(thing in basket for basket in one) * often[thing] ** -ENTRY for thing in start)
            lines = [(thing, LATE**age) for age, basket in enumerate(reversed(one)) for thing in basket]
            for thing, weight in lines:
                total[thing] += share * weight / sum(each for _, each in lines) * often[thing] ** -EXIT
            weight_met += share
    return total / weight_met if weight_met > 0.0 else total


@given(shops)
@LAW
def test_a_walk_leads_to_what_those_bought_who_bought_the_same(shop: list[list[set[int]]]) -> None:
    found = read(shop)
    asked = np.flatnonzero(found.count() > 0)
    everybody, others = walk(found, asked).ends(found.last()[asked], asked)
    for row, person in enumerate(asked.tolist()):
        start = shop[person][-1]
        assert np.allclose(everybody[row], slow_walk(shop, person, start, oneself=True)[: found.things])
        assert np.allclose(others[row], slow_walk(shop, person, start, oneself=False)[: found.things])


@given(shops, st.integers(0, 5))
@LAW
def test_a_walk_meets_nobody_but_whom_it_may(shop: list[list[set[int]]], left_out: int) -> None:
    """Those left out are there as things that are bought often, and as who asks."""
    found = read(shop)
    asked = np.flatnonzero(found.count() > 0)
    met = asked[asked != asked[left_out % len(asked)]]
    everybody, others = walk(found, met).ends(found.last()[asked], asked)
    for row, person in enumerate(asked.tolist()):
        start = shop[person][-1]
        slow = slow_walk(shop, person, start, oneself=True, met=met.tolist())
        assert np.allclose(everybody[row], slow[: found.things])
        slow = slow_walk(shop, person, start, oneself=False, met=met.tolist())
        assert np.allclose(others[row], slow[: found.things])


def test_foretelling_knows_what_follows_what() -> None:
    known = read(habitual(100, 1))
    weight = foretelling(known).toarray()
    assert weight[3, 4] > max(weight[3, 3], weight[3, 5])
    assert weight[0, 0] > max(weight[0, 1], weight[0, 2])


@given(shops)
@settings(max_examples=5, deadline=None)
def test_adding_later_baskets_changes_no_column(shop: list[list[set[int]]]) -> None:
    longer = [[*one, {0, THINGS_THERE - 1}] if one else one for one in shop]
    asked = np.flatnonzero([len(one) > 0 for one in shop])
    now, later = read(shop), read(longer).without_last(1)
    rows = [
        np.vstack([part.columns for part in questions(evidence(of_all(known), asked))])
        for known in (Baskets(now.start, now.at, now.first, now.thing, later.things), later)
    ]
    assert rows[0].shape[1] == len(INPUTS)
    assert np.array_equal(rows[0], rows[1], equal_nan=True)


def test_columns_read_as_they_are_described() -> None:
    known = read([[{0}, {1}, {0, 2}, {3}], [{1}, {1, 5}]])
    (part,) = questions(evidence(of_all(known), np.array([0, 1])))
    value = dict(zip(INPUTS, part.columns[(part.person == 0) & (part.thing == 0)][0], strict=True))
    wanted = {"count": 2, "newest": 2, "oldest": 4, "days": 1.001, "gap": 2, "overdue": 1, "share": 0.5, "baskets": 4}
    wanted |= {"reach": 0.5, "reach_last": 0.0, "times": 2.0, "basket_size": 1.5, "variety": 4, "days_between": 1.0}
    assert {name: value[name] for name in wanted} == pytest.approx(wanted)
    never = dict(zip(INPUTS, part.columns[(part.person == 0) & (part.thing == 5)][0], strict=True))
    assert never["count"] == never["newest"] == never["days"] == 0
    assert np.isnan(never["gap"])
    assert set(THINGS) <= set(INPUTS)


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    return fit(read(habitual(300, 3)).without_last(1), FEW, Silent())


def test_habits_and_successions_are_learned(ranker: Ranker) -> None:
    shop = habitual(200, 4)
    everything = read(shop)
    listed = rank(ranker, everything.without_last(1), np.arange(200), 2, Silent(), None)[0].thing
    right = np.mean([set(row) == one[-1] for row, one in zip(listed.tolist(), shop, strict=True)])
    assert right > 0.95


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(ranker: Ranker) -> None:
    again = fit(read(habitual(300, 3)).without_last(1), Settings(rounds=8, forests=2, others=1.0, threads=1), Silent())
    assert [one.text for one in again.forests] == [one.text for one in ranker.forests]
    assert ranker.forests[0].text != ranker.forests[1].text


def test_a_list_ends_where_candidates_do(ranker: Ranker) -> None:
    known = read(habitual(20, 5))
    listed = rank(ranker, known, np.array([2, 7]), THINGS_THERE + 3, Silent(), None)[0].thing
    assert listed.shape == (2, THINGS_THERE + 3)
    for row in listed.tolist():
        assert sorted(row) == [-1, -1, -1, *range(THINGS_THERE)]


@given(st.integers(0, 10_000), st.floats(0.0, 1.0))
@LAW
def test_a_list_is_the_order_without_what_is_withheld(ranker: Ranker, seed: int, share: float) -> None:
    known = read(habitual(20, 5))
    drawn = np.random.default_rng(seed)
    why = np.where(drawn.random((20, THINGS_THERE)) < share, drawn.integers(1, len(Why), (20, THINGS_THERE)), 0)
    asked = np.array([2, 7, 19])
    (whole,) = rank(ranker, known, asked, THINGS_THERE, Silent(), None)
    beside, found = rank(ranker, known, asked, 3, Silent(), None, lambda person: why[person].astype(np.int8))
    assert beside.thing.tolist() == whole.thing[:, :3].tolist()
    counted = np.zeros(len(Why), np.int64)
    for row, person in enumerate(asked.tolist()):
        order = zip(whole.thing[row].tolist(), whole.score[row].tolist(), strict=True)
        left = [(thing, score) for thing, score in order if not why[person, thing]][:3]
        assert found.thing[row].tolist() == [*(thing for thing, _ in left), *[-1] * (3 - len(left))]
        assert found.score[row, : len(left)].tolist() == [score for _, score in left]
        assert np.isnan(found.score[row, len(left) :]).all()
        for thing in whole.thing[row, :3].tolist():
            counted[why[person, thing]] += 1
    assert found.withheld.tolist() == counted.tolist()


def test_many_people_are_ranked_through_as_many_as_the_walk_may_meet() -> None:
    """By the same lot in learning and in ranking, and the same again."""
    shop = habitual(300, 3)
    bounded = replace(FEW, met=40)
    known = read(shop)
    first, again = (fit(known.without_last(1), bounded, Silent()) for _ in range(2))
    assert [one.text for one in first.forests] == [one.text for one in again.forests]
    listed = rank(first, known.without_last(1), np.arange(300), 2, Silent(), None)[0].thing
    right = np.mean([set(row) == one[-1] for row, one in zip(listed.tolist(), shop, strict=True)])
    assert right > 0.95
    assert len(crowd_of(known, bounded).walk.met) == 40


@pytest.mark.parametrize("shop", [[[{0}], [{1}]], [[], [{2}]]])
def test_one_basket_each_teaches_nothing(shop: list[list[set[int]]]) -> None:
    with pytest.raises(NothingToLearn, match="more"):
        fit(read(shop), FEW, Silent())
