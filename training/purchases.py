"""Who bought in which category when, as flat columns: what affinity is learned from and judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.candidates import ItemFacts
from features.event import Kind
from features.history import Records, as_of, joined


@dataclass(frozen=True, slots=True)
class Purchases:
    """One row per (person, order, category): an order of three yoghurts is one purchase of yoghurt.

    start: int64[people + 1], the rows of each person, sorted by (at, order, category). at: int64[n] ms UTC.
    recorded_at: int64[n] ms UTC, since when it is known. order: int64[n], equal within an order. category: int32[n],
    the categories of the items and all those above them. leaf: bool[categories], those that are nobody's parent:
    evaluation ranks them only, a parent being never less likely.
    """

    start: NDArray[np.int64]
    at: NDArray[np.int64]
    recorded_at: NDArray[np.int64]
    order: NDArray[np.int64]
    category: NDArray[np.int32]
    leaf: NDArray[np.bool_]

    @property
    def people(self) -> int:
        return len(self.start) - 1

    def person(self) -> NDArray[np.int32]:
        """int32[n]: whose purchase each row is."""
        return np.repeat(np.arange(self.people, dtype=np.int32), np.diff(self.start))


def purchases(histories: Sequence[Records], facts: ItemFacts, known_at: int) -> Purchases:
    """Orders recorded by `known_at`; refunds do not undo a need. Lines without a category are left out; without an
    order id, lines of one moment are one order."""
    own = [_lines(as_of(records, known_at), facts) for records in histories]
    lines, whose = joined(own), np.repeat(np.arange(len(own)), [len(one) for one in own])
    line, category = upwards(facts.category[lines["item"]], facts.parent)
    person, at, recorded_at = whose[line], lines["occurred_at"][line], lines["recorded_at"][line]
    order = np.where(lines["order"][line] != 0, lines["order"][line], -at)
    sorting = np.lexsort((recorded_at, category, order, at, person))
    person, order, category = person[sorting], order[sorting], category[sorting]
    new = np.ones(len(sorting), np.bool_)
    new[1:] = (person[1:] != person[:-1]) | (order[1:] != order[:-1]) | (category[1:] != category[:-1])
    start = np.zeros(len(own) + 1, np.int64)
    np.cumsum(np.bincount(person[new], minlength=len(own)), out=start[1:])
    leaf = np.ones(len(facts.parent), np.bool_)
    leaf[facts.parent[facts.parent >= 0]] = False
    kept = sorting[new]
    return Purchases(start, at[kept], recorded_at[kept], order[new], category[new], leaf)


def _lines(records: Records, facts: ItemFacts) -> Records:
    """What was ordered of items that are known."""
    known = (records["item"] >= 0) & (records["item"] < len(facts.category))
    ordered: Records = records[known & (records["kind"] == int(Kind.ORDERED))]
    return ordered


def upwards(category: NDArray[np.int32], parent: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Each line's categories, its own and those above: the line's place and the category."""
    line = np.flatnonzero(category >= 0)
    category = category[line]
    lines, categories = [line], [category]
    while len(category):
        category = parent[category]
        line, category = line[category >= 0], category[category >= 0]
        lines.append(line)
        categories.append(category)
    return np.concatenate(lines), np.concatenate(categories)
