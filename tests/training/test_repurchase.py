"""Rates of buying again: counted like the slow telling, held towards the kind above, true where the truth is known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.event import Kind
from features.history import EVENT, Records
from features.progress import Silent
from models.affinity import HORIZON
from models.item_relations import ItemRelations
from models.repurchase import BINS, DAY, EDGES, MOST_UNITS, NEVER, Pace, curves, evidence
from tests.training.small_shop import open_shop
from training import repurchase_report, table
from training.repurchase import learn
from training.repurchase_rates import Counts, Told, chances, counts, fit_categories, fit_items, held_towards, intervals
from training.spells import Bought, Spells, bought, bought_within, of_categories, spells

UNTIL = 1_000 * DAY

Line = tuple[int, int, float, float]
"""person, thing, days before UNTIL, units."""


def purchases(lines: list[Line], things: int = 3) -> Bought:
    return Bought(
        person=np.array([line[0] for line in lines], np.int32),
        thing=np.array([line[1] for line in lines], np.int32),
        at=np.array([UNTIL - round(line[2] * DAY) for line in lines], np.int64),
        units=np.array([line[3] for line in lines], np.float64),
        things=things,
    )


LINES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0.0, 400.0), st.sampled_from([1.0, 2.0, 30.0])),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(lines=LINES, wear=st.sampled_from([0.0, 0.5]))
def test_spells_and_counts_agree_with_the_oracle(lines: list[Line], wear: float) -> None:
    made = purchases(lines)
    found = counts(spells(made, UNTIL), np.ones(spells(made, UNTIL).chains), wear)
    bought_in, days = np.zeros((3, BINS)), np.zeros((3, BINS))
    ends = [*EDGES[1:], math.inf]
    for person, thing in {(line[0], line[1]) for line in lines}:
        own = sorted(
            (at, units) for who, what, at, units in zip(*_columns(made), strict=True) if (who, what) == (person, thing)
        )
        begun: list[list[float]] = []
        for at, units in own:
            if begun and at - begun[-1][0] < DAY:
                begun[-1][1] += units
            else:
                begun.append([at, units])
        for place, (at, units) in enumerate(begun):
            last = place + 1 == len(begun)
            length = ((UNTIL if last else begun[place + 1][0]) - at) / DAY / min(max(units, 1.0), MOST_UNITS) ** wear
            for number, (start, end) in enumerate(zip(EDGES, ends, strict=True)):
                days[thing, number] += max(0.0, min(length, end) - start)
                bought_in[thing, number] += not last and start <= length < end
    np.testing.assert_allclose(found.days, days, atol=1e-9)
    np.testing.assert_array_equal(found.bought, bought_in)


def _columns(made: Bought) -> tuple[list[int], list[int], list[int], list[float]]:
    return made.person.tolist(), made.thing.tolist(), made.at.tolist(), made.units.tolist()


@settings(max_examples=60, deadline=None)
@given(lines=LINES)
def test_what_serves_is_what_was_fitted(lines: list[Line]) -> None:
    """Item code = thing here, and no categories: the evidence of one person gives the chances of the fit."""
    made = purchases(lines)
    rng = np.random.default_rng(len(lines))
    known = curves(
        rng.uniform(0.001, 0.2, (3, BINS)), np.arange(3, dtype=np.int32), rng.uniform(0.5, 2.0, 3), Pace(0.7, 0.5)
    )
    chains = spells(made, UNTIL)
    fitted = chances(chains, known)
    none = np.full(3, -1, np.int32)
    for chain, (person, thing) in enumerate(zip(chains.person, chains.thing[~chains.ended], strict=True)):
        own = np.flatnonzero(made.person == person)
        own = own[np.argsort(made.at[own], kind="stable")]
        things = (none, np.zeros(0, np.int32), np.arange(3, dtype=np.int32), 3)
        found = evidence(made.thing[own], made.at[own], made.units[own], things, known)
        one = np.array([thing], np.int32)
        assert found.began[thing] != NEVER
        days = (UNTIL - found.began[one]) / DAY
        served = known.chance(one, days, found.units[one], found.count[one], found.spent[one])
        assert served[0] == pytest.approx(fitted[chain], rel=1e-9)


def some_rates(seed: int, rows: int = 2) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0.001, 0.1, (rows, BINS))


def test_without_purchases_a_rate_is_that_of_the_kind_above() -> None:
    nothing = Counts(np.zeros((2, BINS)), np.zeros((2, BINS)))
    np.testing.assert_allclose(held_towards(nothing, some_rates(1), 5.0), some_rates(1), rtol=1e-12)


def test_with_many_purchases_a_rate_is_its_own() -> None:
    own, days = some_rates(2), 1e9
    plenty = Counts(own * days, np.full((2, BINS), days))
    np.testing.assert_allclose(held_towards(plenty, some_rates(1), 5.0), own, rtol=1e-4)


@pytest.mark.parametrize("held", [0.1, 1.0, 10.0, 1000.0])
def test_a_rate_lies_between_its_own_and_the_one_above_at_its_level(held: float) -> None:
    own, days, above = some_rates(2), 300.0, some_rates(1)
    found = held_towards(Counts(own * days, np.full((2, BINS), days)), above, held)
    level = (own.sum(axis=1) * days + held) / (above.sum(axis=1) * days + held)
    low, high = np.minimum(own, above * level[:, None]), np.maximum(own, above * level[:, None])
    assert ((found >= low - 1e-12) & (found <= high + 1e-12)).all()


def test_who_bought_more_often_buys_again_sooner_and_who_waited_longer_later() -> None:
    known = curves(np.full((1, BINS), 0.02), np.zeros(1, np.int32), np.ones(1), Pace(1.0, 0.5))
    thing, one = np.zeros(5, np.int32), np.ones(5)
    often = known.chance(thing, 10.0 * one, one, np.arange(5.0), 2.0 * one)
    assert (np.diff(often) > 0.0).all()
    assert (np.diff(known.chance(thing, np.arange(0.0, 500.0, 100.0), one, one, one)) < 0.0).all()
    assert (np.diff(known.chance(thing, 10.0 * one, np.arange(1.0, 6.0), one, one)) < 0.0).all()


RATE = {"milk": 0.15, "soap": 0.03, "washer": 0.0008}
"""Synthetic: a day, whatever the days since the last purchase; of a person whose factor is 1."""
SHAPE, PEOPLE, DAYS = 2.0, 400, 600.0


def shop(seed: int) -> Bought:
    """Everybody's first purchases lie in the first 200 days; gaps that have not ended at the last day are cut there."""
    rng = np.random.default_rng(seed)
    lines: list[Line] = []
    for person in range(PEOPLE):
        for thing, rate in enumerate(RATE.values()):
            at, factor = rng.uniform(0.0, 200.0), rng.gamma(SHAPE, 1.0 / SHAPE)
            while at < DAYS:
                lines.append((person, thing, DAYS - at, 1.0))
                at += 1.0 + rng.exponential(1.0 / (factor * rate))
    return purchases(lines)


@pytest.fixture(scope="module")
def fitted() -> tuple[Spells, NDArray[np.float64], NDArray[np.float64]]:
    """The spells, the rate of each thing after the first day, and the relative standard error of it: of the purchases
    counted, and of as many factors as there are people."""
    made = spells(shop(3), UNTIL)
    fit = fit_categories(made, np.array([-1, -1, -1], np.int32), Told(Pace(SHAPE, 0.0), 1.0))
    counted = counts(made, np.ones(made.chains), 0.0)
    share = counted.days[:, 1:] / counted.days[:, 1:].sum(axis=1, keepdims=True)
    rate = (fit.curves.rate[:3, 1:] * share).sum(axis=1)
    return made, rate, np.sqrt(1.0 / counted.bought.sum(axis=1) + 1.0 / (SHAPE * PEOPLE))


def test_known_rates_are_found_though_people_differ_and_gaps_are_cut(
    fitted: tuple[Spells, NDArray[np.float64], NDArray[np.float64]],
) -> None:
    _, rate, error = fitted
    truth = np.array(list(RATE.values()))
    assert (np.abs(rate / truth - 1.0) < 4.0 * error).all(), (rate, truth, error)


def test_durable_is_a_finding(fitted: tuple[Spells, NDArray[np.float64], NDArray[np.float64]]) -> None:
    made, _, _ = fitted
    fit = fit_categories(made, np.array([-1, -1, -1], np.int32), Told(Pace(SHAPE, 0.0), 1.0))
    days = np.array([1.0, 30.0, 200.0])
    rng = np.random.default_rng(1)
    milk, washer = (intervals(fit, thing, days, rng) for thing in (0, 2))
    for middle, low, high in (milk, washer):
        assert ((low <= middle) & (middle <= high)).all()
    assert (washer[2] < 0.1).all()
    assert milk[1, 0] > 0.5


def test_a_category_that_nobody_bought_is_a_typical_one_of_its_parent() -> None:
    rng = np.random.default_rng(4)
    lines = [(person, 1, day, 1.0) for person in range(40) for day in rng.uniform(0.0, 300.0, 8)]
    told = Told(Pace(1.0, 0.0), 5.0)
    fit = fit_categories(spells(purchases(lines), UNTIL), np.array([-1, 0, 0], np.int32), told)
    np.testing.assert_allclose(fit.curves.rate[2], fit.curves.rate[3], rtol=1e-9)
    items = fit_items(spells(purchases(lines), UNTIL), np.array([0, 0, 0], np.int32), np.array([-1], np.int32), told)
    assert items.curves.factor[0] == pytest.approx(1.0)


def ordered(day: float, item: int, order: int = 0, kind: Kind = Kind.ORDERED, recorded: float | None = None) -> Records:
    one = np.zeros(1, EVENT)
    one["kind"], one["item"], one["order"], one["quantity"] = kind, item, order, 1.0
    one["occurred_at"] = round(day * DAY)
    one["recorded_at"] = round((day if recorded is None else recorded) * DAY)
    return one


ALONE = ItemRelations(np.arange(4, dtype=np.int32), np.zeros(5, np.int32), np.zeros(0, np.int32))


def test_nothing_after_the_cut_is_seen() -> None:
    before = [ordered(1, 0, 1), ordered(5, 1, 2), ordered(9, 0, 3)]
    after = [ordered(11, 0, 4), ordered(8, 1, 5, recorded=12), ordered(10.5, 0, 3, Kind.REFUNDED)]
    seen = bought([np.concatenate(before)], ALONE, 10 * DAY)
    again = bought([np.concatenate(before + after)], ALONE, 10 * DAY)
    for name in ("person", "thing", "at", "units"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(again, name))
    assert len(bought([np.concatenate(before + after)], ALONE, 13 * DAY).at) == 4


def test_a_bundle_is_a_purchase_of_its_parts() -> None:
    relations = ItemRelations(
        np.arange(4, dtype=np.int32), np.array([0, 0, 0, 0, 2], np.int32), np.array([0, 2], np.int32)
    )
    assert bought([ordered(1, 3)], relations, 10 * DAY).thing.tolist() == [3, 0, 2]


def test_a_pair_was_bought_again_when_its_person_bought_it_in_time() -> None:
    made = purchases([(0, 1, 50.0, 1.0), (0, 1, 5.0, 1.0), (1, 1, 50.0, 1.0), (1, 2, 5.0, 1.0)])
    cut = UNTIL - 20 * DAY
    early = made.at <= cut
    known = spells(Bought(made.person[early], made.thing[early], made.at[early], made.units[early], 3), cut)
    assert bought_within(known, made, cut, UNTIL).tolist() == [True, False]
    assert not bought_within(known, made, cut, cut + DAY).any()


def test_a_run_learns_windows_of_a_shop_and_the_same_ones_again(tmp_path: Path) -> None:
    store = open_shop(tmp_path / "store.db")
    dataset = table.read(store, None, Silent())
    learned, again = (learn(dataset, store.vocabulary, Silent()) for _ in range(2))
    assert learned.windows is not None
    assert again.windows is not None
    assert again.windows.model.own.tobytes() == learned.windows.model.own.tobytes()
    model, judged = learned.windows.model, learned.windows.judged
    assert set(model.categories) <= set(dataset.compiled.catalogue.categories)
    assert judged.log_loss < judged.log_loss_of_share
    assert "repurchase windows: of" in learned.remark
    lines = repurchase_report.markdown(learned.windows).splitlines()
    assert len(lines) == 6 + len(model.categories)
    assert repurchase_report.figure(learned.windows).axes
    short = learn(table.read(store, dataset.known_at - 200 * DAY, Silent()), store.vocabulary, Silent())
    assert short.windows is None
    assert "are not learned" in short.remark
    store.close()
    assert model.as_of == dataset.known_at > 2 * HORIZON
    assert len(
        of_categories(bought(dataset.histories, dataset.compiled.relations, model.as_of), dataset.compiled.facts).at
    )
