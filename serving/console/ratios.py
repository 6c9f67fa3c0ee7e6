"""Ratios of sums over people, and how surely they are known."""

from __future__ import annotations

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
