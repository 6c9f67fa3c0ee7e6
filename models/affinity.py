"""What the customer will need next: log odds of buying in a category within HORIZON, learned from purchases alone.

It knows nothing of actions, so a brand-new offer is ranked sensibly on its first day.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from models.forest import Forest
from models.inputs import affinity_columns, affinity_shared

HORIZON = 28 * 86_400_000
"""ms: "next" is the time from the moment until this much later."""


def affinity_log_odds(
    forest: Forest,
    rows: NDArray[np.float64],
    category: NDArray[np.int32],
    figures: NDArray[np.float64],
) -> NDArray[np.float64]:
    """float64[m], NaN where category is -1.

    rows: float64[m, F], all of one customer at one moment, so each category is scored once. category: int32[m].
    figures: Population.by_number().
    """
    first, back = distinct(category, len(figures))
    found = category[first]
    score = forest.raw(affinity_columns(rows[first], figures[found]), shared=affinity_shared())
    score[found < 0] = np.nan
    of_each: NDArray[np.float64] = score[back]
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
