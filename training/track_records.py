"""Measures models.track_record.TrackRecord: how often actions, groups and channels have succeeded, moment by moment.

A level is held towards the one above by as many expected successes as HELD says (Gamma-Poisson). The one above counts
the level's own contacts too, unlike in live response.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.columns import CompiledCatalogue
from models.track_record import TRACK_COLUMNS, TrackRecord
from training.table import Dataset, Exposures

HELD: Final = {"action": 1.0, "group": 2.0, "channel": 2.0}
"""Expected successes."""

MOMENTS: Final = 100
"""At most so many records are made for the exposures' sake, at equal numbers of contacts, besides the last."""


def track_records(dataset: Dataset) -> tuple[TrackRecord, ...]:
    """Ascending; the last is as of known_at, and ships."""
    moment = dataset.exposures.pairs.moment
    moments = {dataset.known_at}
    if len(moment):
        moments |= set(np.quantile(moment, np.linspace(0.0, 1.0, MOMENTS), method="lower").tolist())
    return tuple(track_record(dataset.exposures, dataset.compiled, int(one)) for one in sorted(moments))


def track_record(exposures: Exposures, compiled: CompiledCatalogue, moment: int) -> TrackRecord:
    """Sees no contact that had not matured by `moment` (ms UTC); without a success nothing is known of any."""
    known = exposures.matured_at <= moment
    candidate, success = exposures.pairs.candidate[known], exposures.success[known]
    if not success.any():
        return TrackRecord(moment, {}, {}, {})
    actions, groups = compiled.catalogue.actions, compiled.groups
    group = np.array([groups.index(one.group) for one in actions], np.intp)
    number = compiled.action[candidate]
    channel = np.searchsorted(compiled.row_start, candidate, side="right") - 1
    expected = np.full(len(success), float(success.mean()))
    by_channel = _ratio(channel, success, expected, np.ones(len(compiled.catalogue.channels)), HELD["channel"])
    by_group = _ratio(group[number], success, expected, np.ones(len(groups)), HELD["group"])
    by_action = _ratio(number, success, expected, by_group[group], HELD["action"])
    return TrackRecord(
        moment,
        dict(zip((one.id for one in actions), np.log(by_action).tolist(), strict=True)),
        dict(zip(groups, np.log(by_group).tolist(), strict=True)),
        dict(zip(compiled.catalogue.channels, np.log(by_channel).tolist(), strict=True)),
    )


def track_rows(
    records: Sequence[TrackRecord],
    compiled: CompiledCatalogue,
    moment: NDArray[np.int64],
    candidate: NDArray[np.int32],
) -> NDArray[np.float64]:
    """float64[n, TRACK_COLUMNS]: of each row `candidate` of compiled.all, by the latest record that saw nothing after
    `moment`; 0 before the first."""
    found = np.zeros((len(moment), len(TRACK_COLUMNS)))
    latest = np.searchsorted([one.as_of for one in records], moment, side="right") - 1
    for number in np.unique(latest[latest >= 0]).tolist():
        asked = latest == number
        found[asked] = records[number].by_row(compiled)[candidate[asked]]
    return found


def _ratio(
    kind: NDArray[np.intp],
    success: NDArray[np.bool_],
    expected: NDArray[np.float64],
    above: NDArray[np.float64],
    held: float,
) -> NDArray[np.float64]:
    """float64[len(above)]: of successes to what was expected, held towards `above`."""
    count = len(above)
    came, foreseen = np.bincount(kind, success, count), np.bincount(kind, expected, count)
    return np.asarray((came + held * above) / (foreseen + held), np.float64)
