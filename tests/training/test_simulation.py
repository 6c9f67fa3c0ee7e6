"""The SYNTHETIC truth keeps its own laws, and is judged by arithmetic that favours nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.event import Kind
from features.progress import Silent
from features.stores.import_columns import checked_customers, checked_events
from models.catalogue import parse
from training.simulation import events
from training.simulation.goods import BEGIN, CATEGORIES, CHANNELS, DAY, actions, catalogue
from training.simulation.history import lived
from training.simulation.judged import NOTHING, POLICIES, Choices, Log, best, share, worth
from training.simulation.loop import opportunities
from training.simulation.truth import State, Truth, first_state, truth
from training.simulation.world import World

OFFERED = actions(30, 10)
PEOPLE = 60
TRUTH = truth(PEOPLE, OFFERED, 7)
EVERYBODY = np.arange(PEOPLE)
LATE = 365
"""A day on which everything has begun."""


def on(channel: int) -> NDArray[np.intp]:
    return np.full(PEOPLE, channel, np.intp)


def odds(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(chance / (1.0 - chance), np.float64)


def state_of(seed: int = 7) -> State:
    return first_state(TRUTH, LATE, seed)


@given(
    day=st.integers(0, 800),
    channel=st.integers(0, len(CHANNELS) - 1),
    pressure=st.floats(0, 50),
    severity=st.integers(0, 4),
)
@settings(max_examples=40, deadline=None)
def test_probabilities_are_probabilities(day: int, channel: int, pressure: float, severity: int) -> None:
    state = state_of()
    state.pressure[:], state.trouble[:] = pressure, severity
    chance = TRUTH.probability(state, EVERYBODY, on(channel), day)
    assert ((chance >= 0) & (chance <= 1)).all()
    may = TRUTH.allowed[channel] & TRUTH.begun(day)
    assert (chance[:, ~may] == 0).all()
    assert (chance[:, may] > 0).all()


@pytest.mark.parametrize("name", ["pressure", "worn"])
def test_fatigue_lowers_every_response(name: str) -> None:
    rested, tired = state_of(), state_of()
    getattr(tired, name)[:] += 3.0
    for channel in range(len(CHANNELS)):
        before = TRUTH.probability(rested, EVERYBODY, on(channel), LATE)
        after = TRUTH.probability(tired, EVERYBODY, on(channel), LATE)
        assert (after[before > 0] < before[before > 0]).all()


def test_a_case_kills_what_sells_and_wants_help() -> None:
    calm, troubled = state_of(), state_of()
    troubled.trouble[:] = 3
    helps = np.array([one.kind == "service" for one in OFFERED])
    for channel in range(len(CHANNELS)):
        before = TRUTH.probability(calm, EVERYBODY, on(channel), LATE)
        after = TRUTH.probability(troubled, EVERYBODY, on(channel), LATE)
        may = TRUTH.allowed[channel]
        assert (after[:, may & helps] > before[:, may & helps]).all()
        assert (after[:, may & ~helps] < before[:, may & ~helps]).all()


def test_what_was_bought_is_wanted_less_and_what_runs_out_more() -> None:
    just, long_ago, state = state_of(), state_of(), state_of()
    just.last_bought[:], long_ago.last_bought[:] = LATE - 1, LATE - 200
    web = [channel.id for channel in CHANNELS].index("web")
    soon = [
        n for n, one in enumerate(OFFERED) if one.kind == "offer" and (CATEGORIES[one.category].interval or 999) < 60
    ]
    durable = [n for n, one in enumerate(OFFERED) if one.kind == "offer" and CATEGORIES[one.category].interval is None]
    fresh = TRUTH.probability(just, EVERYBODY, on(web), LATE)
    due = TRUTH.probability(long_ago, EVERYBODY, on(web), LATE)
    assert (odds(due)[:, soon] > 3 * odds(fresh)[:, soon]).all()
    state.last_bought[:] = -1e6
    never = TRUTH.probability(state, EVERYBODY, on(web), LATE)
    assert (odds(never)[:, durable] > 3 * odds(due)[:, durable]).all()


def test_the_same_seed_is_the_same_truth_and_more_people_change_nobody() -> None:
    again, more, other = (truth(n, OFFERED, seed) for n, seed in ((PEOPLE, 7), (PEOPLE + 5, 7), (PEOPLE, 8)))
    for name in ("taste", "habit", "thrift", "patience", "pace", "age", "household", "zone", "comes"):
        assert (getattr(TRUTH, name) == getattr(again, name)).all()
        assert (getattr(TRUTH, name) == getattr(more, name)[:PEOPLE]).all()
    assert (TRUTH.taste != other.taste).any()


def past(seed: int = 7, days: int = 25) -> tuple[World, list[events.Happening]]:
    world = World(TRUTH, seed, 0)
    return world, lived(world, days, 20, Silent())


def test_a_past_is_the_same_again_and_an_import_takes_it() -> None:
    world, happened = past()
    assert happened == past()[1] != past(seed=8)[1]
    table = events.table(happened)
    checked_events(table)
    kinds = set(table["kind"].to_pylist())
    for kind in (Kind.ORDERED, Kind.VIEWED, Kind.SENT, Kind.DISPLAYED, Kind.CONSENT_GRANTED, Kind.CALL_STARTED):
        assert int(kind) in kinds
    assert {channel.id for channel in CHANNELS} <= set(table["channel"].to_pylist())
    latest = BEGIN + (world.day + 1) * DAY
    assert max(table["occurred_at"].to_pylist()) < latest
    assert len(checked_customers(events.customers(TRUTH))) == PEOPLE


def test_orders_are_numbered_once_and_move_what_was_bought() -> None:
    world, happened = past()
    orders = [one for one in happened if one.order is not None]
    assert len({one.order for one in orders}) == len(orders)
    newest = max((one for one in orders), key=lambda one: one.at)
    category = [one.id for one in CATEGORIES].index((newest.item or "")[:-2])
    assert world.state.last_bought[newest.person, category] == events.day_of(newest.at)


def test_the_catalogue_holds_what_the_truth_does() -> None:
    source = catalogue(OFFERED, 1.0)
    found = {one.id: one for one in parse(source.document, 1).actions}
    assert set(found) == {one.id for one in OFFERED}
    for number, one in enumerate(OFFERED):
        channels = {treatment.channel for treatment in found[one.id].treatments}
        assert channels == {c.id for place, c in enumerate(CHANNELS) if TRUTH.allowed[place, number]}
        assert found[one.id].value == TRUTH.value[number]
    assert sum(one.from_day is not None for one in OFFERED) == 3


def test_nobody_is_asked_about_twice_a_day_nor_where_they_may_not_be() -> None:
    world, _ = past()
    day = world.step()
    found = opportunities(world, day, 40)
    assert len({one.person for one in found}) == len(found) == 40
    for one in found:
        if CHANNELS[one.channel].outbound:
            assert world.state.consent[one.person, one.channel]
        else:
            assert day.visits[one.person, one.channel]


def made(seed: int, number: int = 1, eligible: float = 0.5) -> Choices:
    rng = np.random.default_rng(seed)
    n, a = 200, len(OFFERED)
    may, net = rng.random((n, a)) < eligible, rng.normal(size=(n, a))
    channel = rng.integers(len(CHANNELS), size=n)
    chosen = best(rng.random((n, a)), may)
    popular = best(np.tile(rng.random(a), (n, 1)), may)
    return Choices(number, rng.integers(50, size=n), channel, chosen, may, net, worth(net, may, chosen), popular)


@given(seed=st.integers(0, 10_000), eligible=st.sampled_from([0.0, 0.1, 0.9]))
@settings(max_examples=20, deadline=None)
def test_nobody_is_better_than_the_oracle(seed: int, eligible: float) -> None:
    log = Log([made(seed, 1, eligible), made(seed + 1, 2, eligible)])
    for figures in log.figures(1):
        assert all(figures.reward["oracle"] >= figures.reward[policy] for policy in POLICIES)
        assert figures.reward["oracle"] >= 0


def test_the_oracle_has_its_whole_gain_and_random_none() -> None:
    day = made(3)
    every = replace(day, action=best(day.net, day.eligible))
    whole = Log([every]).figures(1)[-1].share
    assert (whole.share, whole.low, whole.high) == pytest.approx((1.0, 1.0, 1.0))
    gain = np.zeros(len(day.person))
    assert share(day.person, gain, gain + 1, 1).share == 0.0
    assert share(day.person, gain, gain, 1).share is None


def test_a_reward_is_of_what_was_chosen_by_the_slow_way_too() -> None:
    day = made(5)
    figures = Log([day]).figures(1)[0]
    ours, uniform, oracle = [], [], []
    for n in range(len(day.person)):
        may = np.flatnonzero(day.eligible[n])
        ours.append(0.0 if day.action[n] == NOTHING else day.net[n, day.action[n]])
        uniform.append(day.net[n, may].mean())
        oracle.append(max(0.0, *day.net[n, may]))
    assert figures.reward["ours"] == pytest.approx(np.mean(ours))
    assert figures.reward["random"] == pytest.approx(np.mean(uniform))
    assert figures.reward["oracle"] == pytest.approx(np.mean(oracle))


def test_the_interval_over_people_covers_the_truth_about_as_often_as_it_says() -> None:
    """60 synthetic logs of 80 people; at 95 % about 57 hold, and fewer than 51 (4 standard errors) would be a fault."""
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        person = np.repeat(np.arange(80), rng.integers(1, 12, 80))
        level = rng.normal(0.6, 0.4, 80)[person]
        gain = level + rng.normal(0, 0.5, len(person))
        found = share(person, gain, np.ones(len(person)), seed)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.6 <= found.high
    assert held >= 51


def test_luck_agrees_with_the_truth() -> None:
    """Of many answers, as many succeed as the truth expects, within 4 standard errors."""
    people = 4_000
    whole = truth(people, OFFERED, 11)
    world = World(whole, 11, LATE)
    web = [channel.id for channel in CHANNELS].index("web")
    everybody, action = np.arange(people), whole.allowed[web].nonzero()[0][0]
    expected = whole.probability(world.state, everybody, np.full(people, web), LATE)[:, action]
    answers = world.answers(everybody.tolist(), [web] * people, [int(action)] * people)
    succeeded = sum(one.success_in is not None for one in answers)
    error = np.sqrt((expected * (1 - expected)).sum())
    assert abs(succeeded - expected.sum()) < 4 * error


def test_a_contact_tires_at_once() -> None:
    world = World(TRUTH, 7, LATE)
    web = [channel.id for channel in CHANNELS].index("web")
    action = int(TRUTH.allowed[web].nonzero()[0][0])
    before = _chance(TRUTH, world, web, action)
    world.answers([0], [web], [action])
    assert _chance(TRUTH, world, web, action) < before


def _chance(whole: Truth, world: World, channel: int, action: int) -> float:
    return float(whole.probability(world.state, np.array([0]), np.array([channel]), world.day)[0, action])
