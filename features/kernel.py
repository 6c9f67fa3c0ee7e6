"""The one feature computation: loops over one person's events, compiled, for one request and for all of training.

It is told what to compute by encoded tables (features.plan) and knows no feature by name. Every distinct thing that a
person met (an item, a category, an action, a group, a channel, the person) has a row of cells, CELLS for each series
that the plan wants of it. A series is a measure over some kinds of event; an event adds to a series once, in the cell
of its age band, and the windows are running sums of the bands. So the cost is events plus candidates.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from features import kernel_codes, kernel_events, kernel_rows, kernel_slots
from features.compiled import allocating, compiled, revision
from features.history import Records
from features.kernel_codes import MEASURES, ROLES, Desk, Known, Met, Offers, Places, Plan, Role
from features.kernel_rows import one_moment
from features.kernel_slots import meet, place_event

REVISION = revision(kernel_codes, kernel_slots, kernel_events, kernel_rows)

Fill = Callable[
    [
        Records,
        NDArray[np.int64],
        NDArray[np.int64],
        NDArray[np.int64],
        NDArray[np.int32],
        Plan,
        Known,
        Offers,
        NDArray[np.float64],
    ],
    int,
]


@allocating
def place_events(records: Records, plan: Plan, known: Known, met: Met) -> Places:
    events = len(records)
    places = Places(
        np.empty(events, np.int32), np.empty(events, np.int32), np.empty(events, np.int32),
        np.empty(events, np.int32), np.empty(events, np.int32), np.empty(events, np.int32),
    )  # fmt: skip
    for i in range(events):
        place_event(met, places, plan, known, records, i)
    return places


def _entry(revised: int) -> Fill:
    def fill(
        records: Records,
        moments: NDArray[np.int64],
        utc_offsets: NDArray[np.int64],
        start: NDArray[np.int64],
        chosen: NDArray[np.int32],
        plan: Plan,
        known: Known,
        offers: Offers,
        out: NDArray[np.float64],
    ) -> int:
        """The rows start[k]:start[k + 1] of out become the candidates chosen[...] at moments[k]. records: one person's,
        sorted by (occurred_at, sequence). Returns the revision that it was compiled from."""
        met = meet(records, plan, len(known.parent))
        places = place_events(records, plan, known, met)
        cells = np.empty(met.size[1])
        most = 1
        for k in range(len(moments)):
            most = max(most, start[k + 1] - start[k])
        desk = Desk(np.zeros(MEASURES), np.zeros(4, np.int64), np.zeros(ROLES, np.int64), np.empty(out.shape[1]))
        rows = np.empty((most, Role.ITEMS), np.int64)
        for k in range(len(moments)):
            these = slice(start[k], start[k + 1])
            now = (moments[k], utc_offsets[k])
            one_moment(cells, met, places, plan, known, offers, records, now, chosen[these], rows, desk, out[these])
        return revised

    return fill


fill = compiled(_entry(REVISION))


@compiled
def in_order(records: Records) -> bool:
    """Whether sorted by (occurred_at, sequence)."""
    for i in range(1, len(records)):
        before, after = records[i - 1], records[i]
        if after.occurred_at < before.occurred_at:
            return False
        if after.occurred_at == before.occurred_at and after.sequence < before.sequence:
            return False
    return True
