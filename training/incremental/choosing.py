"""Which learner is believed: every one judged on people whom it had not seen, and none where none is shown to know.

people dealt into folds -> each learner fitted on the others -> effects and doubly robust scores of the fold
-> Qini of each with its interval -> the best whose lower bound and slope are above 0, else the constant effect
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.forest import warm
from models.incremental import CONSTANT, IncrementalModel, Origin
from training.growing import in_parallel
from training.incremental import ranking
from training.incremental.learners import LEARNERS, Learner, doubly_robust, outcomes_of
from training.incremental.ranking import Estimate
from training.incremental.trial import Trial, folds

FOLDS = 5
LEVEL = 0.95
BELIEVED = 0.99
"""How sure it is, one-sided and for all learners together, that what is believed orders people at all: of a hundred
trials where there is nothing to find, one finds something."""
SHARE = 0.2
"""Of the rows, whose mean effect is told: those of which most is expected."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One learner on people whom it had not seen. qini's lower bounds hold by BELIEVED.
    slope: see ranking.slope; top: the mean effect on SHARE. curve: see ranking.curve."""

    learner: str
    qini: Estimate
    top: Estimate
    slope: Estimate
    curve: tuple[NDArray[np.float64], NDArray[np.float64]]

    @property
    def believed(self) -> bool:
        return self.qini.low > 0.0 and self.slope.value > 0.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """model: to serve. average: the mean effect. judged: every learner, in their order."""

    model: IncrementalModel
    average: Estimate
    judged: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class _Unseen:
    """score: float64[n]. effects: float64[n] by learner. All by models that had not seen the person."""

    fold: NDArray[np.intp]
    score: NDArray[np.float64]
    effects: tuple[NDArray[np.float64], ...]


def choose(
    trial: Trial, inputs: tuple[str, ...], seed: int, threads: int = 1, learners: Sequence[Learner] = LEARNERS
) -> Chosen:
    """Deterministic for the set of rows and the seed. Raises InvalidTrial when too few rows were with, or without, a
    contact."""
    trial = trial.take(trial.order())
    unseen = _unseen(trial, inputs, seed, threads, learners)
    average = ranking.average(unseen.score, trial.person, LEVEL)
    judged = tuple(
        _judged(one, effect, unseen, trial.person, len(learners))
        for one, effect in zip(learners, unseen.effects, strict=True)
    )
    best = max((one for one in judged if one.believed), key=lambda one: one.qini.value, default=None)
    if best is None:
        return Chosen(_constant(trial, average), average, judged)
    learner = next(one for one in learners if one.name == best.learner)
    return Chosen(_calibrated(learner, best, trial, inputs, seed, average), average, judged)


def shrunk(found: Estimate) -> float:
    """Towards 0 by as much as it is uncertain: times 1 - (error / value)^2, 0 where that is negative (the positive-part
    estimator of James and Stein 1961, of one figure)."""
    if found.value == 0.0:
        return 0.0
    return found.value * max(0.0, 1.0 - (found.error / found.value) ** 2)


def _unseen(trial: Trial, inputs: tuple[str, ...], seed: int, threads: int, learners: Sequence[Learner]) -> _Unseen:
    fold = folds(trial.person, FOLDS, seed)
    score, effects = np.empty(len(trial)), tuple(np.empty(len(trial)) for _ in learners)

    def judge(number: int) -> None:
        here = fold == number
        learned, asked = trial.take(~here), trial.take(here)
        outcomes = outcomes_of(learned, inputs, seed)
        score[here] = doubly_robust(asked, *outcomes(asked.columns))
        for one, effect in zip(learners, effects, strict=True):
            effect[here] = one.fit(learned, inputs, seed, outcomes)(asked.columns)

    warm()
    in_parallel([partial(judge, number) for number in range(FOLDS)], threads)
    return _Unseen(fold, score, effects)


def _judged(
    learner: Learner, effect: NDArray[np.float64], unseen: _Unseen, person: NDArray[np.int64], learners: int
) -> Judged:
    """The level of the Qini is Bonferroni's: the best of several is looked for, and looked at from below only."""
    score, fold = unseen.score, unseen.fold
    return Judged(
        learner=learner.name,
        qini=ranking.qini(score, effect, fold, person, 1.0 - 2.0 * (1.0 - BELIEVED) / learners, learner.dependence),
        top=ranking.top(score, effect, fold, person, SHARE, LEVEL),
        slope=ranking.slope(score, effect, fold, person, LEVEL, learner.dependence),
        curve=ranking.curve(score, effect, fold),
    )


def _origin(learner: str, trial: Trial, average: Estimate) -> Origin:
    people = len(np.unique(trial.person))
    return Origin(learner, len(trial), int(trial.treated.sum()), people, average.value, average.error)


def _constant(trial: Trial, average: Estimate) -> IncrementalModel:
    return IncrementalModel(_origin(CONSTANT, trial, average), shrunk(average), 0.0, (), ())


def _calibrated(
    learner: Learner, judged: Judged, trial: Trial, inputs: tuple[str, ...], seed: int, average: Estimate
) -> IncrementalModel:
    """Grown on everybody; its mean is the shrunk average, its spread what unseen people confirmed of it."""
    effect = learner.fit(trial, inputs, seed)
    scale = shrunk(judged.slope)
    offset = shrunk(average) - scale * float(effect(trial.columns).mean())
    return IncrementalModel(_origin(learner.name, trial, average), offset, scale, effect.weights, effect.forests)
