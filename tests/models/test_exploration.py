"""Each explorer: the contract, and its own rule; and what a draw may take."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.catalogue import CatalogueInvalid
from models.decision import Decision
from models.policy import arms
from models.policy.allowance import Allowance
from models.policy.exploration import UNIFORM, Explorer, Greedy, InverseGap, Thrown, Uniform, draw
from models.policy.gates import GATES
from models.policy.gates.schedule import Schedule
from models.policy.version import POLICY, Policy, policy_version
from models.policy_rules import Arm, Exploration
from tests.checks.explorer_contract import EXPLORATIONS, MANY, Choice, ExplorerContract, choices
from tests.models.shelves import GREEDY_ARMS
from tests.models.shop import ByAction, request
from tests.models.test_decide import NOBODY, Even, answered, eligible, fallbacks, going_first, small_shop
from tests.models.worlds import World, worlds

FEW = settings(max_examples=20, deadline=None)


class TestGreedy(ExplorerContract):
    explorer = Greedy()


class TestInverseGap(ExplorerContract):
    explorer = InverseGap()


class TestUniform(ExplorerContract):
    explorer = Uniform()


def test_the_contract_covers_every_explorer_in_force() -> None:
    covered = {contract.explorer.name for contract in ExplorerContract.__subclasses__()}
    assert covered == {POLICY.explorer.name, UNIFORM.name, "greedy"}


LARGEST = Fraction(float(np.finfo(np.float64).max))


def spelled_out(choice: Choice, allowed: Exploration) -> list[Fraction]:
    """Slow and obvious, in fractions: the chances of inverse-gap weighting, no action last. The best alone where a
    float holds not all of them."""
    rewards = [Fraction(one) for one in choice.priority.tolist()] + [Fraction(0)]
    best, top = choice.best, max(rewards)
    scale = top or -min(rewards)
    gaps = [(top - one) / scale if scale else Fraction(0) for one in rewards]
    divisors = [len(rewards) + Fraction(allowed.gamma) * gap for gap in gaps]
    chances = [1 / divisor for divisor in divisors]
    chances[best] = Fraction(0)
    if sum(chances) > Fraction(allowed.share):
        chances = [one * Fraction(allowed.share) / sum(chances) for one in chances]
    chances[best] = 1 - sum(chances)
    if max(*gaps, *divisors) > LARGEST or not all(float(one) for place, one in enumerate(chances) if place != best):
        return [Fraction(place == best) for place in range(len(rewards))]
    return chances


@MANY
@given(choice=choices(1), allowed=EXPLORATIONS)
@example(choice=Choice(np.array([3.4e-306, -613.0]), np.arange(2), None), allowed=Exploration(0.05, 10.0))
@example(choice=Choice(np.array([5e-324, 0.0]), np.arange(2), None), allowed=Exploration(0.05, 10.0))
def test_inverse_gap_weighting_agrees_with_the_oracle(choice: Choice, allowed: Exploration) -> None:
    chances = InverseGap().probabilities(choice.priority, choice.tie, allowed)
    expected = [float(one) for one in spelled_out(choice, allowed)]
    np.testing.assert_allclose(chances, expected, rtol=1e-6, atol=1e-15)


@MANY
@given(choice=choices(1), allowed=EXPLORATIONS)
def test_no_more_than_the_share_is_explored(choice: Choice, allowed: Exploration) -> None:
    chances = InverseGap().probabilities(choice.priority, choice.tie, allowed)
    best = choice.best
    explored = math.fsum(np.delete(chances, best))
    assert explored <= allowed.share * (1.0 + 1e-12)
    unbounded = InverseGap().probabilities(choice.priority, choice.tie, Exploration(1.0, allowed.gamma))
    wanted = math.fsum(np.delete(unbounded, best))
    assert explored == pytest.approx(min(wanted, allowed.share), rel=1e-9)
    if wanted <= allowed.share:
        assert chances.tolist() == unbounded.tolist()


@MANY
@given(priorities=st.lists(st.integers(0, 1000), min_size=1, max_size=7, unique=True))
def test_it_grows_greedy_with_gamma(priorities: list[int]) -> None:
    priority, tie = np.array(priorities, np.float64), np.arange(len(priorities))
    best = int(priority.argmax())
    kept = [
        InverseGap().probabilities(priority, tie, Exploration(1.0, gamma))[best]
        for gamma in (1e-3, 1.0, 1e3, 1e6, 1e12)
    ]
    assert kept == sorted(kept)
    assert priority.max() == 0.0 or kept[-1] > 1.0 - 1e-7


@MANY
@given(choice=choices())
def test_without_permission_it_is_greedy(choice: Choice) -> None:
    expected = Greedy().probabilities(choice.priority, choice.tie, None).tolist()
    for allowed in (None, Exploration(0.0, 1.0)):
        assert InverseGap().probabilities(choice.priority, choice.tie, allowed).tolist() == expected


def test_a_worked_example() -> None:
    """K = 4; gaps 0, 1/2, 3/4 and 1 of no action."""
    chances = InverseGap().probabilities(np.array([4.0, 2.0, 1.0]), np.arange(3), Exploration(1.0, 8.0))
    assert chances.tolist() == pytest.approx([1 - 1 / 8 - 1 / 10 - 1 / 12, 1 / 8, 1 / 10, 1 / 12])


@pytest.mark.parametrize("explorer", [Even(), Uniform()])
def test_the_draw_meets_its_chances(explorer: Explorer) -> None:
    pool, nothing = np.arange(4, dtype=np.intp), np.zeros(4)
    rng, ordinary = np.random.default_rng(20260101), np.zeros(4, np.bool_)
    free = Allowance(np.zeros((0, 4), np.bool_), np.zeros((0, 4), np.int64), np.zeros(0, np.int64))
    firsts = [draw(explorer, None, pool, nothing, pool, ordinary, free, 1, Thrown(rng)).draws for _ in range(20_000)]
    taken = np.bincount([one[0].candidate if one else 4 for one in firsts], minlength=5)
    expected, spread = 4_000, math.sqrt(20_000 * 0.2 * 0.8)
    assert (np.abs(taken - expected) < 5 * spread).all()


def offers(world: World, policy: Policy = POLICY) -> Decision:
    asked = replace(world.request, across="each", distinct=False, explain=True)
    return answered(replace(world, request=asked), policy)


@FEW
@given(world=worlds(exploring=True))
def test_what_is_going_first_is_no_matter_of_dice_and_a_fallback_the_last_resort(world: World) -> None:
    first, last = going_first(world), fallbacks(world)
    for slate in offers(world).slates:
        passed = eligible(slate, world)
        names = [one.action_id for one in slate.actions]
        waiting = passed & first
        assert set(names[: len(waiting)]) == waiting or set(names) <= waiting
        assert {one.selection_probability for one in slate.actions if one.action_id in first} <= {1.0}
        assert not waiting or slate.no_action_probability == 0.0
        assert not set(names) & last or passed <= last


@FEW
@given(world=worlds(GREEDY_ARMS))
def test_where_no_channel_explores_the_policy_is_greedy(world: World) -> None:
    assert answered(world).slates == answered(world, Policy(GATES, Greedy())).slates


@FEW
@given(world=worlds((Arm.RANDOM,), exploring=True))
def test_in_the_random_arm_everything_eligible_is_alike_where_a_channel_does_not_forbid_it(world: World) -> None:
    allowed = [one.exploration for one in world.compiled.catalogue.channels.values()]
    decision = answered(world)
    if not any(one is not None and one.share == 0 for one in allowed):
        assert decision.slates == answered(world, Policy(GATES, Even())).slates
    if all(one is not None and one.share == 0 for one in allowed):
        assert decision.slates == answered(world, Policy(GATES, Greedy())).slates


@FEW
@given(world=worlds(exploring=True))
def test_where_a_channel_forbids_it_nobody_is_explored_on_in_no_arm(world: World) -> None:
    """Of several channels at once, where one of them that has something to show forbids it."""
    for across in ("each", "best"):
        decision = answered(replace(world, request=replace(world.request, across=across)))
        channels = world.compiled.catalogue.channels
        shown = [(slate, channels[slate.channel].exploration) for slate in decision.slates]
        forbids = [allowed is not None and allowed.share == 0 for _, allowed in shown]
        if across == "best":
            having = [one for one, (slate, _) in zip(forbids, shown, strict=True) if slate.funnel["eligible"]]
            forbids = [any(having)] * len(shown)
        for (slate, _), forbidden in zip(shown, forbids, strict=True):
            chances = [one.selection_probability for one in slate.actions]
            certain = {*chances, slate.no_action_probability, slate.end_probability} <= {0.0, 1.0}
            assert certain or not forbidden


def test_forbidding_is_another_thing_than_saying_nothing() -> None:
    priority, tie = np.array([1.0, 2.0]), np.arange(2)
    assert Uniform().probabilities(priority, tie, None).tolist() == [1 / 3] * 3
    assert Uniform().probabilities(priority, tie, Exploration(1e-9, 1.0)).tolist() == [1 / 3] * 3
    assert Uniform().probabilities(priority, tie, Exploration(0.0, 1.0)).tolist() == [0.0, 1.0, 0.0]
    assert Uniform().probabilities(-priority, tie, Exploration(0.0, 1.0)).tolist() == [0.0, 0.0, 1.0]


@FEW
@given(world=worlds(exploring=True))
def test_one_pair_over_all_channels_is_drawn_as_the_strictest_of_them_allows(world: World) -> None:
    decision = answered(replace(world, request=replace(world.request, across="best")))
    channels = world.compiled.catalogue.channels
    allowed = [channels[slate.channel].exploration for slate in decision.slates if slate.funnel["eligible"]]
    least = min((0.0 if one is None else one.share for one in allowed), default=1.0)
    assert world.arm is Arm.RANDOM or not allowed or decision.slates[0].no_action_probability <= least + 1e-12


def test_a_fallback_comes_in_only_where_the_channel_has_nothing_else() -> None:
    actions = {"plain": {"treatments": [{"id": "t", "channel": "web"}]}, "anyway": {"fallback": True, "value": 9}}
    shop, vocabulary = small_shop(actions)
    world = World(shop, vocabulary, (), NOBODY, request("mail", "web", limit=3), ByAction())
    offered = [[one.action_id for one in slate.actions] for slate in answered(world).slates]
    assert offered == [["anyway"], ["plain"]]
    best = answered(replace(world, request=replace(world.request, across="best")))
    assert [[one.action_id for one in slate.actions] for slate in best.slates] == [[], ["plain"]]


def test_what_is_going_first_cannot_wait_for_everything_else() -> None:
    with pytest.raises(CatalogueInvalid, match="fallback is 'true'; what is urgent or triggered"):
        small_shop({"both": {"fallback": True, "urgent": True, "kind": "service"}})


def test_the_policy_version_follows_gates_order_explorers_and_arms(monkeypatch: pytest.MonkeyPatch) -> None:
    def versions() -> set[str]:
        return {
            policy_version(GATES, Greedy()),
            policy_version(GATES[::-1], Greedy()),
            policy_version(GATES[1:], Greedy()),
            policy_version((Schedule(revision=2), *GATES[1:]), Greedy()),
            policy_version(GATES, Even()),
            policy_version(GATES, Greedy(revision=3)),
        }

    before = versions()
    assert len(before) == 6
    assert policy_version(GATES, InverseGap()) == POLICY.version
    monkeypatch.setattr(arms, "REVISION", arms.REVISION + 1)
    assert not before & versions()
