"""One more contact must be within every limit that binds it: its action's, its group's, its channel's, and that of all
channels of its direction. What is owed (models.policy_rules.OWED) is bound by none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.document_fields import text_of
from models.journey_rules import HOUR
from models.policy.allowance import allowance, permitted_from, standing
from models.policy.gate import Account
from models.policy.situation import Situation
from models.policy_rules import Limit


@dataclass(frozen=True, slots=True)
class WithinContactLimits:
    name: str = "contact_limits"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        if not len(situation.compiled.limits):
            return situation.nobody
        everybody = np.arange(len(situation.candidates), dtype=np.intp)
        return ~allowance(situation, everybody).allowed(everybody)

    def account(self, situation: Situation, place: int) -> Account:
        """Of the limit that holds it back the longest."""
        rules, stands = situation.compiled.limits, standing(situation)
        mine = allowance(situation, np.array([place], np.intp))
        found = [
            (permitted_from(situation, int(one), stands.made.at[stands.counts[one]]), int(one))
            for one in np.flatnonzero(mine.binds[:, 0] & (mine.left <= 0))
        ]
        again, limit = max(found, key=lambda one: (one[0] is None, one[0] or 0))
        rule, whom, used = rules.limits[limit], rules.of[limit], int(stands.used[limit])
        most, observed = allowed(rule), f"{contacts(used)} with {whom}"
        reason = f"{whom}: {most}, and there are {used}, made or reserved"
        if again is None:
            return Account("never", observed, most, reason)
        return Account(
            "too_many", observed, f"{most}: from {text_of(again)}", f"{reason}; permitted from {text_of(again)} on"
        )


def allowed(limit: Limit) -> str:
    """In words."""
    return f"at most {contacts(limit.contacts)} {_span(limit)}"


def contacts(count: int) -> str:
    return "1 contact" if count == 1 else f"{count} contacts"


def _span(limit: Limit) -> str:
    if limit.days is not None:
        return "a day" if limit.days == 1 else f"in {limit.days} days"
    return f"in {(limit.span or 0) / HOUR:g} hours"
