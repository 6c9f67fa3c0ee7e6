"""Where the time of one decision goes, on SYNTHETIC data and without HTTP: `python benchmarks/stages.py`.

The shop of recommend.py, asked in one process: CPU time of this thread for each function that a decision goes through,
while whole decisions are made of one customer after another. So each is timed as it runs, between the others: called in
a row they take a half to a third of that, for then they find every cache warm. `--quick` shows that it works and
measures nothing; `--home` keeps the shop for another run.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from types import ModuleType

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.busy_shop import ShopSize, make
from features import build
from models import affinity, decide, forest
from models.conditions import answers
from models.policy import arbitration, screening
from models.policy.gate import Gate
from models.policy.situation import Situation
from serving import deciding
from serving.call import Call
from serving.runtime import Runtime
from serving.schemas import RecommendRequest
from serving.settings import Settings

CALL = Call(None, "127.0.0.1", None, None)
STAGES: tuple[tuple[str, ModuleType, str], ...] = (
    ("  question understood", deciding, "_asked"),
    ("  question's text", deciding, "request_text"),
    ("  seed", deciding, "seed_of"),
    ("  decision", deciding, "decide"),
    ("    situation", decide, "Situation"),
    ("    gates", decide, "screen"),
    ("      history of conditions", answers, "customer_row"),
    ("    ranking", decide, "rank"),
    ("      candidates taken", arbitration, "take"),
    ("      scores", arbitration, "_scores"),
    ("        feature kernel", build, "fill"),
    ("        tree kernel", forest, "add_up"),
    ("        affinity's columns", affinity, "affinity_columns"),
    ("    draws", decide, "draw_slates"),
    ("    slates", decide, "_slate"),
    ("    digest", decide, "rows_digest"),
    ("  answer", deciding, "decision_answer"),
    ("  events", deciding, "decision_events"),
    ("  log entry", deciding, "_to_log"),
)
"""Some, the kernels, are called twice."""

Spent = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Size:
    """decisions: so many are made and timed."""

    shop: ShopSize = field(default_factory=ShopSize)
    decisions: int = 1500


QUICK = Size(ShopSize(people=5, events=20, actions=20, conditions=4, trees=5), decisions=10)


class Row(msgspec.Struct, frozen=True):
    """us: microseconds of CPU of a decision, the median; tenth: a tenth of the decisions took no longer."""

    stage: str
    us: float
    tenth: float

    def __str__(self) -> str:
        return f"{self.stage:<34} {self.us:8.1f} {self.tenth:8.1f}"


def timed(stage: str, module: ModuleType, name: str, spent: Spent) -> None:
    """The function takes note of what it takes, from now on."""
    own = getattr(module, name)

    @wraps(own)
    def noting(*arguments: object, **named: object) -> object:
        start = time.thread_time_ns()
        try:
            return own(*arguments, **named)
        finally:
            spent[stage][-1] += (time.thread_time_ns() - start) / 1000

    setattr(module, name, noting)


def timed_gates(spent: Spent) -> None:
    own: Callable[[Gate, Situation], object] = screening._verdict  # noqa: SLF001 what runs a gate, timed

    def noting(gate: Gate, situation: Situation) -> object:
        start = time.thread_time_ns()
        try:
            return own(gate, situation)
        finally:
            spent[f"      gate {gate.name}"][-1] += (time.thread_time_ns() - start) / 1000

    screening._verdict = noting  # noqa: SLF001


async def made(runtime: Runtime, number: int) -> object:
    """As a request is answered, short of what commits it."""
    request = RecommendRequest.model_validate({"customer_id": f"c{number}", "channels": ["web"], "limit": 1})
    asked = deciding._asked(runtime, request, CALL)  # noqa: SLF001
    named = deciding.identifier_of(request, runtime.settings.region)
    return await deciding._made(runtime, asked, deciding.Who(named, request.customer_id, None))  # noqa: SLF001


async def measured(runtime: Runtime, size: Size, spent: Spent) -> list[float]:
    whole = []
    for turn in range(size.decisions):
        for times in spent.values():
            times.append(0.0)
        start = time.thread_time_ns()
        await made(runtime, turn % size.shop.people)
        whole.append((time.thread_time_ns() - start) / 1000)
    return whole


def rows(runtime: Runtime, size: Size) -> list[Row]:
    nothing: Spent = {}
    asyncio.run(measured(runtime, Size(size.shop, min(300, size.decisions)), nothing))  # the first ones warm caches
    whole = asyncio.run(measured(runtime, size, nothing))
    spent: Spent = defaultdict(lambda: [0.0])
    for stage, module, name in STAGES:
        timed(stage, module, name, spent)
    timed_gates(spent)
    asyncio.run(measured(runtime, Size(size.shop, 2), spent))  # so that every stage has been met
    asyncio.run(measured(runtime, size, spent))
    found = {"whole, but HTTP and the writer": whole}
    found |= {stage: times[-size.decisions :] for stage, times in spent.items()}
    middle, lowest = statistics.median, statistics.quantiles
    return [Row(stage, middle(times), lowest(times, n=10)[0]) for stage, times in found.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--home", type=Path, help="where the shop is, or shall be, kept")
    parser.add_argument("--json", type=Path, help="write the rows there, too")
    told = parser.parse_args(arguments)
    size = QUICK if told.quick else Size()
    with tempfile.TemporaryDirectory() as folder:
        home = told.home or Path(folder) / "home"
        if not home.exists():
            make(home, size.shop, time.time_ns() // 1_000_000)
        runtime = Runtime(Settings(home=home))
        print("SYNTHETIC; us of CPU of one decision, the median and the first tenth")
        found = rows(runtime, size)
        for one in found:
            print(one, flush=True)
        runtime.store.close()
    if told.json is not None:
        told.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))


if __name__ == "__main__":
    main()
