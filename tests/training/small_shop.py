"""A small synthetic shop in a real store: a hundred-odd customers with tastes, orders by taste, mailings, and answers
by taste."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from features.columns import IMPORT_SCHEMA
from features.event import Kind
from features.stores import open_store
from features.stores.protocol import Store
from models.catalogue_file import checked

DAY = 86_400_000
BEGIN = 1_700_000_000_000
DAYS = 224
PEOPLE = 120
LEAVES = 10
CHANNELS = ("mail", "email")
WINDOW_DAYS = 14
MAILED_ON = tuple(range(30, DAYS - 16, 12))


LOOSE = "loose"
"""An item of a category that is no leaf."""


def open_shop(path: Path, seed: int = 7, rows: pa.Table | None = None) -> Store:
    """A store with everything imported: `rows`, or the events of `seed`."""
    store = open_store(f"sqlite:///{path}")
    store.publish_catalogue(*_catalogue(), None, BEGIN, "test", "synthetic")
    store.import_events(events(seed) if rows is None else rows, "synthetic-shop")
    return store


def _catalogue() -> tuple[str, bytes]:
    categories = [{"id": "food"}, {"id": "home"}]
    categories += [{"id": f"c{leaf}", "parent": ("food", "home")[leaf % 2]} for leaf in range(LEAVES)]
    offer = {"kind": "offer", "suppression": {"rule": "always", "match": "any"}, "success": "converted"}
    actions = [
        {
            **offer,
            "id": f"save-{leaf}",
            "group": f"g{leaf % 3}",
            "categories": [f"c{leaf}"],
            "value": 1.0 + leaf,
            "treatments": [{"id": f"t{leaf}-{name}", "channel": name} for name in CHANNELS],
        }
        for leaf in range(LEAVES)
    ]
    channel = {"direction": "outbound", "consent": "not_needed", "reward_window_days": WINDOW_DAYS}
    document = {
        "currency": "EUR",
        "time_zone": "Europe/Vienna",
        "channels": dict.fromkeys(CHANNELS, channel),
        "categories": categories,
        "actions": actions,
    }
    items = pa.table(
        {
            "id": [*(f"i{item}" for item in range(2 * LEAVES)), LOOSE],
            "category": [*(f"c{item % LEAVES}" for item in range(2 * LEAVES)), "food"],
            "name": [*(f"Item {item}" for item in range(2 * LEAVES)), "Loose food"],
            "price": [1.0 + item / 4 for item in range(2 * LEAVES + 1)],
        }
    )
    source = checked(document, items)
    return source.document, source.items_ipc()


def events(seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for person in range(PEOPLE):
        taste = rng.dirichlet(np.full(LEAVES, 0.4))
        eager = rng.uniform(0.2, 1.0)
        rows += _orders(f"c-{person}", taste, rng) + _mailings(f"c-{person}", taste * eager, rng)
    return as_table(rows)


def as_table(rows: Sequence[Mapping[str, object]]) -> pa.Table:
    columns = {name: [row.get(name) for row in rows] for name in IMPORT_SCHEMA.names}
    return pa.table(columns, schema=IMPORT_SCHEMA)


def _row(customer: str, kind: Kind, at: float, **more: object) -> dict[str, object]:
    moment = BEGIN + int(at * DAY)
    return {"customer_id": customer, "kind": int(kind), "occurred_at": moment, "recorded_at": moment, **more}


def _orders(customer: str, taste: np.ndarray, rng: np.random.Generator) -> list[dict[str, object]]:
    rows, at, number = [], float(rng.uniform(0, 20)), 0
    while at < DAYS:
        for leaf in np.flatnonzero(rng.random(LEAVES) < np.minimum(3 * taste, 0.9)):
            item = f"i{leaf + LEAVES * rng.integers(2)}"
            order = {"channel": "mail", "item": item, "order": f"{customer}/{number}", "quantity": 1.0, "amount": 2.5}
            rows.append(_row(customer, Kind.ORDERED, at, **order))
        at, number = at + float(rng.exponential(5.0)), number + 1
    return rows


def _mailings(customer: str, liking: np.ndarray, rng: np.random.Generator) -> list[dict[str, object]]:
    rows = []
    for day in MAILED_ON:
        channel = CHANNELS[int(rng.integers(2))]
        for leaf in rng.choice(LEAVES, 4, replace=False):
            told = {"channel": channel, "action": f"save-{leaf}"}
            rows.append(_row(customer, Kind.SENT, day, **told))
            if rng.random() < 1.0 - math.exp(-1.2 * float(liking[leaf])):
                rows.append(_row(customer, Kind.CONVERTED, day + float(rng.uniform(0.5, WINDOW_DAYS - 1)), **told))
    return rows
