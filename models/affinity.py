"""What the customer will need next: log odds of buying in a category within HORIZON, learned from purchases alone.

It knows nothing of actions, so a brand-new offer is ranked sensibly on its first day.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    found, first, back = np.unique(category, return_index=True, return_inverse=True)
    score = forest.raw(affinity_columns(rows[first], figures[found]), shared=affinity_shared())
    return np.where(found < 0, np.nan, score)[back]
