"""What was told of somebody's time zone, and what was known of it at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class ZoneTold(NamedTuple):
    """recorded_at: ms UTC; of somebody else's profile that turned out to be theirs, not before that was known; of what
    counts as always known a moment before all others. sequence: in the log. zone: IANA name, None taken back."""

    recorded_at: int
    sequence: int
    zone: str | None


def zone_at(told: Sequence[ZoneTold], moment: int, read_up_to: int | None = None) -> str | None:
    """As of `moment` (ms UTC); None unknown. told: by sequence. read_up_to: and of what has no later sequence."""
    for one in reversed(told):
        if one.recorded_at <= moment and (read_up_to is None or one.sequence <= read_up_to):
            return one.zone
    return None
