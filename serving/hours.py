"""Sums over the last day, hour by hour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HOURS = 24


class Hours:
    """Sums of `width` numbers over the last HOURS hours; of what is older nothing is kept."""

    def __init__(self, width: int) -> None:
        self._sums = np.zeros((HOURS, width))
        self._of = np.full(HOURS, -1, np.int64)

    def add(self, hour: int, place: int, amount: float) -> None:
        slot = hour % HOURS
        if self._of[slot] != hour:
            if self._of[slot] > hour:  # later than a day
                return
            self._of[slot], self._sums[slot] = hour, 0.0
        self._sums[slot, place] += amount

    def last(self, hour: int) -> NDArray[np.float64]:
        """float64[width] up to and with that hour."""
        inside = (self._of > hour - HOURS) & (self._of <= hour)
        found: NDArray[np.float64] = self._sums[inside].sum(axis=0)
        return found
