"""Arms: who is in which, for how long, and what it does to a decision."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.catalogue import Action
from models.policy.arms import arm_of, at_point, point
from models.policy.gates import GATES
from models.policy.gates.arm import OutsideHoldout
from models.policy_rules import OWED, Arm, Arms
from tests.models.shop import DAY, NOW
from tests.models.test_decide import answered, eligible, weights_of
from tests.models.worlds import World, worlds

BESIDE_FULL = (Arm.HOLDOUT, Arm.RANDOM, Arm.PROPENSITY, Arm.NO_LEVERS)
POINTS = np.linspace(0.0, 1.0, 2000, endpoint=False)
EASY = settings(max_examples=25, deadline=None)
PEOPLE = [f"c-{number}" for number in range(20_000)]
SPREAD = 4.5
"""Standard errors: passed by chance in one test of 150,000."""


def arms(*shares: float, days: float = 90) -> Arms:
    return Arms(round(days * DAY), tuple(zip(BESIDE_FULL, shares, strict=True)))


USUAL = arms(0.05, 0.01, 0.1, 0.1)


@st.composite
def shares(draw: st.DrawFn, most: float = 1.0) -> list[float]:
    """Four that add up to 1 at most, none above `most`."""
    parts = [draw(st.integers(0, 40)) for _ in range(5)]
    whole = max(1, sum(parts))
    return [min(most, part / whole) for part in parts[:4]]


def layout(one: Arms) -> list[Arm]:
    return [at_point(one, float(where)) for where in POINTS]


@EASY
@given(sizes=shares())
def test_every_arm_has_its_share_of_the_points(sizes: list[float]) -> None:
    counts = Counter(layout(arms(*sizes)))
    for arm, share in zip((*BESIDE_FULL, Arm.FULL), (*sizes, 1.0 - sum(sizes)), strict=True):
        assert abs(counts[arm] - share * len(POINTS)) <= 4  # at each end of each piece one may fall to either side


@EASY
@given(sizes=shares(most=0.25), place=st.integers(0, 3), share=st.floats(0.0, 0.25))
def test_a_changed_share_moves_only_those_who_must(sizes: list[float], place: int, share: float) -> None:
    changed = [share if number == place else size for number, size in enumerate(sizes)]
    before, after = layout(arms(*sizes)), layout(arms(*changed))
    moves = {(one, two) for one, two in zip(before, after, strict=True) if one is not two}
    grows = share > sizes[place]
    assert moves <= {(Arm.FULL, BESIDE_FULL[place]) if grows else (BESIDE_FULL[place], Arm.FULL)}


def test_everybody_may_be_in_one_arm() -> None:
    for place, arm in enumerate(BESIDE_FULL):
        alone = arms(*(1.0 if number == place else 0.0 for number in range(4)))
        assert set(layout(alone)) == {arm}
    assert set(layout(arms(0.25, 0.25, 0.25, 0.25))) == set(BESIDE_FULL)


def test_an_arm_is_kept_for_the_period_and_by_the_name_alone() -> None:
    period = 90 * DAY
    begins = NOW // period * period
    found = [arm_of(USUAL, "c-17", begins + moment) for moment in (0, 1, DAY, period - 1)]
    assert len(set(found)) == 1
    assert arm_of(None, "c-17", NOW) is Arm.FULL
    neighbours = {arm_of(USUAL, "c-17", begins + number * period) for number in range(-200, 200)}
    assert neighbours == {Arm.FULL, *BESIDE_FULL}


def test_points_stand_still() -> None:
    """Whoever looks back at an experiment works the arms out anew."""
    found = [point(name, period) for name, period in (("c-17", 0), ("c-17", 227), ("anon:91ab", 227), ("ß\u0301", -1))]
    assert found == [0.2573853877791701, 0.9917564610195397, 0.35583858200449026, 0.2725658876030407]


def test_people_spread_evenly_over_the_points() -> None:
    for period in (0, 227, 228):
        where = np.sort([point(name, period) for name in PEOPLE])
        steps = np.arange(len(where)) / len(where)
        distance = max(np.abs(where - steps).max(), np.abs(where - steps - 1 / len(where)).max())
        assert distance * math.sqrt(len(where)) < 2.5  # Kolmogorov's: passed by chance in one test of 130,000


def test_the_arms_meet_their_shares() -> None:
    counts = Counter(arm_of(USUAL, name, NOW) for name in PEOPLE)
    for arm, share in USUAL.shares:
        spread = math.sqrt(len(PEOPLE) * share * (1.0 - share))
        assert abs(counts[arm] - len(PEOPLE) * share) < SPREAD * spread


def test_periods_and_similar_names_have_nothing_to_do_with_one_another() -> None:
    now = np.array([point(name, 227) for name in PEOPLE])
    later = np.array([point(name, 228) for name in PEOPLE])
    longer = np.array([point(name + "0", 227) for name in PEOPLE])
    for one, two in ((now, later), (now, longer), (now[1:], now[:-1])):
        assert abs(np.corrcoef(one, two)[0, 1]) < SPREAD / math.sqrt(len(one))
    third = USUAL.shares[2][1]
    again = sum(arm_of(USUAL, name, NOW) is arm_of(USUAL, name, NOW + 90 * DAY) is Arm.PROPENSITY for name in PEOPLE)
    expected = len(PEOPLE) * third**2
    assert abs(again - expected) < SPREAD * math.sqrt(expected)


def by_id(world: World) -> dict[str, Action]:
    return {action.id: action for action in world.compiled.catalogue.actions}


@EASY
@given(world=worlds(exploring=True))
def test_the_holdout_withholds_all_but_what_is_owed_and_nobody_else_is_held_out(world: World) -> None:
    situation = world.situation
    owed = [
        world.compiled.catalogue.actions[number].purpose in OWED
        for number in world.situation.candidates.action.tolist()
    ]
    refused = OutsideHoldout().refuses(situation).tolist()
    assert refused == ([not one for one in owed] if world.arm is Arm.HOLDOUT else [False] * len(owed))


@EASY
@given(world=worlds((Arm.HOLDOUT,), exploring=True))
def test_what_is_owed_reaches_the_holdout_as_it_reaches_everybody(world: World) -> None:
    """And of a holdout the funnel says how much the arm alone withheld."""
    without = replace(world, request=replace(world.request, explain=True, across="each"))
    elsewhere = OutsideHoldout()
    assert GATES[-1].name == elsewhere.name
    for slate in answered(without).slates:
        passed = eligible(slate, world)
        assert {by_id(world)[name].purpose for name in passed} <= OWED
        withheld = [one for one in slate.refused if one.gate == "arm"]
        assert slate.funnel["arm"] == len(withheld)
        assert all(one.reason.startswith("it is ") and "until 20" in one.reason for one in withheld)


@EASY
@given(world=worlds(exploring=True))
def test_each_arm_ranks_by_its_own_formula(world: World) -> None:
    """P x V x L x C, or what the arm leaves of it; as floats to the last digits, for the order of factors is free."""
    weights = weights_of(world)
    for slate in answered(world).slates:
        for one in slate.actions:
            action, chance = by_id(world)[one.action_id], one.response_probability
            full = chance * action.value * action.lever * weights[slate.channel, one.action_id]
            formula = {Arm.PROPENSITY: chance, Arm.NO_LEVERS: chance * action.value}
            assert one.priority == pytest.approx(formula.get(world.arm, full), rel=1e-12)


@EASY
@given(world=worlds(exploring=True))
def test_the_decision_says_the_arm_and_who_objects_to_profiling_has_one_too(world: World) -> None:
    assert answered(world).arm is world.arm
    stranger = replace(world, customer=replace(world.customer, known=False, customer_id="another"))
    assert answered(stranger).arm is world.arm
