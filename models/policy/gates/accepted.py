"""What somebody accepted is under way: it is not offered again until it was ordered, called off, or has expired."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.event import NO_CODE, Kind
from features.history import Records
from models.document_fields import text_of
from models.policy.gate import Account
from models.policy.promoted import promotes, things_of
from models.policy.situation import Situation

NEVER = -(2**62)


@dataclass(frozen=True, slots=True)
class NotPending:
    """Ordered: anything that it promotes, or the action reported converted. Called off: the action rejected since."""

    name: str = "accepted"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        pending = _pending(situation)
        if not pending:
            return situation.nobody
        refused = np.zeros(len(situation.candidates), np.bool_)
        for action, accepted_at in pending.items():
            until = accepted_at + situation.compiled.catalogue.actions[action].pending
            refused |= (situation.candidates.action == action) & (situation.moment < until)
        return refused

    def account(self, situation: Situation, place: int) -> Account:
        number = int(situation.candidates.action[place])
        accepted_at = _pending(situation)[number]
        when = text_of(accepted_at)
        until = text_of(accepted_at + situation.compiled.catalogue.actions[number].pending)
        reason = f"it was accepted on {when} and waits for its order until {until}"
        return Account("pending", f"accepted {when}", f"ordered, called off, or from {until}", reason)


def _pending(situation: Situation) -> dict[int, int]:
    """By place in the catalogue's actions, when it was last accepted (ms UTC), unless that has come to an end."""
    if Kind.ACCEPTED not in situation.kinds:
        return {}
    known = situation.known
    accepted = known[(known["kind"] == Kind.ACCEPTED) & (known["action"] != NO_CODE)]
    pending: dict[int, int] = {}
    for code in np.unique(accepted["action"]).tolist():
        number = situation.compiled.policy.number.get(code)
        if number is not None:
            at = int(accepted["occurred_at"][accepted["action"] == code].max())
            if not _settled(situation, known[known["occurred_at"] >= at], number, code):
                pending[number] = at
    return pending


def _settled(situation: Situation, since: Records, number: int, code: int) -> bool:
    told = since[since["action"] == code]
    if np.isin(told["kind"], (Kind.CONVERTED, Kind.REJECTED)).any():
        return True
    bought = since["item"][(since["kind"] == Kind.ORDERED) & (since["item"] != NO_CODE)]
    return promotes(situation.compiled, number, things_of(situation.compiled, bought.tolist()))
