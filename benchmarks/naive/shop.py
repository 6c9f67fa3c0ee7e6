"""SYNTHETIC: the shop of benchmarks/parts/busy_shop.py as the naive service holds it: rows in SQLite, actions in JSON,
a model of as many trees over its own features, grown on noise."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import lightgbm as lgb
import numpy as np

from benchmarks.parts.busy_shop import NAMES, ShopSize, histories
from benchmarks.policy import ITEMS

DATABASE, MODEL, SHOP = "naive.db", "naive.txt", "naive.json"
FEATURES: Final = [
    name
    for kind in ("viewed", "ordered", "sent", "rejected")
    for name in (
        f"customer_{kind}_last",
        *(f"{whose}_{kind}_{days}" for days in (7, 28, 90, 365) for whose in ("customer", "category", "action")),
    )
] + ["value"]


def make(home: Path, size: ShopSize, now: int) -> None:
    """now: ms UTC, which the service takes for the present."""
    home.mkdir(parents=True, exist_ok=True)
    category = {f"i{number}": NAMES[number % len(NAMES)] for number in range(ITEMS)}
    actions = [
        {
            "action": f"a{number:04d}",
            "item": f"i{number % ITEMS}",
            "category": category[f"i{number % ITEMS}"],
            "value": 1 + number % 9,
            "condition": number % size.conditions,
        }
        for number in range(size.actions)
    ]
    (home / SHOP).write_text(json.dumps({"now": now, "actions": actions}))
    table = histories(size, now).to_pylist()
    with closing(sqlite3.connect(home / DATABASE)) as database, database:
        database.execute(
            "CREATE TABLE events (customer_id TEXT, kind INTEGER, occurred_at INTEGER, item TEXT, category TEXT, "
            "action TEXT)"
        )
        database.execute(
            "CREATE TABLE decisions (decision_id TEXT PRIMARY KEY, customer_id TEXT, at REAL, answer TEXT)"
        )
        database.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    one["customer_id"],
                    one["kind"],
                    one["occurred_at"],
                    one["item"],
                    category.get(one["item"]),
                    one["action"],
                )
                for one in table
            ],
        )
        database.execute("CREATE INDEX by_customer ON events (customer_id)")
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(5_000, len(FEATURES)))
    label = (rows[:, :20].sum(axis=1) + rng.normal(size=len(rows)) > 0).astype(float)
    told = {"objective": "binary", "num_leaves": 31, "verbosity": -1, "num_threads": 2}
    lgb.train(told, lgb.Dataset(rows, label, feature_name=FEATURES), size.trees).save_model(home / MODEL)
