"""Rows of cells into features."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from features.compiled import part
from features.history import Records
from features.kernel_codes import (
    BLOCKS,
    CELLS,
    DAY,
    FACTS_ROW,
    MOMENT_ROW,
    NO_CHANNEL,
    OPEN_END,
    POOL,
    RESERVED,
    Desk,
    Fact,
    Known,
    Measure,
    Met,
    Offers,
    Op,
    Places,
    Plan,
    Role,
    Store,
    Timing,
)
from features.kernel_events import local, read_history
from features.kernel_slots import looked_up, seek, spot, want


@part
def finish_times(cells: NDArray[np.float64], base: int) -> None:
    """From running numbers to Timing; NaN where there was no instant, or no gap to speak of."""
    newest, oldest, instants = cells[base], cells[base + 1], cells[base + 2]
    gaps, total, squares = cells[base + 3], cells[base + 4], cells[base + 5]
    cells[base + Timing.LAST] = newest / DAY if instants > 0.0 else math.nan
    cells[base + Timing.FIRST] = oldest / DAY if instants > 0.0 else math.nan
    cells[base + Timing.GAPS] = gaps
    cells[base + Timing.MEAN] = total / gaps / DAY if gaps > 0.0 else math.nan
    cells[base + Timing.DEVIATION] = math.sqrt(squares / (gaps - 1.0)) if gaps > 1.0 else math.nan
    cells[base + Timing.OVERDUE] = newest / (total / gaps) if gaps > 0.0 else math.nan


@part
def finish(cells: NDArray[np.float64], plan: Plan, row: int, store: int) -> None:
    """Makes a row readable: bands into windows, running times into days, the basket never below empty."""
    for s in range(plan.series_start[store], plan.series_start[store + 1]):
        measure, offset = plan.series[s, 0], plan.series[s, 1]
        base = row + offset
        if measure == Measure.TIMES:
            finish_times(cells, base)
        elif measure == Measure.IN_BASKET:
            cells[base] = max(cells[base], 0.0)
        elif measure == Measure.TERM:
            cells[base] = cells[base] if cells[base + 7] > 0.0 else math.nan
        elif measure != Measure.DECAYED:
            for window in range(1, len(plan.windows)):
                cells[base + window] += cells[base + window - 1]


@part
def pool(cells: NDArray[np.float64], plan: Plan, into: int, row: int) -> None:
    """Adds an item's unfinished row to that of the items of a candidate."""
    for s in range(plan.series_start[Store.ITEM], plan.series_start[Store.ITEM + 1]):
        measure, offset = plan.series[s, 0], plan.series[s, 1]
        a, b = into + offset, row + offset
        if measure == Measure.TIMES:
            if cells[b + 2] > 0.0:
                cells[a] = cells[b] if cells[a + 2] == 0.0 else min(cells[a], cells[b])
                cells[a + 1] = max(cells[a + 1], cells[b + 1])
            for cell in range(2, CELLS):
                cells[a + cell] += cells[b + cell]
        else:
            for cell in range(CELLS):
                cells[a + cell] += cells[b + cell]


@part
def pool_items(cells: NDArray[np.float64], met: Met, plan: Plan, offers: Offers, c: int) -> int:
    """The finished row of all the items of candidate c; the blank one when the person met none of them."""
    into = met.row[POOL]
    met.size[3] += 1
    found = False
    for k in range(offers.item_start[c], offers.item_start[c + 1]):
        slot = met.slots[spot(met, Store.ITEM, offers.item[k])]
        if slot < 0 or met.stamp[slot] == met.size[3]:
            continue
        met.stamp[slot] = met.size[3]  # an item named twice counts once
        if not found:
            cells[into : into + plan.width[Store.ITEM]] = 0.0
        found = True
        pool(cells, plan, into, met.row[slot])
    if found:
        finish(cells, plan, into, Store.ITEM)
    return int(into if found else met.row[Store.ITEM])


@part
def seek_candidates(
    cells: NDArray[np.float64],
    met: Met,
    plan: Plan,
    known: Known,
    offers: Offers,
    chosen: NDArray[np.int32],
    rows: NDArray[np.int64],
) -> None:
    """rows[j, role]: where the candidate's cells begin, for the roles that have one slot."""
    items = False
    for j in range(len(chosen)):
        c = chosen[j]
        channel = int(offers.channel[c])
        category = offers.category[c]
        parent = looked_up(known.parent, category)
        rows[j, Role.CHANNEL] = met.row[seek(cells, met, plan, Store.CHANNEL, -1 if channel == NO_CHANNEL else channel)]
        rows[j, Role.ACTION] = met.row[seek(cells, met, plan, Store.ACTION, offers.action[c])]
        rows[j, Role.GROUP] = met.row[seek(cells, met, plan, Store.GROUP, offers.group[c])]
        rows[j, Role.CATEGORY] = met.row[seek(cells, met, plan, Store.CATEGORY, category)]
        rows[j, Role.PARENT] = met.row[seek(cells, met, plan, Store.CATEGORY, parent)]
        items |= offers.item_start[c + 1] > offers.item_start[c]
    if items and plan.width[Store.ITEM] > 0:
        for slot in range(RESERVED, met.size[0]):
            if met.store[slot] == Store.ITEM:
                want(cells, met, plan, slot)


@part
def state_facts(cells: NDArray[np.float64], row: int, known: Known, offers: Offers, c: int, moment: int) -> None:
    cells[row + Fact.VALUE] = offers.value[c]
    cells[row + Fact.KIND] = offers.kind[c]
    cells[row + Fact.PRICE] = offers.price[c]
    cells[row + Fact.AGE] = (moment - offers.starts_at[c]) / DAY if offers.starts_at[c] != 0 else math.nan
    cells[row + Fact.LEFT] = (offers.ends_at[c] - moment) / DAY if offers.ends_at[c] < OPEN_END else math.nan
    cells[row + Fact.ITEMS] = offers.item_start[c + 1] - offers.item_start[c]
    cells[row + Fact.PROMOTES] = 1.0 if offers.category[c] >= 0 else 0.0
    cells[row + Fact.CHANNEL] = math.nan
    for i in range(len(known.channel)):
        if known.channel[i] == offers.channel[c] and offers.channel[c] != NO_CHANNEL:
            cells[row + Fact.CHANNEL] = i


@part
def write(
    cells: NDArray[np.float64], features: NDArray[np.int32], base: NDArray[np.int64], out: NDArray[np.float64]
) -> None:
    """The features of one row, plain values first."""
    values = 0
    while values < len(features) and features[values, 1] == Op.VALUE:
        out[features[values, 0]] = cells[base[features[values, 2]] + features[values, 3]]
        values += 1
    for f in range(values, len(features)):
        op = features[f, 1]
        a = cells[base[features[f, 2]] + features[f, 3]]
        if op != Op.VALUE:
            b = cells[base[features[f, 4]] + features[f, 5]]
            if op == Op.SURPLUS:
                a = max(a - b, 0.0)
            else:
                a = a / b if b != 0.0 else math.nan
                if op == Op.PRICE:
                    a = cells[base[Role.FACTS] + Fact.PRICE] / a if a != 0.0 else math.nan
        out[features[f, 0]] = a


@part
def write_customer(
    cells: NDArray[np.float64],
    met: Met,
    plan: Plan,
    known: Known,
    base: NDArray[np.int64],
    now: tuple[int, int],
    out: NDArray[np.float64],
) -> None:
    base[Role.CUSTOMER], base[Role.MOMENT], base[Role.FACTS] = met.row[0], met.row[MOMENT_ROW], met.row[FACTS_ROW]
    cells[met.row[MOMENT_ROW]], cells[met.row[MOMENT_ROW] + 1] = local(now[0], now[1])
    for i in range(len(known.channel)):
        code = known.channel[i]
        slot = -1 if code == NO_CHANNEL else met.slots[spot(met, Store.CHANNEL, code)]
        base[Role.NAMED + i] = met.row[slot if slot >= 0 else Store.CHANNEL]
    write(cells, plan.customer_features, base, out)


@part
def begin(
    cells: NDArray[np.float64],
    plan: Plan,
    category: int,
    desk: Desk,
    number: int,
    j: int,
    out: NDArray[np.float64],
) -> int:
    """What row j shares with others: the customer's part, and the category's, computed once a category. Returns the
    newest row of the same category, of which row j is a copy so far; below 0 where it is the first."""
    known = 0 <= category + 1 < len(desk.drawn)
    like = desk.drawn[category + 1] - number if known else -1
    source = out[like] if like >= 0 else desk.shared
    for column in range(out.shape[1]):
        out[j, column] = source[column]
    if like < 0:
        write(cells, plan.category_features, desk.base, out[j])
    if known:
        desk.drawn[category + 1] = number + j
    return int(like)


@part
def write_candidate(
    cells: NDArray[np.float64],
    plan: Plan,
    base: NDArray[np.int64],
    rows: NDArray[np.int64],
    like: int,
    j: int,
    out: NDArray[np.float64],
) -> None:
    """The rest of row j. like: the row of which it is a copy so far, below 0 for none: a block whose cells the two have
    in common is there already."""
    for k in range(len(BLOCKS)):
        begins, ends = plan.blocks[k], plan.blocks[k + 1]
        if like < 0 or rows[like, BLOCKS[k]] != rows[j, BLOCKS[k]]:
            write(cells, plan.candidate_features[begins:ends], base, out[j])
    write(cells, plan.candidate_features[plan.blocks[len(BLOCKS)] :], base, out[j])


@part
def one_moment(  # noqa: PLR0917 - compiled: bundling these would cost a copy
    cells: NDArray[np.float64],
    met: Met,
    places: Places,
    plan: Plan,
    known: Known,
    offers: Offers,
    records: Records,
    now: tuple[int, int],
    number: int,
    chosen: NDArray[np.int32],
    rows: NDArray[np.int64],
    desk: Desk,
    out: NDArray[np.float64],
) -> None:
    """number: of the first of these rows."""
    for t in range(met.size[2]):
        met.wanted[met.touched[t]] = 0
    met.size[2] = 0
    for slot in range(POOL):
        want(cells, met, plan, slot)
    for code in known.channel:
        seek(cells, met, plan, Store.CHANNEL, -1 if code == NO_CHANNEL else code)
    seek_candidates(cells, met, plan, known, offers, chosen, rows)
    read_history(cells, met, places, plan, known, records, now, desk)
    for t in range(met.size[2]):
        slot = met.touched[t]
        if met.store[slot] != Store.ITEM or slot < RESERVED:
            finish(cells, plan, met.row[slot], met.store[slot])
    write_customer(cells, met, plan, known, desk.base, now, desk.shared)
    for j in range(len(chosen)):
        for role in range(Role.CHANNEL, Role.ITEMS):
            desk.base[role] = rows[j, role]
        like = begin(cells, plan, offers.category[chosen[j]], desk, number, j, out)
        desk.base[Role.ITEMS] = met.row[Store.ITEM]
        if plan.width[Store.ITEM] > 0:
            desk.base[Role.ITEMS] = pool_items(cells, met, plan, offers, chosen[j])
        pooled = desk.base[Role.ITEMS] != met.row[Store.ITEM]
        rows[j, Role.ITEMS] = -1 - j if pooled else 0  # what was pooled for one is not there any more for the next
        state_facts(cells, met.row[FACTS_ROW], known, offers, chosen[j], now[0])
        write_candidate(cells, plan, desk.base, rows, like, j, out)
