"""How good a score is: one set of functions for our model and for everything that it is compared with.

Weights stand for people who are counted several times (or never), and for failures that were not drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled

BINS = 10
_MEAN_OF_HALF_NORMAL = float(np.sqrt(2.0 / np.pi))
_ONE_IN_TWENTY = 1.645
SMALLEST = 1e-15
"""What a probability of 0 counts as, lest one surprise outweigh everything."""


@compiled
def sorted_auc(score: NDArray[np.float64], label: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    """The chance that a success outranks a failure, ties counted half. score: ascending. NaN with one class only."""
    below, won, successes, at = 0.0, 0.0, 0.0, 0
    while at < len(score):
        good, bad, end = 0.0, 0.0, at
        while end < len(score) and score[end] == score[at]:
            if label[end]:
                good += weight[end]
            else:
                bad += weight[end]
            end += 1
        won += good * (below + 0.5 * bad)
        successes += good
        below += bad
        at = end
    return won / (successes * below) if successes > 0 and below > 0 else np.nan


def auc(score: NDArray[np.float64], label: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    order = np.argsort(score, kind="stable")
    return float(sorted_auc(score[order], label[order], weight[order]))


def losses(probability: NDArray[np.float64], label: NDArray[np.bool_]) -> NDArray[np.float64]:
    """float64[n], minus ln of the probability given to what happened."""
    likely = np.where(label, probability, 1.0 - probability)
    return np.asarray(-np.log(np.clip(likely, SMALLEST, 1.0)), np.float64)


def log_loss(probability: NDArray[np.float64], label: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    return float(np.average(losses(probability, label), weights=weight))


def bins(probability: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.intp]:
    """intp[n]: the bin of each of at most BINS of about equal weight by probability; equal probabilities share one."""
    order = np.argsort(probability, kind="stable")
    below = np.empty(len(order))
    below[order] = np.cumsum(weight[order]) - weight[order]
    value, first = np.unique(probability, return_inverse=True)
    least = np.full(len(value), np.inf)
    np.minimum.at(least, first, below)
    found: NDArray[np.intp] = np.minimum((least[first] * BINS / weight.sum()).astype(np.intp), BINS - 1)
    return found


def calibration_error(probability: NDArray[np.float64], label: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    """Expected calibration error: the mean over `bins`, by weight, of |mean probability - share of successes|."""
    where = bins(probability, weight)
    return float(np.abs(np.bincount(where, weight * (probability - label), minlength=BINS)).sum() / weight.sum())


def calibration_chance(probability: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """What the calibration error of probabilities that are right stays below 19 times in 20, for so many contacts:
    successes, which are never thinned out, are independent, and those of a bin about normal."""
    variance = np.bincount(bins(probability, weight), weight * probability * (1.0 - probability), minlength=BINS)
    mean = _MEAN_OF_HALF_NORMAL * float(np.sqrt(variance).sum())
    spread = float(np.sqrt((1.0 - _MEAN_OF_HALF_NORMAL**2) * variance.sum()))
    return (mean + _ONE_IN_TWENTY * spread) / float(weight.sum())


def ranking(score: NDArray[np.float64], relevant: NDArray[np.bool_], depth: int) -> NDArray[np.bool_]:
    """bool[people, depth]: whether the best, second best, ... is relevant. score, relevant: [people, categories].
    Equal scores stay in the order of the columns."""
    order = np.argsort(-score, axis=1, kind="stable")[:, :depth]
    return np.take_along_axis(relevant, order, axis=1)


def ndcg(score: NDArray[np.float64], relevant: NDArray[np.bool_], depth: int) -> NDArray[np.float64]:
    """float64[people] in 0..1; NaN for a person with nothing relevant."""
    return listed_ndcg(ranking(score, relevant, depth), relevant.sum(axis=1), depth)


def recall(score: NDArray[np.float64], relevant: NDArray[np.bool_], depth: int) -> NDArray[np.float64]:
    """float64[people]: the share of the relevant that is among the best `depth`; NaN for a person with nothing
    relevant."""
    return listed_recall(ranking(score, relevant, depth), relevant.sum(axis=1))


def listed_ndcg(found: NDArray[np.bool_], relevant: NDArray[np.int64], depth: int) -> NDArray[np.float64]:
    """The same of lists that stop short of everything. found: bool[people, at most depth], `ranking`. relevant:
    int64[people], how many there are, listed or not."""
    discount = 1.0 / np.log2(np.arange(2, depth + 2))
    best = np.concatenate([[np.nan], np.cumsum(discount)])[np.minimum(relevant, depth)]
    return np.asarray(found @ discount[: found.shape[1]] / best, np.float64)


def listed_recall(found: NDArray[np.bool_], relevant: NDArray[np.int64]) -> NDArray[np.float64]:
    """Likewise."""
    return np.asarray(np.where(relevant > 0, found.sum(axis=1) / np.maximum(relevant, 1), np.nan), np.float64)
