"""What an audience costs, on SYNTHETIC data: `python benchmarks/score.py`.

Customers x 200 actions, 200 events each, a model of 200 trees. Three things, each beside Booster.predict of the full
matrix (every customer with every action), whose rows it is given ready made, on one thread:

- scoring: from the stored record to calibrated probabilities of all actions, features included, on one thread;
- the whole decision, a dry run: gates, scores, draws, and the row that is written;
- `nextbest score` as it is used: the same, logged and reserved in the store.

By CPU time of all threads, which other work on the machine disturbs less; of the command, without what its processes
need to begin, which does not grow with the audience. Then the command on two processes by the clock, beside a
prediction on two threads. The goal, 10 times, is of the command. And what one process holds after each part of the
work, which must not grow.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import lightgbm as lgb
import msgspec
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.busy_shop import ShopSize, bundle, make
from benchmarks.parts.rows import Row, finish, parser, row
from features.event import Identifier
from features.progress import Silent
from features.stores import open_store
from models.bundle import load
from models.columns import CompiledCatalogue, compile_catalogue
from models.response import ModelScorer
from serving.audience.run import Question
from serving.audience.scoring import Wanted, score
from serving.audience.worker import Spent
from serving.settings import Settings
from tests.serving.synthetic import store_url

GOAL, GROWTH = 10.0, 1.1
PROCESSES = 2
QUESTION = '{"channels":["web"]}'


@dataclass(frozen=True, slots=True)
class Size:
    """runs: of the command, each over all people. part: customers of one. looked: customers that are scored alone, and
    predicted."""

    shop: ShopSize = field(default_factory=lambda: ShopSize(people=4_000))
    runs: int = 3
    part: int = 200
    looked: int = 200


QUICK = Size(ShopSize(people=30, events=20, actions=20, conditions=4, trees=5), runs=1, part=5, looked=5)


def scorer_of(trees: int) -> ModelScorer:
    return ModelScorer(load(bundle(trees)), "7")


def scored(home: Path, size: Size, now: int) -> tuple[float, NDArray[np.float64]]:
    """Customers a second by CPU time of one thread, from the store to probabilities; and the rows of the last one."""
    scorer = scorer_of(size.shop.trees)
    with closing(open_store(store_url(home))) as store:
        stored = store.catalogue()
        if stored is None:
            raise RuntimeError("catalogue is absent; the shop has one; make it again")
        compiled: CompiledCatalogue = compile_catalogue(stored, store.vocabulary)
        who = [Identifier("user_id", f"c{number}") for number in range(size.looked)]
        scorer.score(store.read(who[0]), now, 0, compiled.all, compiled)
        began = time.thread_time()
        for one in who:
            made = scorer.score(store.read(one), now, 0, compiled.all, compiled)
        return size.looked / (time.thread_time() - began), made.rows


class Rates(msgspec.Struct, frozen=True):
    """Customers a second of CPU time, and of the clock."""

    cpu: float
    clock: float


def predicted(size: Size, rows: NDArray[np.float64]) -> Rates:
    """Booster.predict on the full matrix of some customers: on one thread by its CPU time, on all by the clock."""
    booster = lgb.Booster(model_str=load(bundle(size.shop.trees)).response.text)
    columns, rng = booster.num_feature(), np.random.default_rng(5)
    one = np.zeros((len(rows), columns))
    one[:, : min(columns, rows.shape[1])] = rows[:, :columns]
    matrix = np.concatenate([one + rng.normal(scale=1e-3, size=(1, columns)) for _ in range(min(size.looked, 50))])
    customers = len(matrix) / len(rows)
    began = time.thread_time()
    booster.predict(matrix, raw_score=True, num_threads=1)
    cpu = customers / (time.thread_time() - began)
    began = time.perf_counter()
    booster.predict(matrix, raw_score=True, num_threads=PROCESSES)
    return Rates(cpu, customers / (time.perf_counter() - began))


def commanded(home: Path, out: Path, size: Size, dry_run: bool) -> tuple[Rates, tuple[tuple[Spent, ...], ...]]:
    """From each process's first part to its last; and what the parts took."""
    asked = Wanted(Question(QUESTION, dry_run, False), "all", out, PROCESSES, size.part)
    made = score(Settings(home=home), asked, Silent())
    if (made.customers, made.failed) != (size.shop.people, 0):
        raise RuntimeError(f"customers is {made.customers}, {made.failed} failed; all must be decided; look at {out}")
    several = [parts for parts in made.spent if len(parts) > 1]
    after = sum(part.customers for parts in several for part in parts[1:])
    cpu = sum(parts[-1].cpu - parts[0].cpu for parts in several)
    clock = sum(sum(part.customers for part in parts[1:]) / max(parts[-1].at - parts[0].at, 1e-9) for parts in several)
    return Rates(after / max(cpu, 1e-9), clock), made.spent


def growth(spent: Sequence[Sequence[Spent]]) -> list[float]:
    """Of each process: what it held in the end beside what it held after a fifth of its parts."""
    several = [[part.resident for part in parts] for parts in spent if len(parts) > 1]
    return [held[-1] / held[len(held) // 5] for held in several] or [1.0]


def measure(size: Size) -> list[Row]:
    alone, looked, logged, predictions, grown = [], [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        home, now = Path(folder) / "home", time.time_ns() // 1_000_000
        make(home, size.shop, now)
        for run in range(size.runs):
            rate, rows = scored(home, size, now)
            alone.append(Rates(rate, rate))
            predictions.append(predicted(size, rows))
            looked.append(commanded(home, Path(folder) / f"look-{run}.parquet", size, True)[0])
            rates, spent = commanded(home, Path(folder) / f"real-{run}.parquet", size, False)
            logged.append(rates)
            grown += growth(spent)

    def beside(what: str, ours: Sequence[Rates], by: str, goal: float | None) -> Row:
        mine, its = ([float(getattr(one, by)) for one in rates] for rates in (ours, predictions))
        against = f"Booster.predict, {size.shop.actions} rows each, {'one thread' if by == 'cpu' else 'two threads'}"
        told = f"{np.median(mine):,.0f} and {np.median(its):,.0f} customers a second, by {by}"
        return row(what, against, [a / b for a, b in zip(mine, its, strict=True)], goal, told=told)

    return [
        beside("features and scores of an audience", alone, "cpu", None),
        beside("nextbest score, dry run", looked, "cpu", None),
        beside("nextbest score", logged, "cpu", GOAL),
        beside(f"nextbest score, {PROCESSES} processes", logged, "clock", GOAL),
        row("nextbest score: memory at its end", "after a fifth of its parts", grown, GROWTH, "at_most"),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = parser(__doc__).parse_args(arguments)
    size = QUICK if chosen.quick else Size()
    print(f"SYNTHETIC; {size.shop.people:,} people, {size.shop.events} events each, {size.shop.trees} trees")
    finish(measure(size), chosen.json)


if __name__ == "__main__":
    main()
