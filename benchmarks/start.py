"""How soon a worker answers after its process began, imports included, on SYNTHETIC data: `python benchmarks/start.py`.

The service is started and stopped by turns. Compiled code is in its cache from a first start that does not count, as it
is after an installation and one start. Told beside it: a process that only imports BentoML, of the same turn.
`--quick` shows that it works and measures nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.busy_shop import ShopSize, make
from benchmarks.parts.rows import finish, parser, row
from tests.serving.running import server, started, wait_until_ready
from tests.serving.synthetic import PUBLISHED_AT

GOAL = 5.0
"""Seconds."""
PACE = 0.01
"""Seconds between two questions whether it is ready."""


@dataclass
class Measured:
    """Seconds of the turns, by the clock: from the worker's start to its first 200, from the command's start to it, of
    bare imports. worked: of the worker's CPU until then."""

    ready: list[float] = field(default_factory=list)
    command: list[float] = field(default_factory=list)
    imports: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)


def turn(home: Path, into: Measured) -> None:
    began = time.time()
    subprocess.run([sys.executable, "-c", "import bentoml"], check=True)
    into.imports.append(time.time() - began)
    running = started(home)
    try:
        wait_until_ready(running, PACE)
        ready = time.time()
        (worker,) = running.workers()
        into.ready.append(ready - worker.create_time())
        into.command.append(ready - psutil.Process(running.process.pid).create_time())
        into.worked.append(running.worked())
    finally:
        running.kill()


def measure(turns: int, size: ShopSize) -> Measured:
    found = Measured()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make(home, size, PUBLISHED_AT)
        with server(home):
            pass
        for _ in range(turns):
            turn(home, found)
    return found


def main() -> None:
    chosen = parser(__doc__).parse_args()
    found = measure(1, ShopSize(people=5, trees=20)) if chosen.quick else measure(7, ShopSize())
    told = ", ".join(
        f"{name} {min(times):.2f} to {max(times):.2f} s"
        for name, times in (("CPU", found.worked), ("whole command", found.command), ("import bentoml", found.imports))
    )
    print(f"SYNTHETIC; one worker, 200 actions, compiled code in its cache; {told}")
    finish([row("a worker is ready", "since its process began", found.ready, GOAL, "at_most", told, "s")], chosen.json)


if __name__ == "__main__":
    main()
