"""What a policy did and what came of it, and what another policy would have done in the same place.

A row is one draw of a logged policy: the first draw of one channel of one decision, no action being one of the
candidates. Every row has its own candidates, so whatever is told of candidates is a flat array, row after row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.errors import InvalidFeedback

NO_ACTION = -1
UNNAMED = -2
"""Of `Feedback.action`: a candidate of which the log does not tell which action it was."""
TOLERANCE = 1e-6
"""How far the chances of one row may sum from 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Feedback:
    """n >= 1 draws of the logging policy over m candidates in all.

    start: int64[n + 1]; the candidates of row i are the places start[i] .. start[i + 1] - 1, at least one. action:
    int64[m], which action each candidate is, NO_ACTION, or UNNAMED. taken: int64[n], the place of the one that was
    taken. propensity: float64[n] in (0, 1], the chance with which the logging policy took it. reward: float64[n], in
    whatever unit values are wanted in; there is no missing reward, an unmatured one has no row. person: int64[n], any
    number that is the person's own: rows of one person are not independent. The arrays are read-only views.

    Raises InvalidFeedback.
    """

    start: NDArray[np.int64]
    action: NDArray[np.int64]
    taken: NDArray[np.int64]
    propensity: NDArray[np.float64]
    reward: NDArray[np.float64]
    person: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            object.__setattr__(self, name, _column(name, getattr(self, name), kind))
        _check_shapes(self)
        _check_places(self)
        _check_numbers(self)

    def __len__(self) -> int:
        return len(self.taken)

    @property
    def candidates(self) -> int:
        return len(self.action)

    @property
    def row(self) -> NDArray[np.intp]:
        """intp[m]: whose candidate each is."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n]: the sum over each row's candidates of float64[m]."""
        return np.asarray(np.add.reduceat(values, self.start[:-1]), np.float64)

    def places(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """The places of the candidates of `rows` (each as often as it is named), row after row."""
        start, size = _laid(self.start, rows)
        return np.asarray(np.arange(start[-1]) + np.repeat(self.start[rows] - start[:-1], size), np.intp)

    def take(self, rows: NDArray[np.intp]) -> Feedback:
        """Of `rows` only, in their order; what goes with candidates is taken by `places`."""
        start, _ = _laid(self.start, rows)
        taken = start[:-1] + self.taken[rows] - self.start[rows]
        columns = (self.propensity[rows], self.reward[rows], self.person[rows])
        return Feedback(start, self.action[self.places(rows)], taken, *columns)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A target policy on logged rows. target: float64[m], the chance with which it would take each candidate; they sum
    to 1 in every row. predicted: float64[m], the reward expected of each candidate, by a model that has not seen the
    row's person (training.offpolicy.reward_model); None where no estimator asks for it. Raises InvalidFeedback."""

    feedback: Feedback
    target: NDArray[np.float64]
    predicted: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("target", "predicted"):
            if (values := getattr(self, name)) is not None:
                object.__setattr__(self, name, _column(name, values, "f"))
                _check_length(name, getattr(self, name), self.feedback.candidates, "one per candidate")
        check_chances("target", self.target, self.feedback)
        if self.predicted is not None:
            _refuse_any("predicted", self.predicted, ~np.isfinite(self.predicted), "it is a number for every candidate")

    @property
    def weight(self) -> NDArray[np.float64]:
        """float64[n], importance weights: the target's chance of what was taken over the logging policy's."""
        return np.asarray(self.target[self.feedback.taken] / self.feedback.propensity, np.float64)

    @property
    def expected(self) -> NDArray[np.float64]:
        """float64[n]: the reward that the model expects of the target's draw. Raises InvalidFeedback without a
        model."""
        return self.feedback.sums(self.target * self._model)

    @property
    def surprise(self) -> NDArray[np.float64]:
        """float64[n]: reward minus what the model expects of what was taken. Raises InvalidFeedback without a model."""
        return np.asarray(self.feedback.reward - self._model[self.feedback.taken], np.float64)

    @property
    def _model(self) -> NDArray[np.float64]:
        if self.predicted is None:
            raise InvalidFeedback(
                "predicted is None; this estimator needs the reward that is expected of each candidate; "
                "give what training.offpolicy.reward_model.cross_fitted returns"
            )
        return self.predicted

    def take(self, rows: NDArray[np.intp]) -> Evaluation:
        places = self.feedback.places(rows)
        predicted = None if self.predicted is None else self.predicted[places]
        return Evaluation(self.feedback.take(rows), self.target[places], predicted)


def check_chances(name: str, chances: NDArray[np.float64], feedback: Feedback) -> None:
    """chances: float64[m]. Raises InvalidFeedback unless they are probabilities that sum to 1 in every row."""
    _check_length(name, chances, feedback.candidates, "one per candidate")
    _refuse_any(name, chances, ~((chances >= 0.0) & (chances <= 1.0)), "a chance is in 0..1")
    total = feedback.sums(chances)
    wrong = np.flatnonzero(np.abs(total - 1.0) > TOLERANCE)
    if len(wrong):
        raise InvalidFeedback(
            f"{name} is {total[wrong[0]]:.9g} in sum in row {wrong[0]}; the chances of a row's candidates sum to 1; "
            "count no action among the candidates"
        )


_KINDS: Mapping[str, str] = {
    "start": "i",
    "action": "i",
    "taken": "i",
    "propensity": "f",
    "reward": "f",
    "person": "i",
}


def _laid(start: NDArray[np.int64], rows: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    size = np.diff(start)[rows]
    return np.concatenate([[0], np.cumsum(size)]).astype(np.int64), size


def _column(name: str, values: NDArray[np.generic], kind: str) -> NDArray[np.generic]:
    column = np.asarray(values)
    if column.ndim != 1 or column.dtype.kind != kind:
        wanted = "whole numbers" if kind == "i" else "floating-point numbers"
        raise InvalidFeedback(f"{name} is {column.dtype}{list(column.shape)}; it is a flat array of {wanted}; turn it")
    view = column.astype(np.int64 if kind == "i" else np.float64, copy=False).view()
    view.flags.writeable = False
    return view


def _check_length(name: str, values: NDArray[np.generic], length: int, rule: str) -> None:
    if len(values) != length:
        raise InvalidFeedback(f"{name} is of {len(values)}; there are {length}, {rule}; give as many")


def _refuse_any(name: str, values: NDArray[np.float64], wrong: NDArray[np.bool_], rule: str) -> None:
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise InvalidFeedback(f"{name} is {values[place]} at {place}; {rule}; leave the row out or repair it")


def _check_shapes(feedback: Feedback) -> None:
    if len(feedback.taken) == 0:
        raise InvalidFeedback("rows is 0; an estimate needs at least one; log decisions and let their rewards mature")
    for name in ("propensity", "reward", "person"):
        _check_length(name, getattr(feedback, name), len(feedback.taken), "one per row")
    _check_length("start", feedback.start, len(feedback.taken) + 1, "one per row and the end")


def _check_places(feedback: Feedback) -> None:
    start, taken = feedback.start, feedback.taken
    if start[0] != 0 or start[-1] != len(feedback.action) or (np.diff(start) < 1).any():
        raise InvalidFeedback(
            f"start is {start[0]} .. {start[-1]}; it grows from 0 to the number of candidates, {len(feedback.action)}, "
            "and every row has at least one; count anew"
        )
    outside = np.flatnonzero((taken < start[:-1]) | (taken >= start[1:]))
    if len(outside):
        at = int(outside[0])
        raise InvalidFeedback(
            f"taken is {taken[at]} in row {at}; it is the place of one of the row's own candidates, "
            f"{start[at]}..{start[at + 1] - 1}; give a place in the flat arrays"
        )


def _check_numbers(feedback: Feedback) -> None:
    propensity, reward = feedback.propensity, feedback.reward
    outside = ~((propensity > 0.0) & (propensity <= 1.0))
    _refuse_any("propensity", propensity, outside, "what was taken had a chance above 0 and at most 1")
    _refuse_any("reward", reward, ~np.isfinite(reward), "it is a number; unmatured rewards have no row")
