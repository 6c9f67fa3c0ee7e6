"""What the customer will need next: log odds of buying in a category within HORIZON, learned from purchases alone.

It knows nothing of actions, so a brand-new offer is ranked sensibly on its first day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from models.forest import Forest
from models.inputs import affinity_columns, affinity_shared, interest_columns, interest_shared

HORIZON = 28 * 86_400_000
"""ms: "next" is the time from the moment until this much later."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What the forests of affinity and of interest read, each category once. rows: float64[m, F]. columns: float64[k,
    affinity_inputs]. first: int32[k], the row of each. unknown: bool[k], the one that is no category. back: int32[m],
    the place of each row's category among the k."""

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    first: NDArray[np.int32]
    unknown: NDArray[np.bool_]
    back: NDArray[np.int32]

    @classmethod
    def of(cls, rows: NDArray[np.float64], category: NDArray[np.int32], figures: NDArray[np.float64]) -> Needs:
        """rows: all of one customer at one moment, so each category is scored once. category: int32[m], -1 for none.
        figures: Population.by_number()."""
        first, back = distinct(category, len(figures))
        found = category[first]
        return cls(rows, affinity_columns(rows, figures[found], first), first, found < 0, back)

    def affinity(self, forest: Forest) -> NDArray[np.float64]:
        """float64[m], log odds, NaN where there is no category."""
        return self._of_rows(forest.raw(self.columns, shared=affinity_shared()))

    def interest(self, forest: Forest) -> NDArray[np.float64]:
        """Likewise."""
        columns = interest_columns(self.rows, self.columns, self.first)
        return self._of_rows(forest.raw(columns, shared=interest_shared()))

    def _of_rows(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """score: float64[k]; written to."""
        score[self.unknown] = np.nan
        of_each: NDArray[np.float64] = score[self.back]
        return of_each


@compiled
def distinct(category: NDArray[np.int32], categories: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """int32[k]: where each category, and none, comes first; int32[m]: the place of each one's among those. Of numbers
    from -1 to below `categories`."""
    place = np.full(categories + 1, -1, np.int32)
    first, back = np.empty(len(category), np.int32), np.empty(len(category), np.int32)
    count = 0
    for at in range(len(category)):
        number = category[at] + 1
        if place[number] < 0:
            place[number] = count
            first[count] = at
            count += 1
        back[at] = place[number]
    return first[:count], back
