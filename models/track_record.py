"""How often each action, group and channel has succeeded with everybody, frozen at one moment.

An action's code never enters a model; what has come of it does. Without it the trees can tell actions apart only by
their attributes, and give the dear and rarely taken nearly the chance of their neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.columns import CompiledCatalogue

TRACK_COLUMNS = ("population_action_lift", "population_channel_lift")
"""ln of (the share of successful contacts of the action, or on the channel / everybody's), both shrunk; 0 where nothing
is known."""


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """as_of: ms UTC, from contacts matured by then. actions, groups, channels: log ratios by id. An action that is not
    among them has its group's; a group or a channel that is not has 0. Raises ValueError for what is not finite."""

    as_of: int
    actions: Mapping[str, float]
    groups: Mapping[str, float]
    channels: Mapping[str, float]

    def __post_init__(self) -> None:
        for kind in (self.actions, self.groups, self.channels):
            for name, lift in kind.items():
                if not np.isfinite(lift):
                    raise ValueError(f"lift of {name} is {lift}; it must be finite; measure it again")

    def by_row(self, compiled: CompiledCatalogue) -> NDArray[np.float64]:
        """float64[rows + 1, TRACK_COLUMNS]: of each row of `compiled.all`; the last, which index -1 finds, is for what
        is no action on a channel."""
        actions = compiled.catalogue.actions
        own = np.array([self.actions.get(one.id, self.groups.get(one.group, 0.0)) for one in actions], np.float64)
        channels = np.array([self.channels.get(name, 0.0) for name in compiled.catalogue.channels], np.float64)
        found = np.zeros((len(compiled.action) + 1, len(TRACK_COLUMNS)))
        found[:-1, 0] = own[compiled.action]
        found[:-1, 1] = np.repeat(channels, np.diff(compiled.row_start))
        return found


def to_object(record: TrackRecord) -> Mapping[str, object]:
    return asdict(record)


def from_object(content: Mapping[str, object]) -> TrackRecord:
    """Raises ValueError, KeyError, TypeError for what is none."""
    by_id = (cast("Mapping[str, float]", content[name]) for name in ("actions", "groups", "channels"))
    read = [{str(name): float(lift) for name, lift in one.items()} for one in by_id]
    return TrackRecord(int(cast("int", content["as_of"])), *read)
