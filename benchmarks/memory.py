"""What a worker holds after many requests, on SYNTHETIC data: `python benchmarks/memory.py`.

The worker of benchmarks/recommend.py answers 100,000 decisions (`--requests` for another number), and its memory is
told after each tenth of them. The store's caches are of a fixed size (80 MB) and fill at first; what counts is the
second half. `--quick` shows that it works and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.as_served import AS_SERVED
from benchmarks.parts.busy_shop import ShopSize, make
from benchmarks.parts.http_load import Load, loaded
from tests.serving.running import Running, server

CONNECTIONS, TENTHS, AT_A_TIME, MEGABYTE = 8, 10, 5.0, 1 << 20
QUICK = ShopSize(people=5, events=20, actions=20, conditions=4, trees=5)


def tenths(running: Running, people: int, requests: int) -> Iterator[tuple[int, float]]:
    """(answered by now, bytes that the worker holds)."""
    bodies = [json.dumps({"customer_id": f"c{n}", "channels": ["web"], "limit": 1}) for n in range(people)]
    (worker,) = running.workers()
    answered = 0
    yield answered, worker.memory_info().rss
    for tenth in range(1, TENTHS + 1):
        while answered < requests * tenth / TENTHS:
            outcome = loaded(Load(running.port, "/recommend", bodies, CONNECTIONS, min(AT_A_TIME, requests / 1_000)))
            if set(outcome.statuses) != {200}:
                raise RuntimeError(f"statuses are {sorted(set(outcome.statuses))}; all must be 200; look at the log")
            answered += len(outcome.statuses)
        yield answered, worker.memory_info().rss


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--requests", type=int, default=100_000)
    told = parser.parse_args(arguments)
    size, requests = (QUICK, 50) if told.quick else (ShopSize(), told.requests)
    print(f"SYNTHETIC; one worker; {platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), size, time.time_ns() // 1_000_000)
        with server(Path(name), **AS_SERVED) as running:
            seen = []
            for answered, held in tenths(running, size.people, requests):
                seen.append((answered, held))
                print(f"{answered:>8,} answered: {held / MEGABYTE:6.1f} MB", flush=True)
    (first, before), (last, after) = seen[TENTHS // 2], seen[-1]
    print(f"second half: {(after - before) / (last - first):,.0f} bytes a request; goal: flat")


if __name__ == "__main__":
    main()
