"""How a decision's cost and a worker's memory grow, on SYNTHETIC data: `python benchmarks/growth.py`.

The same people, 200 events each, are decided about in a store with few others in it and in one with ten times as many;
then with 200 actions and with ten times as many. CPU time of this process, in turns, each a look that writes nothing.
Then one worker serves a store of a million customers (`--people`, when there is less time), and what it holds after
requests about them is put beside a worker that was only started on a small store, and beside itself after the first of
its requests.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.as_served import AS_SERVED
from benchmarks.parts.busy_shop import ShopSize, histories, make
from benchmarks.parts.http_load import Load, loaded
from benchmarks.parts.rows import Row, finish, parser, row
from features.stores import open_store
from serving.audience.run import WINDOW, Question
from serving.deciding import batch_at_hand
from serving.runtime import Runtime
from serving.settings import Settings
from tests.serving.running import Running, server
from tests.serving.synthetic import store_url

FLAT, TENFOLD, HELD, STEADY = 1.2, 6.0, 1.3, 1.05
CONNECTIONS, CHUNK, FEW_EVENTS = 8, 50_000, 3
QUESTION = Question('{"channels":["web"]}', dry_run=True, strangers=False)


@dataclass(frozen=True, slots=True)
class Size:
    """shop: of those who are decided about. others: in the smaller store. turns: of each measure. people: whom the
    worker's store holds. requests: to it, about."""

    shop: ShopSize = field(default_factory=lambda: ShopSize(people=200))
    others: int = 10_000
    turns: int = 7
    people: int = 1_000_000
    requests: int = 100_000


QUICK = Size(ShopSize(people=5, events=20, actions=20, conditions=4, trees=5), 20, 1, 200, 40)


def crowd(home: Path, count: int, now: int) -> None:
    """So many people more, of few events each."""
    with closing(open_store(store_url(home))) as store:
        for number, first in enumerate(range(0, count, CHUNK)):
            people = min(CHUNK, count - first)
            table = histories(ShopSize(people=people, events=FEW_EVENTS), now)
            names = [f"o{first + int(one[1:])}" for one in table["customer_id"].to_pylist()]
            table = table.set_column(0, table.schema.field("customer_id"), [names])
            store.import_events(table, f"others {number}")


def decided(home: Path, size: Size) -> list[float]:
    """Microseconds of CPU time for a decision, in each turn."""
    asked = [f"c{number}" for number in range(size.shop.people)]

    async def turns() -> list[float]:
        runtime, took = Runtime(Settings(home=home)), []
        try:
            for _ in range(size.turns + 1):
                began = time.process_time()
                for first in range(0, len(asked), WINDOW):
                    await batch_at_hand(runtime, QUESTION.of(list(asked[first : first + WINDOW]), None))
                took.append((time.process_time() - began) / len(asked) * 1e6)
        finally:
            await runtime.close()
        return took[1:]  # the first one warms

    return asyncio.run(turns())


def costs(size: Size, folder: Path, now: int) -> list[Row]:
    shops = {
        "few": (size.shop, size.others),
        "people": (size.shop, 10 * size.others),
        "actions": (replace(size.shop, actions=10 * size.shop.actions), size.others),
    }
    took = {}
    for name, (shop, others) in shops.items():
        make(folder / name, shop, now)
        crowd(folder / name, others, now)
        took[name] = decided(folder / name, size)
    found = []
    for name, what, goal in (
        ("people", f"a decision, {10 * size.others:,} customers", FLAT),
        ("actions", f"a decision, {10 * size.shop.actions:,} actions", TENFOLD),
    ):
        told = f"{np.median(took[name]):,.0f} and {np.median(took['few']):,.0f} us of CPU"
        ratios = [many / few for many, few in zip(took[name], took["few"], strict=True)]
        found.append(row(what, "with a tenth of them", ratios, goal, "at_most", told))
    return found


def asked_of(running: Running, count: int, people: int, seed: int) -> None:
    """So many requests, at least, about people drawn at random."""
    rng, sent = np.random.default_rng(seed), 0
    while sent < count:
        bodies = [
            json.dumps({"customer_id": f"o{number}", "channels": ["web"], "limit": 1})
            for number in rng.integers(0, people, min(count, 20_000)).tolist()
        ]
        answered = len(loaded(Load(running.port, "/recommend", bodies, CONNECTIONS, 5.0)).of(200))
        if not answered:
            raise RuntimeError("no request was answered in five seconds; some must be; look at the service's log")
        sent += answered


def resident(running: Running) -> float:
    """MB of the worker."""
    return sum(one.memory_info().rss for one in running.workers()) / 1e6


def memory(size: Size, folder: Path, now: int) -> list[Row]:
    make(folder / "idle", size.shop, now)
    make(folder / "large", size.shop, now)
    began = time.monotonic()
    crowd(folder / "large", size.people, now)
    print(f"{size.people:,} people of {FEW_EVENTS} events imported in {time.monotonic() - began:,.0f} s", flush=True)
    with server(folder / "idle", **AS_SERVED) as running:
        idle = resident(running)
    with server(folder / "large", **AS_SERVED) as running:
        asked_of(running, size.requests // 10, size.people, 1)
        early = resident(running)
        asked_of(running, size.requests - size.requests // 10, size.people, 2)
        late = resident(running)
    what = f"a worker's memory, {size.people:,} customers in the store"
    told = f"{late:,.0f} and {idle:,.0f} MB after {size.requests:,} requests"
    return [
        row(what, "an idle worker on a small store", [late / idle], HELD, "at_most", told),
        row(what, f"after its first {size.requests // 10:,} requests", [late / early], STEADY, "at_most"),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--people", type=int, help="in the worker's store; a million takes minutes to import")
    options.add_argument("--requests", type=int, help="to the worker; 100,000 take minutes")
    chosen = options.parse_args(arguments)
    size = QUICK if chosen.quick else Size()
    size = replace(size, people=chosen.people or size.people, requests=chosen.requests or size.requests)
    print(f"SYNTHETIC; {size.shop.events} events each, {size.shop.trees} trees")
    now = time.time_ns() // 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        finish([*costs(size, Path(folder), now), *memory(size, Path(folder), now)], chosen.json)


if __name__ == "__main__":
    main()
