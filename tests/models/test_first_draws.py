"""The chances of first draws beside decisions: the same chances, whatever is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.published import NOTHING
from models.decision import Decision, Slate
from models.first_draws import Choice, FirstDraw, first_draws
from models.policy.exploration import GREEDY, UNIFORM
from models.policy.gates import GATES
from models.policy.version import Policy
from models.policy_rules import Arm, RankBy
from models.withheld_first import Withheld, withheld_first
from tests.models.shop import NOW, ByAction, request
from tests.models.test_decide import NOBODY, small_shop
from tests.models.test_incremental_ranking import Effects
from tests.models.test_replay import answered
from tests.models.worlds import World, worlds

LAW = settings(max_examples=30, deadline=None)


def chosen(slate: Slate) -> list[Choice]:
    return [(slate.channel, one.action_id) for one in slate.actions]


def taken(world: World, decision: Decision) -> list[list[Choice]]:
    every = [chosen(slate) for slate in decision.slates]
    return [[one for slate in every for one in slate]] if world.request.across == "best" else every


def drawn(world: World, decision: Decision, policy: Policy | None = None, arm: Arm | None = None) -> list[FirstDraw]:
    made = (world.request, world.customer, world.compiled, world.scorer, NOW, world.published, taken(world, decision))
    found = first_draws(*made, arm=arm) if policy is None else first_draws(*made, policy, arm)
    return [one for one in found if one is not None]


@LAW
@given(world=worlds(exploring=True), seed=st.integers(0, 2**32))
def test_a_decisions_own_chances_are_found_again(world: World, seed: int) -> None:
    decision = answered(world, world.customer, seed, explain=False)
    found = drawn(world, decision)
    assert len(found) == len(taken(world, decision))
    for draw in found:
        assert draw.chances.sum() == pytest.approx(1.0)
        assert len(set(draw.choices)) == len(draw.choices) == len(draw.chances) - 1
    for draw, slate in zip(found, decision.slates, strict=False):
        assert float(draw.chances[-1]) == slate.no_action_probability
        for one in slate.actions[:1]:
            place = draw.choices.index((slate.channel, one.action_id))
            assert float(draw.chances[place]) == one.selection_probability


@LAW
@given(world=worlds((Arm.FULL,), exploring=True), seed=st.integers(0, 2**32))
def test_another_policys_chances_are_those_that_it_would_decide_by(world: World, seed: int) -> None:
    """The random arm's, asked in the place of a decision of the full arm: alike for all that may be drawn first."""
    decision = answered(world, world.customer, seed, explain=False)
    for draw, slate in zip(drawn(world, decision, Policy(GATES, UNIFORM)), decision.slates, strict=False):
        if float(draw.chances[-1]) > 0.0:
            assert draw.chances.tolist() == pytest.approx([1 / len(draw.chances)] * len(draw.chances))
        assert set(chosen(slate)[:1]) <= set(draw.choices) or world.request.across == "best"


@LAW
@given(world=worlds(exploring=True), seed=st.integers(0, 2**32))
def test_the_foremost_is_what_a_greedy_draw_takes(world: World, seed: int) -> None:
    decision = answered(world, world.customer, seed, explain=False)
    for draw in drawn(world, decision, Policy(GATES, GREEDY)):
        if float(draw.chances[-1]) == 0.0:
            assert draw.foremost == int(np.argmax(draw.chances))


def test_where_nothing_pays_the_least_loss_is_withheld() -> None:
    """And by chance, given that anything is drawn, where something may be."""
    priority = {"a": -3.0, "b": -2.0, "c": -0.1}
    shop, vocabulary = small_shop({name: {} for name in priority})
    shop = replace(shop, catalogue=replace(shop.catalogue, rank_by=RankBy.INCREMENTAL, margin=1.0))
    effects = Effects(ByAction(), {vocabulary.code("action", one): each for one, each in priority.items()})
    (draw,) = first_draws(request("web"), NOBODY, shop, effects, NOW, NOTHING, [[]])
    assert draw is not None
    assert draw.chances.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert [withheld_first(draw, lot) for lot in (0.0, 0.99)] == [Withheld(("web", "c"), 0.0, 1.0)] * 2
    explored = FirstDraw(draw.choices, np.array([0.2, 0.0, 0.2, 0.6]), 2)
    taken = [withheld_first(explored, lot) for lot in (0.0, 0.49, 0.51, 1.0 - 1e-16)]
    first, last = (Withheld(draw.choices[place], 0.2, 0.6) for place in (0, 2))
    assert taken == [first, first, last, last]
    assert withheld_first(FirstDraw((), np.ones(1), -1), 0.5) is None
    assert withheld_first(None, 0.5) is None


def test_of_what_follows_the_impossible_nothing_is_said() -> None:
    world = some_world()
    decision = answered(world, world.customer, 1, explain=False)
    count = len(decision.slates)
    told = [[("nowhere", "nothing")], *([] for _ in range(count - 1))]
    made = (world.request, world.customer, world.compiled, world.scorer, NOW, world.published)
    found = first_draws(*made, told)
    assert [one is None for one in found] == [False, *([True] * (count - 1))]


def some_world() -> World:
    actions = {"plain": {"treatments": [{"id": "t", "channel": "web"}]}, "other": {}}
    shop, vocabulary = small_shop(actions)
    return World(shop, vocabulary, (), NOBODY, request("mail", "web", limit=3), ByAction())
