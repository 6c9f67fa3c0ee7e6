"""What features cost, on synthetic histories: `python benchmarks/features.py`. Times are CPU time of one thread; the
ratio to the plain Python oracle, taken in the same run, is what may be compared between machines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from features import build
from features.candidates import Candidates
from features.definitions import FEATURES
from features.history import page
from tests.features import oracle
from tests.features.histories import DAY, NOW, World, crowded_world

REQUEST_EVENTS, PERSON_EVENTS, MOMENTS, OFFERED = 200, 1_000, 40, 120


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The best of five means of CPU time."""
    means = []
    for _ in range(5):
        start = time.thread_time()
        for _ in range(repeats):
            work()
        means.append((time.thread_time() - start) / repeats)
    return min(means)


def first(candidates: Candidates, count: int) -> Candidates:
    columns = {field.name: getattr(candidates, field.name)[:count] for field in fields(candidates)}
    start = candidates.item_start[: count + 1]
    return replace(Candidates(**columns), item_start=start, item=candidates.item[: start[-1]])


def oracle_seconds(world: World, events: int) -> float:
    """Of one row on a history of so many events."""
    kept = world.records[:events]
    return seconds(lambda: oracle.row(kept, world.moment, 0, world.candidates, 0, world.facts), 1)


def requests(world: World) -> None:
    kept = page(world.records)
    plain = oracle_seconds(world, REQUEST_EVENTS)
    for count in (1, 200, 1_000):
        shown, out = first(world.candidates, count), np.empty((count, len(FEATURES)))
        took = seconds(lambda: build.rows(kept, world.moment, 0, shown, world.facts, out=out), 200)  # noqa: B023
        ratio = plain * count / took
        print(f"request, {len(kept)} events x {count:4} candidates: {took * 1e6:7.1f} us, {ratio:9,.0f} x oracle")


def offline(world: World) -> None:
    moments = NOW - np.arange(MOMENTS, dtype=np.int64)[::-1] * 7 * DAY
    start = np.arange(MOMENTS + 1, dtype=np.int64) * OFFERED
    chosen = np.random.default_rng(7).integers(0, len(world.candidates), MOMENTS * OFFERED).astype(np.int32)
    offsets, plain = np.zeros(MOMENTS, dtype=np.int64), oracle_seconds(world, PERSON_EVENTS)
    for name, only in (("all features", None), ("affinity features", build.category_feature_index())):
        took = seconds(
            lambda: build.table(
                world.records,
                moments,
                offsets,
                start,
                chosen,
                world.candidates,
                world.facts,
                only,  # noqa: B023
            ),
            2,
        )
        rate = len(chosen) / took
        print(f"table, {PERSON_EVENTS} events, {name}: {rate:10,.0f} rows/s, {plain * rate:9,.0f} x oracle")


def main() -> None:
    build.warm()
    print(f"{len(FEATURES)} features, synthetic histories")
    requests(crowded_world(1, REQUEST_EVENTS, 1_000))
    offline(crowded_world(2, PERSON_EVENTS, 400))


if __name__ == "__main__":
    main()
