"""Netting: equal to a slow oracle, whatever the order in which lines came, and blind to what was not yet known."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Kind
from features.history import EVENT, LEDGER_ENTRY, Records
from features.ledger import entries, owned

FOREVER = 10**15


@dataclass(frozen=True)
class Line:
    kind: Kind
    occurred_at: int
    lag: int
    order: int
    item: int
    quantity: float


lines = st.lists(
    st.builds(
        Line,
        kind=st.sampled_from([Kind.ORDERED, Kind.ORDERED, Kind.REFUNDED, Kind.CANCELLED]),
        occurred_at=st.integers(0, 6),
        lag=st.integers(0, 3),
        order=st.integers(0, 3),
        item=st.integers(-1, 2),
        quantity=st.sampled_from([math.nan, 0.0, 0.5, 1.0, 1.0, 2.0, 3.0, -1.0]),
    ),
    max_size=14,
)


def ledger_of(given_lines: Sequence[Line]) -> Records:
    made = np.zeros(len(given_lines), dtype=LEDGER_ENTRY)
    for row, line in zip(made, given_lines, strict=True):
        row["kind"], row["order"], row["item"], row["quantity"] = line.kind, line.order, line.item, line.quantity
        row["occurred_at"], row["recorded_at"] = line.occurred_at, line.occurred_at + line.lag
    made["sequence"] = np.arange(1, len(made) + 1)
    return made


Owned = tuple[int, int, int, float]


def owned_slowly(given_lines: Sequence[Line], moment: int) -> list[Owned]:
    """(occurred_at, order, item, units), sorted."""
    known = [line for line in given_lines if line.occurred_at + line.lag <= moment]
    return sorted(_within_orders(known) + _without_order(known))


def _units(line: Line) -> float:
    return 1.0 if math.isnan(line.quantity) else max(0.0, line.quantity)


def _within_orders(known: Sequence[Line]) -> list[Owned]:
    reports: dict[tuple[int, int], dict[tuple[int, int], float]] = defaultdict(lambda: defaultdict(float))
    for line in known:
        if line.kind == Kind.ORDERED and line.order and line.item >= 0:
            reports[line.order, line.item][line.occurred_at, line.occurred_at + line.lag] += _units(line)
    remaining = []
    for (order, item), by_clock in reports.items():
        latest = max(by_clock)
        units = by_clock[latest]
        for line in known:
            if line.kind != Kind.ORDERED and line.order == order and line.item in (item, -1):
                units -= math.inf if line.item == -1 or math.isnan(line.quantity) else max(0.0, line.quantity)
        if units > 0:
            remaining.append((latest[0], order, item, units))
    return remaining


def _without_order(known: Sequence[Line]) -> list[Owned]:
    bought = [
        [line.occurred_at, line.occurred_at + line.lag, _units(line), line.item]
        for line in known
        if line.kind == Kind.ORDERED and line.order == 0 and line.item >= 0
    ]
    back = [line for line in known if line.kind != Kind.ORDERED and line.order == 0 and line.item >= 0]
    for line in sorted(back, key=lambda one: (one.occurred_at, math.isnan(one.quantity), one.quantity)):
        left = line.quantity
        for purchase in sorted(bought, reverse=True):
            if purchase[3] != line.item or purchase[0] > line.occurred_at or purchase[2] <= 0:
                continue
            if math.isnan(left):
                left, purchase[2] = 0.0, 0.0
            taken = min(purchase[2], max(0.0, left))
            purchase[2] -= taken
            left -= taken
    return [(int(at), 0, int(item), units) for at, _, units, item in bought if units > 0]


def as_tuples(records: Records) -> list[Owned]:
    return [(int(r["occurred_at"]), int(r["order"]), int(r["item"]), float(r["quantity"])) for r in records]


@settings(max_examples=300, deadline=None)
@given(given_lines=lines, moment=st.integers(0, 10))
def test_owned_equals_the_slow_oracle(given_lines: list[Line], moment: int) -> None:
    assert as_tuples(owned(ledger_of(given_lines), moment)) == owned_slowly(given_lines, moment)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), given_lines=lines)
def test_the_order_of_arrival_does_not_matter(data: st.DataObject, given_lines: list[Line]) -> None:
    shuffled = data.draw(st.permutations(given_lines))
    assert (owned(ledger_of(given_lines), FOREVER) == owned(ledger_of(shuffled), FOREVER)).all()


@settings(max_examples=100, deadline=None)
@given(given_lines=lines, later=lines, moment=st.integers(0, 8))
def test_what_is_recorded_later_changes_nothing(given_lines: list[Line], later: list[Line], moment: int) -> None:
    after = [Line(one.kind, one.occurred_at, moment + 1, one.order, one.item, one.quantity) for one in later]
    before = owned(ledger_of(given_lines), moment)
    assert before.tobytes() == owned(ledger_of([*given_lines, *after]), moment).tobytes()


ORDER = Line(Kind.ORDERED, 5, 0, 7, 1, 2.0)


@pytest.mark.parametrize(
    ("given_lines", "units"),
    [
        ([ORDER], [2.0]),
        ([Line(Kind.REFUNDED, 9, 0, 7, -1, math.nan), ORDER], []),
        ([Line(Kind.CANCELLED, 1, 0, 7, 1, math.nan), ORDER], []),
        ([ORDER, Line(Kind.REFUNDED, 9, 0, 7, 1, 1.0)], [1.0]),
        ([ORDER, Line(Kind.REFUNDED, 9, 0, 8, -1, math.nan)], [2.0]),
        ([ORDER, Line(Kind.ORDERED, 6, 0, 7, 1, 2.0)], [2.0]),
        ([ORDER, ORDER], [4.0]),
        ([Line(Kind.ORDERED, 5, 0, 0, 1, math.nan), Line(Kind.REFUNDED, 4, 0, 0, 1, math.nan)], [1.0]),
        ([Line(Kind.ORDERED, 5, 0, 7, -1, 1.0)], []),
    ],
    ids=[
        "bought",
        "whole order back",
        "cancelled first",
        "one of two back",
        "another order",
        "told twice counts once",
        "two lines of one report",
        "returned before bought",
        "unknown item",
    ],
)
def test_cases(given_lines: list[Line], units: list[float]) -> None:
    assert owned(ledger_of(given_lines), FOREVER)["quantity"].tolist() == units


def test_entries_take_ledger_lines_only_and_by_sequence() -> None:
    events = np.zeros(70, dtype=EVENT)
    events["kind"] = np.arange(70)
    events["sequence"] = 100 - np.arange(70)
    events["item"] = np.arange(70)
    made = entries(events)
    assert made["kind"].tolist() == [3, 2, 1]
    assert made["item"].tolist() == [3, 2, 1]
