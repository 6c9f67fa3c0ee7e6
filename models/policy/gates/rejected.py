"""What somebody rejected is left alone for a while, and so are the actions of its group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.event import Kind
from models.cool_off import Resting
from models.document_fields import text_of
from models.policy.gate import Account
from models.policy.situation import Situation

NEVER = -(2**62)


@dataclass(frozen=True, slots=True)
class CooledOff:
    """A rejection at t refuses its action in [t, t + the action's rest) and its group in [t, t + the group's)."""

    name: str = "recently_rejected"
    revision: int = 2

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        if Kind.REJECTED not in situation.kinds:
            return situation.nobody
        newest, in_group = _rejections(situation)
        rests, action, moment = situation.compiled.policy.rests, situation.candidates.action, situation.moment
        # No rest is so long that NEVER and it came to a moment.
        return (newest + rests.action[action] > moment) | (in_group + rests.group[action] > moment)

    def account(self, situation: Situation, place: int) -> Account:
        newest, in_group = _rejections(situation)
        of_action, of_group = (int(ends[place]) for ends in _ends(situation, newest, in_group))
        number, rests = int(situation.candidates.action[place]), situation.compiled.policy.rests
        own = of_action >= of_group
        rule, whose, at = ("action", "it", newest) if own else ("group", "an action of its group", in_group)
        resting = rests.of_action[number] if own else rests.of_group[number]
        when, until = text_of(int(at[place])), text_of(max(of_action, of_group))
        reason = f"{whose} was rejected on {when}; the {rule} rests until {until}{_why(resting)}"
        return Account(rule, f"rejected {when}", f"from {until}", reason)


def _why(resting: Resting) -> str:
    """Of a rest that nobody has set."""
    if not resting.rule.learned:
        return ""
    if resting.found is None:
        return ", for how long it should is not learned yet"
    rest, whose = resting.found
    people = f"{rest.people:,} people who were contacted again after they had rejected {whose}"
    if not rest.at_least:
        return f", {rest.days:.0f} days as learned from {people}"
    return f", as learned from {people}: for at least {rest.days:.0f} days they rejected more often than others"


def _rejections(situation: Situation) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[candidates], twice: when the action, and when any action of its group, was last rejected; NEVER."""
    columns, group_of = situation.candidates.candidates, situation.compiled.facts.action_group
    by_action = np.full(len(group_of) + 1, NEVER, np.int64)
    by_group = np.full(len(situation.compiled.groups) + 1, NEVER, np.int64)  # the last one is for none
    if Kind.REJECTED in situation.kinds:
        rejected = situation.known["kind"] == Kind.REJECTED
        action, at = situation.known["action"][rejected], situation.known["occurred_at"][rejected]
        named = (action >= 0) & (action < len(group_of))
        action, at = action[named], at[named]
        by_action[action] = at  # the newest of each is the last
        by_group[group_of[action]] = at
        by_group[-1] = NEVER
    return by_action[columns.action], by_group[columns.group]


def _ends(
    situation: Situation, newest: NDArray[np.int64], in_group: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[candidates], twice: ms UTC, until when the action and until when its group rests; NEVER."""
    rests, action = situation.compiled.policy.rests, situation.candidates.action
    of_action = np.where(newest == NEVER, NEVER, newest + rests.action[action])
    return of_action, np.where(in_group == NEVER, NEVER, in_group + rests.group[action])
