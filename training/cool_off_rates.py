"""How much more often than usual a contact is rejected after a rejection, by its age, and when that is over.

Of each thing (an action, a group, all together) and bin of days, rejections are counted against those that would be
usual: their ratio. Contacts of one person in a bin are not independent, so a bin knows no more than as many contacts
as it has people. Thin ratios are held towards those of the kind above (training.shrinking). The ratio may only fall
with age: draws of it are made monotone (pool adjacent violators).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from models.cool_off import WORSE, Rest
from training.rejections import BINS, EDGES, Followed
from training.shrinking import Ratios

FEWEST_PEOPLE = 20
"""Whom fewer people were contacted with again goes by its kind; and no rest is shorter than what so many have seen."""

DRAWS = 200
CERTAINTY = 95.0
"""Percent, on one side."""


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


def curve(found: Ratios, usual: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """float64[3, BINS]: the ratio, never rising, and the ends of its one-sided intervals; NaN: nothing is known. found:
    [BINS]. usual: the rejections from which it is known what is usual."""
    known = np.flatnonzero(found.strength > 0.0)
    ends = np.full((3, BINS), np.nan)
    if len(known) == 0:
        return ends
    ratio, strength = found.ratio[known], found.strength[known]
    weight, level = strength / ratio, rng.gamma(usual, 1.0 / usual, (DRAWS, 1))
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
