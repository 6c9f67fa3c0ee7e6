"""Whom to mail, on the Hillstrom e-mail test: `python benchmarks/hillstrom.py --data hillstrom.csv.gz`.

Customers were mailed by lot, so that each way to choose them can be judged without a model: they are dealt into folds,
and each learner tells the effect on a fold from the others. Ours chooses its learner there, by cross-fitting inside, or
none.

- Qini: what mailing those first of whom most is expected gains over any order, per customer (the area between the
  curves).
- effect on the first 20 %: on those of whom most is expected.
- policy gain: per customer, of mailing where the expected effect is above the cost, when a mail costs what it brings on
  average, so that mailing everybody, or nobody, gains nothing. The response ranking mails the better half.

Intervals at 95 % are a bootstrap of customers, with folds and learners as they are; differences are on the same draws.
Then the placebo: who was mailed is dealt anew among customers without a mail, and nothing may be found. The data are
not part of the project. `--quick` shows that it works and measures nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console

from benchmarks.parts import hillstrom
from benchmarks.parts.hillstrom import NotThere, Test, transformed
from benchmarks.parts.rivals import Fit, of_econml
from features.progress import Progress, Terminal
from training.incremental import ranking
from training.incremental.choosing import choose
from training.incremental.learners import LEARNERS, outcomes_of
from training.incremental.trial import Trial, folds

OURS, RESPONSE, RANDOM = "ours", "response", "random"
SHARE = 0.2
MEASURES = ("Qini", f"effect on the first {SHARE:.0%}", "policy gain")


@dataclass(frozen=True, slots=True)
class Size:
    """rows: of a test, at most. repeats: of all, dealt anew. placebos: of each of the tests that are shuffled."""

    rows: int = 1_000_000
    repeats: int = 2
    folds: int = 5
    resamples: int = 1_000
    placebos: int = 20


QUICK = Size(rows=3_000, repeats=1, folds=2, resamples=50, placebos=1)

Told = Mapping[str, NDArray[np.float64]]
"""By method, float64[measures, n]: what each customer adds to a measure, whose mean it is."""


def ours(test: Test) -> tuple[Fit, list[str]]:
    """And which learners it chose."""
    chosen: list[str] = []

    def fit(trial: Trial, seed: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        model = choose(trial, test.inputs, seed, threads=2).model
        chosen.append(model.origin.learner)
        return model.effect

    return fit, chosen


def methods(test: Test) -> tuple[dict[str, Fit], list[str]]:
    own, chosen = ours(test)
    single: dict[str, Fit] = {
        f"our {one.name}": lambda trial, seed, one=one: one.fit(trial, test.inputs, seed) for one in LEARNERS
    }
    response: Fit = lambda trial, seed: outcomes_of(trial, test.inputs, seed).with_it.raw  # noqa: E731
    random: Fit = lambda _, seed: lambda rows: np.random.default_rng(seed).normal(size=len(rows))  # noqa: E731
    return {OURS: own, **single, **of_econml(), RESPONSE: response, RANDOM: random}, chosen


def judged(test: Test, size: Size, progress: Progress) -> tuple[Told, list[str]]:
    fits, chosen = methods(test)
    found = {name: np.zeros((len(MEASURES), len(test.trial))) for name in fits}
    with progress.step(test.name, total=size.repeats * size.folds * len(fits)) as advance:
        for repeat in range(size.repeats):
            fold = folds(test.trial.person, size.folds, 100 + repeat)
            for name, fit in fits.items():
                effect = np.empty(len(test.trial))
                for number in range(size.folds):
                    here = fold == number
                    effect[here] = fit(test.trial.take(~here), repeat)(test.trial.columns[here])
                    advance()
                found[name] += _added(name, effect, fold, test.trial) / size.repeats
    return found, chosen


def _added(name: str, effect: NDArray[np.float64], fold: NDArray[np.intp], trial: Trial) -> NDArray[np.float64]:
    score = transformed(trial)
    cost, below = score.mean(), ranking.share_below(effect, fold)
    mailed = below > 0.5 if name in (RESPONSE, RANDOM) else effect > cost
    first = ranking.first(effect, fold, SHARE)
    return np.stack([ranking.centred(score, fold) * (below - 0.5), first * score / SHARE, mailed * (score - cost)])


def bootstrapped(told: Told, size: Size, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """By method, float64[measures, resamples]."""
    stacked = np.concatenate([*told.values()])
    n = stacked.shape[1]
    drawn = [stacked @ rng.multinomial(n, np.full(n, 1.0 / n)) / n for _ in range(size.resamples)]
    parts = np.array(drawn).T.reshape(len(told), len(MEASURES), size.resamples)
    return dict(zip(told, parts, strict=True))


def table(test: Test, told: Told, chosen: Sequence[str], size: Size) -> str:
    drawn = bootstrapped(told, size, np.random.default_rng(7))
    score = transformed(test.trial)
    counts = ", ".join(f"{one} {chosen.count(one)}" for one in sorted(set(chosen)))
    lines = [
        f"\n{test.name}: {len(score):,} customers, mean effect {score.mean():.4g}; ours chose {counts}\n",
        "| method | " + " | ".join(MEASURES) + " | Qini, ours less it |",
        "|---|" + "---|" * (len(MEASURES) + 1),
    ]
    for name, rows in told.items():
        cells = [_words(float(rows[place].mean()), drawn[name][place]) for place in range(len(MEASURES))]
        ahead = float((told[OURS][0] - rows[0]).mean())
        cells.append("" if name == OURS else _words(ahead, drawn[OURS][0] - drawn[name][0]))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _words(value: float, drawn: NDArray[np.float64]) -> str:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{value:.4g} ({low:.4g} to {high:.4g})"


def placebo(test: Test, size: Size, progress: Progress) -> str:
    """Among customers without a mail, who is called mailed is dealt by lot: there is nothing to find."""
    without, found = test.trial.take(~test.trial.treated), list[str]()
    widest = 0.0
    with progress.step(f"Placebo, {test.name}", total=size.placebos) as advance:
        for number in range(size.placebos):
            lot = np.random.default_rng(number).random(len(without)) < 0.5
            chosen = choose(replace(without, treated=lot), test.inputs, number, threads=2)
            found.append(chosen.model.origin.learner)
            widest = max(widest, *(one.qini.value / one.qini.error for one in chosen.judged))
            advance()
    kinds = ", ".join(f"{one} {found.count(one)}" for one in sorted(set(found)))
    return f"placebo of {test.name}: {kinds} of {size.placebos}; largest Qini {widest:.2f} standard errors"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FILE", help="Hillstrom's CSV, gzipped or not")
    parser.add_argument("--only", default="", metavar="WORDS", help="tests whose names have these words")
    parser.add_argument("--repeats", type=int, help="of the folds, dealt anew")
    parser.add_argument("--placebos", type=int, help="of each placebo; 0: none")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    told = parser.parse_args(arguments)
    if told.data is None:
        print("The Hillstrom data were not given (--data FILE).")
        return 0
    size, progress = QUICK if told.quick else Size(), Terminal(Console(stderr=True))
    size = replace(
        size, **{name: getattr(told, name) for name in ("repeats", "placebos") if getattr(told, name) is not None}
    )
    if not of_econml():
        print("econml is not installed, so that ours stands beside nobody else's: pip install --group benchmarks")
    try:
        tests = [_cut(one, size) for one in hillstrom.read(told.data) if told.only in one.name]
    except NotThere as error:
        print(error, file=sys.stderr)
        return 2
    for test in tests:
        if size.repeats:
            print(table(test, *judged(test, size, progress), size), flush=True)
        if size.placebos:
            print("\n" + placebo(test, size, progress), flush=True)
    return 0


def _cut(test: Test, size: Size) -> Test:
    kept = np.random.default_rng(0).permutation(len(test.trial))[: size.rows]
    return replace(test, trial=test.trial.take(np.sort(kept)))


if __name__ == "__main__":
    sys.exit(main())
