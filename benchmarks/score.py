"""What an audience costs, on SYNTHETIC data: `python benchmarks/score.py`.

Customers x 200 actions, 200 events each, a model of 200 trees. Three things, each beside Booster.predict of the full
matrix (every customer with every action), whose rows it is given ready made, on one thread:

- scoring: from the stored record to calibrated probabilities of all actions, features included, on one thread;
- the whole decision, a dry run: gates, scores, draws, and the row that is written;
- `nextbest score` as it is used: the same, logged and reserved in the store, all processes, by the clock of the
  deciding alone.

The goal, 10 times, is of the command. And what one process holds after each part of the work, which must not grow.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.busy_shop import ShopSize, bundle, make
from benchmarks.parts.rows import Row, finish, parser, row
from features.event import Identifier
from features.progress import Advance
from features.stores import open_store
from models.bundle import load
from models.columns import CompiledCatalogue, compile_catalogue
from models.response import ModelScorer
from serving.audience.run import Question
from serving.audience.scoring import Wanted, score
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


@dataclass(slots=True)
class Clock:
    """Seconds of the step that decides, from its first customer that was decided to its last: what processes need to
    begin is told apart, for it does not grow with the audience."""

    first: float = 0.0
    last: float = 0.0
    counted: float = 0.0

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Advance]:  # noqa: ARG002
        def advance(steps: float = 1.0, /, said: str = "") -> None:  # noqa: ARG001
            if title == "Decide" and steps:
                self.last = time.perf_counter()
                self.first = self.first or self.last
                self.counted += steps if self.last > self.first else 0.0

        yield advance

    @property
    def rate(self) -> float:
        """Customers a second."""
        return self.counted / max(self.last - self.first, 1e-9)


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


def predicted(size: Size, rows: NDArray[np.float64]) -> float:
    """Customers a second of Booster.predict on the full matrix of some of them, by CPU time of one thread."""
    booster = lgb.Booster(model_str=load(bundle(size.shop.trees)).response.text)
    columns = booster.num_feature()
    rng = np.random.default_rng(5)
    one = np.zeros((len(rows), columns))
    one[:, : min(columns, rows.shape[1])] = rows[:, :columns]
    matrix = np.concatenate([one + rng.normal(scale=1e-3, size=(1, columns)) for _ in range(min(size.looked, 50))])
    began = time.thread_time()
    booster.predict(matrix, raw_score=True, num_threads=1)
    return len(matrix) / len(rows) / (time.thread_time() - began)


def commanded(home: Path, out: Path, size: Size, dry_run: bool) -> tuple[float, tuple[tuple[int, ...], ...]]:
    """Customers a second by the clock; and kB that each process held after each part."""
    clock = Clock()
    asked = Wanted(Question(QUESTION, dry_run, False), "all", out, PROCESSES, size.part)
    made = score(Settings(home=home), asked, clock)
    if (made.customers, made.failed) != (size.shop.people, 0):
        raise RuntimeError(f"customers is {made.customers}, {made.failed} failed; all must be decided; look at {out}")
    return clock.rate, made.resident


def growth(resident: Sequence[Sequence[int]]) -> list[float]:
    """Of each process: what it held in the end beside what it held after a fifth of its parts."""
    return [held[-1] / held[len(held) // 5] for held in resident if len(held) > 1] or [1.0]


def measure(size: Size) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        home, now = Path(folder) / "home", time.time_ns() // 1_000_000
        make(home, size.shop, now)
        alone, looked, logged, predictions, grown = [], [], [], [], []
        for run in range(size.runs):
            rate, rows = scored(home, size, now)
            alone.append(rate)
            predictions.append(predicted(size, rows))
            looked.append(commanded(home, Path(folder) / f"look-{run}.parquet", size, True)[0])
            rate, resident = commanded(home, Path(folder) / f"real-{run}.parquet", size, False)
            logged.append(rate)
            grown += growth(resident)
    against = f"Booster.predict, {size.shop.actions} rows each, one thread"

    def beside(what: str, rates: Sequence[float], goal: float | None) -> Row:
        ratios = [mine / its for mine, its in zip(rates, predictions, strict=True)]
        told = f"{np.median(rates):,.0f} and {np.median(predictions):,.0f} customers a second"
        return row(what, against, ratios, goal, told=told)

    command = f"nextbest score, {PROCESSES} processes"
    return [
        beside("features and scores of an audience, one thread", alone, None),
        beside(f"{command}, dry run", looked, None),
        beside(command, logged, GOAL),
        row(f"{command}: memory at its end", "after a fifth of its parts", grown, GROWTH, "at_most"),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = parser(__doc__).parse_args(arguments)
    size = QUICK if chosen.quick else Size()
    print(f"SYNTHETIC; {size.shop.people:,} people, {size.shop.events} events each, {size.shop.trees} trees")
    finish(measure(size), chosen.json)


if __name__ == "__main__":
    main()
