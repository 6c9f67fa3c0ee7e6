"""What a retrain costs beside bare `lightgbm.train`: `python benchmarks/retrain.py`; `--small` shows that it runs.

The log is SYNTHETIC, and in memory. A retrain is what `nextbest train` does for the response model: reading the
histories, labels, affinity models as of several cutoffs, feature rows, forests for judging, for shipping and for
calibration, and the figures on later contacts. Bare is LightGBM's table and `lightgbm.train` alone, told the same, as
many trees, on one thread as each of our forests: on the rows that our forest which ships is grown on (all successes and
a weighted draw of failures), and on every exposure. CPU seconds of all threads are what may be compared on a busy
machine.

Left out are a database, skew, contact reasons, repurchase, cool-off, response delays, incremental effects, the
bundle's self-test and reference, and all that MLflow keeps.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.exposure_log import CONTACTS, ExposureLog
from benchmarks.parts.rows import Row, finish, parser, row
from features import build
from features.progress import Advance, Silent
from models.inputs import response_inputs
from training import metrics, table
from training.reliability import by_channel_and_action, markdown
from training.settings import TrainingSettings
from training.train import Trained, everything, response_rows, train

GOAL = 1.5
CHUNK = 50_000


@dataclass(slots=True)
class Took:
    """Seconds: CPU of all threads, and by the clock."""

    cpu: float = 0.0
    wall: float = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu += time.process_time() - cpu
        self.wall += time.perf_counter() - wall


@dataclass(slots=True)
class Stopwatch:
    """A progress whose watcher looks at the clock."""

    steps: dict[str, Took] = field(default_factory=dict)

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Advance]:  # noqa: ARG002
        with self.steps.setdefault(title, Took()).measured():
            yield lambda steps=1.0, /, said="": None  # noqa: ARG005


def retrain(log: ExposureLog, settings: TrainingSettings, watch: Stopwatch) -> tuple[Trained, str]:
    with watch.step("Read, label and digest"):
        dataset = table.read(log, None, Silent())  # type: ignore[arg-type]  # what training asks of a store, and no more
    trained = train(dataset, settings, watch)
    with watch.step("Judge on later contacts"):
        tested = trained.backtest
        test, chance = tested.parts["test"], tested.calibration.apply(tested.raw)
        judged = (chance, test.sample.label, test.sample.weight)
        figures = (metrics.auc(*judged), metrics.log_loss(*judged), metrics.calibration_error(*judged))
        channels = markdown(by_channel_and_action(dataset, test, chance)[:3])
    return trained, "AUC {:.4f}, log loss {:.4f}, calibration error {:.4f}\n".format(*figures) + channels


def bare(
    columns: NDArray[np.float32] | NDArray[np.float64],
    label: NDArray[np.bool_],
    weight: NDArray[np.float64] | None,
    rounds: int,
    settings: TrainingSettings,
) -> Took:
    took, told = Took(), {**settings.response.told(), "seed": settings.seed, "num_threads": 1}
    with took.measured():
        rows = lgb.Dataset(columns, label.astype(np.float64), weight=weight, feature_name=list(response_inputs()))
        lgb.train(told, rows, rounds)
    return took


def every_row(trained: Trained) -> NDArray[np.float32]:
    """Half as large as they are otherwise, that a million fit."""
    exposures = trained.dataset.exposures
    rows = np.empty((len(exposures), len(response_inputs())), np.float32)
    for first in range(0, len(exposures), CHUNK):
        part = np.arange(first, min(first + CHUNK, len(exposures)))
        known = (trained.backtest.fits, trained.backtest.records)
        rows[part] = response_rows(trained.dataset, exposures.take(part), *known)
    return rows


def told(what: str, took: Took, beside: Took | None = None) -> None:
    ratio = f"{took.cpu / beside.cpu:6.2f} x CPU {took.wall / beside.wall:6.2f} x clock" if beside else ""
    print(f"{what:<48}{took.cpu:8.1f} s CPU {took.wall:8.1f} s {ratio}", flush=True)


def measure(people: int, settings: TrainingSettings) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        log = ExposureLog(people, 1, Path(folder))
    build.warm()
    watch, whole = Stopwatch(), Took()
    with whole.measured():
        trained, figures = retrain(log, settings, watch)
    provenance, rounds = trained.bundle.provenance, trained.backtest.rounds
    print(
        f"SYNTHETIC: {provenance.exposures:,} exposures, {provenance.positives:,} successes, {rounds} trees; {figures}"
    )
    for title, took in watch.steps.items():
        told(f"  {title}", took)
    told("retrain, all of it", whole)
    sample, _ = everything(trained.backtest.parts, settings)
    shape = f"{len(sample.label):,} x {sample.columns.shape[1]}"
    ours = bare(sample.columns, sample.label, sample.weight, rounds, settings)
    told(f"bare LightGBM, the rows that ship ({shape})", ours)
    rows = every_row(trained)
    full = bare(rows, trained.dataset.exposures.success, None, rounds, settings)
    told(f"bare LightGBM, every exposure ({len(rows):,})", full)
    told(f"retrain / bare on the rows that ship, goal {GOAL}", whole, ours)
    told(f"retrain / bare on every exposure, goal {GOAL}", whole, full)
    what = f"a retrain on {len(rows):,} exposures, CPU"
    return [
        row(what, "bare LightGBM on every exposure", [whole.cpu / full.cpu], GOAL, "at_most", _cpu(whole, full)),
        row(what, "bare LightGBM on the rows that ship", [whole.cpu / ours.cpu], GOAL, "at_most", _cpu(whole, ours)),
    ]


def _cpu(whole: Took, beside: Took) -> str:
    return f"{whole.cpu:.0f} and {beside.cpu:.0f} s"


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--exposures", type=int, default=1_000_000, help="How many, about.")
    options.add_argument("--small", action="store_true", help="the same as --quick")
    chosen = options.parse_args(arguments)
    small = chosen.small or chosen.quick
    settings = TrainingSettings(threads=2)
    if small:
        settings = replace(settings, rounds=20, affinity_rounds=5, refits=1, negatives=2_000, judged=2_000)
    finish(measure(10_000 // CONTACTS if small else chosen.exposures // CONTACTS, settings), chosen.json)


if __name__ == "__main__":
    main()
