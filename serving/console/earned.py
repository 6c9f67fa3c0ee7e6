"""What people of each arm bought, whatever led them to it: the only way to tell what marketing adds, for the holdout
has no contacts whose response could be compared. Nothing here reads a clock or a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.history import Records
from features.stores.desk import Asked
from models.policy_rules import DAY
from models.sales import sales
from serving.console.ratios import NO_LEAD, lead, ratio

SPAN: Final = 28
"""Days for which sales are told."""
LEAST: Final = 7 * DAY
"""ms in an arm, before which nobody's sales are told: stays begin when somebody was just asked about."""
REFERENCE: Final = "holdout"
MOST: Final = 1_000
"""People of an arm who are looked at."""


@dataclass(frozen=True, slots=True)
class ArmSales:
    """sales: of one person in SPAN days, in the catalogue's currency and less what came back; NaN of nobody. ahead: of
    the holdout, with its 95 % interval over people; NaN where there is nothing to compare. unknown: lines without an
    amount, which count nothing."""

    arm: str
    people: int
    sales: float
    ahead: float
    interval: tuple[float, float]
    unknown: int


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody's time in an arm, ms UTC: (since, until]."""

    arm: str
    person: int
    since: int
    until: int


def stays(asked: Sequence[Asked], present: int, most: int = MOST) -> tuple[Stay, ...]:
    """Of at most `most` people of each arm, as by lot and always the same: each until another arm's began, LEAST of it
    at least."""
    begun: dict[int, list[Asked]] = {}
    for one in sorted(asked, key=lambda one: one.since):
        begun.setdefault(one.person, []).append(one)
    made: dict[str, list[Stay]] = {}
    for person in sorted(begun, key=_lot):
        mine = begun[person]
        ends = [*(one.since for one in mine[1:]), present]
        for one, until in zip(mine, ends, strict=True):
            of_arm = made.setdefault(one.arm, [])
            if len(of_arm) < most and until - one.since >= LEAST:
                of_arm.append(Stay(one.arm, person, one.since, until))
    return tuple(stay for of_arm in made.values() for stay in of_arm)


def _lot(person: int) -> int:
    """Numbers are given as people come; this follows no such order."""
    return person * 2_654_435_761 % (1 << 32)


def by_arm(staying: Iterable[Stay], pages: Mapping[int, Records]) -> tuple[ArmSales, ...]:
    """The holdout first, then by name. pages: EVENT records by person; whoever has none is left out."""
    rows: dict[str, list[tuple[float, float, int]]] = {}
    for stay in staying:
        if stay.person in pages:
            rows.setdefault(stay.arm, []).append(_bought(stay, pages[stay.person]))
    tables = {arm: np.array(of_arm, np.float64).reshape(-1, 3) for arm, of_arm in rows.items()}
    reference = tables.get(REFERENCE, np.zeros((0, 3)))[:, :2]
    order = sorted(tables, key=lambda arm: (arm != REFERENCE, arm))
    return tuple(_arm(arm, tables[arm], reference) for arm in order)


def _bought(stay: Stay, page: Records) -> tuple[float, float, int]:
    """Spans of SPAN days, the sum of sales, and lines of unknown amount."""
    lines = sales(page, stay.until)
    lines = lines[(lines["at"] > stay.since) & (lines["at"] <= stay.until)]
    amounts = lines["amount"] * lines["kept"]
    return (stay.until - stay.since) / DAY / SPAN, float(np.nansum(amounts)), int(np.isnan(amounts).sum())


def _arm(arm: str, rows: NDArray[np.float64], reference: NDArray[np.float64]) -> ArmSales:
    own, unknown = rows[:, :2], int(rows[:, 2].sum())
    ahead, interval = NO_LEAD if arm == REFERENCE else lead(own, reference)
    return ArmSales(arm, len(own), ratio(own), ahead, interval, unknown)
