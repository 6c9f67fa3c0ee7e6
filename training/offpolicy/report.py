"""A target beside the policy that was logged, for people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.offpolicy.diagnostics import Diagnostics, diagnose
from training.offpolicy.estimators import IPS, Estimator, SelfNormalisedIPS
from training.offpolicy.feedback import Evaluation
from training.offpolicy.intervals import LEVEL, RESAMPLES, Interval, bootstrapped, bootstrapped_difference
from training.offpolicy.redrawn import Redrawn

ESTIMATORS: tuple[Estimator, ...] = (SelfNormalisedIPS(), IPS())
"""Those that need no model of rewards; the first is the one to go by."""


@dataclass(frozen=True, slots=True)
class Judged:
    """By one estimator: the target, and how far it is ahead of the logged policy on the same draws."""

    estimator: str
    target: Interval
    ahead: Interval


@dataclass(frozen=True, slots=True)
class Report:
    """logged: the logged policy's own reward per draw."""

    logged: Interval
    judged: tuple[Judged, ...]
    diagnostics: Diagnostics

    def markdown(self) -> str:
        found = self.diagnostics
        lines = ["| | per draw (95 %) | ahead of what was logged (95 %) |", "|---|---|---|"]
        lines.append(f"| logged | {_words(self.logged)} | |")
        lines += [
            f"| target, {one.estimator} | {_words(one.target)} | {_words(one.ahead, '+')} |" for one in self.judged
        ]
        lines.append("")
        lines.append(
            f"{found.rows:,} draws of {found.people:,} people, worth {found.effective_people:,.0f} people; "
            f"mean weight {found.mean_weight:.3f} +- {found.error:.3f}, largest {found.largest:.1f}"
        )
        return "\n".join([*lines, *(f"doubt: {line}" for line in found.doubts)])


def report(log: Redrawn, rng: np.random.Generator, level: float = LEVEL, resamples: int = RESAMPLES) -> Report:
    """Raises InvalidFeedback, also where the target would never have taken what was logged."""
    target, own = (Evaluation(log.feedback, chances) for chances in (log.target, log.logging))
    person, found = log.feedback.person, []
    for estimator in ESTIMATORS:
        theirs, ours = estimator.terms(target), estimator.terms(own)
        ahead = bootstrapped_difference(theirs, ours, person, rng, level, resamples)
        found.append(Judged(estimator.name, bootstrapped(theirs, person, rng, level, resamples), ahead))
    logged = bootstrapped(IPS().terms(own), person, rng, level, resamples)
    return Report(logged, tuple(found), diagnose(target, log.logging))


def _words(interval: Interval, sign: str = "") -> str:
    return f"{interval.value:{sign}.4f} ({interval.low:{sign}.4f} to {interval.high:{sign}.4f})"
