"""Choosing with known probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.policy.allowance import Allowance


class Explorer(Protocol):
    """name and revision: of the rule, for the policy's version."""

    @property
    def name(self) -> str: ...

    @property
    def revision(self) -> int: ...

    def probabilities(self, priority: NDArray[np.float64], tie: NDArray[np.intp]) -> NDArray[np.float64]:
        """float64[n + 1]: the exact probability with which one draw takes each of the n candidates, and last no
        action; the sum is 1. n may be 0."""


@dataclass(frozen=True, slots=True)
class Greedy:
    """Always the highest priority, of equals the lowest tie; no action only when there is nothing else."""

    name: str = "greedy"
    revision: int = 1

    def probabilities(self, priority: NDArray[np.float64], tie: NDArray[np.intp]) -> NDArray[np.float64]:
        chances = np.zeros(len(priority) + 1)
        best = np.flatnonzero(priority == priority.max()) if len(priority) else np.array([0])
        chances[best[np.argmin(tie[best])] if len(priority) else 0] = 1.0
        return chances


@dataclass(frozen=True, slots=True)
class Draw:
    """candidate: its place in the ranking. probability: of this draw, given the earlier ones."""

    candidate: int
    probability: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A slate's draws in order, and the probability with which the first would have taken no action."""

    draws: tuple[Draw, ...]
    no_action: float


def draw(
    explorer: Explorer,
    pool: NDArray[np.intp],
    priority: NDArray[np.float64],
    tie: NDArray[np.intp],
    first: NDArray[np.bool_],
    allowance: Allowance,
    limit: int,
    rng: np.random.Generator,
) -> Drawn:
    """Up to `limit` of `pool` (places in the ranking) without replacement; those that are `first` compete among
    themselves until none of them is left. What the contact limits do not allow beside what was drawn before is out of
    every draw, and the chances are of what is left. No action competes in every draw and ends the slate. The allowance
    is left as the slate leaves it."""
    left, draws, no_action = pool, list[Draw](), 1.0
    while len(draws) < limit:
        left = left[allowance.allowed(left)]
        front = left[first[left]]
        front = front if len(front) else left
        chances = explorer.probabilities(priority[front], tie[front])
        if not draws:
            no_action = float(chances[-1])
        taken = _sample(chances, rng)
        if taken == len(front):
            break
        draws.append(Draw(int(front[taken]), float(chances[taken])))
        allowance.take(int(front[taken]))
        left = left[left != front[taken]]
    return Drawn(tuple(draws), no_action)


def _sample(chances: NDArray[np.float64], rng: np.random.Generator) -> int:
    """A place by its chance; one without a chance is never taken, whatever rounding does."""
    reached = np.cumsum(chances)
    place = int(np.searchsorted(reached, rng.random() * reached[-1], side="right"))
    return min(place, int(np.flatnonzero(chances)[-1]))
