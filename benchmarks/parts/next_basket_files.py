"""Ta-Feng as people who compare next-basket recommenders publish it: baskets in order, without a date.

Files `<name>_history.json.gz` and `<name>_future.json.gz` of one folder: {customer: [[-1], [item, ...], ..., [-1]]};
the future is one basket. Where `<name>_keyset.json.gz` is there, only its `test` customers are judged. A basket becomes
an order of our own event log, the last one at LAST and each before it a day earlier: an order of baskets and nothing
else may be read out of these times.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.event import Kind
from features.history import EVENT, NO_CHANNEL, Records

DAY = 86_400_000
LAST = 982_368_000_000
"""ms UTC, 2001-02-17; Ta-Feng ends in February 2001."""


class NotThere(Exception):
    """The folder has no such file, or the file is not of this form."""


@dataclass(frozen=True, slots=True)
class Split:
    """histories: EVENT records by customer, the future basket included, as the last order. items: how many. judged:
    bool[customers]."""

    histories: tuple[Records, ...]
    items: int
    judged: NDArray[np.bool_]


def read(folder: Path, name: str) -> Split:
    """Raises NotThere."""
    history, future = _json(folder / f"{name}_history.json.gz"), _json(folder / f"{name}_future.json.gz")
    customers = sorted(history, key=int)
    if future.keys() != history.keys():
        raise NotThere(f"{name} in {folder} has other customers in its future than in its history; both must agree")
    orders = {customer: [*history[customer][1:-1], *future[customer][1:-1]] for customer in customers}
    histories = tuple(records(orders[customer], number) for number, customer in enumerate(customers))
    items = 1 + max(item for baskets in orders.values() for basket in baskets for item in basket)
    keys = folder / f"{name}_keyset.json.gz"
    tested = set(_json(keys)["test"]) if keys.exists() else history.keys()
    return Split(histories, items, np.array([customer in tested for customer in customers]))


def records(orders: list[list[int]], customer: int) -> Records:
    """The event log of a customer: a line for each item of each order, a day between orders."""
    lines = [(len(orders) - 1 - place, item) for place, basket in enumerate(orders) for item in basket]
    age, item = np.array(lines, np.int64).T
    records = np.zeros(len(lines), EVENT)
    records["occurred_at"] = records["recorded_at"] = LAST - age * DAY
    records["sequence"] = np.arange(1, len(lines) + 1)
    records["order"] = (customer + 1) * 1_000_000 + len(orders) - age
    records["amount"], records["quantity"] = np.nan, 1.0
    records["item"], records["action"] = item, -1
    records["kind"], records["channel"] = int(Kind.ORDERED), NO_CHANNEL
    return records


def _json(path: Path) -> dict[str, list[list[int]]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found: dict[str, list[list[int]]] = json.load(file)
    except (OSError, ValueError) as error:
        raise NotThere(f"{path.name} in {path.parent} is unreadable ({error}); it must be gzipped JSON") from error
    return found
