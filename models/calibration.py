"""From the raw sum of trees to a probability: one function, used by training, evaluation, serving and pyfunc alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FARTHEST = 700.0
"""exp() of a double overflows soon after."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt scaling: P = 1 / (1 + exp(-(slope x raw + offset))). raw is in log odds; slope is above 0, so that
    calibrating never changes an order. Raises ValueError for anything else."""

    slope: float
    offset: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.slope) and self.slope > 0):
            raise ValueError(f"slope is {self.slope}; it must be finite and above 0; fit the calibration again")
        if not np.isfinite(self.offset):
            raise ValueError(f"offset is {self.offset}; it must be finite; fit the calibration again")

    def apply(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[m] probabilities for float64[m] raw scores."""
        log_odds = np.minimum(np.maximum(self.slope * raw + self.offset, -_FARTHEST), _FARTHEST)
        probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-log_odds))
        return probability


IDENTITY = Calibration(1.0, 0.0)
"""For a raw score that is a log odds already."""
