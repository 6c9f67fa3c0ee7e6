"""How the response model's trees are grown, chosen by trying: Optuna's TPE on the validation part, which is later than
what a trial learns from. The test part is never looked at.

The first trial is the untuned setting, so that what is chosen is no worse on validation than that. A trial that is
worse than half of those before it, at the same sum of learning rates, is given up: by rounds a slow learner would
always look worse. With a number of trials the choice follows from dataset, settings and seed; with a time budget it
depends on the machine too, and what was chosen can be given again (`ResponseTrees.written`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import optuna

from features.progress import Advance, Progress
from models.inputs import response_inputs
from training.errors import InvalidSettings
from training.growing import Sample, Tables, grow_matrix, tables_of
from training.settings import SPANS, ResponseTrees, Span, TrainingSettings, trees_of

GRID = 0.25
"""A trial is looked at whenever its sum of learning rates has grown by this, which no single round exceeds."""
WARM_UP = 4
"""Looks before which no trial is given up: 20 rounds at a learning rate of 0.05."""
COMPARED = 5
"""Trials before which none is given up."""
MOST_TRIALS = 10_000


@dataclass(frozen=True, slots=True)
class Search:
    """When to stop, whichever is first. trials: None, no limit. minutes: None, no limit. Raises InvalidSettings."""

    trials: int | None
    minutes: float | None

    def __post_init__(self) -> None:
        if self.trials is None and self.minutes is None:
            raise InvalidSettings("search is without an end; it needs a number of trials or of minutes; give one")
        if self.trials is not None and not 1 <= self.trials <= MOST_TRIALS:
            raise InvalidSettings(f"trials is {self.trials}; it is from 1 to {MOST_TRIALS:,}; correct it")
        if self.minutes is not None and not 0.0 < self.minutes < math.inf:
            raise InvalidSettings(f"minutes is {self.minutes}; it is above 0, and finite; correct it")


@dataclass(frozen=True, slots=True)
class Look:
    """rounds: so far. loss: log loss on validation after them."""

    rounds: int
    loss: float


@dataclass(frozen=True, slots=True)
class Trial:
    """loss: the best log loss on validation, up to where it was given up. rounds: at which it was. looks: on the way.
    began, ended: ms UTC."""

    number: int
    trees: ResponseTrees
    given_up: bool
    loss: float
    rounds: int
    looks: tuple[Look, ...]
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class Tuned:
    """settings: those told, with the best trees. trials: in order, the first being of the trees told."""

    settings: TrainingSettings
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        return _best(self.trials)

    @property
    def remark(self) -> str:
        """A line for people."""
        given_up, best = sum(one.given_up for one in self.trials), self.best
        return (
            f"tuned: {len(self.trials)} trials, {given_up} given up early; log loss on validation "
            f"{self.trials[0].loss:.6f} before, {best.loss:.6f} in trial {best.number}; the same trees again: "
            f"--response {best.trees.written()}"
        )


def tune(
    train: Sample,
    validation: Sample,
    settings: TrainingSettings,
    search: Search,
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
    *,
    backbone: bool = True,
) -> Tuned:
    """clock: seconds, of the budget. backbone: whether the forests begin with one. Ctrl-C raises KeyboardInterrupt with
    a line that says what was best so far."""
    tables = tables_of(train, response_inputs(), settings.seed, validation, backbone=backbone)
    trying = _Trying(tables, settings, _deadline(search, clock), clock)
    study = _study(settings)
    title, total = _title(search)
    try:
        with progress.step(title, total) as advance:
            _run(study, trying, search, advance)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_so_far(trying.done)) from None
    best = _best(trying.done)
    return Tuned(replace(settings, response=best.trees), tuple(trying.done))


def _study(settings: TrainingSettings) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=settings.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=COMPARED, n_warmup_steps=WARM_UP),
    )
    study.enqueue_trial({name: getattr(settings.response, name) for name in SPANS})
    return study


def _run(study: optuna.Study, trying: _Trying, search: Search, advance: Advance) -> None:
    told = 0.0

    def tell(study: optuna.Study, _: optuna.trial.FrozenTrial) -> None:
        nonlocal told
        now = float(len(trying.done)) if search.minutes is None else trying.minutes()
        advance(now - told, said=f"best log loss {_best(trying.done).loss:.6f}")
        told = now
        if trying.is_over():
            study.stop()

    study.optimize(trying, n_trials=search.trials, callbacks=[tell])


def _title(search: Search) -> tuple[str, float]:
    if search.minutes is None:
        return "Tune response, trials", float(search.trials or 0)
    return "Tune response, minutes", search.minutes


def _deadline(search: Search, clock: Callable[[], float]) -> float:
    return math.inf if search.minutes is None else clock() + 60.0 * search.minutes


def _best(trials: Sequence[Trial]) -> Trial:
    """Of those that were not given up, the earliest of equals; the first never is."""
    return min((one for one in trials if not one.given_up), key=lambda one: one.loss)


def _so_far(trials: Sequence[Trial]) -> str:
    if not trials:
        return "stopped; nothing is registered, and no trial was finished"
    best = _best(trials)
    return (
        f"stopped; nothing is registered; the best of {len(trials)} trials so far was trial {best.number}; "
        f"to train with it: nextbest train --response {best.trees.written()}"
    )


@dataclass(slots=True)
class _Trying:
    """A trial of Optuna's in, its loss out. deadline: by `clock`, infinite without."""

    tables: Tables
    settings: TrainingSettings
    deadline: float
    clock: Callable[[], float]
    done: list[Trial] = field(default_factory=list)
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def minutes(self) -> float:
        """Since the start, at most the budget."""
        return (min(self.clock(), self.deadline) - self.started) / 60.0

    def is_over(self) -> bool:
        return self.clock() >= self.deadline

    def __call__(self, trial: optuna.Trial) -> float:
        suggested, settings, began = _suggested(trial), self.settings, _now()
        trees = suggested if trial.number else settings.response  # as told, however many digits that has
        watched, given_up = _Watched(trial, trees.learning_rate, self._must_end), False
        try:
            told = (trees.told(), settings.rounds, settings.seed)
            grow_matrix(self.tables, *told, settings.patience, watched)
        except optuna.TrialPruned:
            given_up = True
        seen = (watched.loss, watched.rounds, tuple(watched.looks))
        self.done.append(Trial(trial.number, trees, given_up, *seen, began, _now()))
        if given_up:
            raise optuna.TrialPruned
        return watched.loss

    def _must_end(self) -> bool:
        """The first is finished whatever it takes: without it there is nothing to choose."""
        return bool(self.done) and self.is_over()


@dataclass(slots=True)
class _Watched:
    """Called after each round with the log loss on validation. Raises TrialPruned."""

    trial: optuna.Trial
    rate: float
    must_end: Callable[[], bool]
    loss: float = math.inf
    rounds: int = 0
    looks: list[Look] = field(default_factory=list)

    def __call__(self, rounds: int, loss: float) -> None:
        if loss < self.loss:
            self.loss, self.rounds = loss, rounds
        if math.floor(rounds * self.rate / GRID) > len(self.looks):
            self.looks.append(Look(rounds, loss))
            self.trial.report(loss, len(self.looks))
            if self.trial.number > 0 and self.trial.should_prune():
                raise optuna.TrialPruned
        if self.must_end():
            raise optuna.TrialPruned


def _suggested(trial: optuna.Trial) -> ResponseTrees:
    """Three digits are enough to be as good, and short enough to be given again."""
    found: dict[str, float] = {}
    for name, span in SPANS.items():
        if span.whole:
            found[name] = trial.suggest_int(name, int(span.low), int(span.high), log=span.logarithmic)
        else:
            found[name] = _rounded(trial.suggest_float(name, span.low, span.high, log=span.logarithmic), span)
    return trees_of(found)


def _rounded(value: float, span: Span) -> float:
    return min(max(float(f"{value:.3g}"), span.low), span.high)


def _now() -> int:
    return time.time_ns() // 1_000_000
