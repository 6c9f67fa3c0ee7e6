"""What somebody rejected is left alone for a while, and so are the actions of its group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.event import Kind
from features.history import as_of
from models.document_fields import text_of
from models.policy.gate import Account
from models.policy.situation import Situation

NEVER = -(2**62)


@dataclass(frozen=True, slots=True)
class CooledOff:
    """A rejection at t refuses its action in [t, t + the action's rest) and its group in [t, t + the group's)."""

    name: str = "recently_rejected"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        newest, in_group = _rejections(situation)
        return _until(situation, newest, in_group) > situation.moment

    def account(self, situation: Situation, place: int) -> Account:
        newest, in_group = _rejections(situation)
        until = text_of(int(_until(situation, newest, in_group)[place]))
        own = int(newest[place]) + _rest(situation)[0][place] > situation.moment
        rule, whose, at = ("action", "it", newest) if own else ("group", "an action of its group", in_group)
        when = text_of(int(at[place]))
        reason = f"{whose} was rejected on {when}; the {rule} rests until {until}"
        return Account(rule, f"rejected {when}", f"from {until}", reason)


def _rejections(situation: Situation) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[candidates], twice: when the action, and when any action of its group, was last rejected; NEVER."""
    known = as_of(situation.customer.page, situation.moment)
    rejected = known[(known["kind"] == Kind.REJECTED) & (known["action"] >= 0)]
    columns, facts = situation.candidates.candidates, situation.compiled.facts
    newest = np.full(len(columns.action), NEVER, np.int64)
    in_group = newest.copy()
    for action, at in zip(rejected["action"].tolist(), rejected["occurred_at"].tolist(), strict=True):
        newest[columns.action == action] = np.maximum(newest[columns.action == action], at)
        group = int(facts.action_group[action]) if action < len(facts.action_group) else -1
        if group >= 0:
            in_group[columns.group == group] = np.maximum(in_group[columns.group == group], at)
    return newest, in_group


def _rest(situation: Situation) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[candidates], twice: ms for which the action, and its group, rests."""
    columns, action = situation.compiled.policy, situation.candidates.action
    return columns.action_rest[action], columns.group_rest[action]


def _until(situation: Situation, newest: NDArray[np.int64], in_group: NDArray[np.int64]) -> NDArray[np.int64]:
    of_action, of_group = _rest(situation)
    ends = np.maximum(newest + of_action, in_group + of_group)
    return np.where((newest == NEVER) & (in_group == NEVER), NEVER, ends)
