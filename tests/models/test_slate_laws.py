"""The laws of a decision's slates, drawn one after the other: within contact limits and budgets all together, best
first, with chances that are of what is left."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from models.decision import Decision, Slate
from models.policy.gates import GATES
from models.policy.version import POLICY, Policy
from models.policy_rules import OWED
from tests.models.contact_oracle import Contact, contacts_of, exceeds
from tests.models.shelves import GREEDY_ARMS
from tests.models.shop import NOW
from tests.models.spending_oracle import overspends
from tests.models.test_decide import LAW, Even, answered, eligible, fallbacks, going_first, in_order
from tests.models.worlds import World, worlds


def beside(decision: Decision, world: World) -> list[tuple[Slate, list[Contact]]]:
    """Each slate, and the contacts that there were or were chosen on earlier channels."""
    found, counting = [], contacts_of(world.events, NOW)
    for slate in decision.slates:
        found.append((slate, list(counting)))
        counting += [(one.action_id, slate.channel, world.request.deliver_at) for one in slate.actions]
    return found


def fitting(among: set[str], slate: Slate, counting: list[Contact], world: World) -> set[str]:
    """Those among them that are within the contact limits and what may be spent, beside what counts."""
    at, chosen = world.request.deliver_at, own(counting, world)
    fit = {one for one in among if not exceeds(world, one, slate.channel, at, counting)}
    fit = {one for one in fit if not crowds(world, one, [action for action, on in chosen if on == slate.channel])}
    return {one for one in fit if not overspends(world, one, slate.channel, chosen)}


def crowds(world: World, action_id: str, shown: list[str]) -> bool:
    """Whether one more would be more of its group than a slate that shows those may have."""
    catalogue = world.compiled.catalogue
    actions = {one.id: one for one in catalogue.actions}
    action = actions[action_id]
    rules = catalogue.groups.get(action.group)
    most = 1 if rules is None else rules.per_slate
    return action.purpose not in OWED and sum(actions[one].group == action.group for one in shown) >= most


def own(counting: list[Contact], world: World) -> list[tuple[str, str]]:
    """(action id, channel) of what the decision chose itself, which comes after what was before."""
    return [(str(action), str(channel)) for action, channel, _ in counting[len(contacts_of(world.events, NOW)) :]]


@LAW
@given(world=worlds())
def test_no_decision_exceeds_a_limit_counting_its_own_slates_and_no_slate_has_too_many_of_a_group(world: World) -> None:
    at = world.request.deliver_at
    for policy in (POLICY, Policy(GATES, Even())):
        for slate, counting in beside(answered(world, policy), world):
            for one in slate.actions:
                assert not exceeds(world, one.action_id, slate.channel, at, counting)
                assert not overspends(world, one.action_id, slate.channel, own(counting, world))
                shown = [action for action, on in own(counting, world) if on == slate.channel]
                assert not crowds(world, one.action_id, shown)
                counting.append((one.action_id, slate.channel, at))


@LAW
@given(world=worlds(GREEDY_ARMS))
def test_greedy_fills_each_slate_with_the_best_there_is(world: World) -> None:
    each = replace(world, request=replace(world.request, across="each", distinct=False, explain=True))
    for slate, counting in beside(answered(each), each):
        left = before_fallbacks(fitting(eligible(slate, world), slate, counting, world), world)
        for action in slate.actions:
            assert action.action_id in fitting(left, slate, counting, world)
            left.remove(action.action_id)
            counting.append((action.action_id, slate.channel, world.request.deliver_at))
        assert len(slate.actions) == world.request.limit or not fitting(left, slate, counting, world)
        assert in_order(slate.actions, world)
        assert all(action.selection_probability == 1.0 for action in slate.actions)
        assert slate.no_action_probability == (0.0 if slate.actions else 1.0)
        for action in slate.actions:
            code = world.vocabulary.code("action", action.action_id)
            assert action.response_probability == world.scorer.probability[code]


def before_fallbacks(fit: set[str], world: World) -> set[str]:
    return fit - fallbacks(world) or fit


@LAW
@given(world=worlds())
def test_chances_are_of_what_is_left_and_no_action_competes(world: World) -> None:
    each = replace(world, request=replace(world.request, across="each", distinct=False, explain=True))
    for slate, counting in beside(answered(each, Policy(GATES, Even())), each):
        pool = before_fallbacks(fitting(eligible(slate, world), slate, counting, world), world)
        first = going_first(world)
        assert slate.no_action_probability == (0.0 if pool & first else 1.0 / (len(pool) + 1))
        for action in slate.actions:
            left = fitting(pool, slate, counting, world)
            assert action.selection_probability == (1.0 if left & first else 1.0 / (len(left) + 1))
            assert action.action_id in (left & first or left)
            pool.remove(action.action_id)
            counting.append((action.action_id, slate.channel, world.request.deliver_at))
