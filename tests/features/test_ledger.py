"""Netting: equal to a slow oracle, whatever the order in which lines came, and blind to what was not yet known."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Kind
from features.history import EVENT, LEDGER_ENTRY, Records
from features.ledger import entries, lines_kept, owned

FOREVER = 10**15


@dataclass(frozen=True)
class Line:
    kind: Kind
    occurred_at: int
    lag: int
    order: int
    item: int
    quantity: float
    ends_at: int = 0


SUBSCRIBING = (Kind.SUBSCRIPTION_STARTED, Kind.SUBSCRIPTION_CHANGED, Kind.SUBSCRIPTION_ENDED)
common = {
    "occurred_at": st.integers(0, 6),
    "lag": st.integers(0, 3),
    "order": st.integers(0, 3),
    "item": st.integers(-1, 2),
    "quantity": st.sampled_from([math.nan, 0.0, 0.5, 1.0, 1.0, 2.0, 3.0, -1.0]),
}
order_lines = st.builds(
    Line, kind=st.sampled_from([Kind.ORDERED, Kind.ORDERED, Kind.REFUNDED, Kind.CANCELLED]), **common
)
statements = st.builds(
    Line, kind=st.sampled_from(SUBSCRIBING), ends_at=st.sampled_from([0, 0, 0, 1, 3, 5, 6, 7, 9]), **common
)
lines = st.lists(order_lines, max_size=14) | st.lists(order_lines | statements, max_size=14)


def ledger_of(given_lines: Sequence[Line]) -> Records:
    made = np.zeros(len(given_lines), dtype=LEDGER_ENTRY)
    for row, line in zip(made, given_lines, strict=True):
        row["kind"], row["order"], row["item"], row["quantity"] = line.kind, line.order, line.item, line.quantity
        row["occurred_at"], row["recorded_at"] = line.occurred_at, line.occurred_at + line.lag
        row["ends_at"] = line.ends_at
    made["sequence"] = np.arange(1, len(made) + 1)
    return made


Owned = tuple[int, int, int, float, bool]


def owned_slowly(given_lines: Sequence[Line], moment: int) -> list[Owned]:
    """(occurred_at, order, item, units, whether subscribed), sorted."""
    known = [line for line in given_lines if line.occurred_at + line.lag <= moment]
    bought = [line for line in known if line.kind not in SUBSCRIBING]
    purchased = [(*one, False) for one in _within_orders(bought) + _without_order(bought)]
    return sorted(purchased + _running([line for line in known if line.kind in SUBSCRIBING], moment))


Bought = tuple[int, int, int, float]


def _running(statements: Sequence[Line], moment: int) -> list[Owned]:
    """Each subscription is a story read from its oldest statement to its newest; the last word holds."""
    stories: dict[tuple[int, int], list[Line]] = defaultdict(list)
    for line in statements:
        stories[line.order, line.item if line.order == 0 else 0].append(line)
    running = []
    for story in stories.values():
        held = None
        for line in sorted(story, key=_age):
            held = None if line.kind == Kind.SUBSCRIPTION_ENDED else line
        if held and held.item >= 0 and _units(held) > 0 and (held.ends_at == 0 or moment < held.ends_at):
            running.append((held.occurred_at, held.order, held.item, _units(held), True))
    return running


def _age(line: Line) -> tuple[float, ...]:
    """By when it was said, an end last at one moment; then by when it was heard; any order will do for the rest."""
    unknown = math.isnan(line.quantity)
    heard = line.occurred_at + line.lag
    return (line.occurred_at, line.kind, heard, line.ends_at, line.item, unknown, 0.0 if unknown else line.quantity)


def _units(line: Line) -> float:
    return 1.0 if math.isnan(line.quantity) else max(0.0, line.quantity)


def _within_orders(known: Sequence[Line]) -> list[Bought]:
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


def _without_order(known: Sequence[Line]) -> list[Bought]:
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
    names = ("occurred_at", "order", "item", "quantity", "subscribed")
    return [tuple(row[name].item() for name in names) for row in records]


@settings(max_examples=300, deadline=None)
@given(given_lines=lines, moment=st.integers(0, 10))
def test_owned_equals_the_slow_oracle(given_lines: list[Line], moment: int) -> None:
    assert as_tuples(owned(ledger_of(given_lines), moment)) == owned_slowly(given_lines, moment)


@settings(max_examples=300, deadline=None)
@given(given_lines=lines, moment=st.integers(0, 10))
def test_the_quick_look_at_what_is_kept_says_the_same_or_nothing(given_lines: list[Line], moment: int) -> None:
    found = lines_kept(ledger_of(given_lines), moment)
    have = owned(ledger_of(given_lines), moment)
    if found is None:
        known = [one for one in given_lines if one.occurred_at + one.lag <= moment]
        assert any(one.kind in SUBSCRIBING or (one.kind != Kind.ORDERED and one.order == 0) for one in known)
    else:
        pairs = zip(*(one.tolist() for one in found), strict=True)
        assert sorted(pairs) == sorted(zip(have["item"].tolist(), have["occurred_at"].tolist(), strict=True))


@settings(max_examples=200, deadline=None)
@given(data=st.data(), given_lines=lines)
def test_the_order_of_arrival_does_not_matter(data: st.DataObject, given_lines: list[Line]) -> None:
    shuffled = data.draw(st.permutations(given_lines))
    assert (owned(ledger_of(given_lines), FOREVER) == owned(ledger_of(shuffled), FOREVER)).all()


@settings(max_examples=100, deadline=None)
@given(given_lines=lines, later=lines, moment=st.integers(0, 8))
def test_what_is_recorded_later_changes_nothing(given_lines: list[Line], later: list[Line], moment: int) -> None:
    after = [replace(one, lag=moment + 1) for one in later]
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


def told(kind: Kind, occurred_at: int, *, item: int = 1, order: int = 7, lag: int = 0, ends_at: int = 0) -> Line:
    return Line(kind, occurred_at, lag, order, item, math.nan, ends_at)


STARTED, CHANGED, ENDED = SUBSCRIBING


@pytest.mark.parametrize(
    ("given_lines", "plans"),
    [
        ([told(STARTED, 5)], [1]),
        ([told(STARTED, 5), told(ENDED, 6, item=-1)], []),
        ([told(ENDED, 6, item=-1), told(STARTED, 5, lag=9)], []),
        ([told(STARTED, 5), told(ENDED, 4, lag=9)], [1]),
        ([told(STARTED, 5), told(CHANGED, 6, item=2)], [2]),
        ([told(CHANGED, 6, item=2), told(STARTED, 5, lag=9)], [2]),
        ([told(STARTED, 5), told(ENDED, 6), told(STARTED, 7)], [1]),
        ([told(STARTED, 5), told(ENDED, 5)], []),
        ([told(STARTED, 5, ends_at=9)], []),
        ([told(STARTED, 5, ends_at=10)], [1]),
        ([told(STARTED, 5, ends_at=9), told(CHANGED, 6, ends_at=20)], [1]),
        ([told(STARTED, 5), told(STARTED, 6, order=8, item=2), told(ENDED, 7, order=8)], [1]),
        ([told(STARTED, 5), Line(Kind.REFUNDED, 6, 0, 7, -1, math.nan)], [1]),
        ([told(STARTED, 5, order=0), told(STARTED, 6, order=0, item=2), told(ENDED, 7, order=0)], [2]),
    ],
    ids=[
        "renews by itself",
        "ended",
        "the start comes late",
        "an older end comes late",
        "changed",
        "the old plan comes late",
        "started again",
        "ended at once",
        "its term is over",
        "the last moment of its term",
        "prolonged",
        "another subscription ends",
        "a refund of the same number",
        "without ids, by plan",
    ],
)
def test_subscriptions(given_lines: list[Line], plans: list[int]) -> None:
    have = owned(ledger_of(given_lines), 9)
    assert have["item"].tolist() == plans
    assert have["subscribed"].all()


def test_a_plan_is_owned_beside_what_was_bought() -> None:
    have = owned(ledger_of([ORDER, told(STARTED, 6)]), 9)
    assert as_tuples(have) == [(5, 7, 1, 2.0, False), (6, 7, 1, 1.0, True)]


def test_entries_take_ledger_lines_only_and_by_sequence() -> None:
    events = np.zeros(70, dtype=EVENT)
    events["kind"] = events["item"] = np.arange(70)
    events["sequence"] = 100 - np.arange(70)
    events["decision"] = 1000 + np.arange(70)
    made = entries(events)
    assert made["kind"].tolist() == [15, 14, 13, 3, 2, 1]
    assert made["item"].tolist() == [15, 14, 13, 3, 2, 1]
    assert made["ends_at"].tolist() == [1015, 1014, 1013, 0, 0, 0]
