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

from typing import cast

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.event import Kind
from features.history import LEDGER_ENTRY, Records, as_of

LEDGER_KINDS = frozenset({Kind.ORDERED, Kind.REFUNDED, Kind.CANCELLED})

OWNED = np.dtype([("occurred_at", "<i8"), ("order", "<i8"), ("quantity", "<f4"), ("item", "<i4")])
"""Something owned: when it was bought (ms UTC), under which order (text_code, 0 none), how many units remain (above
zero), and its vocabulary code."""

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
    quantity = _net(
        known["occurred_at"], known["recorded_at"], known["order"], known["item"], known["quantity"], known["kind"]
    )
    if (loose := (known["order"] == 0) & (known["kind"] != _ORDERED)).any() and (known["item"][loose] >= 0).any():
        _take_back_without_order(known, quantity)
    kept = quantity > _LEAST
    bought = known[kept]
    made = np.zeros(len(bought), dtype=OWNED)
    for name in ("occurred_at", "order", "item"):
        made[name] = bought[name]
    made["quantity"] = quantity[kept]
    return cast("Records", made[np.lexsort((made["quantity"], made["item"], made["order"], made["occurred_at"]))])


@compiled
def _slot(keys_order: NDArray[np.int64], keys_item: NDArray[np.int64], order: int, item: int) -> int:
    """Where (order, item) lives in an open-addressed table whose length is a power of two; empty slots have item -2."""
    mask = len(keys_order) - 1
    at = (order ^ (order >> 29) ^ (item * 0x9E3779B1)) & mask
    while keys_item[at] != -2 and not (keys_order[at] == order and keys_item[at] == item):
        at = (at + 1) & mask
    return at


@compiled
def _net(
    occurred_at: NDArray[np.int64],
    recorded_at: NDArray[np.int64],
    order: NDArray[np.int64],
    item: NDArray[np.int32],
    quantity: NDArray[np.float32],
    kind: NDArray[np.uint8],
) -> NDArray[np.float64]:
    """Units that remain of each line; a report's units stand on its first line, zero on the others."""
    count = len(order)
    size = 16
    while size < 2 * count + 2:
        size *= 2
    keys_order = np.zeros(size, np.int64)
    keys_item = np.full(size, -2, np.int64)
    returned = np.zeros(size, np.float64)
    standing = np.full(size, -1, np.int64)
    net = np.zeros(count, np.float64)
    for line in range(count):
        if kind[line] == _ORDERED and item[line] < 0:
            continue
        units = 1.0 if np.isnan(quantity[line]) else max(0.0, float(quantity[line]))
        if order[line] == 0:
            net[line] = units if kind[line] == _ORDERED else 0.0
            continue
        at = _slot(keys_order, keys_item, order[line], item[line])
        keys_order[at], keys_item[at] = order[line], item[line]
        if kind[line] != _ORDERED:
            whole = item[line] == _WHOLE_ORDER or np.isnan(quantity[line])
            returned[at] += np.inf if whole else max(0.0, float(quantity[line]))
            continue
        held = standing[at]
        if held >= 0 and occurred_at[held] == occurred_at[line] and recorded_at[held] == recorded_at[line]:
            net[held] += units
        elif held < 0 or (occurred_at[held], recorded_at[held]) < (occurred_at[line], recorded_at[line]):
            if held >= 0:
                net[held] = 0.0
            standing[at] = line
            net[line] = units
    for at in range(size):
        held = standing[at]
        if held >= 0:
            whole_order = _slot(keys_order, keys_item, keys_order[at], _WHOLE_ORDER)
            net[held] = max(0.0, net[held] - returned[at] - returned[whole_order])
    return net


def _take_back_without_order(known: Records, net: NDArray[np.float64]) -> None:
    """Refunds and cancellations that name an item but no order, oldest first, each from the newest purchases first."""
    loose = (known["order"] == 0) & (known["item"] >= 0)
    bought = loose & (known["kind"] == _ORDERED)
    back = known[loose & ~bought]
    for refund in back[np.lexsort((back["quantity"], back["occurred_at"]))]:
        lines = np.flatnonzero(bought & (known["item"] == refund["item"]) & (known["occurred_at"] <= refund["occurred_at"]))
        newest_last = np.lexsort((net[lines], known["recorded_at"][lines], known["occurred_at"][lines]))
        remaining = float(refund["quantity"])
        for line in lines[newest_last[::-1]]:
            if net[line] <= _LEAST:
                continue
            taken = net[line] if np.isnan(remaining) else min(net[line], max(0.0, remaining))
            net[line] -= taken
            remaining = 0.0 if np.isnan(remaining) else remaining - taken
