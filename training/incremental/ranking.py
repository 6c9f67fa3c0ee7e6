"""How well an effect orders people: estimated from doubly robust scores of people whom it had not seen.

Ranks and means are of one fold at a time, so that folds whose effects are at different heights are not compared.
People, not rows, are what is independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata


@dataclass(frozen=True, slots=True)
class Estimate:
    """value, its standard error over people, and the two-sided interval."""

    value: float
    error: float
    low: float
    high: float


def estimate(
    value: float, influence: NDArray[np.float64], person: NDArray[np.int64], level: float, wider: float = 1.0
) -> Estimate:
    """influence: float64[n], of mean 0, what each row adds to n x (value - truth). wider: what the standard error of
    independent rows is multiplied by."""
    _, place = np.unique(person, return_inverse=True)
    sums = np.bincount(place, influence)
    people = len(sums)
    error = wider * float(np.sqrt((sums**2).sum() * people / max(people - 1, 1))) / len(influence)
    reach = float(norm.ppf((1.0 + level) / 2.0)) * error
    return Estimate(value, error, value - reach, value + reach)


def average(score: NDArray[np.float64], person: NDArray[np.int64], level: float) -> Estimate:
    """The mean effect."""
    return estimate(float(score.mean()), score - score.mean(), person, level)


def share_below(effect: NDArray[np.float64], fold: NDArray[np.intp]) -> NDArray[np.float64]:
    """float64[n]: the share of a row's fold that is expected less of, equal ones half."""
    found = np.empty(len(effect))
    for number in np.unique(fold):
        here = fold == number
        found[here] = (rankdata(effect[here]) - 0.5) / here.sum()
    return found


def centred(values: NDArray[np.float64], fold: NDArray[np.intp]) -> NDArray[np.float64]:
    """Less the mean of the fold."""
    total, count = np.bincount(fold, values), np.bincount(fold)
    return np.asarray(values - (total / np.maximum(count, 1))[fold], np.float64)


def qini(
    score: NDArray[np.float64],
    effect: NDArray[np.float64],
    fold: NDArray[np.intp],
    person: NDArray[np.int64],
    level: float,
    wider: float = 1.0,
) -> Estimate:
    """The area between the curve of what is gained by contacting the best share first, and that of any order, per row:
    the mean of (score - its mean) x share below. 0 of a constant effect (Yadlowsky et al. 2021, "Evaluating treatment
    prioritization rules via rank-weighted average treatment effects", with Qini weights). wider: as in estimate."""
    below, off = share_below(effect, fold), centred(score, fold)
    own = off * (below - 0.5)
    value = float(own.mean())
    others = np.empty(len(own))
    for number in np.unique(fold):
        here = np.flatnonzero(fold == number)
        others[here] = _above(off[here], effect[here])
    return estimate(value, own + others - 2.0 * value, person, level, wider)


def _above(off: NDArray[np.float64], effect: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n]: the mean over all rows of `off`, of those of more effect whole and of equal ones half: what a row's
    place among the others does to them."""
    _, place = np.unique(effect, return_inverse=True)
    sums = np.bincount(place, off)
    above = sums.sum() - np.cumsum(sums)
    return np.asarray((above + 0.5 * sums)[place] / len(off), np.float64)


def top(
    score: NDArray[np.float64],
    effect: NDArray[np.float64],
    fold: NDArray[np.intp],
    person: NDArray[np.int64],
    share: float,
    level: float,
) -> Estimate:
    """The mean effect on the `share` of rows of which most is expected; rows that tie at the edge count in part."""
    weight = first(effect, fold, share)
    value = float((weight * score).sum() / weight.sum())
    return estimate(value, weight * (score - value) / weight.mean(), person, level)


def first(effect: NDArray[np.float64], fold: NDArray[np.intp], share: float) -> NDArray[np.float64]:
    found = np.zeros(len(effect))
    for number in np.unique(fold):
        here = np.flatnonzero(fold == number)
        _, place, count = np.unique(-effect[here], return_inverse=True, return_counts=True)
        before = np.cumsum(count) - count
        found[here] = np.clip((share * len(here) - before) / count, 0.0, 1.0)[place]
    return found


def curve(
    score: NDArray[np.float64], effect: NDArray[np.float64], fold: NDArray[np.intp], points: int = 50
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares contacted, and what is gained per row by contacting the best share first: float64[points + 1] both."""
    shares = np.linspace(0.0, 1.0, points + 1)
    gained = [float((first(effect, fold, share) * score).mean()) if share else 0.0 for share in shares.tolist()]
    return shares, np.array(gained)


def slope(
    score: NDArray[np.float64],
    effect: NDArray[np.float64],
    fold: NDArray[np.intp],
    person: NDArray[np.int64],
    level: float,
    wider: float = 1.0,
) -> Estimate:
    """Of the score's regression on the effect: the best linear predictor of the true effect (Chernozhukov et al. 2018,
    "Generic machine learning inference on heterogeneous treatment effects"). 1: what is promised is so; 0: noise.
    wider: as in estimate."""
    off, told = centred(score, fold), centred(effect, fold)
    spread = float((told**2).mean())
    if spread == 0.0:
        return Estimate(0.0, 0.0, 0.0, 0.0)
    value = float((told * off).mean()) / spread
    return estimate(value, told * (off - value * told) / spread, person, level, wider)
