"""Who bought which things together, order after order: what a ranker of things is learned from and judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from features.event import Kind
from features.history import Records, as_of


@dataclass(frozen=True, slots=True)
class Baskets:
    """A basket is the different things of one order. Things are numbered; the caller says whether they are items or
    categories.

    start: int64[people + 1], the baskets of each person, oldest first. at: int64[baskets] ms UTC. first:
    int64[baskets + 1], the lines of each basket. thing: int32[lines], ascending within a basket. things: how many there
    are.
    """

    start: NDArray[np.int64]
    at: NDArray[np.int64]
    first: NDArray[np.int64]
    thing: NDArray[np.int32]
    things: int

    @property
    def people(self) -> int:
        return len(self.start) - 1

    def __len__(self) -> int:
        return len(self.at)

    def count(self) -> NDArray[np.int64]:
        """int64[people]: baskets of each person."""
        return np.diff(self.start)

    def size(self) -> NDArray[np.int64]:
        """int64[baskets]: things in each."""
        return np.diff(self.first)

    def owner(self) -> NDArray[np.int64]:
        """int64[baskets]: whose each is."""
        return np.repeat(np.arange(self.people), self.count())

    def age(self) -> NDArray[np.int64]:
        """int64[baskets]: how many later ones the person has; 0 is the last."""
        return self.start[1:][self.owner()] - 1 - np.arange(len(self))

    def rows(self) -> sp.csr_array:
        """float64[baskets, things]: 1 for each line."""
        return sp.csr_array((np.ones(len(self.thing)), self.thing, self.first), shape=(len(self), self.things))

    def profile(self, weight: NDArray[np.float64]) -> sp.csr_array:
        """float64[people, things]: for each thing the sum of the weights of the person's baskets that hold it. weight:
        float64[baskets]; a basket of weight 0 is as good as none."""
        counted = np.flatnonzero(weight)
        start = np.searchsorted(counted, self.start)
        summing = sp.csr_array((weight[counted], counted, start), shape=(self.people, len(self)))
        found = sp.csr_array(summing @ self.rows())
        found.sort_indices()
        return found

    def without_last(self, baskets: int) -> Baskets:
        """The same people as they were that many baskets ago; some then had none."""
        kept = self.age() >= baskets
        lines = np.repeat(kept, self.size())
        start = np.zeros(self.people + 1, np.int64)
        np.cumsum(np.maximum(self.count() - baskets, 0), out=start[1:])
        return Baskets(start, self.at[kept], _starts(self.size()[kept]), self.thing[lines], self.things)

    def ever(self) -> sp.csr_array:
        """float64[people, things]: 1 for what the person ever bought."""
        found = self.profile(np.ones(len(self)))
        found.data[:] = 1.0
        return found

    def last(self) -> sp.csr_array:
        """float64[people, things]: 1 for what is in the person's last basket."""
        return self.profile((self.age() == 0).astype(np.float64))


def renumbered(found: Baskets) -> tuple[Baskets, NDArray[np.int32]]:
    """The same with only the things that are in some basket, and what each of them was called before: int32[things],
    ascending."""
    used, number = np.unique(found.thing, return_inverse=True)
    return replace(found, thing=number.astype(np.int32), things=len(used)), used


def baskets(histories: Sequence[Records], thing: NDArray[np.int32], known_at: int) -> Baskets:
    """Orders recorded by `known_at`; refunds do not undo a need. thing: int32[items], of each item, -1 none: such lines
    are left out, as are those of items beyond. Without an order id, lines of one moment are one order."""
    parts = [_of_person(records, thing, known_at) for records in histories]
    none = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32))
    at, size, things = (np.concatenate(columns) for columns in zip(none, *parts, strict=True))
    start = _starts(np.array([len(part[0]) for part in parts], np.int64))
    return Baskets(start, at, _starts(size), things, int(thing.max(initial=-1)) + 1)


def _of_person(
    records: Records, thing: NDArray[np.int32], known_at: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """When each order was, its different things, and all of these."""
    lines = records[(records["kind"] == int(Kind.ORDERED)) & (records["item"] >= 0)]
    lines = as_of(lines[lines["item"] < len(thing)], known_at)
    lines = lines[thing[lines["item"]] >= 0]
    key = np.where(lines["order"] != 0, lines["order"], -lines["occurred_at"])
    _, place, order = np.unique(key, return_index=True, return_inverse=True)
    at = np.full(len(place), np.iinfo(np.int64).max)
    np.minimum.at(at, order, lines["occurred_at"])
    rank = np.empty(len(at), np.int64)
    rank[np.lexsort((key[place], at))] = np.arange(len(at))
    pairs = np.unique(np.column_stack([rank[order], thing[lines["item"]]]), axis=0).reshape(-1, 2)
    size = np.bincount(pairs[:, 0], minlength=len(at)).astype(np.int64)
    return np.sort(at), size, pairs[:, 1].astype(np.int32)


def _starts(size: NDArray[np.int64]) -> NDArray[np.int64]:
    start = np.zeros(len(size) + 1, np.int64)
    np.cumsum(size, out=start[1:])
    return start
