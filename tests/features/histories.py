"""Synthetic histories, catalogues and candidates: few codes, so that things meet, and times on the edges of windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.candidates import CHANNELS, Candidates, ItemFacts
from features.event import Kind
from features.history import EVENT, Records

DAY = 86_400_000
NOW = 1_750_000_000_123
LATE_EVENING = 8 * 3_600_000
"""The UTC offset where NOW is 23:06."""
ITEMS, CATEGORIES, ACTIONS, GROUPS = 9, 6, 7, 3
"""How many the catalogue knows; histories and candidates also meet one or two more of each."""

_EDGES = [0, 1, 3_600_000, *(days * DAY + step for days in (1, 7, 28, 90, 180, 365, 400) for step in (-1, 0, 1))]
_AGES = st.one_of(st.sampled_from(_EDGES), st.integers(-40 * DAY, 500 * DAY), st.integers(0, 60).map(lambda n: n * DAY))
_LAGS = st.sampled_from([0, 0, 0, 1, 5 * DAY, 100 * DAY])
_KINDS = st.one_of(
    st.sampled_from([Kind.ORDERED, Kind.BASKET_ADDED, Kind.VIEWED, Kind.SENT, Kind.DISPLAYED, Kind.CONVERTED]),
    st.sampled_from(list(Kind)),
)
_AMOUNTS = st.sampled_from([0.0, 1.25, 3.5, 19.99, float("nan")])
_QUANTITIES = st.sampled_from([0.0, 1.0, 2.0, 0.5, float("nan")])
_CHANNELS = st.sampled_from([0, 1, 2, 7, 255])

_EVENTS = st.tuples(
    _AGES,
    _LAGS,
    st.integers(0, 3),
    st.integers(0, 2),
    _AMOUNTS,
    _QUANTITIES,
    st.integers(-1, ITEMS + 1),
    st.integers(-1, ACTIONS),
    _KINDS,
    _CHANNELS,
    st.integers(0, 3),
)


@dataclass(frozen=True, slots=True)
class World:
    records: Records
    candidates: Candidates
    facts: ItemFacts
    moment: int
    utc_offset: int


@st.composite
def records(draw: st.DrawFn, most: int = 50) -> Records:
    size = draw(st.integers(0, most))
    rows = draw(st.lists(_EVENTS, min_size=size, max_size=size))
    return np.array([_event(row, sequence) for sequence, row in enumerate(rows)], dtype=EVENT)


def _event(row: tuple[float, ...], sequence: int) -> tuple[float, ...]:
    age, lag, order, decision, amount, quantity, item, action, kind, channel, severity = row
    at = int(NOW - age)
    return (
        at, at + int(lag), sequence, order, decision, amount, quantity, item, action, int(kind), channel, severity
    )  # fmt: skip


@st.composite
def facts(draw: st.DrawFn) -> ItemFacts:
    def codes(size: int, below: int) -> NDArray[np.int32]:
        return np.array(draw(st.lists(st.integers(-1, below - 1), min_size=size, max_size=size)), dtype=np.int32)

    prices = draw(st.lists(_AMOUNTS, min_size=ITEMS, max_size=ITEMS))
    return ItemFacts(
        category=codes(ITEMS, CATEGORIES),
        parent=np.array([draw(st.integers(-1, number - 1)) for number in range(CATEGORIES)], dtype=np.int32),
        price=np.array(prices, dtype=np.float64),
        action_group=codes(ACTIONS, GROUPS),
        action_category=codes(ACTIONS, CATEGORIES),
        channel=np.array([0, 2, 1, *[255] * (len(CHANNELS) - 3)], dtype=np.int32),
    )


@st.composite
def candidates(draw: st.DrawFn, most: int = 5) -> Candidates:
    count = draw(st.integers(0, most) | st.just(1))

    def column(values: st.SearchStrategy[float], dtype: str) -> NDArray[np.generic]:
        return np.array(draw(st.lists(values, min_size=count, max_size=count)), dtype=dtype)

    promoted = [draw(st.lists(st.integers(0, ITEMS + 1), max_size=4)) for _ in range(count)]
    return Candidates(
        action=column(st.integers(-1, ACTIONS), "i4"),
        group=column(st.integers(-1, GROUPS), "i4"),
        category=column(st.integers(-1, CATEGORIES), "i4"),
        channel=column(_CHANNELS, "u1"),
        item_start=np.cumsum([0, *(len(items) for items in promoted)], dtype=np.int32),
        item=np.array([item for items in promoted for item in items], dtype=np.int32),
        price=column(_AMOUNTS, "f8"),
        value=column(_AMOUNTS, "f8"),
        kind=column(st.integers(0, 2), "i1"),
        starts_at=column(st.sampled_from([0, NOW - 3 * DAY, NOW + DAY]), "i8"),
        ends_at=column(st.sampled_from([2**62, NOW + 3 * DAY]), "i8"),
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    offset = draw(st.sampled_from([0, 8 * 3_600_000, -5 * 3_600_000, 20_700_000]))
    moment = NOW - draw(st.sampled_from([0, 0, 1, DAY, 30 * DAY]))
    return World(draw(records()), draw(candidates()), draw(facts()), moment, offset)


def crowd(seed: int, events: int) -> Records:
    """A long history, shuffled: more than a page holds, a third of it within two days, a third within a month."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(events, dtype=EVENT)
    span = rng.choice([2, 30, 700], events) * DAY
    rows["occurred_at"] = NOW - DAY // 16 - (rng.random(events) * span).astype(np.int64) // (DAY // 8) * (DAY // 8)
    rows["occurred_at"] += rng.choice([0, 0, 0, 10 * DAY], events)
    rows["recorded_at"] = rows["occurred_at"] + rng.choice([0, 0, 3 * DAY], events)
    rows["sequence"] = rng.permutation(events)
    rows["order"] = rng.integers(0, events // 4, events) * rng.choice([0, 1, 1, 1, 1], events)
    rows["decision"] = rng.integers(0, 3, events)
    rows["amount"], rows["quantity"] = rng.integers(0, 900, events) / 100, rng.integers(0, 4, events)
    rows["item"], rows["action"] = rng.integers(-1, ITEMS + 2, events), rng.integers(-1, ACTIONS + 1, events)
    rows["kind"] = rng.choice([int(kind) for kind in Kind], events)
    rows["channel"] = rng.choice([*range(len(CHANNELS) + 1), 255], events)
    rows["severity"] = rng.integers(0, 4, events)
    return rows


def crowded_world(seed: int, events: int, count: int) -> World:
    rng = np.random.default_rng(seed)
    start = np.arange(0, 2 * count + 1, 2, dtype=np.int32)
    shown = Candidates(
        action=rng.integers(-1, ACTIONS + 1, count).astype(np.int32),
        group=rng.integers(-1, GROUPS + 1, count).astype(np.int32),
        category=rng.integers(-1, CATEGORIES + 1, count).astype(np.int32),
        channel=rng.choice([0, 1, 2, 7, 255], count).astype(np.uint8),
        item_start=start,
        item=rng.integers(0, ITEMS + 2, 2 * count).astype(np.int32),
        price=rng.integers(1, 900, count) / 100,
        value=rng.integers(1, 900, count) / 100,
        kind=rng.integers(0, 3, count).astype(np.int8),
        starts_at=np.full(count, NOW - 5 * DAY),
        ends_at=np.full(count, NOW + 5 * DAY),
    )
    known = ItemFacts(
        category=rng.integers(-1, CATEGORIES, ITEMS).astype(np.int32),
        parent=np.array([-1, 0, 0, 1, 1, 2], dtype=np.int32),
        price=rng.integers(1, 900, ITEMS) / 100,
        action_group=rng.integers(-1, GROUPS, ACTIONS).astype(np.int32),
        action_category=rng.integers(-1, CATEGORIES, ACTIONS).astype(np.int32),
        channel=np.array([0, 2, 1, *range(3, len(CHANNELS))], dtype=np.int32),
    )
    return World(crowd(seed, events), shown, known, NOW, LATE_EVENING)
