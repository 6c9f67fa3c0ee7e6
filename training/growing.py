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
from training.backbone import staircases
from training.held_logistic import held_logistic, variance

FOLDS = 3
PLENTY = 800
"""Successes judged from which on fewer folds do: a slope fitted on so many is wrong by a few hundredths by chance, much
less than what is expected of any forest, see SLOPE."""
_FLAT = 1e-9

SLOPE, OFFSET = 0.1, 0.2
"""Standard deviations of what a forest's log odds are expected to be wrong by, before contacts say more. They are those
of a probability already; a slope from fifty successes is wrong by 0.2 by chance, and a low one gives what is dear and
rarely taken too much. Hundreds of successes outweigh it."""

T = TypeVar("T")

Watch = Callable[[int, float], None]
"""Told after each round: how many there are by now, and the loss. It may raise to end the growing."""


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
    *,
    backbone: bool = False,
    table: lgb.Dataset | None = None,
) -> Forest:
    """A forest of `rounds` trees; with a validation sample as many as did best on it, looked for `patience` further.
    backbone: begun with the trees of training.backbone, which are no rounds. table: of the sample; None: made."""
    tables = tables_of(sample, inputs, seed, validation, backbone=backbone, table=table)
    return grow_matrix(tables, parameters, rounds, seed, patience)


def best_rounds(
    sample: Sample,
    inputs: Sequence[str],
    parameters: Mapping[str, object],
    rounds: int,
    seed: int,
    validation: Sample,
    patience: int,
    *,
    backbone: bool,
    table: lgb.Dataset | None = None,
) -> int:
    """How many of at most `rounds` do best on the validation sample; at least 1, also where too little is there to
    split. table: as in grow."""
    tables = tables_of(sample, inputs, seed, validation, backbone=backbone, table=table)
    return max(1, grow_matrix(tables, parameters, rounds, seed, patience).rounds - tables.begun)


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """LightGBM's own. judged: None without a validation sample. before: the backbone's trees, None without any."""

    grown: lgb.Dataset
    judged: lgb.Dataset | None = None
    before: lgb.Booster | None = None

    @property
    def begun(self) -> int:
        """Trees of the backbone."""
        return 0 if self.before is None else self.before.num_trees()


def shared_table(sample: Sample, inputs: Sequence[str], *, backbone: bool) -> lgb.Dataset | None:
    """Of which the tables of parts are made by `part_of`: sorting values into bins costs as much as growing half of a
    forest. None with a backbone, whose trees are summed up in the table of each forest."""
    return None if backbone else matrix(sample.columns, sample.label, inputs, sample.weight).construct()


def part_of(table: lgb.Dataset | None, chosen: NDArray[np.bool_]) -> lgb.Dataset | None:
    return None if table is None else table.subset(np.flatnonzero(chosen).tolist())


def tables_of(
    sample: Sample,
    inputs: Sequence[str],
    seed: int,
    validation: Sample | None,
    *,
    backbone: bool,
    table: lgb.Dataset | None = None,
) -> Tables:
    grown = matrix(sample.columns, sample.label, inputs, sample.weight) if table is None else table
    before = staircases(grown, sample, inputs, seed) if backbone else None
    if validation is None:
        return Tables(grown, None, before)
    return Tables(grown, matrix(validation.columns, validation.label, inputs, validation.weight, grown), before)


def grow_matrix(
    tables: Tables,
    parameters: Mapping[str, object],
    rounds: int,
    seed: int,
    patience: int = 0,
    watch: Watch | None = None,
) -> Forest:
    """The same of tables; rounds of several classes grow a tree for each. watch: of the loss on tables.judged."""
    told = {**parameters, "seed": seed, "num_threads": 1}
    if tables.judged is None:
        return Forest(lgb.train(told, tables.grown, rounds, init_model=tables.before).model_to_string())
    callbacks: list[Callable[[lgb.callback.CallbackEnv], None]] = [lgb.early_stopping(patience, verbose=False)]
    if watch is not None:
        callbacks.append(_watching(watch))
    judged, before = tables.judged, tables.before
    booster = lgb.train(told, tables.grown, rounds, valid_sets=[judged], init_model=before, callbacks=callbacks)
    return Forest(booster.model_to_string(num_iteration=booster.best_iteration))


def _watching(watch: Watch) -> Callable[[lgb.callback.CallbackEnv], None]:
    def told(state: lgb.callback.CallbackEnv) -> None:
        watch(state.iteration + 1 - state.begin_iteration, float(state.evaluation_result_list[0][2]))

    return told


def calibrate_across_people(
    sample: Sample,
    judged: NDArray[np.bool_],
    inputs: Sequence[str],
    parameters: Mapping[str, object],
    rounds: int,
    seed: int,
    threads: int,
    *,
    backbone: bool = False,
    table: lgb.Dataset | None = None,
) -> Calibration:
    """The calibration of a forest grown so on `sample`: fitted on the rows `judged`, each scored by a forest that had
    not seen its person. So what the forest learned by heart does not pass for knowledge, and no contact is held
    back. Of many successes a part of the people does, see PLENTY. It is held towards none, see SLOPE. table: as in
    grow."""
    raw = np.full(len(sample.label), np.nan)

    def score(fold: int) -> None:
        asked = sample.person % FOLDS == fold
        if asked.all() or not (asked & judged).any():
            return
        part = part_of(table, ~asked)
        if part is None:
            forest = grow(sample.take(~asked), inputs, parameters, rounds, seed, backbone=backbone)
        else:  # without a copy of the rows
            forest = grow_matrix(Tables(part), parameters, rounds, seed)
        raw[asked & judged] = forest.raw(sample.columns[asked & judged])

    folds = folds_needed(sample.person[judged], sample.label[judged])
    in_parallel([partial(score, fold) for fold in range(folds)], threads)
    known = np.isfinite(raw)
    return held_calibration(raw[known], sample.label[known], sample.weight[known])


def folds_needed(person: NDArray[np.int32], label: NDArray[np.bool_]) -> int:
    """The first of FOLDS that hold PLENTY of successes together, else all."""
    successes = np.bincount(person[label] % FOLDS, minlength=FOLDS)
    return int(np.searchsorted(np.cumsum(successes)[:-1], PLENTY)) + 1


def held_calibration(raw: NDArray[np.float64], label: NDArray[np.bool_], weight: NDArray[np.float64]) -> Calibration:
    """The Platt scaling of most likelihood times that of SLOPE about 1 and OFFSET about 0 where most is known, both
    normal. Of a score that orders the wrong way round as fit_calibration has
    it."""
    told = weight * variance(raw)
    centre = float(np.average(raw, weights=told)) if told.sum() > 0.0 else 0.0
    columns = np.column_stack([raw - centre, np.ones(len(raw))])
    expected, precision = np.array([1.0, centre]), np.array([SLOPE, OFFSET]) ** -2.0
    found = held_logistic(columns, label, weight, expected, precision)
    if found[0] > _FLAT:
        return Calibration(float(found[0]), float(found[1] - found[0] * centre))
    return fit_calibration(raw, label, weight)


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
        free_raw_data=False,  # trees that were grown before are summed up of it
    )
