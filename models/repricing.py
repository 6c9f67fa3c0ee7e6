"""A catalogue at the prices that the item feed told, in the place of its own.

Only what the catalogue sells has a price. A category costs what its items do, and an action what it promotes
(models.prices), so both follow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from features.stores.shared import PriceChange
from features.vocabulary import Vocabulary
from models.columns import CompiledCatalogue
from models.prices import category_prices, price_of

_KEPT = 8
"""Catalogues at the prices of one moment that stay made; each may hold a million items."""


@dataclass(frozen=True, slots=True, eq=False)
class PriceLog:
    """What the item feed told of prices, in that order. number: int64[n], ascending. told_at: int64[n] ms UTC, of
    everything up to there, so that it ascends too. item: int64[n] codes. price: float64[n], NaN: the catalogue's own
    again."""

    number: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    told_at: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    item: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    price: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0, np.float64))

    @property
    def newest(self) -> int:
        return int(self.number[-1]) if len(self.number) else 0

    def extended(self, changes: Sequence[PriceChange], vocabulary: Vocabulary) -> PriceLog:
        """With what was told since."""
        told_at = np.concatenate([self.told_at, np.array([one.told_at for one in changes], np.int64)])
        price = [np.nan if one.price is None else one.price for one in changes]
        codes = [vocabulary.code("item", one.item) for one in changes]
        return PriceLog(
            np.concatenate([self.number, np.array([one.number for one in changes], np.int64)]),
            np.maximum.accumulate(told_at),
            np.concatenate([self.item, np.array(codes, np.int64)]),
            np.concatenate([self.price, np.array(price, np.float64)]),
        )

    def as_bytes(self) -> bytes:
        """What was told and when, without its numbers; nothing of nothing."""
        return b"".join(column.tobytes() for column in (self.told_at, self.item, self.price))

    def until(self, moment: int) -> PriceLog:
        """What was told by `moment` (ms UTC)."""
        known = int(np.searchsorted(self.told_at, moment, side="right"))
        return PriceLog(self.number[:known], self.told_at[:known], self.item[:known], self.price[:known])

    def numbers_at(self, moments: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[n]: the number of the newest price that was told by each of the moments (ms UTC), 0 for none. Those of
        one feed were told together, so that a number says all."""
        return np.append(0, self.number)[np.searchsorted(self.told_at, moments, side="right")]

    def prices(self, number: int, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64[k]: what was told of the items by then, NaN where the catalogue's own price holds."""
        known = int(np.searchsorted(self.number, number, side="right"))
        item = self.item[:known]
        told = np.full(max(int(codes.max(initial=-1)), int(item.max(initial=-1))) + 1, np.nan)
        last = np.full(len(told), -1, np.int64)
        np.maximum.at(last, item[item >= 0], np.flatnonzero(item >= 0))
        told[last >= 0] = self.price[last[last >= 0]]
        return told[codes]


def repriced(compiled: CompiledCatalogue, log: PriceLog, number: int) -> CompiledCatalogue:
    """The same version at the prices up to that number; itself where it is at them already."""
    if number == compiled.prices:
        return compiled
    told = log.prices(number, compiled.items)
    price = np.full(len(compiled.facts.price), np.nan)
    price[compiled.items] = np.where(np.isnan(told), compiled.list_price, told)
    of_category = category_prices(compiled.facts.category, compiled.facts.parent, price)
    return compiled.with_prices(
        replace(compiled.facts, price=price),
        replace(compiled.categories, price=of_category),
        replace(compiled.all, price=_of_actions(compiled, price, of_category)),
        number,
    )


def _of_actions(
    compiled: CompiledCatalogue, price: NDArray[np.float64], of_category: NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64[rows]: an action costs the same on every channel."""
    rows = compiled.all
    action, first = np.unique(compiled.action, return_index=True)
    cost = np.full(len(compiled.catalogue.actions), np.nan)
    for number, row in zip(action.tolist(), first.tolist(), strict=True):
        named = price[rows.item[rows.item_start[row] : rows.item_start[row + 1]]]
        cost[number] = price_of(named, of_category, int(rows.category[row]))
    return cost[compiled.action]


class Repriced:
    """Keeps the newest that it was asked for, by the very catalogue, for a scorer keeps what it knows of one. For one
    thread at a time."""

    def __init__(self) -> None:
        self._made: deque[tuple[CompiledCatalogue, CompiledCatalogue]] = deque(maxlen=_KEPT)

    def at(self, compiled: CompiledCatalogue, log: PriceLog, number: int) -> CompiledCatalogue:
        """models.repricing.repriced."""
        if number == compiled.prices:
            return compiled
        for of, made in self._made:
            if of is compiled and made.prices == number:
                return made
        made = repriced(compiled, log, number)
        self._made.append((compiled, made))
        return made
