"""LightGBM, told everything that would otherwise differ from run to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.calibration import Calibration
from models.forest import Forest

FOLDS = 3
_FLAT = 1e-9

T = TypeVar("T")


def in_parallel(calls: Sequence[Callable[[], T]], threads: int) -> list[T]:
    """The results in order. Forests are grown beside one another, one thread each: the threads of one forest would
    wait for each other at every split, which on a machine that is busy otherwise takes several times as long."""
    with ThreadPoolExecutor(threads) as pool:
        return [running.result() for running in [pool.submit(call) for call in calls]]


@dataclass(frozen=True, slots=True)
class Sample:
    """columns: float64[n, inputs]. label: bool[n]. weight: float64[n], above 0, one over the chance of being drawn.
    person: int32[n], whose row it is."""

    columns: NDArray[np.float64]
    label: NDArray[np.bool_]
    weight: NDArray[np.float64]
    person: NDArray[np.int32]

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Sample:
        return Sample(self.columns[chosen], self.label[chosen], self.weight[chosen], self.person[chosen])


def joined(samples: Sequence[Sample]) -> Sample:
    return Sample(
        np.concatenate([sample.columns for sample in samples]),
        np.concatenate([sample.label for sample in samples]),
        np.concatenate([sample.weight for sample in samples]),
        np.concatenate([sample.person for sample in samples]),
    )


def grow(
    sample: Sample,
    inputs: Sequence[str],
    parameters: Mapping[str, object],
    rounds: int,
    seed: int,
    validation: Sample | None = None,
    patience: int = 0,
) -> Forest:
    """A forest of `rounds` trees; with a validation sample as many as did best on it, looked for `patience` further."""
    grown = matrix(sample.columns, sample.label, inputs, sample.weight)
    judged = None
    if validation is not None:
        judged = matrix(validation.columns, validation.label, inputs, validation.weight, grown)
    return grow_matrix(grown, parameters, rounds, seed, judged, patience)


def grow_matrix(
    grown: lgb.Dataset,
    parameters: Mapping[str, object],
    rounds: int,
    seed: int,
    judged: lgb.Dataset | None = None,
    patience: int = 0,
) -> Forest:
    """The same of LightGBM's own tables, made by `matrix`; rounds of several classes grow a tree for each."""
    told = {**parameters, "seed": seed, "num_threads": 1}
    if judged is None:
        return Forest(lgb.train(told, grown, rounds).model_to_string())
    stop = lgb.early_stopping(patience, verbose=False)
    booster = lgb.train(told, grown, rounds, valid_sets=[judged], callbacks=[stop])
    return Forest(booster.model_to_string(num_iteration=booster.best_iteration))


def calibrate_across_people(
    sample: Sample,
    judged: NDArray[np.bool_],
    inputs: Sequence[str],
    parameters: Mapping[str, object],
    rounds: int,
    seed: int,
    threads: int,
) -> Calibration:
    """The calibration of a forest grown so on `sample`: fitted on the rows `judged`, each scored by a forest that had
    not seen its person. So what the forest learned by heart does not pass for knowledge, and no contact is held
    back."""
    raw = np.full(len(sample.label), np.nan)

    def score(fold: int) -> None:
        asked = sample.person % FOLDS == fold
        if asked.all() or not (asked & judged).any():
            return
        forest = grow(sample.take(~asked), inputs, parameters, rounds, seed)
        raw[asked & judged] = forest.raw(sample.columns[asked & judged])

    in_parallel([partial(score, fold) for fold in range(FOLDS)], threads)
    known = np.isfinite(raw)
    return fit_calibration(raw[known], sample.label[known], sample.weight[known])


def fit_calibration(raw: NDArray[np.float64], label: NDArray[np.bool_], weight: NDArray[np.float64]) -> Calibration:
    """The Platt scaling of most likelihood. A score that tells nothing, or orders the wrong way round, gets everybody's
    rate (with half a success added, lest it be 0 or 1), in the score's own order."""
    if label.any() and not label.all():
        fitted = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(raw[:, None], label, sample_weight=weight)
        if fitted.coef_[0, 0] > _FLAT:
            return Calibration(float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))
    rate = (float((weight * label).sum()) + 0.5) / (float(weight.sum()) + 1.0)
    return Calibration(_FLAT, float(np.log(rate / (1.0 - rate))))


def matrix(
    columns: NDArray[np.float64],
    label: NDArray[np.bool_] | NDArray[np.intp] | NDArray[np.float64],
    inputs: Sequence[str],
    weight: NDArray[np.float64] | None = None,
    reference: lgb.Dataset | None = None,
) -> lgb.Dataset:
    """What LightGBM learns from. label: bool[n], the class of each row, or a number. reference: what it is grown on,
    for a table that only judges."""
    return lgb.Dataset(
        columns,
        label.astype(np.float64),
        weight=weight,
        feature_name=list(inputs),
        reference=reference,
        params={"verbose": -1, "max_bin": 127, "feature_pre_filter": False},
    )
