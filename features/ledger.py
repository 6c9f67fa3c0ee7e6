"""What a person owns: every purchase ever, net of what came back, as of any moment.

The ledger is a set of lines; netting happens on reading, so lines may arrive in any order. The rules:

- Lines of one (order, item) with equal clocks are one report and add up; of several reports the latest stands, because
  an order counts once however often it is told. Lines without an order id stand each for themselves.
- A refund or cancellation with an order covers the item it names in that order, or without an item the whole order;
  its order may come later. One without an order takes the newest purchases of its item that have no order either and
  had occurred by then; with neither it says nothing.
- An unknown quantity is one unit when bought, and everything of the line when it comes back.
- Lines without an item are never owned: what was bought is unknown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.event import Kind
from features.history import LEDGER_ENTRY, Records, as_of

LEDGER_KINDS = frozenset({Kind.ORDERED, Kind.REFUNDED, Kind.CANCELLED})

OWNED = np.dtype([("occurred_at", "<i8"), ("order", "<i8"), ("quantity", "<f4"), ("item", "<i4")])
"""Something owned: when it was bought (ms UTC), under which order (text_code, 0 none), how many units remain (above
zero), and its vocabulary code."""

Lines = tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], NDArray[np.float32], NDArray[np.uint8]
]
"""occurred_at, recorded_at, order, item, quantity, kind, by line."""

Table = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]
"""A hash table of (order, item): the orders, the items, what came back, and the standing report's line (-1 none)."""

_ORDERED = int(Kind.ORDERED)
_WHOLE_ORDER = -1
_LEAST = 1e-6


def entries(records: Records) -> Records:
    """The LEDGER_ENTRY rows that EVENT records hold, sorted by sequence."""
    kind = records["kind"]
    chosen = records[(kind >= _ORDERED) & (kind <= int(Kind.CANCELLED))]
    made = np.zeros(len(chosen), dtype=LEDGER_ENTRY)
    for name in ("occurred_at", "recorded_at", "sequence", "order", "quantity", "item", "kind"):
        made[name] = chosen[name]
    return made[np.argsort(made["sequence"], kind="stable")]


def owned(ledger: Records, moment: int) -> Records:
    """OWNED rows as of `moment` (ms UTC), sorted by (occurred_at, order, item, quantity)."""
    known = as_of(ledger, moment)
    if len(known) == 0:
        return np.zeros(0, dtype=OWNED)
    quantity = _net(_columns(known))
    if (loose := (known["order"] == 0) & (known["kind"] != _ORDERED)).any() and (known["item"][loose] >= 0).any():
        _take_back_without_order(known, quantity)
    kept = quantity > _LEAST
    bought = known[kept]
    made = np.zeros(len(bought), dtype=OWNED)
    for name in ("occurred_at", "order", "item"):
        made[name] = bought[name]
    made["quantity"] = quantity[kept]
    return made[np.lexsort((made["quantity"], made["item"], made["order"], made["occurred_at"]))]


def _columns(known: Records) -> Lines:
    return known["occurred_at"], known["recorded_at"], known["order"], known["item"], known["quantity"], known["kind"]


@compiled
def _slot(keys_order: NDArray[np.int64], keys_item: NDArray[np.int64], order: int, item: int) -> int:
    """Where (order, item) lives in an open-addressed table whose length is a power of two; empty slots have item -2."""
    mask = len(keys_order) - 1
    at = (order ^ (order >> 29) ^ (item * 0x9E3779B1)) & mask
    while keys_item[at] != -2 and not (keys_order[at] == order and keys_item[at] == item):
        at = (at + 1) & mask
    return at


@compiled
def _units(quantity: float) -> float:
    return 1.0 if np.isnan(quantity) else max(0.0, quantity)


@compiled
def _came_back(known: Lines, table: Table) -> None:
    """Add up per (order, item) what refunds and cancellations take back; infinite is everything."""
    _, _, order, item, quantity, kind = known
    orders, items, returned, _ = table
    for line in range(len(order)):
        if kind[line] == _ORDERED or order[line] == 0:
            continue
        at = _slot(orders, items, order[line], item[line])
        orders[at], items[at] = order[line], item[line]
        everything = item[line] == _WHOLE_ORDER or np.isnan(quantity[line])
        returned[at] += np.inf if everything else max(0.0, quantity[line])


@compiled
def _bought(known: Lines, table: Table, net: NDArray[np.float64]) -> None:
    """Put the units of each standing report on the report's first line."""
    occurred_at, recorded_at, order, item, quantity, kind = known
    orders, items, _, standing = table
    for line in range(len(order)):
        if kind[line] != _ORDERED or item[line] < 0:
            continue
        net[line] = _units(quantity[line])
        if order[line] == 0:
            continue
        at = _slot(orders, items, order[line], item[line])
        orders[at], items[at] = order[line], item[line]
        held = standing[at]
        if held < 0:
            standing[at] = line
            continue
        mine, other = (occurred_at[line], recorded_at[line]), (occurred_at[held], recorded_at[held])
        if mine > other:
            net[held], standing[at] = 0.0, line
        else:
            net[held] += net[line] if mine == other else 0.0
            net[line] = 0.0


@compiled
def _net(known: Lines) -> NDArray[np.float64]:
    """Units that remain of each line; a report's units stand on its first line, zero on the others."""
    size = 16
    while size < 2 * len(known[2]) + 2:
        size *= 2
    table = (np.zeros(size, np.int64), np.full(size, -2, np.int64), np.zeros(size), np.full(size, -1, np.int64))
    net = np.zeros(len(known[2]), np.float64)
    _came_back(known, table)
    _bought(known, table, net)
    orders, items, returned, standing = table
    for at in range(size):
        if standing[at] >= 0:
            whole_order = _slot(orders, items, orders[at], _WHOLE_ORDER)
            net[standing[at]] = max(0.0, net[standing[at]] - returned[at] - returned[whole_order])
    return net


def _take_back_without_order(known: Records, net: NDArray[np.float64]) -> None:
    """Refunds and cancellations that name an item but no order, oldest first, each from the newest purchases first."""
    loose = (known["order"] == 0) & (known["item"] >= 0)
    bought = loose & (known["kind"] == _ORDERED)
    back = known[loose & ~bought]
    for refund in back[np.lexsort((back["quantity"], back["occurred_at"]))]:
        by_then = known["occurred_at"] <= refund["occurred_at"]
        lines = np.flatnonzero(bought & by_then & (known["item"] == refund["item"]))
        newest_last = np.lexsort((net[lines], known["recorded_at"][lines], known["occurred_at"][lines]))
        remaining = float(refund["quantity"])
        for line in lines[newest_last[::-1]]:
            if net[line] <= _LEAST:
                continue
            taken = net[line] if np.isnan(remaining) else min(net[line], max(0.0, remaining))
            net[line] -= taken
            remaining = 0.0 if np.isnan(remaining) else remaining - taken
