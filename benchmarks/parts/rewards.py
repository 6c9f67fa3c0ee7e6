"""The rewards offers that a coffee chain made to SIMULATED members (the data of a Udacity project), as files to import.

Ten offers went out at random in six waves, so that the chance of each was one in ten: inferred from the data, not
documented. The data are not part of this project: a folder with offers_received.parquet (one row an offer sent, with
its completion) is asked for. Its month is stretched six times, for purchases of three weeks teach our affinity nothing:
a day is six days, a wave every six weeks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

STRETCH = 6
HOUR = 3_600_000 * STRETCH
"""ms of ours for an hour of the data."""
BEGIN = 1_735_689_600_000
"""2025-01-01T00:00:00Z, ms UTC, for the data's hour 0."""
WINDOW_HOURS = 165.0
"""A completion counts until then: just short of the week after which the next wave went out."""


KINDS = ("bogo", "discount", "news")


class NotThere(Exception):
    """The file is missing or is not what it should be."""


@dataclass(frozen=True, slots=True)
class Log:
    """n offers sent. customer: str[n]. offer: intp[n], place in `names`. hour: int64[n] of the data. completed_hour:
    float64[n], NaN never. profile: float64[n, 5], age, income, female, male (0 or 1), days registered; NaN unknown.
    facts: float64[K, 8] of the offers: reward, difficulty, duration, web, mobile, social, bogo, discount."""

    customer: NDArray[np.str_]
    offer: NDArray[np.intp]
    hour: NDArray[np.int64]
    completed_hour: NDArray[np.float64]
    profile: NDArray[np.float64]
    names: tuple[str, ...]
    facts: NDArray[np.float64]

    @property
    def success(self) -> NDArray[np.bool_]:
        return self.completed_hour <= self.hour + WINDOW_HOURS


def read(folder: Path) -> Log:
    """Raises NotThere."""
    path = folder / "offers_received.parquet"
    if not path.is_file():
        raise NotThere(f"{path} is absent; the rewards offers are asked for; give the folder that holds them")
    table = pq.read_table(path)
    columns = {name: table[name].to_numpy() for name in table.column_names}
    names, offer = np.unique(columns["offer_id"].astype(str), return_inverse=True)
    kind = columns["offer_type"].astype(str)
    told = [columns[name] for name in ("reward", "difficulty", "duration", "ch_web", "ch_mobile", "ch_social")]
    facts = np.zeros((len(names), len(told) + 2))
    facts[offer] = np.column_stack([*told, kind == "bogo", kind == "discount"])
    profile = [columns[name] for name in ("age", "income", "gender_F", "gender_M", "days_registered")]
    completed = np.where(columns["offer_completed"] == 1, columns["offer_completed_time"], np.nan)
    return Log(
        columns["customer_id"].astype(str),
        offer,
        columns["offer_received_time"],
        completed,
        np.column_stack(profile).astype(np.float64),
        tuple(f"offer-{place}" for place in range(len(names))),
        facts,
    )


def invented(customers: int, rng: np.random.Generator) -> Log:
    """SYNTHETIC members who get an offer in each wave, and complete what has the reward that they like."""
    waves = np.array([0, 168, 336, 408, 504, 576])
    facts = np.zeros((10, 8))
    facts[:, 0], facts[:, 1], facts[:, 2] = rng.integers(0, 11, 10), rng.integers(5, 21, 10), 168.0
    facts[:, 3:6] = rng.random((10, 3)) < 0.6
    facts[:5, 6] = facts[5:8, 7] = 1.0
    person = np.repeat(np.arange(customers), len(waves))
    hour, offer = np.tile(waves, customers), rng.integers(0, 10, customers * len(waves))
    liked = rng.uniform(0.0, 10.0, customers)[person]
    done = rng.random(len(person)) < np.exp(-np.abs(liked - facts[offer, 0]) / 3.0)
    completed = np.where(done, hour + rng.uniform(1.0, WINDOW_HOURS - 1.0, len(person)), np.nan)
    profile = np.column_stack([rng.uniform(18, 90, customers), rng.uniform(3e4, 1e5, customers)])
    more = np.column_stack([rng.random((customers, 2)) < 0.5, rng.uniform(0, 2_000, customers)])
    told = np.column_stack([profile, more])[person]
    names = tuple(f"offer-{place}" for place in range(10))
    return Log(np.array([f"m{one:05}" for one in person]), offer.astype(np.intp), hour, completed, told, names, facts)


def sample(log: Log, customers: int) -> Log:
    """The offers of the first so many customers."""
    kept = np.isin(log.customer, np.unique(log.customer)[:customers])
    rows = (log.customer[kept], log.offer[kept], log.hour[kept], log.completed_hour[kept], log.profile[kept])
    return Log(*rows, log.names, log.facts)


def channel(log: Log, place: int) -> str:
    """The widest of those on which the offer went out."""
    _, _, _, _, mobile, social, _, _ = log.facts[place]
    return "social" if social else "push" if mobile else "email"


def _kind(log: Log, place: int) -> str:
    return "bogo" if log.facts[place, 6] else "discount" if log.facts[place, 7] else "news"


def write_events(log: Log, path: Path) -> None:
    """What was sent; what was completed, as a conversion and as an order of the least that completes the offer."""
    names = np.array(log.names)[log.offer]
    where = np.array([channel(log, place) for place in range(len(log.names))])[log.offer]
    sent = BEGIN + log.hour * HOUR
    done = log.success
    # An offer completed in the hour of its wave is so after it was sent.
    at = (BEGIN + log.completed_hour[done] * HOUR).astype(np.int64) + 1
    count, orders = int(done.sum()), [f"o{number}" for number in range(int(done.sum()))]
    nothing = [None] * len(sent)
    made = {
        "customer_id": [*log.customer, *log.customer[done], *log.customer[done]],
        "event": ["sent"] * len(sent) + ["converted"] * count + ["ordered"] * count,
        "occurred_at": np.concatenate([sent, at, at]),
        "channel": [*where, *where[done], *["store"] * count],
        "action": [*names, *names[done], *[None] * count],
        "item": [*nothing, *[None] * count, *[f"for-{name}" for name in names[done]]],
        "order": [*nothing, *[None] * count, *orders],
        "amount": [*nothing, *[None] * count, *log.facts[log.offer[done], 1]],
    }
    pq.write_table(pa.table(made), path)


def write_catalogue(log: Log, path: Path) -> None:
    """As a company would declare it: an offer promotes what it is for, under its type; worth 1, for completions are
    counted."""
    outbound = {"direction": "outbound", "consent": "not_needed", "reserve_hours": 24}
    window = WINDOW_HOURS * STRETCH / 24
    document = {
        "currency": "USD",
        "time_zone": "UTC",
        "repurchase": {"rule": "always"},
        "channels": {
            **{name: {**outbound, "reward_window_days": window} for name in ("email", "push", "social")},
            "store": {"direction": "inbound", "consent": "not_needed", "reward_window_days": window},
        },
        "categories": [
            *({"id": kind} for kind in KINDS),
            *({"id": f"for-{name}", "parent": _kind(log, place)} for place, name in enumerate(log.names)),
        ],
        "items": [
            {"id": f"for-{name}", "category": f"for-{name}", "price": float(log.facts[place, 1])}
            for place, name in enumerate(log.names)
        ],
        "actions": [_action(log, place) for place in range(len(log.names))],
    }
    path.write_text(json.dumps(document))


def _action(log: Log, place: int) -> dict[str, object]:
    name = log.names[place]
    return {
        "id": name,
        "kind": "offer",
        "group": _kind(log, place),
        "items": [f"for-{name}"],
        "value": 1.0,
        "success": "converted",
        "treatments": [{"id": f"{name}-out", "channel": channel(log, place)}],
    }
