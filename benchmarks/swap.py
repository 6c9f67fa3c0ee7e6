"""What a change of the model costs those who ask meanwhile, on SYNTHETIC data: `python benchmarks/swap.py`.

One worker serves, one client asks without end over one connection; in every second phase the alias changes each
second between two models of 150 trees. What may be compared between machines is the difference of the two kinds of
phase, taken in turns in one run. `--quick` shows that it works and measures nothing.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.rows import finish, parser, row
from features.stores import open_store
from models.bundle import digest
from tests.serving.running import Running, server, until
from tests.serving.synthetic import make_shop, store_url
from tests.serving.test_hot_swap import large_bundle, told
from tests.serving.test_model import promote, registry

GOAL_STALL, GOAL_NOTICED = 50.0, 2.0
"""ms beyond the p99 of quiet phases; seconds until /model tells of another alias."""
VERSIONS = {"1": large_bundle(1), "2": large_bundle(2)}


@dataclass(frozen=True, slots=True)
class Size:
    """phases: of each kind, in turns. swaps: in one phase."""

    phases: int = 4
    swaps: int = 12


QUICK = Size(phases=1, swaps=2)


@dataclass
class Measured:
    """ms of requests while nothing changed and while models did; seconds until a change was noticed; bytes of the
    worker before and after."""

    quiet: list[float] = field(default_factory=list)
    swapping: list[float] = field(default_factory=list)
    noticed: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


def asking(running: Running, stopped: threading.Event, into: list[list[float]]) -> None:
    """into: its last list is where they go now."""
    number = 0
    with running.client() as client:
        while not stopped.is_set():
            began = time.perf_counter()
            answer = client.post("/recommend", json={"customer_id": f"c-{number % 100}", "channels": ["web"]})
            into[-1].append((time.perf_counter() - began) * 1_000)
            answer.raise_for_status()
            number += 1


def change(running: Running, home: Path, version: str) -> float:
    """Seconds until it serves."""
    began = time.perf_counter()
    promote(home / "mlflow.db", int(version), digest(VERSIONS[version]))
    if not until(lambda: json.loads(told(running, "/model"))["version"] == version, 60.0):
        raise RuntimeError(f"version {version} was not taken up")
    return time.perf_counter() - began


def measure(size: Size) -> Measured:
    found = Measured()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_shop(home)
        registry(home / "mlflow.db")
        store = open_store(store_url(home))
        for files in VERSIONS.values():
            store.put_bundle(digest(files), files)
        store.close()
        promote(home / "mlflow.db", 2, digest(VERSIONS["2"]))
        with server(home, workers=1, NEXTBEST_POLL_SECONDS="1.0") as running:
            change(running, home, "2")
            stopped = threading.Event()
            into: list[list[float]] = [[]]
            client = threading.Thread(target=asking, args=(running, stopped, into))
            client.start()
            for _ in range(size.phases):
                into.append(found.quiet)
                time.sleep(1.3 * size.swaps)
                into.append(found.swapping)
                for number in range(size.swaps):
                    found.noticed.append(change(running, home, ("1", "2")[number % 2]))
                found.memory.append(running.workers()[0].memory_info().rss)
            stopped.set()
            client.join()
    return found


def main() -> None:
    chosen = parser(__doc__).parse_args()
    size = QUICK if chosen.quick else Size()
    found = measure(size)
    print(
        f"SYNTHETIC; models of 150 trees, {size.phases * size.swaps} changes, one worker, one client; ms of a request"
    )
    for name, times in (("quiet", found.quiet), ("models change", found.swapping)):
        p50, p99, most = np.percentile(times, [50, 99, 100])
        print(f"{name:<14} {len(times):>7} requests  p50 {p50:7.2f}  p99 {p99:7.2f}  most {most:7.2f}")
    stall = max(found.swapping) - float(np.percentile(found.quiet, 99))
    print(f"{'longest stall':<14} {stall:7.1f} ms beyond the p99 of quiet phases; goal {GOAL_STALL:.0f}")
    words = f"median {statistics.median(found.noticed):.2f} s, most {max(found.noticed):.2f} s; goal {GOAL_NOTICED:.0f}"
    print(f"{'noticed':<14} {words}")
    print(f"{'memory':<14} {' '.join(f'{one / 1e6:.1f}' for one in found.memory)} MB after each phase")
    beyond = "beyond the p99 of quiet phases"
    finish(
        [
            row("longest request while models change", beyond, [stall], GOAL_STALL, "at_most", unit="ms"),
            row(
                "a change of the model is noticed",
                "since the alias moved",
                found.noticed,
                GOAL_NOTICED,
                "at_most",
                unit="s",
            ),
        ],
        chosen.json,
    )


if __name__ == "__main__":
    main()
