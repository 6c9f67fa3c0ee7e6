"""Purchases as spells: how long each thing lasted until the same person bought it again, or has lasted until now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.candidates import ItemFacts
from features.compiled import compiled
from features.event import NO_CODE
from features.history import Records
from features.ledger import OWNED, entries, owned
from models.item_relations import ItemRelations
from models.repurchase import DAY
from training.purchases import upwards


@dataclass(frozen=True, slots=True)
class Bought:
    """n purchases that people kept, of things numbered from 0. person: int32[n]. thing: int32[n]. at: int64[n] ms UTC.
    units: float64[n]. things: how many there are."""

    person: NDArray[np.int32]
    thing: NDArray[np.int32]
    at: NDArray[np.int64]
    units: NDArray[np.float64]
    things: int

    def of(self, place: NDArray[np.intp], thing: NDArray[np.int32], things: int) -> Bought:
        """The purchases at `place`, as of other things."""
        return Bought(self.person[place], thing, self.at[place], self.units[place], things)


@dataclass(frozen=True, slots=True)
class Spells:
    """n spells, by person, thing and time; what is bought within a day of a spell's beginning belongs to it. thing:
    int32[n]. chain: int32[n], one for each (person, thing). days: float64[n], until it was bought again, or where not
    ended bool[n], until the present. units: float64[n], bought at its beginning. person: int32[chains], whose.
    things: how many there are."""

    thing: NDArray[np.int32]
    chain: NDArray[np.int32]
    days: NDArray[np.float64]
    units: NDArray[np.float64]
    ended: NDArray[np.bool_]
    person: NDArray[np.int32]
    things: int

    @property
    def chains(self) -> int:
        return len(self.person)


def bought(histories: Sequence[Records], relations: ItemRelations, known_at: int) -> Bought:
    """By item code: what was bought and had not come back as of `known_at` (ms UTC), the parts of bundles too.
    histories: EVENT records by person."""
    have = [owned(entries(records), known_at) for records in histories]
    person = np.repeat(np.arange(len(have), dtype=np.int32), [len(part) for part in have])
    every = np.concatenate([np.zeros(0, OWNED), *have])
    kept = ~every["subscribed"]
    line, item = relations.bought_with(np.ascontiguousarray(every["item"][kept]))
    every, person = every[kept][line], person[kept][line]
    at = np.ascontiguousarray(every["occurred_at"])
    return Bought(person, item, at, every["quantity"].astype(np.float64), len(relations.head))


def of_categories(items: Bought, facts: ItemFacts) -> Bought:
    """A purchase counts for its item's category and for all above it."""
    known = items.thing < len(facts.category)
    category = np.where(known, facts.category[np.where(known, items.thing, 0)], np.int32(NO_CODE))
    return items.of(*upwards(category, facts.parent), len(facts.parent))


def of_items(items: Bought, thing_of_item: NDArray[np.int32], things: int) -> Bought:
    """thing_of_item: int32[items] by code, -1 for one that is left out."""
    known = items.thing < len(thing_of_item)
    thing = np.where(known, thing_of_item[np.where(known, items.thing, 0)], np.int32(NO_CODE))
    place = np.flatnonzero(thing >= 0)
    return items.of(place, thing[place], things)


def spells(purchases: Bought, until: int) -> Spells:
    """until: ms UTC, the present; all purchases are before it."""
    order = np.lexsort((purchases.at, purchases.thing, purchases.person))
    person, thing, at = purchases.person[order], purchases.thing[order], purchases.at[order]
    begins, chain = _begin(person, thing, at)
    first = np.flatnonzero(begins)
    units = np.add.reduceat(purchases.units[order], first) if len(first) else np.zeros(0)
    person, thing, chain, at = person[first], thing[first], chain[first], at[first]
    ended = np.zeros(len(first), np.bool_)
    ended[:-1] = chain[1:] == chain[:-1]
    ends = np.where(ended, np.roll(at, -1), until)
    return Spells(thing, chain, (ends - at) / DAY, units, ended, person[~ended], purchases.things)


def bought_within(known: Spells, purchases: Bought, after: int, until: int) -> NDArray[np.bool_]:
    """bool[chains]: bought by the same person in (after, until]."""
    chosen = (purchases.at > after) & (purchases.at <= until)
    pairs = _pairs(purchases.person[chosen], purchases.thing[chosen])
    return np.isin(_pairs(known.person, known.thing[~known.ended]), pairs)


def _pairs(person: NDArray[np.int32], thing: NDArray[np.int32]) -> NDArray[np.int64]:
    return (person.astype(np.int64) << 32) | thing.astype(np.int64)


@compiled
def _begin(
    person: NDArray[np.int32], thing: NDArray[np.int32], at: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Which lines, sorted by (person, thing, at), begin a spell, and the chain of each."""
    begins, chain = np.zeros(len(at), np.bool_), np.zeros(len(at), np.int32)
    number, began = -1, 0
    for line in range(len(at)):
        same = line > 0 and person[line] == person[line - 1] and thing[line] == thing[line - 1]
        number += 0 if same else 1
        chain[line] = number
        if not same or at[line] - began >= DAY:
            begins[line], began = True, at[line]
    return begins, chain
