"""Ratios of sums over people, and how surely they are known."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Z: Final = 1.959964
"""Of a normal distribution: 95 % lie within so many standard errors."""


def ratio(rows: NDArray[np.float64]) -> float:
    """rows: float64[people, (of what, how much)]."""
    return float(rows[:, 1].sum() / rows[:, 0].sum())


def variance(rows: NDArray[np.float64]) -> float:
    """Of the ratio of sums over two people or more, who are drawn and not their contacts (linearised; Cochran 1977,
    6.4)."""
    people = len(rows)
    residuals = rows[:, 1] - ratio(rows) * rows[:, 0]
    return float(residuals @ residuals * people / (people - 1) / rows[:, 0].sum() ** 2)


Lead = tuple[float, tuple[float, float]]
NO_LEAD: Final[Lead] = (math.nan, (math.nan, math.nan))


def lead(own: NDArray[np.float64], reference: NDArray[np.float64]) -> Lead:
    """How far the ratio is ahead of the reference's, with its 95 % interval; NaN of fewer than two people of either."""
    if len(own) < 2 or len(reference) < 2:
        return NO_LEAD
    ahead = ratio(own) - ratio(reference)
    reach = Z * math.sqrt(variance(own) + variance(reference))
    return ahead, (ahead - reach, ahead + reach)
