"""How far off-policy estimates are from the truth, and how often their intervals hold.

First on SYNTHETIC logs, whose truth is known exactly: bias, root mean squared error, and how often the intervals at
95 % cover the truth, clustered by person and, for comparison, not clustered. With `--open-bandit DIR` also on the Open
Bandit data, where the other policy was run as well: estimates beside its own clicks, and the relative errors of obp's
published example by its protocol; `--prior FILE` (obp/policy/conf/prior_bts.yaml of st-tech/zr-obp) gives the policy
that the example evaluates. `--quick` shows that it works and measures nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console

from benchmarks.parts import open_bandit
from benchmarks.parts.open_bandit import CAMPAIGNS, Log, NotThere
from features.progress import Progress, Terminal
from tests.training import bandit_world
from tests.training.bandit_world import World, world
from training.offpolicy.diagnostics import diagnose
from training.offpolicy.estimators import (
    IPS,
    Bounds,
    DirectMethod,
    DoublyRobust,
    Estimator,
    SelfNormalisedIPS,
    SwitchDR,
    Terms,
)
from training.offpolicy.feedback import Evaluation
from training.offpolicy.intervals import bernstein, bootstrapped, bootstrapped_difference
from training.offpolicy.reward_model import by_forest, cross_fitted

THRESHOLD = 5.0
ESTIMATORS: tuple[Estimator, ...] = (DirectMethod(), IPS(), SelfNormalisedIPS(), DoublyRobust(), SwitchDR(THRESHOLD))
PUBLISHED = {
    "DM": (0.156876, 0.109898),
    "IPS": (0.311082, 0.311170),
    "SNIPS": (0.311795, 0.334736),
    "DR": (0.292464, 0.315485),
}
"""Mean and standard deviation of the relative error, campaign all, random to BTS, 30 runs: examples/obd/README.md of
st-tech/zr-obp. (Its Switch-DR chooses the threshold by another rule than ours and is not comparable.)"""


@dataclass(frozen=True, slots=True)
class Size:
    """repeats: synthetic logs of each world. people: of one log, a share of each world's own. resamples: of the
    bootstrap. runs: of obp's protocol. draws: of Thompson sampling."""

    repeats: int = 300
    people: float = 1.0
    resamples: int = 400
    runs: int = 30
    draws: int = 1_000_000


QUICK = Size(repeats=3, people=0.1, resamples=50, runs=2, draws=2_000)

WORLDS: Mapping[str, tuple[World, int]] = {
    "one row a person, 400 people": (world(3), 400),
    "1 to 9 rows a person that go together, 200 people": (world(3, strength=0.9, rows=(1, 9)), 200),
    "policies far apart, 400 people": (world(3, apart=2.0), 400),
    "rewards of 0.5 to 3 %, 1,500 people": (world(3, reward=(0.005, 0.03)), 1_500),
}


def synthetic(size: Size, progress: Progress) -> None:
    for name, (truth, people) in WORLDS.items():
        print(f"\nSYNTHETIC, {name}; truth {truth.truth:.4f}, largest weight {truth.heaviest:.1f}\n")
        print(
            "| estimator | bias | RMSE | 95 % interval covers | its width | of rows | empirical Bernstein | its width |"
        )
        print("|---|---|---|---|---|---|---|---|")
        for estimator, found in _repeated(truth, round(people * size.people), size, progress).items():
            off, clustered, width, rows, bound, bound_width = found.T
            error = np.sqrt((off**2).mean())
            covers = [f"{one.mean():.1%}" for one in (clustered, rows, bound)]
            print(
                f"| {estimator} | {off.mean():+.4f} | {error:.4f} | {covers[0]} | {np.median(width):.3f} "
                f"| {covers[1]} | {covers[2]} | {np.median(bound_width):.3f} |"
            )


def _repeated(truth: World, people: int, size: Size, progress: Progress) -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(20260101)
    found: dict[str, list[list[float]]] = {one.name: [] for one in ESTIMATORS}
    with progress.step("Judge synthetic logs", total=size.repeats) as advance:
        for _ in range(size.repeats):
            made = bandit_world.log(truth, people, rng)
            predicted = cross_fitted(made.feedback, made.columns().__getitem__, by_forest(40), rng)
            evaluation = Evaluation(made.feedback, made.evaluation.target, predicted)
            for estimator in ESTIMATORS:
                found[estimator.name].append(_one(estimator, evaluation, truth, size, rng))
            advance()
    return {name: np.array(rows) for name, rows in found.items()}


def _one(
    estimator: Estimator, evaluation: Evaluation, truth: World, size: Size, rng: np.random.Generator
) -> list[float]:
    terms, person = estimator.terms(evaluation), evaluation.feedback.person
    bounds = Bounds(0.0, 1.0, truth.heaviest, max(one.rows for one in truth.types))
    clustered = bootstrapped(terms, person, rng, resamples=size.resamples)
    alone = len(np.unique(person)) == len(person)
    rows = clustered if alone else bootstrapped(terms, np.arange(len(person)), rng, resamples=size.resamples)
    bound = bernstein(estimator, terms, person, bounds)
    covers = [one.low <= truth.truth <= one.high for one in (clustered, rows, bound)]
    widths = [one.high - one.low for one in (clustered, bound)]
    return [terms.value - truth.truth, covers[0], widths[0], covers[1], covers[2], widths[1]]


def compare(folder: Path, size: Size, prior: Path | None) -> None:
    """Each policy evaluated from the other's log, beside its own clicks."""
    print("\nOpen Bandit, each policy estimated from the other's log; nobody is known there, so a row is a person\n")
    print("| campaign | from to | estimator | estimate (95 %) | own clicks | relative error | target - logged (95 %) |")
    print("|---|---|---|---|---|---|---|")
    notes = []
    for campaign in CAMPAIGNS:
        logs = {policy: open_bandit.read(folder, policy, campaign) for policy in ("random", "bts")}
        for logging, target in (("random", "bts"), ("bts", "random")):
            chances = (
                open_bandit.uniform(logs["random"]) if target == "random" else bts(logs["bts"], campaign, prior, size)
            )
            evaluation = logs[logging].evaluation(chances, np.random.default_rng(open_bandit.SEED))
            label = f"{campaign} | {logging} to {target}"
            for estimator in ESTIMATORS:
                print(f"| {label} | {_compared(estimator, evaluation, logs[target], size)} |", flush=True)
            found = diagnose(evaluation)
            notes.append(
                f"{campaign}, {logging} to {target}: effective rows {found.effective_rows:,.0f} of {found.rows:,}, "
                f"mean weight {found.mean_weight:.3f} +- {found.error:.3f}, largest {found.largest:.1f}, never taken "
                f"{found.never_taken:.1%}, rarely {found.rarely_taken:.1%}"
            )
            notes += [f"  doubt: {line}" for line in found.doubts]
    print("\n" + "\n".join(notes))


def bts(log: Log, campaign: str, prior: Path | None, size: Size) -> NDArray[np.float64]:
    return open_bandit.from_propensities(log) if prior is None else open_bandit.from_prior(prior, campaign, size.draws)


def _compared(estimator: Estimator, evaluation: Evaluation, target: Log, size: Size) -> str:
    rng, person = np.random.default_rng(1), evaluation.feedback.person
    terms = estimator.terms(evaluation)
    found = bootstrapped(terms, person, rng, resamples=size.resamples)
    own = Terms(evaluation.feedback.reward, np.ones(len(person)))
    ahead = bootstrapped_difference(terms, own, person, rng, resamples=size.resamples)
    error = abs(found.value - target.value) / target.value
    return (
        f"{estimator.name} | {found.value:.2%} ({found.low:.2%} to {found.high:.2%}) "
        f"| {target.value:.2%} +- {1.96 * target.value_error:.2%} | {error:.3f} "
        f"| {ahead.value:+.2%} ({ahead.low:+.2%} to {ahead.high:+.2%})"
    )


def protocol(folder: Path, size: Size, prior: Path | None, progress: Progress) -> None:
    """obp's example: bootstrap samples of the log of the random policy, each estimated anew; the relative error against
    the clicks of BTS."""
    log, truth = open_bandit.read(folder, "random", "all"), open_bandit.read(folder, "bts", "all")
    chances = bts(truth, "all", prior, size)
    errors: dict[str, list[float]] = {one.name: [] for one in ESTIMATORS}
    with progress.step("Repeat the published example", total=size.runs) as advance:
        for run in range(size.runs):
            evaluation = open_bandit.resampled(log, run).evaluation(chances, np.random.default_rng(open_bandit.SEED))
            for one in ESTIMATORS:
                errors[one.name].append(abs(one.terms(evaluation).value - truth.value) / truth.value)
            advance()
    print(
        f"\nOpen Bandit, campaign all, random to BTS by obp's protocol, {size.runs} bootstrap samples: relative error\n"
    )
    print("| estimator | mean | deviation | published mean | published deviation |\n|---|---|---|---|---|")
    for name, found in errors.items():
        spread = np.std(found, ddof=1)
        told = [f"{one:.3f}" for one in PUBLISHED[name]] if name in PUBLISHED else ["", ""]
        print(f"| {name} | {np.mean(found):.3f} | {spread:.3f} | {told[0]} | {told[1]} |")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--open-bandit", type=Path, metavar="DIR", help="folder of the Open Bandit data")
    parser.add_argument("--prior", type=Path, metavar="FILE", help="BTS's prior; without it its chances are estimated")
    told = parser.parse_args(arguments)
    size, progress = QUICK if told.quick else Size(), Terminal(Console(stderr=True))
    if told.prior is not None and told.open_bandit is None:
        parser.error(f"--prior is {told.prior}; it belongs to the Open Bandit data; give --open-bandit too")
    try:
        if told.open_bandit is not None:
            how = (
                "its OWN LOG'S propensities (an estimate)"
                if told.prior is None
                else f"{told.prior}, {size.draws:,} draws"
            )
            print(f"The chances of BTS, where it is the target, are from {how}.")
            protocol(told.open_bandit, size, told.prior, progress)
            compare(told.open_bandit, size, told.prior)
    except NotThere as error:
        print(error, file=sys.stderr)
        return 2
    synthetic(size, progress)
    if told.open_bandit is None:
        print("\nThe Open Bandit data were not given (--open-bandit DIR).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
