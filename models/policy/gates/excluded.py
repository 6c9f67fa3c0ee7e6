"""What the request itself rules out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.gate import Account
from models.policy.situation import Situation


@dataclass(frozen=True, slots=True)
class Excluded:
    name: str = "excluded"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        numbers = situation.compiled.action_number
        named = [numbers[action_id] for action_id in situation.request.exclude if action_id in numbers]
        if not named:
            return situation.nobody
        out = np.zeros(len(numbers), np.bool_)
        out[named] = True
        return out[situation.candidates.action]

    def account(self, situation: Situation, place: int) -> Account:
        action_id = situation.action_id(place)
        return Account("request", action_id, "not in exclude", f"the request excludes {action_id}")
