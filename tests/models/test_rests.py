"""What somebody rejected rests, as was set or learned: the gate against a slow and obvious telling, and its words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from features.event import Kind
from models.catalogue import Action
from models.cool_off import CoolOffModel, Rest
from models.policy.gates.rejected import CooledOff
from models.policy_rules import CoolOff
from tests.models.shop import DAY, NOW, event
from tests.models.test_held_back import agrees, known, told
from tests.models.worlds import World, worlds


@settings(max_examples=200, deadline=None)
@given(world=worlds())
def test_what_was_rejected_rests(world: World) -> None:
    catalogue = world.compiled.catalogue
    groups = {action.id: action.group for action in catalogue.actions}
    rejected = known(world, Kind.REJECTED)

    def refused(world: World, action: Action, channel: str) -> bool:  # noqa: ARG001
        group = catalogue.groups.get(action.group)
        own = rested(action.cool_off or catalogue.action_cool_off, rests_of_action(world.rests, action))
        shared = None if group is None else group.cool_off
        others = rested(shared or catalogue.group_cool_off, rests_of_group(world.rests, action.group))
        return any(
            (one.action == action.id and one.occurred_at + own > NOW)
            or (groups.get(str(one.action)) == action.group and one.occurred_at + others > NOW)
            for one in rejected
        )

    agrees(CooledOff(), world, refused)


def rests_of_action(model: CoolOffModel | None, action: Action) -> list[Rest]:
    """The nearest first."""
    every = () if model is None else (model.actions.get(action.id), model.in_group.get(action.group), model.any_action)
    return [rest for rest in every if rest is not None]


def rests_of_group(model: CoolOffModel | None, group: str) -> list[Rest]:
    every = () if model is None else (model.groups.get(group), model.any_group)
    return [rest for rest in every if rest is not None]


def rested(rule: CoolOff, found: list[Rest]) -> float:
    """ms."""
    if not rule.learned or not found:
        return rule.rest
    days = found[0].days * DAY
    return max(days, rule.rest) if found[0].at_least else days


LEARNED = {"action_days": "learned", "action_fallback_days": 30, "group_days": "learned", "group_fallback_days": 7}


def learned(action: Rest | None, group: Rest | None = None, whole: Rest | None = None) -> CoolOffModel:
    """Of the action, of the others of its group, and of any action."""
    actions, groups = ({name: rest} if rest is not None else {} for name, rest in (("a", action), ("g", group)))
    return CoolOffModel(NOW, 1.5, actions, {}, groups, whole, None)


SHORT, LONG = Rest(3.0, at_least=False, people=310), Rest(60.0, at_least=True, people=1_310)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (None, "the action rests until 2026-01-28T00:00:00Z, for how long it should is not learned yet"),
        (
            learned(None, None, LONG),
            "the action rests until 2026-02-27T00:00:00Z, as learned from 1,310 people who were contacted again after "
            "they had rejected any action: for at least 60 days they rejected more often than others",
        ),
        (
            learned(Rest(20.0, at_least=False, people=310), SHORT),
            "the action rests until 2026-01-18T00:00:00Z, 20 days as learned from 310 people who were contacted again "
            "after they had rejected it",
        ),
    ],
)
def test_a_refusal_says_from_what_its_days_are_learned(model: CoolOffModel | None, reason: str) -> None:
    rejected = event(Kind.REJECTED, 3, action="a")
    expected = f"it was rejected on 2025-12-29T00:00:00Z; {reason}"
    assert told(CooledOff(), rejected, cool_off=LEARNED, rests=model) == (True, expected)


def test_a_learned_rest_ends_on_its_day_and_the_later_one_is_told() -> None:
    rejected = event(Kind.REJECTED, 3, action="a")
    assert told(CooledOff(), rejected, cool_off=LEARNED, rests=learned(SHORT, SHORT)) == (False, "")
    by_group = learned(SHORT, Rest(4.0, at_least=False, people=99))
    refused, reason = told(CooledOff(), rejected, cool_off=LEARNED, rests=by_group)
    assert refused
    assert reason == (
        "an action of its group was rejected on 2025-12-29T00:00:00Z; the group rests until 2026-01-02T00:00:00Z, "
        "4 days as learned from 99 people who were contacted again after they had rejected another of its actions"
    )


def test_what_was_set_is_not_learned_and_at_least_is_never_less_than_the_fallback() -> None:
    rejected = event(Kind.REJECTED, 29, action="a")
    at_least = learned(Rest(3.0, at_least=True, people=50), SHORT)
    assert told(CooledOff(), rejected, cool_off=LEARNED, rests=at_least)[0]
    assert told(CooledOff(), rejected, rests=learned(SHORT))[0]
    assert not told(CooledOff(), rejected, cool_off=LEARNED, rests=learned(SHORT, SHORT))[0]
    assert told(CooledOff(), rejected, cool_off=LEARNED, rests=learned(SHORT), cool_off_days=30)[0]


def test_an_unlisted_action_that_was_rejected_rests_nobody() -> None:
    assert told(CooledOff(), event(Kind.REJECTED, 1, action="retired")) == (False, "")
