"""When a thing is bought again: learned from the gaps between purchases, those that have not ended yet counted as such.

A thing (a category or an item) has a rate of being bought again for each age of its last purchase, constant within a
bin of days. A person buys it faster or slower than others by a factor of their own, of which their own gaps are the
evidence: gamma distributed with mean 1 and `shape`, so that with n gaps that were E expected purchases long

    P(bought within HORIZON | not since) = 1 - ((shape + E) / (shape + E + A)) ^ (shape + n)

where A is what the rates expect of the next HORIZON. Two units last longer than one: days are divided by units ^ wear.
What too few have bought goes by its kind: a typical category below, or a typical item in, the nearest category above it
that is known. Where none is, the model does not know the thing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled, part
from models.affinity import HORIZON

DAY = 86_400_000
HORIZON_DAYS = HORIZON / DAY

EDGES = np.array(
    [
        *range(11), 12, 14, 16, 18, 21, 24, 28, 32, 36, 42, 49, 56, 63, 70, 84, 98, 112, 140, 168, 196, 224, 280,
        365, 547, 730, 1095, 1825,
    ],
    np.float64,
)  # fmt: skip
"""Days at which bins begin; the last has no end."""

BINS = len(EDGES)
MOST_UNITS = 10.0
"""More units than these last no longer: stocking up has an end, and some quantities are pennies or grams."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How people differ, and how long units last. shape: of the gamma distribution of personal factors, above 0; large:
    all are alike. wear: 0 units do not matter, 1 twice the units last twice as long."""

    shape: float
    wear: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.shape) and self.shape > 0.0 and 0.0 <= self.wear <= 1.0):
            raise ValueError(f"pace is {self}; shape must be above 0 and wear from 0 to 1; train again")


@dataclass(frozen=True, slots=True)
class RepurchaseModel:
    """as_of: ms UTC, nothing recorded later was seen. Rates are per day, float64[..., BINS]. own: of each of
    `categories` (ids). below: of a typical category right below each, and in the last row of any. within: of a typical
    item in or below each, and in the last row of any. An item (id; of variants, what they are variants of) is bought
    factor times as fast as a typical one in categories[home] (-1: in any). What few people bought is in neither."""

    as_of: int
    category_pace: Pace
    item_pace: Pace
    categories: tuple[str, ...]
    own: NDArray[np.float64] = field(repr=False)
    below: NDArray[np.float64] = field(repr=False)
    within: NDArray[np.float64] = field(repr=False)
    items: tuple[str, ...]
    home: NDArray[np.int32] = field(repr=False)
    factor: NDArray[np.float64] = field(repr=False)

    def __post_init__(self) -> None:
        count = len(self.categories)
        shapes = (self.own.shape, self.below.shape, self.within.shape)
        if shapes != ((count, BINS), (count + 1, BINS), (count + 1, BINS)):
            raise ValueError(f"rates are of shapes {shapes}; {count} categories need {BINS} bins each; train again")
        if not (len(self.items) == len(self.home) == len(self.factor)):
            raise ValueError(f"items are {len(self.items)}; each needs a home and a factor; train again")
        if any(not (np.isfinite(rates).all() and (rates >= 0.0).all()) for rates in (*self._rates(), self.factor)):
            raise ValueError("a rate is below 0 or not a number; rates are purchases a day; train again")
        if len(self.home) and not (self.home.min() >= -1 and self.home.max() < count):
            raise ValueError(f"home is {self.home.min()} to {self.home.max()}; it must be a category; train again")

    def _rates(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        return self.own, self.below, self.within


@dataclass(frozen=True, slots=True)
class Curves:
    """The rates of n things. rate: float64[rows, BINS]. before: the same shape, what is expected until each bin begins.
    row: int32[n] and factor: float64[n]: thing i has factor[i] x rate[row[i]]; row -1: the model does not know it.
    shape, wear: float64[n], see Pace."""

    rate: NDArray[np.float64] = field(repr=False)
    before: NDArray[np.float64] = field(repr=False)
    row: NDArray[np.int32]
    factor: NDArray[np.float64] = field(repr=False)
    shape: NDArray[np.float64]
    wear: NDArray[np.float64]

    def expected(self, thing: NDArray[np.int32], days: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[m]: purchases expected of each thing, which the model must know, until so many days after one."""
        return _expect(self.rate, self.before, self.row, self.factor, EDGES, thing, days)

    def chance(
        self,
        thing: NDArray[np.int32],
        days: NDArray[np.float64],
        units: NDArray[np.float64],
        count: NDArray[np.float64],
        spent: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """float64[m]: of buying each thing again within HORIZON. days: since it was bought, without having been bought
        since. units: bought then. count, spent: gaps before that, and what was expected in them; 0 for anybody."""
        slower = lasting(units, self.wear[thing])
        passed = self.expected(thing, days / slower)
        ahead = self.expected(thing, (days + HORIZON_DAYS) / slower) - passed
        known = self.shape[thing] + spent + passed
        return np.asarray(1.0 - (known / (known + ahead)) ** (self.shape[thing] + count), np.float64)


def curves(rate: NDArray[np.float64], row: NDArray[np.int32], factor: NDArray[np.float64], pace: Pace) -> Curves:
    """Those of things that all have one pace."""
    before, shape = expected_before(rate), np.full(len(row), pace.shape)
    return Curves(rate, before, row, factor, shape, np.full(len(row), pace.wear))


def expected_before(rate: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[rows, BINS]: the purchases that the rates expect until each bin begins."""
    before = np.zeros_like(rate)
    np.cumsum(rate[:, :-1] * np.diff(EDGES), axis=1, out=before[:, 1:])
    return before


def lasting(units: NDArray[np.float64], wear: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """How many times longer these units last than one."""
    return np.asarray(np.clip(units, 1.0, MOST_UNITS) ** wear, np.float64)


@part
def _expected(
    rate: NDArray[np.float64], before: NDArray[np.float64], row: int, edges: NDArray[np.float64], days: float
) -> float:
    low, high = 0, len(edges)
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] <= days:
            low = middle
        else:
            high = middle
    return float(before[row, low] + rate[row, low] * (days - edges[low]))


@compiled
def _expect(
    rate: NDArray[np.float64],
    before: NDArray[np.float64],
    row: NDArray[np.int32],
    factor: NDArray[np.float64],
    edges: NDArray[np.float64],
    thing: NDArray[np.int32],
    days: NDArray[np.float64],
) -> NDArray[np.float64]:
    found = np.zeros(len(thing), np.float64)
    for place in range(len(thing)):
        one = thing[place]
        found[place] = factor[one] * _expected(rate, before, row[one], edges, days[place])
    return found


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one person's purchases say of n things. began: int64[n] ms UTC, the newest purchase, NEVER where there is
    none that the model knows. units: float64[n], bought then. count, spent: float64[n], see Curves.chance."""

    began: NDArray[np.int64]
    units: NDArray[np.float64]
    count: NDArray[np.float64]
    spent: NDArray[np.float64]


NEVER = -(2**63)

Things = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], int]
"""Category by item code, parent by category, thing by item code, and the thing that is category 0."""

Rates = tuple[
    NDArray[np.float64], NDArray[np.float64], NDArray[np.int32], NDArray[np.float64], NDArray[np.float64],
    NDArray[np.float64],
]  # fmt: skip
"""rate, before, row, factor and wear of Curves, and EDGES."""


def evidence(
    item: NDArray[np.int32], at: NDArray[np.int64], units: NDArray[np.float64], things: Things, known: Curves
) -> Evidence:
    """Of purchases of `units` of `item` (vocabulary codes), sorted by at (ms UTC). What is bought within a day of a
    purchase of the same thing belongs to it."""
    count = len(known.row)
    found = Evidence(np.full(count, NEVER, np.int64), np.zeros(count), np.zeros(count), np.zeros(count))
    rates = (known.rate, known.before, known.row, known.factor, known.wear, EDGES)
    _observe(item, at, units, things, rates, found.began, found.units, found.count, found.spent)
    return found


@part
def _add(
    thing: int,
    at: int,
    units: float,
    rates: Rates,
    began: NDArray[np.int64],
    held: NDArray[np.float64],
    count: NDArray[np.float64],
    spent: NDArray[np.float64],
) -> None:
    rate, before, row, factor, wear, edges = rates
    if row[thing] < 0:
        return
    if began[thing] != NEVER and at - began[thing] < DAY:
        held[thing] += units
        return
    if began[thing] != NEVER:
        days = (at - began[thing]) / DAY / min(max(held[thing], 1.0), MOST_UNITS) ** wear[thing]
        spent[thing] += factor[thing] * _expected(rate, before, row[thing], edges, days)
        count[thing] += 1.0
    began[thing], held[thing] = at, units


@compiled
def _observe(
    item: NDArray[np.int32],
    at: NDArray[np.int64],
    units: NDArray[np.float64],
    things: Things,
    rates: Rates,
    began: NDArray[np.int64],
    held: NDArray[np.float64],
    count: NDArray[np.float64],
    spent: NDArray[np.float64],
) -> None:
    category_of, parent, thing_of_item, first_category = things
    for line in range(len(item)):
        code = item[line]
        if code < 0 or code >= len(thing_of_item):
            continue
        if thing_of_item[code] >= 0:
            _add(thing_of_item[code], at[line], units[line], rates, began, held, count, spent)
        category = category_of[code]
        while category >= 0:
            _add(first_category + category, at[line], units[line], rates, began, held, count, spent)
            category = parent[category]
