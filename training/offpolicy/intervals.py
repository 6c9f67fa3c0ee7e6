"""Intervals around an estimate, and around the difference of two; people, not rows, are what is independent.

What is estimated is per row: a person counts as often as they were decided for. G people, S_g and N_g the sums of a
person's numerators and denominators, v = sum S_g / sum N_g, and the residual of a person is S_g - v N_g.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from training.errors import InvalidFeedback
from training.offpolicy.estimators import Bounds, Estimator, Terms

LEVEL = 0.95
RESAMPLES = 1_000
METHOD = "bootstrap of people"
_CELLS = 4_000_000
"""Of draws x people in memory at a time."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Two-sided at `level`: low alone is a lower bound at (1 + level) / 2. error: standard error, people being
    independent. method: in words. low and high may be infinite: the log does not tell."""

    value: float
    error: float
    low: float
    high: float
    level: float
    method: str


def bootstrapped(
    terms: Terms,
    person: NDArray[np.int64],
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """Studentised bootstrap of people (Efron and Tibshirani 1993, section 12.5): coverage at `level` up to an error of
    order 1 / G, also of skewed rewards. person: int64[n]. Raises InvalidFeedback."""
    return _studentised([(1.0, terms)], person, rng, level, resamples)


def bootstrapped_difference(
    challenger: Terms,
    champion: Terms,
    person: NDArray[np.int64],
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """Of challenger - champion on the same rows: both are estimated on the same draw of people, so that what they have
    in common cancels; of one with itself it is 0 for certain. Raises InvalidFeedback."""
    if _alike(challenger, champion):
        return Interval(0.0, 0.0, 0.0, 0.0, level, METHOD)
    return _studentised([(1.0, challenger), (-1.0, champion)], person, rng, level, resamples)


def linearised(terms: Terms, person: NDArray[np.int64], level: float = LEVEL) -> Interval:
    """Of a ratio of sums, by its residuals and the normal distribution: cheap where many are wanted, and right where
    each has many people; a figure with few successes needs one of the others. Infinite where nobody differs. Raises
    InvalidFeedback."""
    _check_level(level)
    value, error = terms.value, _error([(1.0, terms)], person)
    away = error * float(ndtri((1.0 + level) / 2.0)) if error > 0.0 else np.inf
    return Interval(value, error, value - away, value + away, level, "linearisation over people")


def bernstein(
    estimator: Estimator, terms: Terms, person: NDArray[np.int64], bounds: Bounds, level: float = LEVEL
) -> Interval:
    """All values v that the empirical Bernstein bound (Maurer and Pontil 2009, theorem 4) does not refute: the mean
    residual of G people is within sqrt(2 V ln(4 / d) / G) + 7 R ln(4 / d) / (3 (G - 1)) of 0 with chance 1 - d =
    level, V their sample variance and R = bounds.rows x the estimator's width. Holds at every size of the log, as far
    as `bounds` do. Of a capped estimator it covers what the capped weights estimate. Raises InvalidFeedback."""
    _check_level(level)
    sums, point = _by_person([terms], person)[0], terms.value
    width = bounds.rows * estimator.width(bounds)
    low, high = (_edge(point, end, bounds, width, sums, level) for end in (bounds.low, bounds.high))
    return Interval(point, _error([(1.0, terms)], person), low, high, level, "empirical Bernstein")


def bernstein_difference(
    estimator: Estimator,
    challenger: Terms,
    champion: Terms,
    person: NDArray[np.int64],
    bounds: Bounds,
    level: float = LEVEL,
) -> Interval:
    """Of challenger - champion: both at half the error that `level` leaves, so that both hold together. Wider than
    necessary, and true at every size of the log. Raises InvalidFeedback."""
    each = 1.0 - (1.0 - level) / 2.0
    ours, theirs = (bernstein(estimator, terms, person, bounds, each) for terms in (challenger, champion))
    error = _error([(1.0, challenger), (-1.0, champion)], person)
    low, high = ours.low - theirs.high, ours.high - theirs.low
    return Interval(ours.value - theirs.value, error, low, high, level, ours.method)


def _alike(one: Terms, other: Terms) -> bool:
    same = np.array_equal(one.numerator, other.numerator)
    return same and np.array_equal(one.denominator, other.denominator)


_Signed = Sequence[tuple[float, Terms]]


def _studentised(
    signed: _Signed, person: NDArray[np.int64], rng: np.random.Generator, level: float, resamples: int
) -> Interval:
    _check_level(level)
    value = sum(sign * terms.value for sign, terms in signed)
    error = _error(signed, person)
    sums = _by_person([terms for _, terms in signed], person)
    drawn = _draws([sign for sign, _ in signed], sums, value, rng, resamples)
    edges = np.array([(1.0 + level) / 2.0, (1.0 - level) / 2.0])
    above = np.quantile(np.where(np.isnan(drawn), np.inf, drawn), edges[0], method="higher")
    below = np.quantile(np.where(np.isnan(drawn), -np.inf, drawn), edges[1], method="lower")
    if error == 0.0:  # nobody differs, as where nothing has succeeded yet: that is no certainty
        return Interval(value, error, -np.inf, np.inf, level, METHOD)
    return Interval(value, error, value - above * error, value - below * error, level, METHOD)


def _by_person(every: Sequence[Terms], person: NDArray[np.int64]) -> list[tuple[NDArray[np.float64], ...]]:
    """Of each (S, N), float64[G]."""
    if len(person) != len(every[0].numerator):
        raise InvalidFeedback(
            f"person is of {len(person)}; there are {len(every[0].numerator)} rows, each a person's; give as many"
        )
    names, place = np.unique(person, return_inverse=True)
    if len(names) < 2:
        raise InvalidFeedback("people is 1; an interval needs at least 2 that are independent; log more of them")
    return [
        tuple(np.bincount(place, part, len(names)).astype(np.float64) for part in (one.numerator, one.denominator))
        for one in every
    ]


def _error(signed: _Signed, person: NDArray[np.int64]) -> float:
    """Standard error by linearisation, with the correction G / (G - 1)."""
    sums = _by_person([terms for _, terms in signed], person)
    people = len(sums[0][0])
    residual = np.zeros(people)
    for (sign, terms), (above, below) in zip(signed, sums, strict=True):
        residual += sign * (above - terms.value * below) / below.sum()
    return float(np.sqrt((residual**2).sum() * people / (people - 1)))


def _draws(
    signs: Sequence[float],
    sums: Sequence[tuple[NDArray[np.float64], ...]],
    value: float,
    rng: np.random.Generator,
    resamples: int,
) -> NDArray[np.float64]:
    """float64[resamples]: (the draw's value - value) / the draw's own standard error; NaN where a draw does not tell,
    for its weights or all its residuals are 0."""
    people = len(sums[0][0])
    columns = np.column_stack([column for pair in sums for column in pair])
    first, second = np.triu_indices(columns.shape[1])
    products = np.where(first == second, 1.0, 2.0) * columns[:, first] * columns[:, second]
    found = np.empty(resamples)
    step = max(1, _CELLS // people)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        counts = rng.multinomial(people, np.full(people, 1.0 / people), size=size).astype(np.float64)
        found[start : start + size] = _pivots(signs, counts @ columns, counts @ products, value, people)
    return found


def _pivots(
    signs: Sequence[float], total: NDArray[np.float64], products: NDArray[np.float64], value: float, people: int
) -> NDArray[np.float64]:
    """The gradient of the value by the totals turns the totals of products into the variance of the residuals, which
    sum to 0 in every draw. total: float64[draws, 2 x ratios]; products: of each pair of columns, crossed ones twice."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = total[:, 0::2] / total[:, 1::2]
        gradient = np.empty_like(total)
        gradient[:, 0::2] = np.array(signs) / total[:, 1::2]
        gradient[:, 1::2] = -ratio * gradient[:, 0::2]
        first, second = np.triu_indices(total.shape[1])
        variance = (gradient[:, first] * gradient[:, second] * products).sum(axis=1) * people / (people - 1)
        shift = ratio @ np.array(signs) - value
        pivot = shift / np.sqrt(np.maximum(variance, 0.0))
    return np.where(np.isfinite(pivot), pivot, np.nan)


def _edge(
    point: float,
    end: float,
    bounds: Bounds,
    width: float,
    sums: tuple[NDArray[np.float64], ...],
    level: float,
) -> float:
    """The first value from the point estimate towards `end` that is refuted; `end` where none is."""
    above, below = sums
    people, log = len(above), np.log(4.0 / (1.0 - level))

    def refuted(value: float) -> float:
        residual = above - value * below
        allowed = np.sqrt(2.0 * residual.var(ddof=1) * log / people) + 7.0 * width * log / (3.0 * (people - 1))
        return float(abs(residual.mean()) - allowed)

    if refuted(end) <= 0.0:
        return end
    return float(np.clip(brentq(refuted, point, end), bounds.low, bounds.high))


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise InvalidFeedback(f"level is {level}; coverage is between 0 and 1; say 0.95")
