"""What everybody's baskets say of things, and of things together; worked out once for all people asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from training.next_purchase.baskets import Baskets
from training.next_purchase.walk import Walk, walk

RECENT = 3
"""A person's latest baskets that count as recent."""

HELD = 10.0
"""Purchases of a thing by which its own rate of return is held towards everybody's."""

THINGS = ("reach", "reach_last", "reach_recent", "trend", "trend_recent", "returns", "times", "basket_size")
"""reach: share of people who ever bought it; _last: in their last basket; _recent: baskets of the RECENT with it, per
person. trend: ln of the last over all baskets. returns: share of its purchases that the next basket repeats, shrunk.
times: purchases per buyer. basket_size: mean of those with it."""

PAST, FADING = 8, 0.8
"""Of a basket: how many before it foretell it, and what each loses for every later one."""

FORETOLD, SEEN = 2_000, 20
"""How many things at most foretell and are foretold, and the baskets that one of them needs."""

RIDGE = 100.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """of_things: float64[things, THINGS]. foretelling: float64[things, things], what each of the past adds to each of
    the next basket."""

    known: Baskets
    of_things: NDArray[np.float64]
    walk: Walk
    foretelling: sp.csr_array


def crowd(known: Baskets, met: NDArray[np.int64]) -> Crowd:
    """Of everybody who had bought anything. met: int64[met], those through whom the walk goes, ascending."""
    return Crowd(known, _of_things(known), walk(known, met), foretelling(known))


def _of_things(known: Baskets) -> NDArray[np.float64]:
    people = max(int((known.count() > 0).sum()), 1)
    rows, age = known.rows(), known.age()
    earlier = np.flatnonzero(age > 0)
    before, after = sp.csr_array(rows[earlier]), sp.csr_array(rows[earlier + 1])
    lines, buyers = _sum(rows), _sum(known.ever())
    last, recent = _sum(known.last()), _sum(sp.csr_array(rows[np.flatnonzero(age < RECENT)]))
    had, again = _sum(before), _sum(sp.csr_array(before.multiply(after)))
    usual = again.sum() / max(had.sum(), 1.0)
    values: Mapping[str, NDArray[np.float64]] = {
        "reach": buyers / people,
        "reach_last": last / people,
        "reach_recent": recent / people,
        "trend": np.log((last + 1.0) / (lines * people / max(len(known), 1) + 1.0)),
        "trend_recent": np.log((recent + 1.0) / (lines + 1.0)),
        "returns": (again + HELD * usual) / (had + HELD),
        "times": lines / np.maximum(buyers, 1.0),
        "basket_size": np.asarray(rows.T @ known.size().astype(np.float64)) / np.maximum(lines, 1.0),
    }
    return np.column_stack([values[name] for name in THINGS])


def past(known: Baskets) -> sp.csr_array:
    """float64[baskets, things]: of each basket the things in the PAST before it, FADING with each."""
    number, steps = np.arange(len(known)), range(1, PAST + 1)
    before = known.start[:-1][known.owner()]
    pairs = [(number[number - step >= before], step) for step in steps]
    row = np.concatenate([later for later, _ in pairs])
    column = np.concatenate([later - step for later, step in pairs])
    weight = np.concatenate([np.full(len(later), FADING ** (step - 1)) for later, step in pairs])
    return sp.csr_array(sp.csr_array((weight, (row, column)), shape=(len(known), len(known))) @ known.rows())


def foretelling(known: Baskets) -> sp.csr_array:
    """Ridge regression of each basket on its `past`: repeating, following and replacing in one matrix. Only of the
    things bought most; 0 for others."""
    rows = known.rows()
    lines = _sum(rows)
    kept = np.sort(np.argsort(-lines, kind="stable")[:FORETOLD])
    kept = kept[lines[kept] >= SEEN]
    if len(kept) == 0:
        return sp.csr_array((known.things, known.things))
    with threadpool_limits(limits=1, user_api="blas"):
        told, given = sp.csr_array(rows[:, kept]), sp.csr_array(past(known)[:, kept])
        square = (given.T @ given).toarray() + RIDGE * np.eye(len(kept))
        weight = cho_solve(cho_factor(square), (given.T @ told).toarray())
    place = np.repeat(kept, len(kept)), np.tile(kept, len(kept))
    return sp.csr_array((weight.ravel(), place), shape=(known.things, known.things))


def _sum(matrix: sp.csr_array) -> NDArray[np.float64]:
    """float64[columns]."""
    return np.asarray(matrix.sum(axis=0), np.float64).ravel()
