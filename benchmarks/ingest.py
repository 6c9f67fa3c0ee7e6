"""What it costs to take in and to read a history, on SYNTHETIC data: `python benchmarks/ingest.py`.

Over HTTP a batch counts when its answer says that it is durable; one worker serves, the client is on the same machine.
The same bodies go to an endpoint that does nothing and to a file with one fsync a batch: the ratios to both, taken in
the same run, are what may be compared between machines. `--quick` shows that it works and measures nothing.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts import rows as shared
from benchmarks.parts.wire_load import CONNECTIONS, PEOPLE, batches, send
from features.columns import IMPORT_SCHEMA
from features.event import Identifier, Kind
from features.stores import open_store
from features.stores.protocol import Store
from tests.checks.postgres import binaries, cluster
from tests.checks.store_examples import VAULT
from tests.flow.served import Place
from tests.serving.running import server

GOAL_HTTP, GOAL_IMPORT = 10_000, 100_000
READERS, READER_EVENTS = 20, 200
MOMENT = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Size:
    """batches: sent in one run. calls: of one batch. rows: of one import. reads: of one measure. runs: of which the
    median is told."""

    batches: int = 600
    calls: int = 100
    rows: int = 500_000
    reads: int = 2_000
    runs: int = 3


QUICK = Size(batches=4, calls=10, rows=2_000, reads=20, runs=1)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    store: str
    what: str
    reached: str
    goal: str
    against: str
    shared: shared.Row | None = None
    """The same in the shape of all benchmarks, where it has a goal."""

    def __str__(self) -> str:
        return f"{self.store:<11} {self.what:<44} {self.reached:>18} {self.goal:>9}  {self.against}"


@dataclass(frozen=True, slots=True)
class Floors:
    """Events a second that the same batches reach where nothing is done with them."""

    empty: float
    fsync: float


def rated(what: str, rates: Sequence[float], goal: float) -> shared.Row:
    return shared.row(what, "-", rates, goal, unit="events/s")


def median_rate(size: Size, rate: Callable[[int], float]) -> tuple[float, float, float]:
    """Median, least and most of the runs; each is given its number."""
    rates = [rate(run) for run in range(size.runs)]
    return statistics.median(rates), min(rates), max(rates)


def floors(size: Size, folder: Path) -> Floors:
    bodies = batches(size.batches, size.calls, "floor", now())
    with server(folder, target="benchmarks.parts.empty:Empty") as running:
        empty, _, _ = median_rate(size, lambda _: send(running.port, bodies, size.calls).rate)
    synced, _, _ = median_rate(size, lambda _: fsync_rate(bodies, size, folder))
    return Floors(empty, synced)


def fsync_rate(bodies: Sequence[bytes], size: Size, folder: Path) -> float:
    with (folder / "floor").open("wb", buffering=0) as out:
        started = time.perf_counter()
        for body in bodies:
            out.write(body)
            os.fsync(out.fileno())
        return len(bodies) * size.calls / (time.perf_counter() - started)


def over_http(name: str, place: Place, size: Size, floor: Floors) -> Row:
    runs = [batches(size.batches, size.calls, f"run {run}", now()) for run in range(size.runs)]
    with place.served(new=False) as running:
        send(running.port, batches(max(1, size.batches // 10), size.calls, "warm", now()), size.calls)
        before = running.worked()
        rate, least, most = median_rate(size, lambda run: send(running.port, runs[run], size.calls).rate)
        cpu = (running.worked() - before) / (size.runs * size.batches * size.calls)
    what = f"/v1/batch, {size.calls} calls each, {CONNECTIONS} connections"
    against = (
        f"{rate / floor.empty:.2f} x empty endpoint ({floor.empty:,.0f}/s), {rate / floor.fsync:.2f} x fsync of each "
        f"batch ({floor.fsync:,.0f}/s); {cpu * 1e6:.0f} us of the worker's CPU each; runs {least:,.0f} to {most:,.0f}"
    )
    told = rated(f"ingest over HTTP, durable, {name}", (least, rate, most), GOAL_HTTP)
    return Row(name, what, f"{rate:,.0f} events/s", f"{GOAL_HTTP:,}", against, told)


def imported(name: str, store: Store, size: Size) -> Row:
    tables = [table(size.rows, run) for run in range(size.runs)]

    def rate(run: int) -> float:
        started = time.perf_counter()
        receipt = store.import_events(tables[run], f"synthetic {run}")
        if receipt.stored != tables[run].num_rows:
            raise RuntimeError(f"import stored {receipt.stored} of {tables[run].num_rows} rows")
        return receipt.stored / (time.perf_counter() - started)

    reached, least, most = median_rate(size, rate)
    what = f"bulk import, {size.rows:,} events of {PEOPLE:,} people"
    runs = f"runs {least:,.0f} to {most:,.0f}"
    told = rated(f"bulk import, {name}", (least, reached, most), GOAL_IMPORT)
    return Row(name, what, f"{reached:,.0f} events/s", f"{GOAL_IMPORT:,}", runs, told)


def table(rows: int, run: int) -> pa.Table:
    """A shop's history: two thirds purchases in orders of two lines, the rest messages sent."""
    rng = np.random.default_rng(run)
    sent = rng.random(rows) < 1 / 3
    people, items = rng.integers(0, PEOPLE, rows), rng.integers(0, 5_000, rows)
    moments = np.sort(rng.integers(MOMENT - 40_000_000_000, MOMENT, rows))
    orders = np.arange(rows) // 2
    return pa.table(
        {
            "customer_id": _texts("c", people),
            "kind": pa.array(np.where(sent, int(Kind.SENT), int(Kind.ORDERED)), pa.uint8()),
            "occurred_at": moments,
            "recorded_at": moments,
            "channel": pa.array(np.where(sent, "email", "web")),
            "item": _texts("item-", items, sent),
            "order": _texts(f"o{run}-", orders, sent),
            "quantity": pa.array(np.ones(rows), pa.float32()),
            "amount": rng.integers(1, 100, rows) / 2,
        }
    ).cast(pa.schema([field for field in IMPORT_SCHEMA if field.name in _COLUMNS]))


_COLUMNS = ("customer_id", "kind", "occurred_at", "recorded_at", "channel", "item", "order", "quantity", "amount")


def _texts(prefix: str, codes: np.ndarray, absent: np.ndarray | None = None) -> pa.Array:
    return pa.array([f"{prefix}{code}" for code in codes.tolist()], pa.string(), mask=absent)


def reads(name: str, store: Store, size: Size) -> Iterator[Row]:
    """Of people with READER_EVENTS events, all of them in the page."""
    total = READERS * READER_EVENTS
    columns = table(total, 99).drop(["customer_id"]).add_column(0, "customer_id", _readers(total))
    store.import_events(columns, "synthetic readers")
    who = [Identifier("user_id", f"reader-{number}") for number in range(READERS)]
    page = each(size, lambda at: store.read(who[at % READERS]))
    log = each(size, lambda at: store.read_as_of(who[at % READERS], MOMENT))
    decision = each(size, lambda at: (store.decision(f"new-{at}"), store.read(who[at % READERS])))
    ratio = f"{log / page:.0f} x faster than from the log"
    yield Row(name, f"reading a page, {READER_EVENTS} events", f"{page * 1e6:,.0f} us", "-", ratio)
    yield Row(name, "what a decision reads: its id, the page", f"{decision * 1e6:,.0f} us", "-", "")


def _readers(total: int) -> pa.Array:
    return pa.array([f"reader-{row % READERS}" for row in range(total)], pa.string())


def each(size: Size, work: Callable[[int], object]) -> float:
    """Seconds of one, the best of five means."""
    means = []
    for _ in range(5):
        started = time.perf_counter()
        for at in range(size.reads):
            work(at)
        means.append((time.perf_counter() - started) / size.reads)
    return min(means)


def now() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def places(folder: Path) -> Iterator[dict[str, Place]]:
    """A fresh store of each kind, by name; of PostgreSQL a cluster of its own, where it is installed."""
    homes = {name: folder / name for name in ("sqlite", "postgresql")}
    found = {"sqlite": Place(homes["sqlite"], f"sqlite:///{homes['sqlite'] / 'store.db'}", None, workers=1)}
    installed = binaries()
    if installed is None:
        yield found
        return
    with cluster(installed) as started:
        yield {**found, "postgresql": Place(homes["postgresql"], started.url, VAULT, workers=1)}


def measured(name: str, place: Place, size: Size, floor: Floors) -> Iterator[Row]:
    place.make_shop()
    store = open_store(place.url, vault=place.vault)
    try:
        yield imported(name, store, size)
        yield from reads(name, store, size)
    finally:
        store.close()
    yield over_http(name, place, size, floor)


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = shared.parser(__doc__).parse_args(arguments)
    size, told = QUICK if chosen.quick else Size(), list[shared.Row]()
    print("SYNTHETIC data; one worker" + ("; tiny sizes, no measurement" if size is QUICK else ""))
    print(Row("store", "what", "reached", "goal", "against"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        floor = floors(size, folder)
        with places(folder) as found:
            for name, place in found.items():
                for row in measured(name, place, size, floor):
                    print(row, flush=True)
                    told += [] if row.shared is None else [row.shared]
            if "postgresql" not in found:
                told.append(shared.missing("ingest on PostgreSQL", "PostgreSQL is not installed; install its server"))
    if chosen.json is not None:
        chosen.json.write_bytes(msgspec.json.encode(told))


if __name__ == "__main__":
    main()
