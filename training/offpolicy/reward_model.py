"""The reward that is expected of each candidate, by models that have not seen the person whose row they predict.

Cross-fitting (Chernozhukov et al. 2018, "Double/debiased machine learning"): people are dealt into folds, and every
fold is predicted by a model that was fitted on the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.errors import InvalidFeedback
from training.growing import Tables, grow_matrix, matrix
from training.offpolicy.feedback import Feedback
from training.settings import REWARD

CHUNK = 65_536
"""Candidates whose columns are in memory at a time."""

Predict = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""float64[k, inputs] -> float64[k], the expected reward."""
Fit = Callable[[NDArray[np.float64], NDArray[np.float64]], Predict]
"""(columns float64[k, inputs], reward float64[k]) of what was taken -> a model."""
Columns = Callable[[NDArray[np.intp]], NDArray[np.float64]]
"""Places of candidates, intp[k] -> float64[k, inputs]; `table.__getitem__` of a table in memory is one."""


class Regressor(Protocol):
    """As scikit-learn has them."""

    def fit(self, columns: NDArray[np.float64], reward: NDArray[np.float64]) -> object: ...

    def predict(self, columns: NDArray[np.float64]) -> NDArray[np.float64]: ...


def by_forest(rounds: int = 100, seed: int = 0) -> Fit:
    """LightGBM, on squared error, so that the mean is what it learns."""

    def fit(columns: NDArray[np.float64], reward: NDArray[np.float64]) -> Predict:
        names = [f"input {place}" for place in range(columns.shape[1])]
        return grow_matrix(Tables(matrix(columns, reward, names)), REWARD, rounds, seed).raw

    return fit


def by_regressor(make: Callable[[], Regressor]) -> Fit:
    """make: a new, unfitted one for each fold."""

    def fit(columns: NDArray[np.float64], reward: NDArray[np.float64]) -> Predict:
        model = make()
        model.fit(columns, reward)
        return model.predict

    return fit


def cross_fitted(
    feedback: Feedback, columns: Columns, fit: Fit, rng: np.random.Generator, folds: int = 3
) -> NDArray[np.float64]:
    """float64[m]: the expected reward of each candidate. Raises InvalidFeedback with fewer people than folds."""
    people, person = np.unique(feedback.person, return_inverse=True)
    if not 2 <= folds <= len(people):
        raise InvalidFeedback(
            f"folds is {folds}; there are 2 of them at least, and no more than people, {len(people)}; choose another"
        )
    fold = rng.permutation(len(people))[person] % folds
    predicted = np.full(feedback.candidates, np.nan)
    for number in range(folds):
        learned = np.flatnonzero(fold != number)
        model = fit(columns(feedback.taken[learned]), feedback.reward[learned])
        places = feedback.places(np.flatnonzero(fold == number))
        for first in range(0, len(places), CHUNK):
            chunk = places[first : first + CHUNK]
            predicted[chunk] = model(columns(chunk))
    return predicted
