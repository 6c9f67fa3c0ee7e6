"""What training makes of the rows that a decision logged: by the code and the histories that models are learned from.

Where it must be another there is nothing to compare: of somebody of whom nothing is learned, or who was ranked as a
stranger; and of a decision that had not heard yet of a price that had been told. Such are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from features.event import LOG_ONLY, Kind
from features.history import Records
from features.stores.protocol import LoggedDecision
from features.zone_history import zone_at
from models.rows_of_then import RowsOfThen
from training.table import Dataset, Exposures, Pairs, TrainingStore, exposure_rows, read_of
from training.table_parts import rows_as_read

_UNREAD = [int(kind) for kind in LOG_ONLY | {Kind.RESERVED}]
"""No feature is of these, which a decision itself leaves in its own millisecond."""


class Other(Enum):
    """Why nothing is compared."""

    NOT_LEARNED = "of people of whom nothing is learned"
    STRANGER = "ranked as of a stranger"
    UNHEARD = "that had not heard of a price yet"


@dataclass(frozen=True, slots=True, eq=False)
class AsTrained:
    """kept: bool[m], the rows of the decision whose action the newest catalogue still has there; of others nothing is
    learned. made: float64[kept, F] each: as of what the decision had read, as the training table has it; and where that
    was all that had been told by its moment, as an exposure, of which the response model is learned."""

    kept: NDArray[np.bool_]
    made: tuple[NDArray[np.float64], ...]


class Training:
    """What it reads of some people. Raises StoreError, NothingToLearn."""

    def __init__(self, store: TrainingStore, known_at: int, people: Sequence[int]) -> None:
        """people: the store's numbers."""
        self._dataset = read_of(store, known_at, people)

    def rows(self, logged: LoggedDecision, then: RowsOfThen) -> AsTrained | Other:
        dataset = self._dataset
        place = int(np.searchsorted(dataset.numbers, logged.person))
        if place == len(dataset.numbers) or dataset.numbers[place] != logged.person:
            return Other.NOT_LEARNED
        why = _other(dataset, place, logged, then)
        if why is not None:
            return why
        found = [dataset.compiled.candidate_index(action, channel) for channel, action in then.choices]
        kept = np.array([one is not None for one in found], np.bool_)
        candidate = np.array([one for one in found if one is not None], np.int32)
        count = len(candidate)
        moment, version, read = (
            np.full(count, one, np.int64)
            for one in (logged.decided_at, logged.catalogue_version, logged.history_version)
        )
        pairs = Pairs(np.full(count, place, np.int32), moment, candidate, dataset.compiled.all.category[candidate])
        made = [rows_as_read(dataset, pairs, version, read)]
        zone = zone_at(dataset.zones[place], logged.decided_at)
        if zone == then.time_zone and _read_all(dataset.histories[place], logged):
            exposures = Exposures(pairs, moment, np.zeros(count, np.bool_), version)
            made.append(exposure_rows(dataset, exposures))
        return AsTrained(kept, tuple(made))


def _other(dataset: Dataset, place: int, logged: LoggedDecision, then: RowsOfThen) -> Other | None:
    told = int(dataset.prices.numbers_at(np.array([logged.decided_at]))[0])
    if not len(dataset.histories[place]):
        return Other.NOT_LEARNED
    if not then.personalised:
        return Other.STRANGER
    return Other.UNHEARD if told != then.prices else None


def _read_all(history: Records, logged: LoggedDecision) -> bool:
    """Whether nothing else was told by its moment: what came in the same millisecond may have come later."""
    told = (history["recorded_at"] <= logged.decided_at) & (history["occurred_at"] <= logged.decided_at)
    later = told & (history["sequence"] > logged.history_version)
    return bool(np.isin(history["kind"][later], _UNREAD).all())
