"""One bucket of people as the rows of the training table: exposures and decisions with their features.

The features of an exposure are as of its moment. Those of a decision are as it read them: of the events up to the
newest one that it had read. Both are by the catalogue that was decided by, what nobody decided by the newest. Prices of
the item feed are those that had been told by the moment of either; a worker that had not heard of one within its two
seconds decided by the one before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features import build
from features.candidates import take
from features.definitions import names
from features.progress import Silent
from features.zone_history import zone_at
from models.columns import CompiledCatalogue
from models.local_time import utc_offset
from models.repricing import repriced
from training.decided import LeftOut
from training.decision_rows import DecisionRows, MadeAgain, RowStore, read_decision_rows
from training.table import Dataset, Exposures, Pairs, TrainingStore, exposure_rows, read


class TableStore(TrainingStore, RowStore, Protocol):
    """What the training table asks of a store."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """people: int64[k], the store's numbers of who has rows, ascending; pairs.person is a place in them. features:
    float64[n, features.definitions.names()] beside exposures and decisions."""

    people: NDArray[np.int64]
    exposures: Exposures
    exposure_features: NDArray[np.float64]
    decisions: DecisionRows
    decision_features: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Made:
    """A part, what was left out of it, and of what: people, how many object, its dataset's digest."""

    part: Part
    left: LeftOut
    people: int
    objecting: int
    withdrawn: int
    unmatured: int
    dataset_digest: str
    compiled: CompiledCatalogue


def made(store: TableStore, again: MadeAgain, known_at: int, bucket: int, buckets: int) -> Made:
    """As of `known_at` (ms UTC), of the people whose number modulo `buckets` is `bucket`. Raises NothingToLearn."""
    dataset = read(store, known_at, Silent(), bucket, buckets)
    found = read_decision_rows(store, dataset, again, Silent())
    exposures, decisions = dataset.exposures, found.rows
    places = np.unique(np.concatenate([exposures.pairs.person, decisions.pairs.person]))
    part = Part(
        people=dataset.numbers[places],
        exposures=replace(exposures, pairs=_among(exposures.pairs, places)),
        exposure_features=exposure_rows(dataset, exposures),
        decisions=replace(decisions, pairs=_among(decisions.pairs, places)),
        decision_features=rows_as_read(dataset, decisions.pairs, decisions.version, decisions.read_up_to),
    )
    return Made(
        part=part,
        left=found.left,
        people=dataset.people,
        objecting=dataset.objecting,
        withdrawn=dataset.withdrawn,
        unmatured=dataset.unmatured,
        dataset_digest=dataset.digest,
        compiled=dataset.compiled,
    )


def _among(pairs: Pairs, places: NDArray[np.int32]) -> Pairs:
    return replace(pairs, person=np.searchsorted(places, pairs.person).astype(np.int32))


def rows_as_read(
    dataset: Dataset, pairs: Pairs, by: NDArray[np.int64], read_up_to: NDArray[np.int64]
) -> NDArray[np.float64]:
    """float64[n, F], each as its decision had it. by: int64[n], version of the catalogue; read_up_to: as in
    DecisionRows. Rows of one decision are made together, and decisions by one catalogue at one state of prices one
    after another."""

    @lru_cache(1)
    def seen(version: int, number: int) -> CompiledCatalogue:
        return repriced(dataset.then.by(version), dataset.prices, number)

    made = np.empty((len(pairs), len(names())))
    keys = np.column_stack([pairs.person, pairs.moment, by, read_up_to])
    first = np.flatnonzero(np.any(np.diff(keys, axis=0, prepend=-1) != 0, axis=1))
    after = np.append(first[1:], len(pairs))
    version, number = by[first], dataset.prices.numbers_at(pairs.moment[first])
    for one in np.lexsort((number, version)).tolist():
        asked = pairs.take(np.arange(first[one], after[one]))
        then = seen(int(version[one]), int(number[one]))
        made[first[one] : after[one]] = _of_decision(dataset, asked, int(read_up_to[first[one]]), then)
    return made


def _of_decision(dataset: Dataset, asked: Pairs, read_up_to: int, then: CompiledCatalogue) -> NDArray[np.float64]:
    """asked: of one person and moment."""
    person, moment = int(asked.person[0]), int(asked.moment[0])
    history = dataset.histories[person]
    known = history[history["sequence"] <= read_up_to]
    candidates = [_row_then(then, dataset.compiled, row) for row in asked.candidate.tolist()]
    zone = zone_at(dataset.zones[person], moment, read_up_to)
    offset = utc_offset(zone, then.catalogue.time_zone, moment)
    return build.rows(known, moment, offset, take(then.all, np.array(candidates, np.intp)), then.facts)


def _row_then(then: CompiledCatalogue, now: CompiledCatalogue, row: int) -> int:
    """The row of the same action and channel in an earlier version, which decided on it and so has it."""
    action = now.catalogue.actions[int(now.action[row])].id
    channel = tuple(now.catalogue.channels)[int(np.searchsorted(now.row_start, row, side="right")) - 1]
    found = then.candidate_index(action, channel)
    if found is None:
        raise LookupError(f"action is {action}; catalogue {then.version} decided on it and lacks it; check the store")
    return found
