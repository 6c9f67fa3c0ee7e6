"""The one feature computation: loops over people's events, compiled, for one request and for all of training.

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
from features.compiled import allocating, compiled, part, revision
from features.history import Records
from features.kernel_codes import MEASURES, ROLES, Desk, Known, Met, Offers, Places, Plan, Role
from features.kernel_rows import one_moment
from features.kernel_slots import meet, place_event

REVISION = revision(kernel_codes, kernel_slots, kernel_events, kernel_rows)


@part
def in_order(records: Records) -> bool:
    """Whether sorted by (occurred_at, sequence)."""
    for i in range(1, len(records)):
        before, after = records[i - 1], records[i]
        if after.occurred_at < before.occurred_at:
            return False
        if after.occurred_at == before.occurred_at and after.sequence < before.sequence:
            return False
    return True


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


@allocating
def answer(
    records: Records,
    moments: NDArray[np.int64],
    utc_offsets: NDArray[np.int64],
    start: NDArray[np.int64],
    chosen: NDArray[np.int32],
    plan: Plan,
    known: Known,
    offers: Offers,
    out: NDArray[np.float64],
) -> None:
    met = meet(records, plan, len(known.parent))
    places = place_events(records, plan, known, met)
    cells = np.empty(met.size[1])
    most = 1
    for k in range(len(moments)):
        most = max(most, start[k + 1] - start[k])
    desk = Desk(
        np.zeros(MEASURES), np.zeros(4, np.int64), np.zeros(ROLES, np.int64), np.empty(out.shape[1]),
        np.zeros(len(known.parent) + 1, np.int64),
    )  # fmt: skip
    rows = np.empty((most, Role.ITEMS + 1), np.int64)
    for k in range(len(moments)):
        these = slice(start[k], start[k + 1])
        now = (moments[k], utc_offsets[k])
        one_moment(
            cells, met, places, plan, known, offers, records, now, start[k] + 1, chosen[these], rows, desk, out[these]
        )  # fmt: skip


def _entry(revised: int) -> Callable[..., int]:
    def fill(  # noqa: PLR0917 - numba takes read-only and writable arrays alike only when they are arguments themselves
        records: Records,
        records_start: NDArray[np.int64],
        moments_start: NDArray[np.int64],
        moments: NDArray[np.int64],
        utc_offsets: NDArray[np.int64],
        start: NDArray[np.int64],
        chosen: NDArray[np.int32],
        item_category: NDArray[np.int32],
        parent: NDArray[np.int32],
        item_price: NDArray[np.float64],
        action_group: NDArray[np.int32],
        action_category: NDArray[np.int32],
        channels: NDArray[np.int32],
        action: NDArray[np.int32],
        group: NDArray[np.int32],
        category: NDArray[np.int32],
        channel: NDArray[np.uint8],
        item_start: NDArray[np.int32],
        item: NDArray[np.int32],
        price: NDArray[np.float64],
        value: NDArray[np.float64],
        kind: NDArray[np.int8],
        starts_at: NDArray[np.int64],
        ends_at: NDArray[np.int64],
        plan: Plan,
        out: NDArray[np.float64],
    ) -> int:
        """The rows start[k]:start[k + 1] of out become the candidates chosen[...] at moments[k]. Person p has
        records[records_start[p]:records_start[p + 1]], sorted by (occurred_at, sequence), and asks at
        moments[moments_start[p]:moments_start[p + 1]]. When any are not sorted, nothing is written and 0 is returned.
        Else returns the revision of the sources that it was compiled from."""
        for p in range(len(records_start) - 1):
            if not in_order(records[records_start[p] : records_start[p + 1]]):
                return 0
        known = Known(item_category, parent, item_price, action_group, action_category, channels)
        offers = Offers(
            action, group, category, channel, item_start, item, price, value, kind, starts_at, ends_at
        )  # fmt: skip
        for p in range(len(records_start) - 1):
            own = records[records_start[p] : records_start[p + 1]]
            first, end = moments_start[p], moments_start[p + 1]
            told = moments[first:end], utc_offsets[first:end], start[first : end + 1]
            answer(own, *told, chosen, plan, known, offers, out)
        return revised

    return fill


fill = compiled(_entry(REVISION))
