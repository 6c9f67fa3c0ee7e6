"""How often a person buys a thing, late baskets counting most: the personal frequency of TIFUKNN.

Hu, He, Gao, Zhang, "Modeling Personalized Item Frequency Information for Next-basket Recommendation", SIGIR 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.next_purchase.baskets import Baskets


@dataclass(frozen=True, slots=True)
class Decay:
    """Baskets stand in groups of `group`, counted from the last; each loses `within`
    for every later basket of its group, and `between` for every later group."""

    group: int = 7
    within: float = 0.9
    between: float = 0.7

    def weight(self, known: Baskets) -> NDArray[np.float64]:
        """float64[baskets]: means over groups of means over baskets; the earliest group may be short."""
        age, owner, count = known.age(), known.owner(), known.count()
        group, place = age // self.group, age % self.group
        groups = -(-count // self.group)
        size = np.where(group == groups[owner] - 1, (count - (groups - 1) * self.group)[owner], self.group)
        return np.asarray(self.within**place / size * self.between**group / groups[owner], np.float64)
