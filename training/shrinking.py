"""Ratios of what was observed to what was expected, the thin ones held towards those of their kind (empirical Bayes).

The ratios of a kind's things are taken as gamma distributed about its own, as sharply as makes the counts most likely:
what is counted is then negative binomial. A thing is held by at most as much as the others of its kind know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

HOLDS = (2.0, 5.0, 20.0, 80.0, 320.0)
"""Counts by which a thing may be held; large: all of a kind are alike."""

_HALF = 0.5
"""Of a count: the exponent of Jeffreys' prior of a rate; without any, nothing would seem certain never to happen."""


@dataclass(frozen=True, slots=True)
class Ratios:
    """ratio, strength: float64[...], as many counts as each comes from; 0 where nothing is known."""

    ratio: NDArray[np.float64]
    strength: NDArray[np.float64]

    def of(self, kind: NDArray[np.intp]) -> Ratios:
        """Of the kind of each thing."""
        return Ratios(self.ratio[kind], self.strength[kind])


def alone(observed: NDArray[np.float64], expected: NDArray[np.float64]) -> Ratios:
    """Of a kind with nothing above it."""
    strength = np.where(expected > 0.0, observed + _HALF, 0.0)
    return Ratios(_over(strength, expected), strength)


def held_towards(observed: NDArray[np.float64], expected: NDArray[np.float64], above: Ratios, held: float) -> Ratios:
    """above: of the kind of each, in which it is counted itself."""
    others = np.maximum(above.strength - observed - _HALF, 0.0)
    weight = held * others / (held + others)
    strength = np.where((expected > 0.0) | (weight > 0.0), observed + weight + _HALF, 0.0)
    return Ratios(_over(strength, expected + _over(weight, above.ratio)), strength)


def best_hold(observed: NDArray[np.float64], expected: NDArray[np.float64], above: Ratios) -> float:
    """Of HOLDS."""
    seen = (expected > 0.0) & (above.strength > 0.0)
    count, mean = observed[seen], (expected * above.ratio)[seen]

    def likelihood(held: float) -> float:
        told = gammaln(count + held) - gammaln(held) + held * np.log(held / (held + mean))
        return float((told + count * np.log(mean / (held + mean))).sum())

    return max(HOLDS, key=likelihood)


def _over(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 where there is nothing to divide by."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0.0)
