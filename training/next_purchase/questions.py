"""Which things may be a person's next, and what is known of each: the rows that the ranker learns from and ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from training.next_purchase.baskets import Baskets
from training.next_purchase.crowd import FADING, PAST, THINGS, Crowd
from training.next_purchase.frequency import Decay
from training.next_purchase.walk import shares

CELLS = 2_000_000
"""People x things that are held at once."""

DAY = 86_400_000.0

EACH = 60
"""Candidates from each of SPREAD."""

POPULAR = 100
"""Candidates from everybody's purchases, and as many from their last baskets."""

OWN = ("count", "recent", "fast", "slow", "newest", "oldest", "days")
"""The person's own purchases of the thing. recent, fast: with 0.9 and 0.6 for each later basket. slow: with a
half-life of 60 days before the person's last basket. newest, oldest: 1 + baskets since the last, the first of them.
days: from the last of them to the person's last basket, plus a thousandth; 0 in these three is never."""

SPREAD = ("walk", "walk_others", "walk_last", "foretold")
"""Scores from other people's purchases. walk: where walk.Walk ends from all that the person bought; _others: not by way
of the person; _last: nor from anything but the last basket. foretold: crowd.Crowd's regression on the latest baskets.
"""

PERSON = ("baskets", "size", "last_size", "variety", "days_between", "taste")
"""How many baskets; their mean size, the last one's; different things; mean days between baskets, NaN with one; mean
reach of what is bought."""

DERIVED = ("frequency", "share", "gap", "overdue")
"""TIFUKNN's own frequency; count per basket; mean baskets between purchases, NaN below two; newest over gap."""

INPUTS = (*OWN, *SPREAD, *DERIVED, *THINGS, *PERSON)


@dataclass(frozen=True, slots=True)
class Questions:
    """n rows, sorted by (person, thing). person, thing: int64[n]. columns: float64[n, INPUTS]."""

    person: NDArray[np.int64]
    thing: NDArray[np.int64]
    columns: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """asked: int64[asked] people. own: by the names of OWN and "frequency", float64[people, things]. last, latest:
    float64[asked, things], the last basket, and the PAST latest, FADING. person: float64[people, PERSON]."""

    crowd: Crowd
    asked: NDArray[np.int64]
    own: Mapping[str, sp.csr_array]
    last: sp.csr_array
    latest: sp.csr_array
    person: NDArray[np.float64]

    def spread(self, part: slice) -> dict[str, NDArray[np.float64]]:
        """By the names of SPREAD, float64[n, things] of that part of asked."""
        people, walk = self.asked[part], self.crowd.walk
        everybody, others = walk.ends(self.own["count"][people], people)
        _, last = walk.ends(self.last[part], people)
        foretold = (self.latest[part] @ self.crowd.foretelling).toarray()
        return {"walk": everybody, "walk_others": others, "walk_last": last, "foretold": foretold}


def evidence(everybody: Crowd, asked: NDArray[np.int64]) -> Evidence:
    """asked: int64[asked], ascending, people with a basket at least."""
    known = everybody.known
    latest = known.profile(np.where(known.age() < PAST, FADING ** known.age(), 0.0))
    person = _of_people(known, everybody.of_things[:, THINGS.index("reach")])
    return Evidence(everybody, asked, _own(known), known.last()[asked], latest[asked], person)


def questions(found: Evidence) -> Iterator[Questions]:
    """Of some people at a time, all of each."""
    of_things = found.crowd.of_things
    popular = [
        np.argsort(-of_things[:, THINGS.index(name)], kind="stable")[:POPULAR] for name in ("reach", "reach_last")
    ]
    known = found.crowd.known
    chunk = max(1, CELLS // max(known.things, len(found.crowd.walk.met)))
    for first in range(0, len(found.asked), chunk):
        people = found.asked[first : first + chunk]
        part = slice(first, first + chunk)
        spread = found.spread(part)
        candidate = found.own["count"][people].toarray() > 0.0
        candidate[:, np.concatenate(popular)] = True
        for score in spread.values():
            each = min(EACH, score.shape[1])
            np.put_along_axis(candidate, np.argpartition(score, -each, axis=1)[:, -each:], True, axis=1)
        row, thing = np.nonzero(candidate)
        values = {name: score[row, thing] for name, score in spread.items()}
        values |= {name: matrix[people].toarray()[row, thing] for name, matrix in found.own.items()}
        values |= dict(zip(THINGS, of_things[thing].T, strict=True))
        values |= dict(zip(PERSON, found.person[people[row]].T, strict=True))
        values |= _derived(values)
        yield Questions(people[row], thing, np.column_stack([values[name] for name in INPUTS]))


def _derived(values: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    count = values["count"]
    between = (values["oldest"] - values["newest"]) / np.maximum(count - 1.0, 1.0)
    gap = np.where(count > 1.0, between, np.nan)
    return {"share": count / values["baskets"], "gap": gap, "overdue": values["newest"] / gap}


def _own(known: Baskets) -> dict[str, sp.csr_array]:
    age = known.age().astype(np.float64)
    days = np.asarray(known.at[known.start[1:] - 1][known.owner()] - known.at, np.float64) / DAY
    count = known.profile(np.ones(len(known)))
    person = np.repeat(np.arange(known.people), np.diff(count.indptr))
    line = np.repeat(known.owner(), known.size()) * known.things + known.thing
    place = np.searchsorted(person * known.things + count.indices, line)

    def extreme(value: NDArray[np.float64], of: np.ufunc) -> sp.csr_array:
        out = np.full(count.nnz, np.inf if of is np.minimum else -np.inf)
        of.at(out, place, np.repeat(value, known.size()))
        return sp.csr_array((out, count.indices, count.indptr), shape=count.shape)

    return {
        "count": count,
        "recent": known.profile(np.power(0.9, age)),
        "fast": known.profile(np.power(0.6, age)),
        "slow": known.profile(np.power(0.5, days / 60.0)),
        "newest": extreme(age + 1.0, np.minimum),
        "oldest": extreme(age + 1.0, np.maximum),
        "days": extreme(days + 1e-3, np.minimum),
        "frequency": known.profile(Decay().weight(known)),
    }


def _of_people(known: Baskets, reach: NDArray[np.float64]) -> NDArray[np.float64]:
    baskets = known.count().astype(np.float64)
    count = known.profile(np.ones(len(known)))
    ends = known.at[np.maximum(known.start[1:] - 1, 0)], known.at[np.minimum(known.start[:-1], len(known) - 1)]
    values: Mapping[str, NDArray[np.float64]] = {
        "baskets": baskets,
        "size": _sum(count) / np.maximum(baskets, 1.0),
        "last_size": _sum(known.last()),
        "variety": np.diff(count.indptr).astype(np.float64),
        "days_between": np.where(baskets > 1, (ends[0] - ends[1]) / DAY / np.maximum(baskets - 1, 1), np.nan),
        "taste": np.asarray(shares(count) @ reach),
    }
    return np.column_stack([values[name] for name in PERSON])


def _sum(matrix: sp.csr_array) -> NDArray[np.float64]:
    """float64[rows]."""
    return np.asarray(matrix.sum(axis=1), np.float64).ravel()
