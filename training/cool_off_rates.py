"""How much more often than usual a contact is rejected after a rejection, by its age, and when that is over.

Of each thing (an action, a group, all together) and bin of days, rejections are counted against those that would be
usual: their ratio. Contacts of one person in a bin are not independent, so a bin knows no more than as many contacts
as it has people. A thin ratio is held towards that of the kind above as by `held` rejections, or fewer where the rest
of that kind knows less. The ratio may only fall with age: draws of it are made monotone (pool adjacent violators).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import gammaln

from models.cool_off import WORSE, Rest
from training.rejections import BINS, EDGES, Followed

FEWEST_PEOPLE = 20
"""Whom fewer people were contacted with again goes by its kind; and no rest is shorter than what so many have seen."""

HOLDS = (2.0, 5.0, 20.0, 80.0, 320.0)
DRAWS = 200
CERTAINTY = 95.0
"""Percent, on one side."""

_HALF = 0.5
"""A rejection: the exponent of Jeffreys' prior of a rate; without any, nothing would seem certain never to happen."""


@dataclass(frozen=True, slots=True)
class Tally:
    """float64[things, BINS], as many as there were people. observed: rejections. expected: those that would be usual.
    youngest: int64[things, BINS], the people whose first contact after a rejection lies in the bin."""

    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    youngest: NDArray[np.intp]

    @property
    def people(self) -> NDArray[np.intp]:
        """intp[things]."""
        return np.asarray(self.youngest.sum(axis=1))


@dataclass(frozen=True, slots=True)
class Ratios:
    """ratio, strength: float64[things, BINS], as many rejections as it comes from; 0 where nothing is known. usual:
    float64[things], the rejections that what is usual comes from."""

    ratio: NDArray[np.float64]
    strength: NDArray[np.float64]
    usual: NDArray[np.float64]


def tally(followed: Followed, thing: NDArray[np.intp], things: int) -> Tally:
    """thing: intp[n], of each contact."""
    place = thing * BINS + followed.bin
    shape = (things, BINS)
    contacts, observed, expected = (
        np.bincount(place, weight, things * BINS) for weight in (None, followed.rejected, followed.usual)
    )
    seen = np.unique(np.stack([place, followed.person.astype(np.intp)]), axis=1)[0]
    share = np.bincount(seen, minlength=things * BINS) / np.maximum(contacts, 1)
    order = np.lexsort((followed.bin, followed.person, thing))
    pairs = np.stack([thing, followed.person])[:, order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
    youngest = np.bincount(place[order][first], minlength=things * BINS)
    return Tally((observed * share).reshape(shape), (expected * share).reshape(shape), youngest.reshape(shape))


def alone(counted: Tally, usual: NDArray[np.float64]) -> Ratios:
    """Of a kind with nothing above it."""
    strength = np.where(counted.expected > 0.0, counted.observed + _HALF, 0.0)
    return Ratios(_over(strength, counted.expected), strength, usual)


def held_towards(
    counted: Tally, usual: NDArray[np.float64], above: Ratios, kind: NDArray[np.intp], held: float
) -> Ratios:
    """kind: intp[things], the row of `above` that each belongs to."""
    others = np.maximum(above.strength[kind] - counted.observed - _HALF, 0.0)
    weight = held * others / (held + others)
    known = (counted.expected > 0.0) | (weight > 0.0)
    strength = np.where(known, counted.observed + weight + _HALF, 0.0)
    return Ratios(_over(strength, counted.expected + _over(weight, above.ratio[kind])), strength, usual)


def best_hold(counted: Tally, above: Ratios, kind: NDArray[np.intp]) -> float:
    """Under which the counts are most likely, when the ratios of things are gamma distributed about their kind's."""
    seen = (counted.expected > 0.0) & (above.strength[kind] > 0.0)
    observed, mean = counted.observed[seen], (counted.expected * above.ratio[kind])[seen]

    def likelihood(held: float) -> float:
        told = gammaln(observed + held) - gammaln(held) + held * np.log(held / (held + mean))
        return float((told + observed * np.log(mean / (held + mean))).sum())

    return max(HOLDS, key=likelihood)


def curve(found: Ratios, thing: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """float64[3, BINS]: the ratio, never rising, and the ends of its one-sided intervals; NaN: nothing is known."""
    known = np.flatnonzero(found.strength[thing] > 0.0)
    ends = np.full((3, BINS), np.nan)
    if len(known) == 0:
        return ends
    ratio, strength = found.ratio[thing, known], found.strength[thing, known]
    weight, usual = strength / ratio, found.usual[thing]
    level = rng.gamma(usual, 1.0 / usual, (DRAWS, 1))
    drawn = ratio * rng.gamma(strength, 1.0 / strength, (DRAWS, len(known))) / level
    falling = [isotonic_regression(one, weights=weight, increasing=False).x for one in (ratio, *drawn)]
    ends[0, known] = falling[0]
    ends[1:, known] = np.percentile(falling[1:], [100.0 - CERTAINTY, CERTAINTY], axis=0)
    return ends


def rest(ends: NDArray[np.float64], youngest: NDArray[np.intp]) -> Rest | None:
    """ends: see curve. youngest: intp[BINS], see Tally. None: too few people, or it can be shown of no day whether it
    is over."""
    people = int(youngest.sum())
    if people < FEWEST_PEOPLE:
        return None
    begun = np.arange(BINS) >= np.searchsorted(np.cumsum(youngest), FEWEST_PEOPLE)
    over, worse = np.flatnonzero(begun & (ends[2] <= WORSE)), np.flatnonzero(ends[1] > WORSE)
    if len(over):
        return Rest(float(EDGES[over[0]]), at_least=False, people=people)
    return Rest(float(EDGES[worse[-1] + 1]), at_least=True, people=people) if len(worse) else None


def _over(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 where there is nothing to divide by."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0.0)
