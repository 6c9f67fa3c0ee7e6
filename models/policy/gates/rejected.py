"""What somebody rejected is left alone for a while, and so are the actions of its group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.event import Kind
from features.history import Records
from models.cool_off import Resting
from models.document_fields import text_of
from models.policy.gate import Account
from models.policy.situation import Situation

NEVER = -(2**62)
_REJECTED = int(Kind.REJECTED)


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
    columns, compiled = situation.candidates.candidates, situation.compiled
    group_of, groups = compiled.facts.action_group, len(compiled.groups)
    known = situation.known.view()
    known.flags.writeable = False  # compiled for one kind of array, as those from a store are
    return _newest(known, group_of, groups, columns.action, columns.group)


@compiled
def _newest(
    known: Records,
    group_of: NDArray[np.int32],
    groups: int,
    action: NDArray[np.int32],
    group: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """known: EVENT, the newest last."""
    actions, count = len(group_of), len(action)
    by_action, by_group = np.full(actions, NEVER), np.full(groups, NEVER)
    for i in range(len(known)):
        code = known[i].action
        if known[i].kind == _REJECTED and 0 <= code < actions:
            by_action[code] = known[i].occurred_at
            if 0 <= group_of[code] < groups:
                by_group[group_of[code]] = known[i].occurred_at
    newest, in_group = np.full(count, NEVER), np.full(count, NEVER)
    for at in range(count):
        if 0 <= action[at] < actions:
            newest[at] = by_action[action[at]]
        if 0 <= group[at] < groups:
            in_group[at] = by_group[group[at]]
    return newest, in_group


def _ends(
    situation: Situation, newest: NDArray[np.int64], in_group: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[candidates], twice: ms UTC, until when the action and until when its group rests; NEVER."""
    rests, action = situation.compiled.policy.rests, situation.candidates.action
    of_action = np.where(newest == NEVER, NEVER, newest + rests.action[action])
    return of_action, np.where(in_group == NEVER, NEVER, in_group + rests.group[action])
