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
    return _measured(dataset.exposures, dataset.compiled, sorted(int(one) for one in moments))


def track_record(exposures: Exposures, compiled: CompiledCatalogue, moment: int) -> TrackRecord:
    """Sees no contact that had not matured by `moment` (ms UTC); without a success nothing is known of any."""
    return _measured(exposures, compiled, [moment])[0]


def _measured(exposures: Exposures, compiled: CompiledCatalogue, moments: Sequence[int]) -> tuple[TrackRecord, ...]:
    """As of each of the moments, which ascend; contacts are looked at once."""
    rows, count = len(compiled.action), len(moments)
    matured = np.searchsorted(moments, exposures.matured_at)
    cell = matured * rows + exposures.pairs.candidate
    contacts, successes = (
        np.bincount(cell[which], minlength=(count + 1) * rows).reshape(count + 1, rows).cumsum(axis=0)
        for which in (np.ones(len(cell), np.bool_), exposures.success)
    )
    return tuple(_record(contacts[one], successes[one], compiled, moment) for one, moment in enumerate(moments))


def _record(
    contacts: NDArray[np.int64], successes: NDArray[np.int64], compiled: CompiledCatalogue, moment: int
) -> TrackRecord:
    """contacts, successes: int64[rows of compiled.all], known by `moment`."""
    if not successes.any():
        return TrackRecord(moment, {}, {}, {})
    actions, groups = compiled.catalogue.actions, compiled.groups
    group = np.array([groups.index(one.group) for one in actions], np.intp)
    channel = np.searchsorted(compiled.row_start, np.arange(len(contacts)), side="right") - 1
    told = (successes, contacts * (successes.sum() / contacts.sum()))
    by_channel = _ratio(channel, *told, np.ones(len(compiled.catalogue.channels)), HELD["channel"])
    by_group = _ratio(compiled.all.group, *told, np.ones(len(groups)), HELD["group"])
    by_action = _ratio(compiled.action, *told, by_group[group], HELD["action"])
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
    kind: NDArray[np.intp] | NDArray[np.int32],
    successes: NDArray[np.int64],
    expected: NDArray[np.float64],
    above: NDArray[np.float64],
    held: float,
) -> NDArray[np.float64]:
    """float64[len(above)]: of successes to what was expected, by the kind of each row, held towards `above`."""
    count = len(above)
    came, foreseen = np.bincount(kind, successes, count), np.bincount(kind, expected, count)
    return np.asarray((came + held * above) / (foreseen + held), np.float64)
