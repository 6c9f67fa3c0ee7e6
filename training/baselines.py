"""What our models are compared with: the usual ways of ranking categories for a person.

Each answers the same question, float64[n] for n pairs (person, moment, category), higher is likelier, from purchases
known by the moment only. What has to be fitted is fitted at the same cutoffs as our affinity models; what has a
setting gets the best of a few on the purchases of the 28 days before those that the next purchase is judged on. The
test of response may have begun by then, which favours the baselines there.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from implicit.utils import ParameterWarning
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.compiled import compiled
from training.census import reach
from training.purchases import Purchases
from training.table import Pairs

DAY = 86_400_000
WINDOW = 28 * DAY
_TIE = 1e-9
"""Popularity breaks the ties of personal counts, which are whole numbers."""

Baseline = Callable[[Purchases, Pairs], NDArray[np.float64]]

COUNTS = ("own_28d", "own_ever", "orders", "reach_28d", "reach_ever")
"""The columns of the plain model on raw counts."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Per pair. own_28d, own_ever: purchases of the category by the person. weighted: each by 2 ** (-age / half-life).
    orders: categories bought by the person, all orders together."""

    own_28d: NDArray[np.float64]
    own_ever: NDArray[np.float64]
    weighted: NDArray[np.float64]
    orders: NDArray[np.float64]


@compiled
def _count(
    start: NDArray[np.int64],
    at: NDArray[np.int64],
    recorded_at: NDArray[np.int64],
    bought: NDArray[np.int32],
    person: NDArray[np.int32],
    moment: NDArray[np.int64],
    category: NDArray[np.int32],
    half_life: float,
    out: NDArray[np.float64],
) -> None:
    for i in range(len(person)):
        for j in range(start[person[i]], start[person[i] + 1]):
            if recorded_at[j] > moment[i]:
                continue
            out[3, i] += 1.0
            if bought[j] == category[i]:
                age = moment[i] - at[j]
                out[1, i] += 1.0
                out[2, i] += 2.0 ** (-age / half_life)
                if age < 2_419_200_000:
                    out[0, i] += 1.0


def counts(bought: Purchases, pairs: Pairs, half_life_days: float) -> Counts:
    out = np.zeros((4, len(pairs)))
    columns = (bought.start, bought.at, bought.recorded_at, bought.category)
    _count(*columns, pairs.person, pairs.moment, pairs.category, half_life_days * DAY, out)
    return Counts(*out)


def popular(bought: Purchases, pairs: Pairs) -> NDArray[np.float64]:
    """float64[n, 2]: the population's reach of the category, in 28 days and ever."""
    moments, which = np.unique(pairs.moment // DAY, return_inverse=True)
    shares = np.array([reach(bought, int(day) * DAY) for day in moments]).reshape(len(moments), len(bought.leaf), 2)
    known = np.where(pairs.category[:, None] >= 0, shares[which, pairs.category], np.nan)
    return np.nan_to_num(known, nan=0.0)


def popularity(bought: Purchases, pairs: Pairs) -> NDArray[np.float64]:
    return popular(bought, pairs)[:, 0]


def personal_frequency(bought: Purchases, pairs: Pairs) -> NDArray[np.float64]:
    return counts(bought, pairs, 1.0).own_ever + _TIE * popular(bought, pairs)[:, 1]


@dataclass(frozen=True, slots=True)
class RecencyWeighted:
    half_life_days: float

    def __call__(self, bought: Purchases, pairs: Pairs) -> NDArray[np.float64]:
        return counts(bought, pairs, self.half_life_days).weighted + _TIE * popular(bought, pairs)[:, 1]


def raw_counts(bought: Purchases, pairs: Pairs) -> NDArray[np.float64]:
    """float64[n, COUNTS]."""
    own = counts(bought, pairs, 1.0)
    return np.column_stack([own.own_28d, own.own_ever, own.orders, popular(bought, pairs)])


@dataclass(frozen=True, slots=True)
class Weighing:
    """What a matrix holds. logarithmic: ln(1 + purchases) instead of purchases. leaves_only: nothing of the categories
    above; these are then scored 0."""

    logarithmic: bool
    leaves_only: bool

    def __str__(self) -> str:
        kind = "ln(1 + purchases)" if self.logarithmic else "purchases"
        return f"{kind} of {'leaves' if self.leaves_only else 'all categories'}"


def matrix(bought: Purchases, moment: int, weighing: Weighing) -> sp.csr_matrix:
    """float32[people, categories], of purchases known by `moment`."""
    known = bought.recorded_at <= moment
    if weighing.leaves_only:
        known &= bought.leaf[bought.category]
    person, category = bought.person()[known], bought.category[known]
    shape = (bought.people, len(bought.leaf))
    found = sp.csr_matrix((np.ones(len(person), np.float32), (person, category)), shape=shape)
    found.sum_duplicates()
    return found.log1p().tocsr() if weighing.logarithmic else found


@dataclass(frozen=True, slots=True)
class Factors:
    """implicit's alternating least squares."""

    cutoffs: tuple[int, ...]
    factors: int
    alpha: float
    weighing: Weighing
    seed: int

    def __call__(self, bought: Purchases, pairs: Pairs) -> NDArray[np.float64]:
        return _by_cutoff(bought, pairs, self.cutoffs, self._fitted)

    def _fitted(self, bought: Purchases, moment: int) -> NDArray[np.float32]:
        with threadpool_limits(limits=1, user_api="blas"):
            model = AlternatingLeastSquares(
                factors=self.factors, alpha=self.alpha, iterations=15, random_state=self.seed, num_threads=1
            )
            model.fit(matrix(bought, moment, self.weighing), show_progress=False)
            return np.asarray(model.user_factors @ model.item_factors.T)


@dataclass(frozen=True, slots=True)
class ItemItem:
    """implicit's cosine neighbours of the categories that the person bought, itself included."""

    cutoffs: tuple[int, ...]
    neighbours: int
    weighing: Weighing

    def __call__(self, bought: Purchases, pairs: Pairs) -> NDArray[np.float64]:
        return _by_cutoff(bought, pairs, self.cutoffs, self._fitted)

    def _fitted(self, bought: Purchases, moment: int) -> NDArray[np.float32]:
        known = matrix(bought, moment, self.weighing)
        model = CosineRecommender(K=self.neighbours, num_threads=1)
        with threadpool_limits(limits=1, user_api="blas"), warnings.catch_warnings():
            warnings.simplefilter("ignore", ParameterWarning)  # implicit hands itself a matrix of the wrong form
            model.fit(known, show_progress=False)
        return np.asarray((known @ model.similarity).toarray())


def _by_cutoff(
    bought: Purchases,
    pairs: Pairs,
    cutoffs: Sequence[int],
    fitted: Callable[[Purchases, int], NDArray[np.float32]],
) -> NDArray[np.float64]:
    """The score in the matrix [people, categories] of the latest cutoff by each pair's moment; before the first, 0."""
    which = np.searchsorted(cutoffs, pairs.moment, side="right") - 1
    score = np.zeros(len(pairs))
    for number in np.unique(which[which >= 0]):
        chosen = (which == number) & (pairs.category >= 0)
        score[chosen] = fitted(bought, cutoffs[number])[pairs.person[chosen], pairs.category[chosen]]
    return score


_WEIGHINGS = tuple(Weighing(*told) for told in product((True, False), (False, True)))


def tunable(cutoffs: tuple[int, ...], seed: int) -> Mapping[str, Mapping[str, Baseline]]:
    """The settings that are tried, in words, by the baseline's name."""
    return {
        "recency-weighted frequency": {
            f"half-life {days} days": RecencyWeighted(float(days)) for days in (30, 90, 180, 365)
        },
        "ALS (implicit)": {
            f"{count} factors, alpha {alpha}, {held}": Factors(cutoffs, count, alpha, held, seed)
            for count, alpha, held in product((4, 8, 32), (1.0, 20.0), _WEIGHINGS[:2])
        },
        "item-item (implicit)": {
            f"{count} neighbours, {held}": ItemItem(cutoffs, count, held)
            for count, held in product((2, 5, 20, 100), _WEIGHINGS)
        },
    }
