"""Whether a log can tell of a target at all: look here before at any value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.errors import InvalidFeedback
from training.offpolicy.feedback import UNNAMED, Evaluation, check_chances

QUANTILES = (0.5, 0.9, 0.99)
RARE = 10
"""Actions that were logged fewer times are told of rarely."""
FEWEST = 100
"""Effective people below which no interval of ours is to be trusted."""
NOTICEABLE = 0.01
"""A share of the target that is worth a sentence."""
ERRORS = 3.0
"""How many standard errors the mean weight may be from 1."""


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """rows, people: logged. effective_rows, effective_people: Kish's size, (sum w)^2 / sum w^2, of rows and of people
    with their weights summed; 0 where every weight is. mean_weight: 1 in expectation where the logging policy supports
    the target; error: its standard error, people being independent; NaN of one person. largest, quantiles (of
    QUANTILES): of the weights. never_taken, rarely_taken: the target's share of actions that were logged never, fewer
    than RARE times; among the named ones. unnamed: its share of candidates that the log does not name. unsupported:
    its share of candidates to which the logging policy gave no chance; None where its chances are not known, and then
    1 - mean_weight estimates it."""

    rows: int
    people: int
    effective_rows: float
    effective_people: float
    mean_weight: float
    error: float
    largest: float
    quantiles: tuple[float, ...]
    never_taken: float
    rarely_taken: float
    unnamed: float
    unsupported: float | None

    @property
    def doubts(self) -> tuple[str, ...]:
        """A line for each thing that makes the estimates doubtful; empty is good."""
        found = []
        if self.effective_people < FEWEST:
            found.append(
                f"effective people are {self.effective_people:.0f}; below {FEWEST} intervals may be too narrow; "
                "log longer, or a policy nearer to the target"
            )
        if self.unsupported is not None and self.unsupported > NOTICEABLE:
            found.append(
                f"unsupported share of the target is {self.unsupported:.1%}; the log cannot tell of what had no chance "
                "there; log with exploration"
            )
        elif abs(self.mean_weight - 1.0) > max(ERRORS * self.error, 1e-9):
            found.append(
                f"mean weight is {self.mean_weight:.3f} +- {self.error:.3f}; it is 1 where the log supports the target "
                "and propensities are true; trust no estimate before it is"
            )
        if self.never_taken > NOTICEABLE:
            found.append(
                f"share of the target on actions never logged is {self.never_taken:.1%}; only a model speaks of them; "
                "log them first"
            )
        return tuple(found)


def diagnose(evaluation: Evaluation, logging: NDArray[np.float64] | None = None) -> Diagnostics:
    """logging: float64[m], the logging policy's own chances where all are known. Raises InvalidFeedback."""
    feedback, weight = evaluation.feedback, evaluation.weight
    _, person = np.unique(feedback.person, return_inverse=True)
    people = int(person.max()) + 1
    never, rarely, unnamed = _overlap(evaluation)
    return Diagnostics(
        rows=len(feedback),
        people=people,
        effective_rows=_effective(weight),
        effective_people=_effective(np.bincount(person, weight, people)),
        mean_weight=float(weight.mean()),
        error=_clustered_error(weight, person, people),
        largest=float(weight.max()),
        quantiles=tuple(float(one) for one in np.quantile(weight, QUANTILES)),
        never_taken=never,
        rarely_taken=rarely,
        unnamed=unnamed,
        unsupported=None if logging is None else _unsupported(evaluation, logging),
    )


def _effective(summed: NDArray[np.generic]) -> float:
    weight = summed.astype(np.float64)
    squared = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squared if squared > 0.0 else 0.0


def _clustered_error(weight: NDArray[np.float64], person: NDArray[np.intp], people: int) -> float:
    if people == 1:
        return float("nan")
    summed = np.bincount(person, weight - weight.mean(), people)
    return float(np.sqrt((summed**2).sum() * people / (people - 1))) / len(weight)


def _overlap(evaluation: Evaluation) -> tuple[float, float, float]:
    feedback = evaluation.feedback
    actions, code = np.unique(feedback.action, return_inverse=True)
    taken = np.bincount(code[feedback.taken], minlength=len(actions))
    share = np.bincount(code, evaluation.target, len(actions)) / len(feedback)
    named = actions != UNNAMED
    return (
        float(share[named & (taken == 0)].sum()),
        float(share[named & (taken < RARE)].sum()),
        float(share[~named].sum()),
    )


def _unsupported(evaluation: Evaluation, logging: NDArray[np.float64]) -> float:
    feedback = evaluation.feedback
    check_chances("logging", logging, feedback)
    apart = np.flatnonzero(np.abs(logging[feedback.taken] - feedback.propensity) > 1e-6)
    if len(apart):
        at = int(apart[0])
        raise InvalidFeedback(
            f"logging is {logging[feedback.taken[at]]} of what was taken in row {at}; its propensity is "
            f"{feedback.propensity[at]}; both are the logging policy's chance of it; give the same"
        )
    return float(evaluation.target[logging == 0.0].sum()) / len(feedback)
