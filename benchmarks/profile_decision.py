"""Where a decision's time goes, on SYNTHETIC data: `python benchmarks/profile_decision.py` prints the table of
docs/performance.md.

The worker of benchmarks/recommend.py, asked for one decision after another over HTTP by eight connections, with a
sampler inside it (benchmarks/parts/profiled.py): microseconds of the worker's CPU time by part. The sampler itself is
left out; it slows the rest by a few percent. `--quick` shows that it works and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.as_served import AS_SERVED
from benchmarks.parts.busy_shop import ShopSize, make
from benchmarks.parts.http_load import Load, loaded
from tests.serving.running import Running, server

CONNECTIONS, WARM = 8, 3.0
QUICK = ShopSize(people=5, events=20, actions=20, conditions=4, trees=5)


def profile(running: Running, folder: Path, people: int, seconds: float) -> tuple[Counter[str], int]:
    """Seconds of CPU by part, and how many decisions they made."""
    bodies = [json.dumps({"customer_id": f"c{n}", "channels": ["web"], "limit": 1}) for n in range(people)]
    loaded(Load(running.port, "/recommend", bodies, CONNECTIONS, min(WARM, seconds)))
    before = _told(running, folder)
    outcome = loaded(Load(running.port, "/recommend", bodies, CONNECTIONS, seconds))
    if set(outcome.statuses) != {200}:
        raise RuntimeError(f"statuses are {sorted(set(outcome.statuses))}; all must be 200; look at the service's log")
    spent = _told(running, folder)
    spent.subtract(before)  # not minus: a part that was not met since belongs in the table, with nothing
    return spent, len(outcome.statuses)


def _told(running: Running, folder: Path) -> Counter[str]:
    """Once it has been rewritten: what was found until now."""
    (worker,) = running.workers()
    path, asked = folder / f"{worker.pid}.json", time.time()
    while not path.exists() or path.stat().st_mtime < asked:
        time.sleep(0.05)
    return Counter(msgspec.json.decode(path.read_bytes(), type=dict[str, float]))


def table(seconds: Counter[str], decisions: int) -> str:
    whole = sum(seconds.values())
    lines = ["| part | us of CPU | share |", "|---|---|---|"]
    for part, spent in seconds.most_common():
        lines.append(f"| {part} | {spent / decisions * 1e6:,.0f} | {spent / whole:.1%} |")
    return "\n".join([*lines, f"| all | {whole / decisions * 1e6:,.0f} | 100 % |"])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--functions", action="store_true", help="by the innermost function, too")
    parser.add_argument("--seconds", type=float, default=20.0)
    told = parser.parse_args(arguments)
    size = QUICK if told.quick else ShopSize()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / "shop", size, time.time_ns() // 1_000_000)
        profiled = "benchmarks.parts.profiled:NextBest"
        extra = {"NEXTBEST_PROFILE": str(folder), **({"NEXTBEST_PROFILE_FUNCTIONS": "yes"} if told.functions else {})}
        extra["NEXTBEST_MAX_WAIT"] = "10"  # the sampler makes turns longer, and what is refused is no decision
        with server(folder / "shop", target=profiled, **(AS_SERVED | extra)) as running:
            seconds, decisions = profile(running, folder, size.people, 1.0 if told.quick else told.seconds)
    print(f"SYNTHETIC; one worker; {platform.machine()}, Python {platform.python_version()}; {decisions:,} decisions")
    print(table(seconds, decisions))


if __name__ == "__main__":
    main()
