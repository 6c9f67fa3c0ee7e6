"""Learns to rank the things that a person may buy next, from each person's latest baskets and what came before them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import partial

import lightgbm as lgb
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from features.progress import Progress
from models.forest import Forest
from training.errors import NothingToLearn
from training.growing import Tables, grow_matrix, in_parallel, matrix
from training.next_purchase.baskets import Baskets
from training.next_purchase.crowd import Crowd, crowd
from training.next_purchase.questions import INPUTS, Questions, evidence, questions
from training.settings import SHARED

LAMBDA = {
    **SHARED,
    "objective": "lambdarank",
    "lambdarank_truncation_level": 10,
    "max_bin": 127,
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.5,
}
"""LambdaMART: Burges, "From RankNet to LambdaRank to LambdaMART: An Overview", 2010."""


_MET = 1
"""Of the seed, for the lot of who is met."""


@dataclass(frozen=True, slots=True)
class Settings:
    """seed: of every draw. threads: the result does not depend on it. latest: so many of each person's last baskets are
    learned from, each foretold from what everybody had bought before it. learners: at most how many people, by lot, for
    each of these. met: at most how many people, by lot, the walk goes through, so that what one person costs does not
    grow with the number of people. others: the chance that a candidate that was not bought is learned from. rounds:
    trees of each forest. forests: whose mean ranks; they differ in their seed only."""

    seed: int = 20240229
    threads: int = 2
    latest: int = 1
    learners: int = 15_000
    met: int = 20_000
    others: float = 0.2
    rounds: int = 100
    forests: int = 1


@dataclass(frozen=True, slots=True)
class Ranker:
    """Forests over INPUTS; the sum of their scores ranks the candidates of one person, and says nothing beyond that.
    settings: by which it was learned, and must be asked."""

    forests: tuple[Forest, ...]
    settings: Settings

    def score(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n] for float64[n, INPUTS]."""
        return np.asarray(np.sum([forest.raw(columns) for forest in self.forests], axis=0), np.float64)


class Why(IntEnum):
    """What keeps a thing out of a person's list. HAD: it is not to be bought again yet. GONE: it cannot be had. UNSOLD:
    nobody sells it any more."""

    NOTHING = 0
    HAD = 1
    GONE = 2
    UNSOLD = 3


Withheld = Callable[[int], NDArray[np.int8]]
"""int8[things] of a person, Why."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Things, best first. thing: int64[asked, depth], -1 beyond the candidates. score: float64[asked, depth], NaN
    there. withheld: int64[Why], what would have stood in the lists but for that."""

    thing: NDArray[np.int64]
    score: NDArray[np.float64]
    withheld: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Lists:
    """Candidates of some people, one list after another. size: int64[lists]."""

    columns: NDArray[np.float64]
    bought: NDArray[np.bool_]
    size: NDArray[np.int64]


def fit(known: Baskets, settings: Settings, progress: Progress) -> Ranker:
    """Sees nothing but `known`. Raises NothingToLearn when no basket after another holds a candidate."""
    lists: list[_Lists] = []
    with progress.step("Draw what came next", total=settings.latest) as advance:
        for back in range(settings.latest):
            rng = np.random.default_rng([settings.seed, back])
            lists += _lists(known.without_last(back + 1), known.without_last(back).last(), settings, rng)
            advance()
    if not any(part.bought.any() for part in lists):
        raise NothingToLearn("baskets that foretell a later one are none; ranking is learned from them; import more")
    told = matrix(
        np.concatenate([part.columns for part in lists]), np.concatenate([part.bought for part in lists]), INPUTS
    )
    told.set_group(np.concatenate([part.size for part in lists]))
    return Ranker(tuple(_grown(told, settings, progress)), settings)


def rank(
    ranker: Ranker,
    known: Baskets,
    asked: NDArray[np.int64],
    depth: int,
    progress: Progress,
    *withheld: Withheld | None,
) -> tuple[Ranked, ...]:
    """The things likeliest next, for each of `withheld`, None where nothing is. asked: people with a basket at least,
    ascending."""
    shape = len(asked), depth
    found = tuple(
        Ranked(np.full(shape, -1, np.int64), np.full(shape, np.nan), np.zeros(len(Why), np.int64)) for _ in withheld
    )
    with progress.step(f"Rank things for {len(asked):,} people", total=len(asked)) as advance:
        for part in questions(evidence(crowd_of(known, ranker.settings), asked)):
            score = ranker.score(part.columns)
            order = np.lexsort((part.thing, -score, part.person))
            ordered = part.person[order], part.thing[order], score[order]
            for one, lists in zip(withheld, found, strict=True):
                _place(*ordered, one, asked, lists)
            advance(len(np.unique(part.person)))
    return found


def _place(
    person: NDArray[np.int64],
    thing: NDArray[np.int64],
    score: NDArray[np.float64],
    withheld: Withheld | None,
    asked: NDArray[np.int64],
    found: Ranked,
) -> None:
    """person, thing, score: of all candidates, by person, best first."""
    why, depth = np.zeros(len(person), np.int8), found.thing.shape[1]
    if withheld is not None:
        people, begins = np.unique(person, return_index=True)
        each = zip(people.tolist(), np.split(thing, begins[1:]), strict=True)
        why = np.concatenate([withheld(one)[things] for one, things in each])
    found.withheld[:] += np.bincount(why[_places(person) < depth], minlength=len(Why))
    person, thing, score = person[why == Why.NOTHING], thing[why == Why.NOTHING], score[why == Why.NOTHING]
    place = _places(person)
    kept = place < depth
    row = np.searchsorted(asked, person[kept])
    found.thing[row, place[kept]], found.score[row, place[kept]] = thing[kept], score[kept]


def _places(person: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n]: the place of each among those of the same person. person: ascending."""
    return np.arange(len(person)) - np.searchsorted(person, person)


def crowd_of(known: Baskets, settings: Settings) -> Crowd:
    """The same people again for the same history and settings."""
    people = np.flatnonzero(known.count() > 0)
    if len(people) > settings.met:
        people = np.sort(np.random.default_rng([settings.seed, _MET]).choice(people, settings.met, replace=False))
    return crowd(known, people)


def _lists(known: Baskets, next_one: sp.csr_array, settings: Settings, rng: np.random.Generator) -> list[_Lists]:
    people = np.flatnonzero(known.count() > 0)
    if len(people) > settings.learners:
        people = np.sort(rng.choice(people, settings.learners, replace=False))
    if len(people) == 0:
        return []
    return [_list(part, next_one, settings, rng) for part in questions(evidence(crowd_of(known, settings), people))]


def _list(part: Questions, next_one: sp.csr_array, settings: Settings, rng: np.random.Generator) -> _Lists:
    """People who bought none of their candidates teach no order and are left out."""
    people, row = np.unique(part.person, return_inverse=True)
    bought = next_one[people].toarray()[row, part.thing] > 0.0
    useful = np.bincount(row, bought)[row] > 0
    kept = useful & (bought | (rng.random(len(bought)) < settings.others))
    size = np.bincount(row[kept], minlength=len(people))
    return _Lists(part.columns[kept], bought[kept], size[size > 0])


def _grown(told: lgb.Dataset, settings: Settings, progress: Progress) -> list[Forest]:
    told.construct()
    with progress.step("Learn to rank", total=settings.forests) as advance:

        def grown(number: int) -> Forest:
            forest = grow_matrix(Tables(told), LAMBDA, settings.rounds, settings.seed + number)
            advance()
            return forest

        return in_parallel([partial(grown, number) for number in range(settings.forests)], settings.threads)
