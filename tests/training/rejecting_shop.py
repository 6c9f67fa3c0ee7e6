"""A synthetic shop whose people reject what they are mailed, with known chances: who rejected an action rejects it more
often again for a while, as its group has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from features.event import Kind
from features.stores import open_store
from features.stores.protocol import Store
from models.catalogue_file import checked
from tests.training.small_shop import BEGIN, DAY, as_table

USUAL = 0.1


@dataclass(frozen=True, slots=True)
class Felt:
    """The truth of a group. own: days for which who rejected an action rejects it with `chance`, else USUAL. shared:
    the same of an action that was never rejected, after another of the group was. people: who is mailed of it."""

    own: float = 0.0
    shared: float = 0.0
    chance: float = 0.4
    people: int = 300


GROUPS = {"sore": Felt(own=42.0, shared=14.0), "calm": Felt(), "thin": Felt(people=10)}
ACTIONS = 3
DAYS, EVERY = 300, 5.0


def open_rejecting(path: Path, rows: pa.Table, groups: Mapping[str, Felt]) -> Store:
    store = open_store(f"sqlite:///{path}")
    action = {"kind": "offer", "value": 1.0, "success": "accepted", "treatments": [{"id": "t", "channel": "mail"}]}
    document = {
        "currency": "EUR",
        "time_zone": "UTC",
        "channels": {"mail": {"direction": "outbound", "consent": "not_needed", "reward_window_days": 3}},
        "cool_off": {
            "action_days": "learned",
            "group_days": "learned",
            "action_fallback_days": 9,
            "group_fallback_days": 5,
        },
        "actions": [
            {**action, "id": f"{group}-{number}", "group": group} for group in groups for number in range(ACTIONS)
        ],
    }
    source = checked(document, pa.table({"id": pa.array([], pa.string())}))
    store.publish_catalogue(source.document, source.items_ipc(), None, BEGIN, "test", "synthetic")
    store.import_events(rows, "synthetic-rejections")
    return store


def told(seed: int, groups: Mapping[str, Felt]) -> pa.Table:
    """Everybody is mailed an action of the group every EVERY days or so; a rejection follows within half a day."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for group, felt in groups.items():
        for person in range(felt.people):
            rows += _answered(f"{group}-{person}", group, felt, rng)
    return as_table(rows)


def _answered(person: str, group: str, felt: Felt, rng: np.random.Generator) -> list[dict[str, object]]:
    rows, last = list[dict[str, object]](), np.full(ACTIONS, -np.inf)
    for day in np.cumsum(rng.uniform(0.6, 2.0 * EVERY - 0.6, round(DAYS / EVERY))):
        number = int(rng.integers(ACTIONS))
        own, others = day - last[number], day - np.delete(last, number).max()
        sore = own < felt.own if np.isfinite(own) else others < felt.shared
        rows.append(row(person, Kind.SENT, day, f"{group}-{number}"))
        if rng.random() < (felt.chance if sore else USUAL):
            last[number] = day + rng.uniform(0.01, 0.5)
            rows.append(row(person, Kind.REJECTED, last[number], f"{group}-{number}"))
    return rows


def row(person: str, kind: Kind, day: float, action: str, recorded: float | None = None) -> dict[str, object]:
    return {
        "customer_id": person,
        "kind": int(kind),
        "occurred_at": BEGIN + round(day * DAY),
        "recorded_at": BEGIN + round((day if recorded is None else recorded) * DAY),
        "channel": "mail",
        "action": action,
    }
