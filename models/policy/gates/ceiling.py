"""A new action is not shown to everybody at once: a day has its most contacts until the action has had enough of
them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.gate import Account
from models.policy.gates import budget
from models.policy.situation import Situation


@dataclass(frozen=True, slots=True)
class BelowCeiling:
    name: str = "ceiling"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        return budget.refuses(situation, situation.compiled.spending.ceilings)

    def account(self, situation: Situation, place: int) -> Account:
        return budget.account(situation, place, situation.compiled.spending.ceilings)
