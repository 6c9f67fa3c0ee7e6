"""SYNTHETIC: the shop that decisions are measured in. 200 actions on one channel, 20 distinct conditions, people with
200 events each, a response model of 200 trees with 31 leaves, grown on noise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pyarrow as pa

from benchmarks.policy import ITEMS, action, conditions
from features.columns import IMPORT_SCHEMA
from features.event import Kind
from features.stores import open_store
from models.bundle import load, serialise
from models.catalogue_file import read_text
from models.forest import Forest
from models.inputs import response_inputs
from models.policy_rules import DAY
from tests.serving.synthetic import PUBLISHED_AT, noise_bundle, put_model, store_url

NAMES = ("laundry", "cleaning", "care")
"""Those that the noise bundle knows figures of."""


@dataclass(frozen=True, slots=True)
class ShopSize:
    """people, and events of each. actions and distinct conditions of the catalogue. trees of the response model."""

    people: int = 500
    events: int = 200
    actions: int = 200
    conditions: int = 20
    trees: int = 200


def catalogue(size: ShopSize) -> dict[str, object]:
    asked = conditions(size.conditions)
    return {
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "repurchase": {"rule": "after", "days": 30},
        "traits": {"postcode": "text"},
        "cool_off": {"action_days": 30},
        "service_first": {"severity": 3, "stale_days": 14, "delivery_days": 3, "in_service": ["web"]},
        "channels": {
            "web": {
                "direction": "inbound",
                "consent": "not_needed",
                "reward_window_days": 7,
                "exploration": {"share": 0.1},
            }
        },
        "categories": [{"id": name} for name in NAMES],
        "items": [{"id": f"i{number}", "category": NAMES[number % len(NAMES)]} for number in range(ITEMS)],
        "actions": [action(number, asked, "web") for number in range(size.actions)],
    }


def histories(size: ShopSize, now: int) -> pa.Table:
    """As an import has them; they end eight days before now (ms UTC)."""
    rng = np.random.default_rng(7)
    total = size.people * size.events
    person = np.repeat(np.arange(size.people), size.events)
    kinds = np.array([Kind.VIEWED] * 6 + [Kind.ORDERED] * 2 + [Kind.SENT, Kind.REJECTED], dtype=np.uint8)
    kind = kinds[np.arange(total) % len(kinds)]
    of_action = np.isin(kind, [Kind.SENT, Kind.REJECTED])
    moments = now - rng.integers(8 * DAY, 300 * DAY, total)
    table = {
        "customer_id": _texts("c", person),
        "kind": pa.array(kind),
        "occurred_at": moments,
        "recorded_at": moments,
        "channel": pa.array(["web"] * total),
        "item": _texts("i", rng.integers(0, ITEMS, total), absent=of_action),
        "action": pa.array(
            [f"a{code:04d}" for code in rng.integers(0, size.actions, total)], pa.string(), mask=~of_action
        ),
        "order": _texts("o", np.arange(total), absent=kind != Kind.ORDERED),
    }
    return pa.table(table).cast(pa.schema([field for field in IMPORT_SCHEMA if field.name in table]))


def _texts(prefix: str, codes: np.ndarray, absent: np.ndarray | None = None) -> pa.Array:
    return pa.array([f"{prefix}{code}" for code in codes.tolist()], pa.string(), mask=absent)


@cache
def bundle(trees: int) -> Mapping[str, bytes]:
    rng, inputs = np.random.default_rng(1), response_inputs()
    rows = rng.normal(size=(5_000, len(inputs)))
    label = (rows[:, :20].sum(axis=1) + rng.normal(size=len(rows)) > 0).astype(float)
    told = {"objective": "binary", "num_leaves": 31, "feature_fraction": 0.3, "verbosity": -1, "num_threads": 2}
    grown = lgb.train(told, lgb.Dataset(rows, label, feature_name=list(inputs)), trees)
    return serialise(replace(load(noise_bundle()), response=Forest(grown.model_to_string())))


def make(home: Path, size: ShopSize, now: int) -> None:
    """The shop in a store of its own in `home`."""
    home.mkdir(parents=True, exist_ok=True)
    source = read_text(json.dumps(catalogue(size)))
    store = open_store(store_url(home))
    try:
        store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "bench", "synthetic")
        put_model(store, "7", bundle(size.trees))
        store.import_events(histories(size, now), "synthetic")
    finally:
        store.close()
