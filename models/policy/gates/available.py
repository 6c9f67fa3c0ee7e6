"""An action that promotes items needs one of them that can be had, as the item feed tells; what promotes a category, or
nothing, needs none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.gate import Account
from models.policy.situation import Situation


@dataclass(frozen=True, slots=True)
class Available:
    name: str = "available"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        gone, numbers = situation.published.unavailable, situation.candidates.action
        if not gone:
            return situation.nobody
        actions = situation.compiled.catalogue.actions
        promoting = ((actions[number].items, actions[number].categories) for number in numbers.tolist())
        return np.array(
            [bool(items) and not categories and gone.issuperset(items) for items, categories in promoting], np.bool_
        )

    def account(self, situation: Situation, place: int) -> Account:
        items = situation.compiled.catalogue.actions[int(situation.candidates.action[place])].items
        gone = ", ".join(items)
        words = f"item {gone} cannot be had" if len(items) == 1 else f"none of the items {gone} can be had"
        return Account("unavailable", f"{gone} out of stock", "one that can be had", f"{words}, as the item feed tells")
