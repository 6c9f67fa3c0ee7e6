"""SYNTHETIC households that buy some things again at a pace of their own, and others once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.columns import IMPORT_SCHEMA
from features.event import Kind
from features.stores.protocol import Store
from models.catalogue_file import checked

DAY = 86_400_000
BEGIN = 1_700_000_000_000
DAYS, HOUSEHOLDS = 400, 150
PACES = (7.0, 10.0, 14.0, 20.0, 30.0, 45.0, 400.0, 400.0)
"""Days between purchases of a category, on average; of the last two hardly anybody buys a second time."""
ITEMS = 2
"""Of each category."""


def filled(store: Store, seed: int) -> int:
    """The present, ms UTC."""
    source = checked(_document(), _items())
    store.publish_catalogue(source.document, source.items_ipc(), None, BEGIN, "benchmark", "synthetic")
    store.import_events(_orders(np.random.default_rng(seed)), "synthetic-households")
    return BEGIN + DAYS * DAY


def _document() -> dict[str, object]:
    return {
        "currency": "EUR",
        "time_zone": "UTC",
        "channels": {"web": {"direction": "inbound", "consent": "not_needed", "reward_window_days": 7}},
        "categories": [{"id": f"c{place}"} for place in range(len(PACES))],
        "actions": [],
    }


def _items() -> pa.Table:
    every = [(f"i{place}-{item}", f"c{place}") for place in range(len(PACES)) for item in range(ITEMS)]
    ids, categories = (list(column) for column in zip(*every, strict=True))
    return pa.table({"id": ids, "category": categories, "name": ids, "price": [1.0] * len(ids)})


def _orders(rng: np.random.Generator) -> pa.Table:
    rows: list[dict[str, object]] = []
    for household in range(HOUSEHOLDS):
        for place, pace in enumerate(PACES):
            own = pace * float(rng.uniform(0.5, 1.5))
            at = float(rng.uniform(0.0, min(own, DAYS)))
            while at < DAYS:
                moment = BEGIN + int(at * DAY)
                bought = {"item": f"i{place}-{rng.integers(ITEMS)}", "order": f"o-{len(rows)}", "quantity": 1.0}
                clocks = {"occurred_at": moment, "recorded_at": moment}
                rows.append({"customer_id": f"c-{household}", "kind": int(Kind.ORDERED), **clocks, **bought})
                at += max(1.0, own * float(rng.gamma(4.0, 0.25)))
    columns = {name: [row.get(name) for row in rows] for name in IMPORT_SCHEMA.names}
    return pa.table(columns, schema=IMPORT_SCHEMA)
