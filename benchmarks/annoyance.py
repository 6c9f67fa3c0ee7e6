"""What is recommended though nobody buys it again, and what is withheld though somebody does, on The Complete Journey:
`python benchmarks/annoyance.py [--out FOLDER]`; `--small` shows that it runs, on a few SYNTHETIC households.

Questions are (household, thing that it had bought), asked at four moments, 28 days apart, of the last 112 days; things
are categories, and items. A rule answers each: recommend or suppress. Annoyance is the share of the recommended that
were not bought again within 28 days, wrong suppression the share of the suppressed that were; one horizon for every
rule. The learned rule is fitted once, on what was recorded before the first moment, and told what foretold best there.
What a household had bought by the moment of a question is known to every rule, as it is in service. Intervals are over
households.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.parts import bought_again
from features.progress import Silent
from features.stores import Store, open_store
from models.affinity import HORIZON
from training import table
from training.repurchase import Kind, kept_as_of, kinds, learn
from training.repurchase_rates import Fitted, chances
from training.sources import complete_journey
from training.sources.errors import SourceMissing
from training.spells import Bought, bought_within, spells
from training.tables import INTERVAL, people_weights

MOMENTS, DRAWS, SEED = 4, 200, 20240229
CHANCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
DAYS = (1, 3, 7, 14, 28, 56, 112, 224)
EVERY_DAY = np.arange(1.0, 365.0)
EVERY_CHANCE = np.linspace(0.005, 0.995, 199)
SOME = 0.01
"""Shares of the questions with less than this on one side are noise."""
LEARNED, ANYBODY, AFTER, LAPSED = "learned", "learned, without own gaps", "N days", "unless within N days"
SIMPLE = (AFTER, LAPSED)


@dataclass(frozen=True, slots=True)
class Questions:
    """n of them, by moment. person: int32[n]. again: bool[n], bought again within HORIZON. score: by rule, float64[n];
    each rule suppresses what is below a threshold."""

    person: NDArray[np.int32]
    again: NDArray[np.bool_]
    score: Mapping[str, NDArray[np.float64]]


class Curve:
    """A rule at some thresholds, ascending, for any weights of the people."""

    def __init__(self, asked: Questions, rule: str, thresholds: NDArray[np.float64]) -> None:
        people, bins = int(asked.person.max()) + 1, len(thresholds) + 1
        cell = asked.person * bins + np.searchsorted(thresholds, asked.score[rule], side="right")
        self.thresholds = thresholds
        self.asked, self.again = (
            np.cumsum(np.bincount(cell, weight, people * bins).reshape(people, bins), axis=1)
            for weight in (None, asked.again)
        )
        """float64[people, bins]: how many each threshold suppresses, and of these were bought again; last: all."""

    def rates(self, draws: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[3, draws, thresholds]: share suppressed, annoyance and wrong suppression; NaN: of none. draws:
        float64[draws, people]."""
        asked, again = draws @ self.asked, draws @ self.again
        with np.errstate(invalid="ignore"):
            annoyed = 1.0 - (again[:, -1:] - again) / (asked[:, -1:] - asked)
            return np.array([asked / asked[:, -1:], annoyed, again / asked])[:, :, :-1]


def ask(kind: Kind, fit: Fitted, kept: Bought, past: list[tuple[int, Bought]]) -> Questions:
    """past: each moment and what had been kept by it; kept: the same at the end. By item code."""
    bought, parts = kind.of(kept), []
    for moment, by_then in past:
        known = spells(kind.of(by_then), moment)
        open_days = known.days[~known.ended]
        score = {
            LEARNED: chances(known, fit.curves),
            ANYBODY: chances(known, fit.curves, personal=False),
            AFTER: open_days,
            LAPSED: -open_days,
        }
        parts.append((known.person, bought_within(known, bought, moment, moment + HORIZON), score))
    return Questions(
        person=np.concatenate([person for person, _, _ in parts]),
        again=np.concatenate([again for _, again, _ in parts]),
        score={rule: np.concatenate([score[rule] for _, _, score in parts]) for rule in parts[0][2]},
    )


@dataclass(frozen=True, slots=True)
class Lead:
    """How much better the learned rule is than another, least over the other's thresholds that suppress from SOME to
    all but SOME; above 0 is better; with the ends of its 95 % interval over households."""

    rule: str
    thresholds: int
    annoyance_at_equal_wrong_suppression: tuple[float, float, float]
    annoyance_at_equal_share: tuple[float, float, float]
    wrong_suppression_at_equal_share: tuple[float, float, float]


def lead(asked: Questions, rule: str, thresholds: NDArray[np.float64], draws: NDArray[np.float64]) -> Lead:
    fine = np.unique(np.quantile(asked.score[LEARNED], np.linspace(0.0, 1.0, 1001)))
    ours, other = Curve(asked, LEARNED, fine).rates(draws), Curve(asked, rule, thresholds).rates(draws)
    kept = (other[0, 0] >= SOME) & (other[0, 0] <= 1.0 - SOME)
    gained = np.array([_gained(ours[:, draw], other[:, draw, kept]) for draw in range(len(draws))])
    low, high = np.percentile(gained[1:], INTERVAL, axis=0)
    least = enumerate(gained[0].argmin(axis=1).tolist())
    found = [(float(gained[0, row, at]), float(low[row, at]), float(high[row, at])) for row, at in least]
    return Lead(rule, int(kept.sum()), found[0], found[1], found[2])


def _gained(ours: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[3, thresholds]: the three of Lead. Wrong suppression that ours never falls to counts as lost by 1."""
    (our_share, our_annoyance, our_wrong), (share, annoyed, wrong) = ours, other
    usable = our_share > 0.0
    order = np.argsort(our_wrong[usable], kind="stable")
    least = np.minimum.accumulate(np.nan_to_num(our_annoyance[usable][order], nan=1.0))
    reached = np.searchsorted(our_wrong[usable][order], wrong, side="right") - 1
    equal = np.where(reached >= 0, annoyed - least[np.maximum(reached, 0)], -1.0)
    at = [np.interp(share, our_share[usable], np.nan_to_num(one[usable])) for one in (our_annoyance, our_wrong)]
    return np.array([equal, annoyed - at[0], wrong - at[1]])


def markdown(name: str, asked: Questions, draws: NDArray[np.float64], leads: list[Lead]) -> str:
    lines = [
        f"{len(asked.again):,} questions on {name} of {len(np.unique(asked.person)):,} households; "
        f"{asked.again.mean():.1%} were bought again",
        "",
        "| rule | suppressed | annoyance | wrong suppression |",
        "|---|---|---|---|",
        f"| nothing is suppressed | 0.0% | {1.0 - asked.again.mean():.1%} | |",
        f"| never again | 100.0% | | {asked.again.mean():.1%} |",
    ]
    for rule, label, thresholds in (
        (LEARNED, "learned, chance {:g}", CHANCES),
        (AFTER, "{:g} days", DAYS),
        (LAPSED, "unless within {:g} days", tuple(-one for one in reversed(DAYS))),
    ):
        drawn = Curve(asked, rule, np.sort(np.array(thresholds, np.float64))).rates(draws)
        low, high = np.percentile(drawn[:, 1:], INTERVAL, axis=1)
        for at, threshold in enumerate(thresholds):
            cells = [f"{drawn[0, 0, at]:.1%}"]
            cells += [f"{drawn[row, 0, at]:.1%} ({low[row, at]:.1%} to {high[row, at]:.1%})" for row in (1, 2)]
            lines.append(f"| {label.format(abs(threshold))} | " + " | ".join(cells) + " |")
    heads = ("annoyance at equal wrong suppression", "annoyance at equal share", "wrong suppression at equal share")
    lines += ["", "The learned rule's smallest lead, over the thresholds of the other:", ""]
    lines += [f"| against | {' | '.join(heads)} |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {one.rule} ({one.thresholds}) | {_told(one)} |" for one in leads)])


def _told(one: Lead) -> str:
    return " | ".join(
        f"{value:+.1%} ({low:+.1%} to {high:+.1%})"
        for value, low, high in (
            one.annoyance_at_equal_wrong_suppression,
            one.annoyance_at_equal_share,
            one.wrong_suppression_at_equal_share,
        )
    )


def plotted(found: Mapping[str, NDArray[np.float64]], name: str, share: float) -> Figure:
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=f"Recommending {name} bought before", xlabel="wrong suppression", ylabel="annoyance")
    for rule, (_, annoyed, wrong) in found.items():
        axes.plot(wrong, annoyed, "-" if rule == LEARNED else "--", label=rule)
    axes.plot([0.0], [1.0 - share], "o", color="grey", label="nothing is suppressed")
    axes.plot([share], [0.0], "s", color="grey", label="never again")
    axes.legend()
    return figure


def main() -> int:
    reading = argparse.ArgumentParser(description="Annoyance against wrong suppression on The Complete Journey")
    reading.add_argument("--out", type=Path, help="a folder for annoyance.json and the plots")
    reading.add_argument("--small", action="store_true", help="a few SYNTHETIC households: does it run at all?")
    told = reading.parse_args()
    out: Path | None = told.out
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/store.db")
        try:
            present = _filled(store, small=told.small)
        except SourceMissing as error:
            print(error)
            return 0
        asked = questions(store, present)
        store.close()
    found = {name: judged(name, one, out) for name, one in asked.items()}
    if out is not None:
        (out / "annoyance.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _filled(store: Store, *, small: bool) -> int:
    """The present, ms UTC. Raises SourceMissing."""
    if not small:
        return complete_journey.import_into(store, Silent()).present
    print("SYNTHETIC households, of which nothing is measured\n")
    return bought_again.filled(store, SEED)


def questions(store: table.TrainingStore, present: int) -> dict[str, Questions]:
    moments = [present - back * HORIZON for back in range(MOMENTS, 0, -1)]
    dataset = table.read(store, moments[0], Silent())
    learned = learn(dataset, store.vocabulary, Silent())
    print(learned.remark, end="\n\n")
    if learned.windows is None:
        raise SystemExit(1)
    kept, past = kept_as_of(dataset, present), [(moment, kept_as_of(dataset, moment)) for moment in moments]
    fits = (learned.windows.categories, learned.windows.items)
    return {
        name: ask(kind, fit, kept, past)
        for name, kind, fit in zip(("categories", "items"), kinds(dataset)[0], fits, strict=True)
    }


def judged(name: str, asked: Questions, out: Path | None) -> dict[str, object]:
    draws = people_weights(int(asked.person.max()) + 1, DRAWS, np.random.default_rng(SEED))
    days = {AFTER: EVERY_DAY, LAPSED: -EVERY_DAY[::-1]}
    leads = [lead(asked, rule, thresholds, draws) for rule, thresholds in days.items()]
    print(markdown(name, asked, draws, leads), end="\n\n", flush=True)
    thresholds = {LEARNED: EVERY_CHANCE, ANYBODY: EVERY_CHANCE, **days}
    found = {rule: Curve(asked, rule, at).rates(draws[:1])[:, 0] for rule, at in thresholds.items()}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        plotted(found, name, float(asked.again.mean())).savefig(out / f"annoyance_{name}.png")
    return {
        "again": float(asked.again.mean()),
        "questions": len(asked.again),
        "leads": [asdict(one) for one in leads],
        "curves": {rule: [_point(*row) for row in zip(thresholds[rule], *found[rule], strict=True)] for rule in found},
    }


def _point(threshold: float, suppressed: float, annoyance: float, wrong_suppression: float) -> dict[str, float | None]:
    return {
        "threshold": float(threshold),
        "suppressed": float(suppressed),
        "annoyance": _json(annoyance),
        "wrong_suppression": _json(wrong_suppression),
    }


def _json(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


if __name__ == "__main__":
    raise SystemExit(main())
