"""The holdout gets no marketing, retention or survey, on any channel; what is owed to people reaches them there too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.document_fields import text_of
from models.policy.arms import period_of
from models.policy.gate import Account
from models.policy.situation import Situation
from models.policy_rules import Arm


@dataclass(frozen=True, slots=True)
class OutsideHoldout:
    name: str = "arm"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        if situation.arm is not Arm.HOLDOUT:
            return situation.nobody
        return ~situation.compiled.policy.owed[situation.candidates.action]

    def account(self, situation: Situation, place: int) -> Account:
        purpose = situation.compiled.catalogue.actions[int(situation.candidates.action[place])].purpose
        reason = f"it is {purpose}, and the customer is in the holdout{_until(situation)}"
        return Account(Arm.HOLDOUT, purpose, "service or legal", reason)


def _until(situation: Situation) -> str:
    arms = situation.compiled.catalogue.arms
    if arms is None:
        return ""
    return f" until {text_of((period_of(arms, situation.moment) + 1) * arms.period)}"
