"""The codes and tables that the kernel is told its work in."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CELLS = 8
MEASURES = 20
LEVELS = 16
"""How many levels of categories an event counts for, its own first."""
HOUR = 3_600_000
DAY = 86_400_000
OPEN_END = 2**62
NO_CHANNEL = 255
ROLES = 32
POOL, MOMENT_ROW, FACTS_ROW, RESERVED = 8, 9, 10, 11
"""Slots that every person has: those numbered as a store are the person's own row (CUSTOMER) and the rows of what was
never met; then the pooled items of a candidate, the facts of the moment, the facts of the candidate."""


class Store(IntEnum):
    """Whose rows of cells. ORDER and CONTACT have none: they only tell one thing from another."""

    CUSTOMER = 0
    CHANNEL = 1
    ACTION = 2
    GROUP = 3
    CATEGORY = 4
    ITEM = 5
    ORDER = 6
    CONTACT = 7


class Role(IntEnum):
    """Which row a feature reads for a candidate. NAMED + i is the i-th of CHANNELS."""

    CUSTOMER = 0
    MOMENT = 1
    CHANNEL = 2
    ACTION = 3
    GROUP = 4
    CATEGORY = 5
    PARENT = 6
    ITEMS = 7
    FACTS = 8
    NAMED = 16


BLOCKS = (Role.CHANNEL, Role.ACTION, Role.GROUP, Role.ITEMS)
"""Whose row many of a candidate's features read, and no other but the customer's: they are the same for two candidates
that share it, as all do of which the person never met anything."""


class Measure(IntEnum):
    """What a series adds up per age band (before DECAYED) or folds over the events, newest first.

    COUNT events. AMOUNT, QUANTITY, SEVERITY: what is known of them. PRICED_*: of the lines that have both an amount and
    a quantity above 0. LISTED, LIST_PRICE: events whose item has a price in the catalogue, and those prices. SAME_*:
    events whose local hour (within one) or weekday is that of the moment. ORDERS, ITEMS, CATEGORIES, CONTACTS: distinct
    ones, each at its newest. OCCASIONS: distinct instants. DECAYED: sums of 2 ** (-age / half-life). TIMES: gaps
    between distinct instants. IN_BASKET: added minus removed since the last purchase. TERM: days until the term
    ends that the newest of the events states, below 0 once it has ended; never of the items of a candidate.
    """

    COUNT = 0
    AMOUNT = 1
    QUANTITY = 2
    SEVERITY = 3
    PRICED_AMOUNT = 4
    PRICED_QUANTITY = 5
    LISTED = 6
    LIST_PRICE = 7
    SAME_HOUR = 8
    SAME_WEEKDAY = 9
    ITEMS = 10
    CATEGORIES = 11
    ORDERS = 12
    CONTACTS = 13
    OCCASIONS = 14
    DECAYED = 15
    TIMES = 16
    IN_BASKET = 17
    TERM = 18
    NOTHING = 19


class Op(IntEnum):
    """How a feature is made of two cells. RATIO: a / b, NaN when b is 0. SURPLUS: a - b, at least 0. PRICE: the
    candidate's price over a / b, NaN when either is 0."""

    VALUE = 0
    RATIO = 1
    SURPLUS = 2
    PRICE = 3


class Fact(IntEnum):
    """Cells of the candidate's own row."""

    VALUE = 0
    KIND = 1
    PRICE = 2
    AGE = 3
    LEFT = 4
    ITEMS = 5
    PROMOTES = 6
    CHANNEL = 7


class Timing(IntEnum):
    """Cells of a finished TIMES series: days since the newest and the oldest, number, mean and standard deviation of
    the gaps in days, and newest / mean gap."""

    LAST = 0
    FIRST = 1
    GAPS = 2
    MEAN = 3
    DEVIATION = 4
    OVERDUE = 5


class Plan(NamedTuple):
    """What to compute; see features.plan, which writes it. series: int32[s, 3] measure, offset in the row, bit.
    series_start: by store. visit: series to touch, by store * 256 + kind. bits: int64[4, 256] per distinct measure and
    kind. width: cells of a row by store. features: int32[f, 6] column, op, role, cell, role, cell, by what they depend
    on: the customer alone, a candidate's category too, or all of it; VALUE first. blocks: int32[BLOCKS + 1], where the
    candidate_features of each of BLOCKS begin, and those that are of none."""

    classes: NDArray[np.uint8]
    windows: NDArray[np.int64]
    half_life: float
    page_limit: int
    series: NDArray[np.int32]
    series_start: NDArray[np.int32]
    visit_start: NDArray[np.int32]
    visit: NDArray[np.int32]
    bits: NDArray[np.int64]
    width: NDArray[np.int64]
    customer_features: NDArray[np.int32]
    category_features: NDArray[np.int32]
    candidate_features: NDArray[np.int32]
    blocks: NDArray[np.int32]


class Known(NamedTuple):
    """ItemFacts."""

    category: NDArray[np.int32]
    parent: NDArray[np.int32]
    price: NDArray[np.float64]
    action_group: NDArray[np.int32]
    action_category: NDArray[np.int32]
    channel: NDArray[np.int32]


class Offers(NamedTuple):
    """Candidates."""

    action: NDArray[np.int32]
    group: NDArray[np.int32]
    category: NDArray[np.int32]
    channel: NDArray[np.uint8]
    item_start: NDArray[np.int32]
    item: NDArray[np.int32]
    price: NDArray[np.float64]
    value: NDArray[np.float64]
    kind: NDArray[np.int8]
    starts_at: NDArray[np.int64]
    ends_at: NDArray[np.int64]


class Met(NamedTuple):
    """Everything one person met, each with a slot. keys, stores, slots: an open-addressing table from (store, code) to
    slot, -1 free. row: where a slot's cells begin. up: the category of an item or action, the parent of a category.
    group: of an action. seen: bits of the distinct measures. wanted: 1 where the moment needs the row; touched lists
    those slots. stamp: the last pooling that used an item. size: slots, cells, touched, stamps used."""

    keys: NDArray[np.int64]
    stores: NDArray[np.int8]
    slots: NDArray[np.int32]
    store: NDArray[np.int8]
    row: NDArray[np.int64]
    up: NDArray[np.int32]
    group: NDArray[np.int32]
    seen: NDArray[np.int64]
    wanted: NDArray[np.uint8]
    touched: NDArray[np.int32]
    stamp: NDArray[np.int64]
    size: NDArray[np.int64]


class Desk(NamedTuple):
    """Room to work in. worth: by measure, what an event adds. news: by distinct measure, bits for which it is the
    newest. base: by role, where its row begins. shared: one output row, the customer's part of it filled. drawn: by
    category + 1, the number of the row that was written for it last; rows are numbered from 1 through all moments."""

    worth: NDArray[np.float64]
    news: NDArray[np.int64]
    base: NDArray[np.int64]
    shared: NDArray[np.float64]
    drawn: NDArray[np.int64]


class Places(NamedTuple):
    """Slots by event, -1 none."""

    item: NDArray[np.int32]
    action: NDArray[np.int32]
    category: NDArray[np.int32]
    channel: NDArray[np.int32]
    order: NDArray[np.int32]
    contact: NDArray[np.int32]
