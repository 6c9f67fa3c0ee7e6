"""Whole decisions about people who wait to be helped: nothing is sold to them, whatever else is true of them."""

from __future__ import annotations

from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from features.event import Event, Kind
from models.decision import Decision
from models.policy.exploration import UNIFORM
from models.policy.gates import GATES
from models.policy.gates.service_first import ServiceBeforeSales
from models.policy.version import POLICY, Policy
from models.scoring import Scorer
from tests.models.shop import Broken, event
from tests.models.test_decide import answered
from tests.models.test_held_back import ambiguous_transfer, in_trouble, is_sale
from tests.models.worlds import World, worlds

TROUBLES = st.lists(
    st.sampled_from(
        [
            event(Kind.CASE_OPENED, 1, decision="case 9", severity=5),
            event(Kind.CASE_OPENED, 6.5, decision="case 9"),
            event(Kind.CASE_UPDATED, 3, decision="case 1", severity=3),
            event(Kind.DELIVERY_DELAYED, 2, order="o9"),
            event(Kind.PAYMENT_FAILED, 0, order="o9"),
            event(Kind.CALL_STARTED, 1 / 24, channel="web"),
        ]
    ),
    max_size=2,
)
"""Beside what else happened in a world, some of which may end them."""


def sold(world: World, decision: Decision) -> list[str]:
    """What was chosen though it waits."""
    by_id = {action.id: action for action in world.compiled.catalogue.actions}
    chosen = [(by_id[one.action_id], slate.channel) for slate in decision.slates for one in slate.actions]
    return [action.id for action, channel in chosen if is_sale(world, action, channel)]


def waits(world: World) -> bool:
    has_rule = world.compiled.catalogue.service_first is not None
    return has_rule and not ambiguous_transfer(world) and in_trouble(world)


@settings(max_examples=80, deadline=None)
@given(world=worlds(exploring=True, open_but_for="trouble"), troubles=TROUBLES)
def test_nobody_is_sold_to_while_they_wait_to_be_helped(world: World, troubles: list[Event]) -> None:
    """However it is drawn, with a model and without."""
    troubled = world.after(*troubles)
    if not waits(troubled):
        return
    scorers: tuple[Scorer, ...] = (world.scorer, Broken())
    for scorer in scorers:
        for policy in (POLICY, Policy(GATES, UNIFORM)):
            assert sold(troubled, answered(troubled, policy, scorer)) == []


def test_without_the_gate_they_would_be() -> None:
    """So the law above can be broken, and what is owed still passes it."""
    without = Policy(tuple(gate for gate in GATES if gate.name != ServiceBeforeSales().name), UNIFORM)

    def breaks(made: tuple[World, list[Event]]) -> bool:
        world = made[0].after(*made[1])
        return waits(world) and bool(sold(world, answered(world, without)))

    def helps(made: tuple[World, list[Event]]) -> bool:
        world = made[0].after(*made[1])
        return waits(world) and any(slate.actions for slate in answered(world).slates)

    any_will_do = settings(max_examples=500, deadline=None, derandomize=True, phases=(Phase.generate,))
    for one in (breaks, helps):
        assert find(st.tuples(worlds(exploring=True, open_but_for="trouble"), TROUBLES), one, settings=any_will_do)
