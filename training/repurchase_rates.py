"""Rates of buying again, by counting, and persons' factors, in turns (see models.repurchase for what they mean).

A rate is purchases over the days that people could have bought, in each bin of days since the last purchase. Few
purchases say little, so each rate is held towards that of the kind above as by `held` purchases of it: first the level
of the whole thing, then each bin of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from models.repurchase import BINS, EDGES, Curves, Pace, curves, lasting
from training.spells import Spells

ROUNDS = 12
"""Turns between the persons' factors and the rates; on real data the last changes no rate by more than a percent."""

_SELDOM = 0.01
"""Purchases a day, of anything, when nothing at all is known; it weighs as one purchase."""


@dataclass(frozen=True, slots=True)
class Told:
    """held: purchases of the kind above by which a rate is held towards it, above 0."""

    pace: Pace
    held: float


@dataclass(frozen=True, slots=True)
class Counts:
    """float64[things, BINS]: purchases that ended a spell in each bin, and days at risk in it, each times its person's
    factor."""

    bought: NDArray[np.float64]
    days: NDArray[np.float64]

    def of(self, place: int) -> Counts:
        return Counts(self.bought[place : place + 1], self.days[place : place + 1])


@dataclass(frozen=True, slots=True)
class Fitted:
    """curves: of the things of the spells. strength: float64[rows, BINS], as many purchases as the relative error of
    each rate comes from: it is one over their root."""

    told: Told
    curves: Curves
    strength: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Standing:
    """Of each chain of spells: its thing, gaps that ended, what was expected in them, and of the spell that has not
    ended its days and units."""

    thing: NDArray[np.int32]
    count: NDArray[np.float64]
    spent: NDArray[np.float64]
    days: NDArray[np.float64]
    units: NDArray[np.float64]


def counts(spells: Spells, weight: NDArray[np.float64], wear: float) -> Counts:
    """weight: float64[chains], factors."""
    found = Counts(np.zeros((spells.things, BINS)), np.zeros((spells.things, BINS)))
    days = spells.days / lasting(spells.units, wear)
    _count(spells.thing, days, spells.ended, weight[spells.chain], EDGES, found.bought, found.days)
    return found


@compiled
def _count(
    thing: NDArray[np.int32],
    length: NDArray[np.float64],
    ended: NDArray[np.bool_],
    weight: NDArray[np.float64],
    edges: NDArray[np.float64],
    bought: NDArray[np.float64],
    days: NDArray[np.float64],
) -> None:
    for spell in range(len(thing)):
        row, place, left = thing[spell], 0, length[spell]
        while place + 1 < len(edges) and edges[place + 1] <= left:
            days[row, place] += weight[spell] * (edges[place + 1] - edges[place])
            place += 1
        days[row, place] += weight[spell] * (left - edges[place])
        if ended[spell]:
            bought[row, place] += 1.0


def held_towards(counted: Counts, above: NDArray[np.float64], held: float) -> NDArray[np.float64]:
    """float64[things, BINS] rates. above: those of the kind above, all over 0."""
    level = (counted.bought.sum(axis=1) + held) / ((counted.days * above).sum(axis=1) + held)
    prior = above * level[:, None]
    return np.asarray((counted.bought + held) / (counted.days + held / prior), np.float64)


def standing(spells: Spells, known: Curves) -> Standing:
    days = spells.days / lasting(spells.units, known.wear[spells.thing])
    spent = np.where(spells.ended, known.expected(spells.thing, days), 0.0)
    still = ~spells.ended
    return Standing(
        thing=spells.thing[still],
        count=_summed(spells.chain, spells.ended, spells.chains),
        spent=_summed(spells.chain, spent, spells.chains),
        days=spells.days[still],
        units=spells.units[still],
    )


def chances(spells: Spells, known: Curves, *, personal: bool = True) -> NDArray[np.float64]:
    """float64[chains]: of buying again within HORIZON of the spells' end; not personal: as of anybody who bought it
    then."""
    stand, share = standing(spells, known), 1.0 if personal else 0.0
    return known.chance(stand.thing, stand.days, stand.units, stand.count * share, stand.spent * share)


def fit_categories(spells: Spells, parent: NDArray[np.int32], told: Told) -> Fitted:
    """Rows: each category, a typical one right below each, a typical one of all. parent: int32[categories], -1 of a
    root."""
    count, row = len(parent), np.arange(len(parent), dtype=np.int32)
    above = np.where(parent >= 0, parent, count)
    weight = np.ones(spells.chains)
    for _ in range(ROUNDS):
        counted = counts(spells, weight, told.pace.wear)
        pooled = Counts(np.zeros((count + 1, BINS)), np.zeros((count + 1, BINS)))
        for pool, own in ((pooled.bought, counted.bought), (pooled.days, counted.days)):
            np.add.at(pool, above, own)
            pool[count] = own.sum(axis=0)
        below = _downwards(pooled, parent, told.held)
        rate = np.concatenate([held_towards(counted, below[above], told.held), below])
        known = curves(rate, row, np.ones(count), told.pace)
        weight = _factors(spells, known)
    return Fitted(told, known, np.concatenate([counted.bought, pooled.bought]) + told.held)


def fit_items(spells: Spells, home: NDArray[np.int32], parent: NDArray[np.int32], told: Told) -> Fitted:
    """Rows: a typical item in or below each category, and of all. home: int32[things], the category of each, -1
    none."""
    count = len(parent)
    row = np.where(home >= 0, home, count).astype(np.int32)
    at_home = replace(spells, thing=row[spells.thing], things=count + 1)
    bought = _summed(spells.thing, spells.ended, spells.things)
    weight, factor = np.ones(spells.chains), np.ones(spells.things)
    for _ in range(ROUNDS):
        pooled = counts(at_home, weight, told.pace.wear)
        for category in reversed(parents_first(parent)):
            for pool in (pooled.bought, pooled.days):
                pool[parent[category] if parent[category] >= 0 else count] += pool[category]
        typical = curves(_downwards(pooled, parent, told.held), row, np.ones(spells.things), told.pace)
        foreseen = _summed(spells.thing[~spells.ended], weight * _foreseen(spells, typical), spells.things)
        factor = (bought + told.held) / (foreseen + told.held)
        known = replace(typical, factor=factor)
        weight = _factors(spells, known)
    return Fitted(told, known, pooled.bought + told.held)


def parents_first(parent: NDArray[np.int32]) -> list[int]:
    """Category numbers, by depth."""
    depth, upwards = np.zeros(len(parent), np.int64), parent.copy()
    while (upwards >= 0).any():
        depth[upwards >= 0] += 1
        upwards = np.where(upwards >= 0, parent[upwards], np.int32(-1))
    return [int(category) for category in np.argsort(depth, kind="stable")]


def intervals(
    fit: Fitted, thing: int, days: NDArray[np.float64], rng: np.random.Generator, draws: int = 200
) -> NDArray[np.float64]:
    """float64[3, days]: the chance that anybody buys the thing again within HORIZON, that long after one of it; then
    the ends of its 95 % interval, from draws of the rates."""
    row = int(fit.curves.row[thing])
    rate, strength = fit.curves.rate[row], fit.strength[row]
    drawn = np.concatenate([rate[None], rate * rng.gamma(strength, 1.0 / strength, (draws, BINS))])
    known = curves(drawn, np.arange(len(drawn), dtype=np.int32), np.ones(len(drawn)), fit.told.pace)
    things = np.repeat(known.row, len(days))
    nothing = np.zeros(len(things))
    likely = known.chance(things, np.tile(days, len(drawn)), nothing + 1.0, nothing, nothing)
    likely = likely.reshape(len(drawn), len(days))
    return np.concatenate([likely[:1], np.percentile(likely[1:], [2.5, 97.5], axis=0)])


def _downwards(pooled: Counts, parent: NDArray[np.int32], held: float) -> NDArray[np.float64]:
    """float64[categories + 1, BINS]: each pool held towards that of the category above, the last row, of all, towards
    one rate for every bin."""
    count = len(parent)
    rates = np.zeros((count + 1, BINS))
    whole = (pooled.bought[count].sum() + 1.0) / (pooled.days[count].sum() + 1.0 / _SELDOM)
    rates[count] = held_towards(pooled.of(count), np.full((1, BINS), whole), held)[0]
    for category in parents_first(parent):
        above = rates[parent[category] if parent[category] >= 0 else count]
        rates[category] = held_towards(pooled.of(category), above[None], held)[0]
    return rates


def _foreseen(spells: Spells, known: Curves) -> NDArray[np.float64]:
    """float64[chains]: what was expected of somebody like all, in all spells of the chain."""
    days = spells.days / lasting(spells.units, known.wear[spells.thing])
    return _summed(spells.chain, known.expected(spells.thing, days), spells.chains)


def _factors(spells: Spells, known: Curves) -> NDArray[np.float64]:
    """float64[chains]: how much faster than others each person buys each thing."""
    shape = known.shape[spells.thing[~spells.ended]]
    count = _summed(spells.chain, spells.ended, spells.chains)
    return np.asarray((shape + count) / (shape + _foreseen(spells, known)), np.float64)


def _summed(
    place: NDArray[np.int32], values: NDArray[np.float64] | NDArray[np.bool_], count: int
) -> NDArray[np.float64]:
    return np.asarray(np.bincount(place, values, count), np.float64)
