"""What scoring costs, on SYNTHETIC data: `python benchmarks/forest.py`.

One customer with 200 events and up to 1,000 candidates, as serving asks: the feature rows, what is not a feature beside
them, and which columns are the customer's. Models of 200 trees, grown on rows of other synthetic customers: of 31
leaves; of 7, as training grows them; and one of 31 whose splits are nearly all on columns of the candidates, all of
whose values differ. Each is held against Booster.predict of the same rows on one thread, in turns; the scores must be
equal to the last bit. The goals: 12 times as fast, 5 where nearly all splits are the candidates'. `--quick` shows that
it works and measures nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts.rows import Row, finish, parser, row
from benchmarks.policy import Size as ShopSize
from benchmarks.policy import history, shop
from features import build
from features.definitions import FEATURES
from models.forest import Forest, warm
from models.inputs import NEED_INPUTS, response_inputs, response_shared
from models.track_record import TRACK_COLUMNS
from tests.models.shop import NOW, customer

Rows = NDArray[np.float64]
Work = Callable[[], object]
COUNTS, EXPLAINED = (1, 200, 1_000), (1, 5)
ALIKE = 1e-9


@dataclass(frozen=True, slots=True)
class Size:
    """customers, and rows of each, to grow on. trees of each model. rounds: of each measure."""

    customers: int = 150
    rows: int = 160
    trees: int = 200
    rounds: int = 60


QUICK = Size(customers=3, rows=100, trees=5, rounds=3)


@dataclass(frozen=True, slots=True)
class Model:
    """text: of LightGBM. asked: rows of one customer. goal: how many times Booster.predict."""

    name: str
    text: str
    asked: Rows
    goal: int


def tables(size: Size) -> tuple[Rows, Rows]:
    """Rows to grow on, of several customers, and 1,000 rows of another one; columns as the response model has them."""
    made, vocabulary = shop(ShopSize())
    rng = np.random.default_rng(3)

    def rows(seed: int) -> Rows:
        page = customer(history(seed), vocabulary).page
        own = build.rows(page, NOW, 0, made.all, made.facts)
        need = rng.normal(size=(own.shape[0], len(NEED_INPUTS)))
        track = rng.normal(size=(len(made.all), len(TRACK_COLUMNS))).round(2)
        return np.column_stack([own, need, rng.normal(size=60).round(2)[made.all.category], track])

    grown = [rows(seed)[rng.choice(len(made.all), size.rows, replace=False)] for seed in range(1, size.customers + 1)]
    return np.concatenate(grown), rows(0)


def grow(rows: Rows, weights: Rows, leaves: int, trees: int) -> str:
    """Of answers that depend on the columns by these weights, and on chance."""
    known = np.nan_to_num(rows)
    score = (known - known.mean(axis=0)) / (known.std(axis=0) + 1e-9) @ weights
    label = score / score.std() + np.random.default_rng(5).logistic(size=len(rows)) > 2.0
    told = {"objective": "binary", "num_leaves": leaves, "learning_rate": 0.05, "max_bin": 127, "feature_fraction": 0.2}
    told |= {"verbose": -1, "num_threads": 2, "seed": 1, "deterministic": True, "force_col_wise": True}
    names = list(response_inputs())
    return lgb.train(told, lgb.Dataset(rows, label, feature_name=names), trees).model_to_string()


def models(size: Size) -> list[Model]:
    rows, asked = tables(size)
    rng, shared = np.random.default_rng(8), response_shared()
    weights = rng.normal(size=len(shared))
    hard, hard_asked = rows.copy(), asked.copy()
    for table in (hard, hard_asked):
        table[:, ~shared] = rng.normal(size=(len(table), int((~shared).sum())))
    return [
        Model("31 leaves", grow(rows, weights, 31, size.trees), asked, 12),
        Model("7 leaves", grow(rows, weights, 7, size.trees), asked, 12),
        Model("31 leaves, hard", grow(hard, weights * ~shared, 31, size.trees), hard_asked, 5),
    ]


def share_of_candidates(text: str) -> float:
    """Of the splits, those on a column that differs between candidates."""
    lines = [line.partition("=")[2].split() for line in text.splitlines() if line.startswith("split_feature=")]
    return float(np.mean(~response_shared()[[int(column) for line in lines for column in line]]))


def in_turns(rounds: int, *works: Work) -> list[Rows]:
    """Microseconds of this thread's CPU time of each, float64[rounds]."""
    took = np.empty((len(works), rounds))
    for turn in range(-1, rounds):
        for number, work in enumerate(works):
            start = time.thread_time_ns()
            work()
            took[number, turn] = (time.thread_time_ns() - start) / 1_000
    return list(took)


def told(name: str, what: str, took: Sequence[Rows], goal: float | None = None) -> Row:
    """Medians with quartiles of LightGBM's and ours; the spread of the ratio is over four stretches of the rounds."""
    shown = []
    for times in took:
        low, middle, high = np.percentile(times, [25, 50, 75])
        shown.append(f"{middle:8.0f} us ({low:.0f} to {high:.0f})".ljust(32))
    ratio = float(np.median(took[0]) / np.median(took[1]))
    print(f"{name:<17}{what:<24}{''.join(shown)}{ratio:6.1f} x{f'  goal {goal:g}' if goal else ''}", flush=True)
    stretches = [np.array_split(times, min(4, len(times))) for times in took]
    ratios = [float(np.median(its) / np.median(mine)) for its, mine in zip(*stretches, strict=True)]
    medians = f"{np.median(took[1]):.0f} and {np.median(took[0]):.0f} us"
    return row(f"scoring {what}, {name}", "LightGBM, one thread, equal", ratios, goal, told=medians)


def measure(model: Model, rounds: int) -> Iterator[Row]:
    booster, forest, features = lgb.Booster(model_str=model.text), Forest(model.text), len(FEATURES)
    for count in COUNTS:
        whole = np.ascontiguousarray(model.asked[:count])
        rows, beside = np.ascontiguousarray(whole[:, :features]), np.ascontiguousarray(whole[:, features:])

        def predicted() -> object:
            return booster.predict(whole, raw_score=True, num_threads=1)  # noqa: B023

        def ours() -> Rows:
            return forest.raw(rows, beside, response_shared())  # noqa: B023

        if ours().tobytes() != np.asarray(predicted()).tobytes():
            raise RuntimeError(f"scores of {model.name} differ; they must be equal to the last bit; mend the kernel")
        goal = model.goal if count > 1 else None
        yield told(model.name, f"{count:,} rows", in_turns(rounds, predicted, ours), goal)
    for count in EXPLAINED:
        whole = np.ascontiguousarray(model.asked[:count])

        def explained() -> object:
            return booster.predict(whole, pred_contrib=True, num_threads=1)  # noqa: B023

        if not np.allclose(forest.contributions(whole)[:, 0], np.asarray(explained())[:, :-1], ALIKE, ALIKE):
            raise RuntimeError(f"contributions of {model.name} differ by more than {ALIKE}; mend the kernel")
        ways = in_turns(rounds, explained, lambda: forest.contributions(whole))  # noqa: B023
        yield told(model.name, f"contributions, {count} row" + "s" * (count > 1), ways)
    loads = in_turns(max(3, rounds // 6), lambda: lgb.Booster(model_str=model.text), lambda: Forest(model.text))
    yield told(model.name, "loading", loads)


def main(arguments: Sequence[str] | None = None) -> None:
    asked = parser(__doc__).parse_args(arguments)
    size, rows = QUICK if asked.quick else Size(), []
    warm()
    print(f"SYNTHETIC; {size.trees} trees, {len(response_inputs())} columns, {int((~response_shared()).sum())} of them")
    print("of the candidate; medians and quartiles of LightGBM on one thread, then ours, then the ratio")
    for model in models(size):
        print(f"{model.name}: {share_of_candidates(model.text):.0%} of the splits are the candidates'")
        rows += measure(model, size.rounds)
    finish(rows, asked.json)


if __name__ == "__main__":
    main()
