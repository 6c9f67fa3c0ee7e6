"""Logistic regression whose coefficients are expected to be about something before any row says more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.calibration import IDENTITY

_STEPS = 50
_STILL = 1e-10


def held_logistic(
    columns: NDArray[np.float64],
    label: NDArray[np.bool_],
    weight: NDArray[np.float64],
    expected: NDArray[np.float64],
    precision: NDArray[np.float64],
) -> NDArray[np.float64]:
    """float64[k], of most likelihood times that of normal coefficients about `expected` with variances one over
    `precision`; by Newton's method, for it is convex. columns: float64[n, k], finite. expected, precision:
    float64[k]."""
    found = expected
    for _ in range(_STEPS):
        log_odds = columns @ found
        downhill = columns.T @ (weight * (label - IDENTITY.apply(log_odds))) - precision * (found - expected)
        curvature = (columns.T * (weight * variance(log_odds))) @ columns + np.diag(precision)
        step = np.linalg.solve(curvature, downhill)
        found = found + step
        if np.abs(step).max() < _STILL:
            break
    return found


def variance(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of an outcome with such odds."""
    chance = IDENTITY.apply(log_odds)
    return np.asarray(chance * (1.0 - chance), np.float64)
