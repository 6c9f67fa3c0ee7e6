"""A reminder of what lies in the basket is for those in whose basket it lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.basket import BASKET_DAYS, in_basket
from models.policy.gate import Account
from models.policy.promoted import promotes, things_of
from models.policy.situation import Situation


@dataclass(frozen=True, slots=True)
class LiesInBasket:
    name: str = "basket"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        """Each action that requires it is looked at once, however many channels it has."""
        compiled = situation.compiled
        needing = np.flatnonzero(compiled.policy.requires_basket)
        if not len(needing):
            return situation.nobody
        things = things_of(compiled, in_basket(situation.known, situation.moment).tolist())
        lacking = [number for number in needing.tolist() if not promotes(compiled, number, things)]
        return np.isin(situation.candidates.action, lacking)

    def account(self, situation: Situation, place: int) -> Account:
        action = situation.compiled.catalogue.actions[int(situation.candidates.action[place])]
        wanted = ", ".join((*action.items, *action.categories))
        reason = (
            f"it is about what lies in the basket, and none of {wanted} was put there in the last {BASKET_DAYS} days"
        )
        return Account("require", "not in the basket", wanted, reason)
