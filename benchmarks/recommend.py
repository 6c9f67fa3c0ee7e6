"""What a decision costs over HTTP, on SYNTHETIC data: `python benchmarks/recommend.py`.

One worker, its decisions durably logged: one channel, limit 1, 200 actions, 20 distinct conditions, people with 200
events, a model of 200 trees. Beside it, in turns, an empty endpoint under BentoML's defaults and one without its
metrics, access log and tracing. Rates are told twice: by the clock, and by the worker's own CPU time, which other work
on the machine disturbs less. `--quick` shows that it works and measures nothing.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.as_served import AS_SERVED
from benchmarks.parts.busy_shop import ShopSize, make
from benchmarks.parts.http_load import Load, Outcome, loaded
from benchmarks.parts.rows import Row, finish, parser
from benchmarks.parts.rows import row as row_of
from tests.serving.running import Running, server

CONNECTIONS, OVERLOADED = 8, 600
GOALS = {"default": 4.0, "lean": 1.2, "batch": 2.0, "tail": 4.0}


@dataclass(frozen=True, slots=True)
class Size:
    """seconds of each turn; turns, of which the medians are told; customers in one call of /recommend_batch."""

    shop: ShopSize = field(default_factory=ShopSize)
    seconds: float = 6.0
    turns: int = 5
    batch: int = 100


QUICK = Size(ShopSize(people=5, events=20, actions=20, conditions=4, trees=5), seconds=0.5, turns=1, batch=5)


@dataclass(frozen=True, slots=True)
class Turn:
    """Decisions a second of the clock, and a second of the worker's CPU time."""

    clock: float
    cpu: float


def turn(running: Running, path: str, bodies: list[str], seconds: float, decisions: int = 1) -> Turn:
    before = running.worked()
    outcome = loaded(Load(running.port, path, bodies, CONNECTIONS, seconds))
    count = decisions * len(answered(outcome))
    return Turn(count / outcome.seconds, count / max(running.worked() - before, 1e-9))


def answered(outcome: Outcome) -> list[float]:
    """Milliseconds of each one that was taken. Raises RuntimeError for anything but that and a refusal."""
    taken = outcome.of(200)
    if set(outcome.statuses) - {200, 429} or not taken:
        raise RuntimeError(f"statuses are {sorted(set(outcome.statuses))}; only 200 and 429 may be; look at its log")
    return taken


def row(what: str, against: str, ours: Sequence[Turn], theirs: Sequence[Turn], goal: float) -> Iterator[Row]:
    """By CPU time, then by the clock."""
    for name in ("cpu", "clock"):
        one, other = ([getattr(each, name) for each in turns] for turns in (ours, theirs))
        ratios = [mine / its for mine, its in zip(one, other, strict=True)]
        told = f"{statistics.median(one):,.0f} and {statistics.median(other):,.0f} a second"
        by = "CPU time" if name == "cpu" else "the clock"
        yield row_of(what, f"{against}, {by}", ratios, goal, told=told)


def singles(size: Size) -> list[str]:
    return [json.dumps({"customer_id": f"c{n}", "channels": ["web"], "limit": 1}) for n in range(size.shop.people)]


def batches(size: Size) -> list[str]:
    people = [f"c{number}" for number in range(size.shop.people)]
    return [
        json.dumps({"customer_ids": people[at : at + size.batch], "channels": ["web"], "limit": 1})
        for at in range(0, len(people) - size.batch + 1, size.batch)
    ]


def rates(size: Size, ours: Running, default: Running, lean: Running) -> tuple[list[Row], float]:
    """The rows, and decisions a second by the clock, one by one."""
    asked, together = singles(size), batches(size)
    for running in (ours, default, lean):  # the first seconds warm caches
        loaded(Load(running.port, "/recommend", asked, CONNECTIONS, size.seconds / 2))
    took: dict[str, list[Turn]] = {"ours": [], "default": [], "lean": [], "batch": []}
    for _ in range(size.turns):
        took["ours"].append(turn(ours, "/recommend", asked, size.seconds))
        took["default"].append(turn(default, "/recommend", asked, size.seconds))
        took["lean"].append(turn(lean, "/recommend", asked, size.seconds))
        took["batch"].append(turn(ours, "/recommend_batch", together, size.seconds, size.batch))
    rows = [
        *row("/recommend", "an empty endpoint, defaults", took["ours"], took["default"], GOALS["default"]),
        *row("/recommend", "an empty endpoint, lean", took["ours"], took["lean"], GOALS["lean"]),
        *row(f"/recommend_batch of {size.batch}", "/recommend", took["batch"], took["ours"], GOALS["batch"]),
    ]
    return rows, statistics.median(one.clock for one in took["ours"])


def tails(size: Size, running: Running, rate: float) -> Row:
    """p99 over p50 at half of what it can do."""
    ratios, told = [], ""
    for _ in range(size.turns):
        load = Load(running.port, "/recommend", singles(size), 4 * CONNECTIONS, size.seconds, rate / 2)
        outcome = loaded(load)
        middle, last = (float(one) for one in np.percentile(answered(outcome), [50, 99]))
        ratios.append(last / middle)
        refused = len(outcome.of(429))
        told = f"p50 {middle:.1f} ms, p99 {last:.1f} ms at {rate / 2:,.0f} a second, {refused} refused"
    return row_of("/recommend, p99", "its p50, at half of saturation", ratios, GOALS["tail"], "at_most", told)


def overload(size: Size, running: Running, rate: float) -> str:
    """Three times as much as it can do."""
    load = Load(running.port, "/recommend", singles(size), OVERLOADED, 2 * size.seconds, 3 * rate)
    outcome = loaded(load)
    accepted, refused = answered(outcome), outcome.of(429)
    told = [f"three times that load: {len(accepted):,} answered, {len(refused):,} refused, {outcome.unsent:,} unsent"]
    for name, late in (("answered", accepted), ("refused", refused)):
        if late:
            middle, last = np.percentile(late, [50, 99])
            told.append(f"{name} after p50 {middle:.0f} ms, p99 {last:.0f} ms")
    return "; ".join(told)


def main(arguments: Sequence[str] | None = None) -> None:
    told = parser(__doc__).parse_args(arguments)
    size = QUICK if told.quick else Size()
    print(f"SYNTHETIC; one worker; {platform.machine()}, Python {platform.python_version()}; medians (least to most)")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        make(folder / "ours", size.shop, time.time_ns() // 1_000_000)
        for name in ("default", "lean"):
            (folder / name).mkdir()
        ours = stack.enter_context(server(folder / "ours", **AS_SERVED))
        default = stack.enter_context(server(folder / "default", target="benchmarks.parts.empty:Empty"))
        lean = stack.enter_context(server(folder / "lean", target="benchmarks.parts.empty:Empty", NEXTBEST_LEAN="yes"))
        rows, rate = rates(size, ours, default, lean)
        rows.append(tails(size, ours, rate))
        finish(rows, told.json)
        print(overload(size, ours, rate))


if __name__ == "__main__":
    main()
