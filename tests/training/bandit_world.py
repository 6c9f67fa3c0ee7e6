"""SYNTHETIC logs of a policy whose every chance is known, and with it the value of any other policy, exactly.

A person is of one of a few types. All rows of a person have their type's candidates, and the person's own liking: each
reward has chance q + liking x min(q, 1 - q), liking being +strength or -strength with equal chance, so that q is right
on average and rows of one person go together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.offpolicy.feedback import Evaluation, Feedback


@dataclass(frozen=True, slots=True)
class PersonType:
    """Over its candidates, float64[K]: chances of the logging and the target policy, and of a reward. action: int64[K].
    rows: of one person."""

    logging: NDArray[np.float64]
    target: NDArray[np.float64]
    reward: NDArray[np.float64]
    action: NDArray[np.int64]
    rows: int


@dataclass(frozen=True, slots=True)
class World:
    """Types are equally likely. strength: in 0..1, of liking."""

    types: tuple[PersonType, ...]
    strength: float

    @property
    def truth(self) -> float:
        """The target's reward per row."""
        return self._worth(lambda one: one.target)

    @property
    def logged_truth(self) -> float:
        """The logging policy's."""
        return self._worth(lambda one: one.logging)

    def _worth(self, chances: Callable[[PersonType], NDArray[np.float64]]) -> float:
        earned = sum(one.rows * float(chances(one) @ one.reward) for one in self.types)
        return earned / sum(one.rows for one in self.types)

    @property
    def heaviest(self) -> float:
        return max(float((one.target / one.logging).max()) for one in self.types)


def world(
    seed: int,
    strength: float = 0.0,
    rows: tuple[int, int] = (1, 1),
    apart: float = 1.0,
    reward: tuple[float, float] = (0.02, 0.6),
) -> World:
    """rows: fewest and most of a person. apart: how different the two policies are, 0 the same. reward: the smallest
    and the largest chance of one."""
    rng = np.random.default_rng(seed)
    return World(tuple(_type(rng, rows, apart, reward) for _ in range(5)), strength)


def _type(rng: np.random.Generator, rows: tuple[int, int], apart: float, reward: tuple[float, float]) -> PersonType:
    size = int(rng.integers(2, 7))
    liked = rng.normal(size=size)
    return PersonType(
        logging=_softmax(liked),
        target=_softmax(liked + apart * rng.normal(size=size)),
        reward=rng.uniform(*reward, size=size),
        action=rng.permutation(8)[:size].astype(np.int64),
        rows=int(rng.integers(rows[0], rows[1] + 1)),
    )


def _softmax(score: NDArray[np.float64]) -> NDArray[np.float64]:
    chances = np.exp(score - score.max())
    return np.asarray(chances / chances.sum(), np.float64)


@dataclass(frozen=True, slots=True)
class Log:
    """evaluation.predicted: the true q, of each row's type. kind: intp[n], the type of each row's person. logging:
    float64[m]."""

    evaluation: Evaluation
    kind: NDArray[np.intp]
    logging: NDArray[np.float64]

    @property
    def feedback(self) -> Feedback:
        return self.evaluation.feedback

    def columns(self) -> NDArray[np.float64]:
        """float64[m, 2], for reward models: the type of the person and the action."""
        return np.column_stack([self.kind[self.feedback.row], self.feedback.action]).astype(np.float64)


def log(truth: World, people: int, rng: np.random.Generator) -> Log:
    of = rng.integers(0, len(truth.types), people)
    liking = truth.strength * rng.choice([-1.0, 1.0], people)
    rows = np.array([one.rows for one in truth.types])[of]
    person = np.repeat(np.arange(people), rows)
    kind = of[person]
    size = np.array([len(one.logging) for one in truth.types])[kind]
    start = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    reached = [np.cumsum(one.logging)[:-1] for one in truth.types]
    dice = rng.random(len(person))
    place = np.array([int(np.searchsorted(reached[k], d, side="right")) for k, d in zip(kind, dice, strict=True)])
    chance, q = (_of_taken(truth, name, kind, place) for name in ("logging", "reward"))
    earned = rng.random(len(person)) < q + liking[person] * np.minimum(q, 1.0 - q)
    flat = {name: _flat(truth, name, kind) for name in ("logging", "target", "reward", "action")}
    feedback = Feedback(
        start, flat["action"].astype(np.int64), start[:-1] + place, chance, earned.astype(np.float64), person
    )
    return Log(Evaluation(feedback, flat["target"], flat["reward"]), kind, flat["logging"])


def _of_taken(truth: World, name: str, kind: NDArray[np.intp], place: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.array([getattr(truth.types[k], name)[p] for k, p in zip(kind, place, strict=True)])


def _flat(truth: World, name: str, kind: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.concatenate([getattr(truth.types[k], name) for k in kind])
