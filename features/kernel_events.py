"""Events into rows of cells, newest first."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from features.compiled import part
from features.history import Records
from features.kernel_codes import DAY, HOUR, LEVELS, Desk, Known, Measure, Met, Places, Plan


@part
def page_cut(records: Records, plan: Plan, moment: int) -> tuple[int, int]:
    """How many lasting and how many fleeting events the page of that moment holds."""
    lasting, fleeting = 0, 0
    for i in range(len(records)):
        if records[i].recorded_at <= moment and records[i].occurred_at <= moment:
            lasting += plan.classes[records[i].kind] == 1
            fleeting += plan.classes[records[i].kind] == 0
    lasting = min(lasting, plan.page_limit)
    return lasting, min(fleeting, plan.page_limit - lasting)


@part
def fresh(met: Met, slot: int, bits: int) -> int:
    """Which of the distinct measures meet this slot for the first time, newest first."""
    if slot < 0 or bits == 0:
        return 0
    new = bits & ~met.seen[slot]
    met.seen[slot] |= bits
    return int(new)


@part
def weigh(
    desk: Desk,
    met: Met,
    places: Places,
    plan: Plan,
    known: Known,
    records: Records,
    i: int,
    now: tuple[int, int],
) -> None:
    """What the event adds to each measure that is a sum, and the distinct things that it is the newest event of."""
    event = records[i]
    worth, news = desk.worth, desk.news
    amount, quantity = event.amount, np.float64(event.quantity)
    worth[Measure.COUNT] = 1.0
    worth[Measure.AMOUNT] = 0.0 if math.isnan(amount) else amount
    worth[Measure.QUANTITY] = 0.0 if math.isnan(quantity) else quantity
    worth[Measure.SEVERITY] = event.severity
    priced = quantity > 0.0 and not math.isnan(amount)
    worth[Measure.PRICED_AMOUNT] = amount if priced else 0.0
    worth[Measure.PRICED_QUANTITY] = quantity if priced else 0.0
    price = known.price[event.item] if 0 <= event.item < len(known.price) else math.nan
    worth[Measure.LISTED] = 0.0 if math.isnan(price) else 1.0
    worth[Measure.LIST_PRICE] = 0.0 if math.isnan(price) else price
    stated = event.decision != 0 and event.kind != 15  # a SUBSCRIPTION_ENDED has no term any more
    worth[Measure.TERM] = (event.decision - now[0]) / DAY if stated else math.nan
    hour, day = local(event.occurred_at, now[1])
    hour_now, day_now = local(now[0], now[1])
    apart = abs(hour - hour_now)
    worth[Measure.SAME_HOUR] = 1.0 if min(apart, 24 - apart) <= 1 else 0.0
    worth[Measure.SAME_WEEKDAY] = 1.0 if day == day_now else 0.0
    news[0] = fresh(met, places.item[i], plan.bits[0, event.kind])
    news[1] = fresh(met, places.category[i], plan.bits[1, event.kind])
    news[2] = fresh(met, places.order[i], plan.bits[2, event.kind])
    news[3] = fresh(met, places.contact[i], plan.bits[3, event.kind])


@part
def local(moment: int, utc_offset: int) -> tuple[int, int]:
    """Local hour 0..23 and weekday, Monday 0."""
    here = moment + utc_offset
    return (here // HOUR) % 24, (here // DAY + 3) % 7


@part
def halve(cells: NDArray[np.float64], base: int, weight: float) -> None:
    """Each half-life is a fourth of the next, so that one exponential gives all three."""
    fourth = weight * weight * weight * weight
    cells[base + 2] += weight
    cells[base + 1] += fourth
    cells[base] += fourth * fourth * fourth * fourth


@part
def time(cells: NDArray[np.float64], base: int, age: int) -> None:
    """Running: newest age, oldest age, instants, gaps, their sum (exact), and their squared deviations in days."""
    if cells[base + 2] == 0.0:
        cells[base], cells[base + 1], cells[base + 2] = age, age, 1.0
    elif cells[base + 1] != age:
        gap, gaps, total = age - cells[base + 1], cells[base + 3], cells[base + 4]
        if gaps > 0.0:
            off = (gap - total / gaps) / DAY
            cells[base + 5] += off * off * gaps / (gaps + 1.0)
        cells[base + 1] = age
        cells[base + 2] += 1.0
        cells[base + 3] += 1.0
        cells[base + 4] = total + gap


@part
def fold(cells: NDArray[np.float64], base: int, measure: int, band: int, age: int, weight: float, kind: int) -> None:
    if measure == Measure.TIMES:
        time(cells, base, age)
    elif measure == Measure.DECAYED:
        halve(cells, base, weight)
    elif measure == Measure.OCCASIONS:
        if cells[base + 7] != age + 1.0:
            cells[base + band] += 1.0
            cells[base + 7] = age + 1.0
    elif kind == 1:  # ORDERED: what was added before it is no longer in the basket
        cells[base + 7] = 1.0
    elif cells[base + 7] == 0.0:
        cells[base] += 1.0 if kind == 5 else -1.0  # BASKET_ADDED, BASKET_REMOVED


@part
def absorb(
    cells: NDArray[np.float64],
    met: Met,
    plan: Plan,
    slot: int,
    desk: Desk,
    now: tuple[int, int, int, float],
) -> None:
    """Adds one event to every series of one row that is about its kind, if the moment wants the row."""
    if slot < 0 or met.wanted[slot] == 0:
        return
    kind, band, age, weight = now
    at = met.store[slot] * 256 + kind
    for v in range(plan.visit_start[at], plan.visit_start[at + 1]):
        series = plan.visit[v]
        measure, bit = plan.series[series, 0], plan.series[series, 2]
        base = met.row[slot] + plan.series[series, 1]
        if measure < Measure.ITEMS:
            cells[base + band] += desk.worth[measure]
        elif measure < Measure.OCCASIONS:
            if desk.news[measure - Measure.ITEMS] & (np.int64(1) << bit) != 0:
                cells[base + band] += 1.0
        elif measure == Measure.TERM:
            if cells[base + 7] == 0.0:
                cells[base], cells[base + 7] = desk.worth[measure], 1.0
        else:
            fold(cells, base, measure, band, age, weight, kind)


@part
def absorb_event(
    cells: NDArray[np.float64],
    met: Met,
    places: Places,
    plan: Plan,
    i: int,
    desk: Desk,
    now: tuple[int, int, int, float],
) -> None:
    """Adds one event to the rows of everything that it is about and that the moment wants."""
    absorb(cells, met, plan, 0, desk, now)
    action = places.action[i]
    group = met.group[action] if action >= 0 else -1
    absorb(cells, met, plan, int(places.item[i]), desk, now)
    absorb(cells, met, plan, int(action), desk, now)
    absorb(cells, met, plan, int(group), desk, now)
    absorb(cells, met, plan, int(places.channel[i]), desk, now)
    category = int(places.category[i])
    for _ in range(LEVELS):
        if category < 0:
            break
        absorb(cells, met, plan, category, desk, now)
        category = int(met.up[category])


@part
def read_history(
    cells: NDArray[np.float64],
    met: Met,
    places: Places,
    plan: Plan,
    known: Known,
    records: Records,
    now: tuple[int, int],
    desk: Desk,
) -> None:
    """The page of the moment, newest first, into the wanted rows."""
    moment = now[0]
    lasting, fleeting = page_cut(records, plan, moment)
    met.seen[: met.size[0]] = 0
    band = 0
    for i in range(len(records) - 1, -1, -1):
        event = records[i]
        standing = plan.classes[event.kind]
        if event.recorded_at > moment or event.occurred_at > moment or (fleeting, lasting, 0)[standing] == 0:
            continue
        lasting -= standing
        fleeting -= 1 - standing
        age = moment - event.occurred_at
        while band < len(plan.windows) - 1 and age >= plan.windows[band]:
            band += 1
        weigh(desk, met, places, plan, known, records, i, now)
        weight = math.exp(-math.log(2.0) * (age / plan.half_life))
        absorb_event(cells, met, places, plan, i, desk, (int(event.kind), band, age, weight))
