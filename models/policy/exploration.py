"""Choosing with known probabilities.

A draw takes one candidate or no action. No action earns nothing, so its reward is 0; a candidate whose priority is 0
still comes before it, and one whose priority is below 0 comes after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.policy.allowance import Allowance
from models.policy_rules import Exploration

_TINY = float(np.finfo(np.float64).tiny)


class Explorer(Protocol):
    """name and revision: of the rule, for the policy's version."""

    @property
    def name(self) -> str: ...

    @property
    def revision(self) -> int: ...

    def probabilities(
        self, priority: NDArray[np.float64], tie: NDArray[np.intp], exploration: Exploration | None
    ) -> NDArray[np.float64]:
        """float64[n + 1]: the exact probability with which one draw takes each of the n candidates, and last no
        action; the sum is 1. n may be 0. priority: below 0 what is worse than no action. tie: all different.
        exploration: what the channel allows, None nothing."""


@dataclass(frozen=True, slots=True)
class Greedy:
    """Always the highest priority, of equals the lowest tie; no action only when nothing else is 0 or more."""

    name: str = "greedy"
    revision: int = 2

    def probabilities(
        self,
        priority: NDArray[np.float64],
        tie: NDArray[np.intp],
        exploration: Exploration | None,  # noqa: ARG002 the best needs no permission
    ) -> NDArray[np.float64]:
        chances = np.zeros(len(priority) + 1)
        chances[_best(priority, tie)] = 1.0
        return chances


@dataclass(frozen=True, slots=True)
class InverseGap:
    """Inverse-gap weighting (Foster and Rakhlin 2020, SquareCB). Of the K choices, no action among them, each one that
    is not the best has the chance 1 / (K + gamma x gap), and the best has the rest. Where that leaves the best less
    than 1 - share, the others' chances are scaled down to `share` together; where a float does not hold all of them,
    the best is taken.

    gap: 1 - priority / the best priority, so that no currency and no lever that all have in common changes a chance;
    where the best is 0, what is worse is so by its share of the worst, and where all are 0 nothing is known to be worse
    than anything, and all gaps are 0. Greedy where the channel allows no exploration."""

    name: str = "inverse_gap"
    revision: int = 2

    def probabilities(
        self, priority: NDArray[np.float64], tie: NDArray[np.intp], exploration: Exploration | None
    ) -> NDArray[np.float64]:
        if exploration is None or len(priority) == 0:
            return GREEDY.probabilities(priority, tie, exploration)
        reward = np.zeros(len(priority) + 1)
        reward[:-1] = priority
        best = _best(priority, tie)
        with np.errstate(over="ignore"):  # a gap that leaves what a float holds is no chance
            chances = 1.0 / (len(reward) + exploration.gamma * _gaps(reward, best))
        chances[best] = 0.0
        chances *= min(1.0, exploration.share / max(float(chances.sum()), _TINY))
        if np.count_nonzero(chances) < len(priority):
            return GREEDY.probabilities(priority, tie, exploration)
        chances[best] = 1.0 - float(chances.sum())
        return chances


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every candidate and no action alike: the random arm, whose share is its permission where a channel says nothing.
    Greedy where one forbids exploring."""

    name: str = "uniform"
    revision: int = 2

    def probabilities(
        self, priority: NDArray[np.float64], tie: NDArray[np.intp], exploration: Exploration | None
    ) -> NDArray[np.float64]:
        if exploration is not None and exploration.is_forbidden:
            return GREEDY.probabilities(priority, tie, exploration)
        return np.full(len(priority) + 1, 1.0 / (len(priority) + 1))


GREEDY = Greedy()
UNIFORM = Uniform()


def _best(priority: NDArray[np.float64], tie: NDArray[np.intp]) -> int:
    """The place of the highest, of equals the one of the lowest tie; that of no action, which is the last, when all are
    below 0."""
    if not len(priority):
        return 0
    place = int(priority.argmax())
    highest = priority[place]
    if not highest >= 0.0:
        return len(priority)
    equal = np.flatnonzero(priority == highest)
    return place if len(equal) == 1 else int(equal[tie[equal].argmin()])


def _gaps(reward: NDArray[np.float64], best: int) -> NDArray[np.float64]:
    """float64[n + 1], 0 or more, as `reward`, no action last."""
    if reward[best] > 0.0:
        return np.asarray(1.0 - reward / reward[best], np.float64)
    worst = float(reward.min())
    return np.asarray(reward / worst, np.float64) if worst < 0.0 else np.zeros(len(reward))


@dataclass(frozen=True, slots=True)
class Draw:
    """candidate: its place in the ranking. probability: of this draw, given the earlier ones."""

    candidate: int
    probability: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A slate's draws in order. no_action: the probability with which the first draw takes no action. end: the one with
    which the slate ends where it does, given its draws: of no action in the next draw, 1 at the limit. So the slate's
    own probability is the product of its draws' and `end`. last: intp[m], what competed in the last draw, whatever that
    took (places in the ranking)."""

    draws: tuple[Draw, ...]
    no_action: float
    end: float
    last: NDArray[np.intp] = field(compare=False, repr=False)


class Dice(Protocol):
    """What a draw is left to."""

    def choose(self, pool: NDArray[np.intp], chances: NDArray[np.float64]) -> int:
        """The place in `chances` that is taken: of a candidate of `pool` (places in the ranking), or the last, which is
        no action."""


@dataclass(frozen=True, slots=True)
class Thrown:
    """By chance. A place without a chance is never taken, whatever rounding does."""

    rng: np.random.Generator

    def choose(self, pool: NDArray[np.intp], chances: NDArray[np.float64]) -> int:  # noqa: ARG002 chances are enough
        return place_of(chances, self.rng.random())


def place_of(chances: NDArray[np.float64], lot: float) -> int:
    """The place in `chances`, not all 0, on which `lot`, in [0, 1), falls; none without a chance, whatever rounding
    does."""
    reached = chances.cumsum()
    place = int(reached.searchsorted(lot * reached[-1], side="right"))
    if place < len(chances) and chances[place] > 0.0:
        return place
    return min(place, int(np.flatnonzero(chances)[-1]))


def draw(
    explorer: Explorer,
    exploration: Exploration | None,
    pool: NDArray[np.intp],
    priority: NDArray[np.float64],
    tie: NDArray[np.intp],
    first: NDArray[np.bool_],
    allowance: Allowance,
    limit: int,
    dice: Dice,
) -> Drawn:
    """Up to `limit` of `pool` (places in the ranking) without replacement. Those that are `first` go before the others,
    the best of them first and never left to the dice; among the others no action competes in every draw and ends the
    slate. What the contact limits do not allow beside what was drawn before is out of every draw, and the chances are
    of what is left. The allowance is left as the slate leaves it."""
    left, front, draws, no_action, end = pool, pool, list[Draw](), 1.0, 1.0
    while len(draws) < limit:
        left = allowance.within(left)
        front = left[first[left]]
        rule, front = (GREEDY, front) if len(front) else (explorer, left)
        chances = rule.probabilities(priority[front], tie[front], exploration)
        if not draws:
            no_action = float(chances[-1])
        taken = dice.choose(front, chances)
        if taken == len(front):
            end = float(chances[-1])
            break
        draws.append(Draw(int(front[taken]), float(chances[taken])))
        allowance.take(int(front[taken]))
        if len(draws) < limit:
            left = left[left != front[taken]]
    return Drawn(tuple(draws), no_action, end, front)
