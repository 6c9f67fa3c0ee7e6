"""What a person owns: every purchase ever, net of what came back, and every running subscription, as of any moment.

The ledger is a set of lines; netting happens on reading, so lines may arrive in any order. The rules:

- Lines of one (order, item) with equal clocks are one report and add up; of several reports the latest stands, because
  an order counts once however often it is told. Lines without an order id stand each for themselves.
- A refund or cancellation with an order covers the item it names in that order, or without an item the whole order;
  its order may come later. One without an order takes the newest purchases of its item that have no order either and
  had occurred by then; with neither it says nothing.
- An unknown quantity is one unit when bought, and everything of the line when it comes back.
- Lines without an item are never owned: what was bought is unknown.
- About a subscription the newest statement stands, by occurred_at; an end outdoes a change outdoes a start of the same
  moment, and of two alike the one recorded later. Started and changed mean that its plan's item is owned from then on,
  before the end of the term if it has one; ended means that nothing of it is. A change replaces the plan. A statement
  without a subscription's id is about the one subscription to its item. Refunds do not touch subscriptions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled, part
from features.event import Kind
from features.history import LEDGER_ENTRY, Records, as_of

SUBSCRIPTION_KINDS = frozenset({Kind.SUBSCRIPTION_STARTED, Kind.SUBSCRIPTION_CHANGED, Kind.SUBSCRIPTION_ENDED})
LEDGER_KINDS = frozenset({Kind.ORDERED, Kind.REFUNDED, Kind.CANCELLED}) | SUBSCRIPTION_KINDS

OWNED = np.dtype([("occurred_at", "<i8"), ("order", "<i8"), ("quantity", "<f4"), ("item", "<i4"), ("subscribed", "?")])
"""Something owned: when it was bought (ms UTC), under which order (text_code, 0 none), how many units remain (above
zero), and its vocabulary code. subscribed: it is the plan of a running subscription, whose id is then `order`, held
since the statement at occurred_at, however long ago that was."""

Lines = tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], NDArray[np.float32], NDArray[np.uint8]
]
"""occurred_at, recorded_at, order, item, quantity, kind, by line."""

Table = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]
"""A hash table of (order, item): the orders, the items, what came back, and the standing report's line (-1 none)."""

_ORDERED, _CANCELLED = int(Kind.ORDERED), int(Kind.CANCELLED)
_STARTED, _ENDED = int(Kind.SUBSCRIPTION_STARTED), int(Kind.SUBSCRIPTION_ENDED)
_WHOLE_ORDER = -1
_LEAST = 1e-6


def entries(records: Records) -> Records:
    """The LEDGER_ENTRY rows that EVENT records hold, sorted by sequence. In the record of a subscription the end of its
    term stands where a decision would."""
    kind = records["kind"]
    about_orders, about_plans = (kind >= _ORDERED) & (kind <= _CANCELLED), (kind >= _STARTED) & (kind <= _ENDED)
    chosen = records[about_orders | about_plans]
    made = np.zeros(len(chosen), dtype=LEDGER_ENTRY)
    for name in ("occurred_at", "recorded_at", "sequence", "order", "quantity", "item", "kind"):
        made[name] = chosen[name]
    made["ends_at"] = np.where(chosen["kind"] > _CANCELLED, chosen["decision"], 0)
    return made[np.argsort(made["sequence"], kind="stable")]


def owned(ledger: Records, moment: int) -> Records:
    """OWNED rows as of `moment` (ms UTC), sorted by (occurred_at, order, item, quantity)."""
    known = as_of(ledger, moment)
    if len(known) == 0:
        return np.zeros(0, dtype=OWNED)
    quantity, any_loose, any_statement = _net(_columns(known))
    if any_loose:
        _take_back_without_order(known, quantity)
    kept = quantity > _LEAST
    made = _rows(known[kept], quantity[kept])
    if any_statement:
        made = np.concatenate((made, _subscribed(known[known["kind"] > _CANCELLED], moment)))
    return made[np.lexsort((made["quantity"], made["item"], made["order"], made["occurred_at"]))]


def lines_kept(ledger: Records, moment: int) -> tuple[NDArray[np.int32], NDArray[np.int64]] | None:
    """Items (vocabulary codes) and moments of purchase (ms UTC) of what `owned` says, in no order; None where that
    takes more than a look at the orders: there are statements about subscriptions, or returns that name no order."""
    known = as_of(ledger, moment)
    if len(known) == 0:
        return np.zeros(0, np.int32), np.zeros(0, np.int64)
    quantity, any_loose, any_statement = _net(_columns(known))
    if any_loose or any_statement:
        return None
    kept = quantity > _LEAST
    return known["item"][kept], known["occurred_at"][kept]


def _subscribed(known: Records, moment: int) -> Records:
    """The plans of the statements that stand, one of each subscription, unless it has ended."""
    subscription = np.where(known["order"] == 0, -1 - known["item"].astype(np.int64), known["order"])
    last = ("quantity", "item", "ends_at", "recorded_at", "kind", "occurred_at")
    by_age = np.lexsort((*(known[name] for name in last), subscription))
    newest = np.append(np.diff(subscription[by_age]) != 0, True)
    standing = known[by_age[newest]]
    lasts = (standing["ends_at"] == 0) | (standing["ends_at"] > moment)
    standing = standing[lasts & (standing["kind"] != _ENDED) & (standing["item"] >= 0)]
    units = np.where(np.isnan(standing["quantity"]), 1.0, standing["quantity"])
    made = _rows(standing[units > _LEAST], units[units > _LEAST])
    made["subscribed"] = True
    return made


def _rows(lines: Records, quantity: NDArray[np.floating]) -> Records:
    made = np.zeros(len(lines), dtype=OWNED)
    for name in ("occurred_at", "order", "item"):
        made[name] = lines[name]
    made["quantity"] = quantity
    return made


def _columns(known: Records) -> Lines:
    return known["occurred_at"], known["recorded_at"], known["order"], known["item"], known["quantity"], known["kind"]


@part
def _slot(keys_order: NDArray[np.int64], keys_item: NDArray[np.int64], order: int, item: int) -> int:
    """Where (order, item) lives in an open-addressed table whose length is a power of two; empty slots have item -2."""
    mask = len(keys_order) - 1
    at = (order ^ (order >> 29) ^ (item * 0x9E3779B1)) & mask
    while keys_item[at] != -2 and not (keys_order[at] == order and keys_item[at] == item):
        at = (at + 1) & mask
    return at


@part
def _units(quantity: float) -> float:
    return 1.0 if np.isnan(quantity) else max(0.0, quantity)


@part
def _came_back(known: Lines, table: Table) -> tuple[bool, bool]:
    """Add up per (order, item) what refunds and cancellations take back; infinite is everything. Whether there are any
    that name an item but no order, and any statements about subscriptions."""
    _, _, order, item, quantity, kind = known
    orders, items, returned, _ = table
    any_loose, any_statement = False, False
    for line in range(len(order)):
        if kind[line] > _CANCELLED:
            any_statement = True
            continue
        if kind[line] == _ORDERED:
            continue
        if order[line] == 0:
            any_loose = any_loose or item[line] >= 0
            continue
        at = _slot(orders, items, order[line], item[line])
        orders[at], items[at] = order[line], item[line]
        everything = item[line] == _WHOLE_ORDER or np.isnan(quantity[line])
        returned[at] += np.inf if everything else max(0.0, quantity[line])
    return any_loose, any_statement


@part
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
def _net(known: Lines) -> tuple[NDArray[np.float64], bool, bool]:
    """Units that remain of each line; a report's units stand on its first line, zero on the others. And what
    _came_back says."""
    size = 16
    while size < 2 * len(known[2]) + 2:
        size *= 2
    table = (np.zeros(size, np.int64), np.full(size, -2, np.int64), np.zeros(size), np.full(size, -1, np.int64))
    net = np.zeros(len(known[2]), np.float64)
    any_loose, any_statement = _came_back(known, table)
    _bought(known, table, net)
    orders, items, returned, standing = table
    for at in range(size):
        if standing[at] >= 0:
            whole_order = _slot(orders, items, orders[at], _WHOLE_ORDER)
            net[standing[at]] = max(0.0, net[standing[at]] - returned[at] - returned[whole_order])
    return net, any_loose, any_statement


def _take_back_without_order(known: Records, net: NDArray[np.float64]) -> None:
    """Refunds and cancellations that name an item but no order, oldest first, each from the newest purchases first."""
    loose = (known["order"] == 0) & (known["item"] >= 0)
    bought = loose & (known["kind"] == _ORDERED)
    back = known[loose & ~bought & (known["kind"] <= _CANCELLED)]
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
