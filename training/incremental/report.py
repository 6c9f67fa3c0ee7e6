"""What a run shows of the learners: a table, a Qini plot, metrics."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.figure import Figure

from models.incremental import CONSTANT
from training.incremental.choosing import FOLDS, LEVEL, SHARE, Chosen
from training.incremental.learners import EFFECT, ROUNDS
from training.incremental.learning import Learned
from training.incremental.ranking import Estimate
from training.registry import RunRecord

TABLE, PLOT = "incremental.md", "incremental.png"


def added(record: RunRecord, learned: Learned, card: str) -> RunRecord:
    """The record with what was learned of contacts against none, or why nothing was. card: the text that has the
    remark."""
    texts = {**record.texts, card: f"{record.texts[card]}{learned.remark}\n"}
    chosen = learned.chosen
    if chosen is None:
        return replace(record, texts=texts)
    return replace(
        record,
        params={**record.params, **params(chosen)},
        metrics={**record.metrics, **metrics(chosen)},
        texts={**texts, TABLE: markdown(chosen)},
        figures={**record.figures, PLOT: figure(chosen)},
    )


def markdown(chosen: Chosen) -> str:
    """Of people whom the learners had not seen."""
    origin, served = chosen.model.origin, chosen.model.origin.learner
    lines = [
        "# A contact against none",
        "",
        f"Net sales that a contact adds: {_words(chosen.average)}, from {origin.rows:,} draws ({origin.treated:,} of "
        f"an action) for {origin.people:,} people. Qini: what contacting those first of whom most is expected gains "
        f"over any order, per row; its lower bounds hold at {LEVEL:.0%} for all learners together, and a learner "
        "below 0 is not believed. Slope: how much of the promised differences came true. All in "
        f"{FOLDS} folds of unseen people.",
        "",
        f"| learner | Qini | effect on the first {SHARE:.0%} | slope | |",
        "|---|---|---|---|---|",
    ]
    for one in chosen.judged:
        verdict = "serves" if one.learner == served else ("believed" if one.believed else "not believed")
        lines.append(f"| {one.learner} | {_words(one.qini)} | {_words(one.top)} | {_words(one.slope)} | {verdict} |")
    alike = "serves" if served == CONSTANT else ""
    lines.append(f"| {CONSTANT} | 0 | {_words(chosen.average)} | | {alike} |")
    return "\n".join(lines) + "\n"


def figure(chosen: Chosen) -> Figure:
    """The Qini curves."""
    drawn = Figure(figsize=(7, 5), layout="constrained")
    axes = drawn.subplots()
    for one in chosen.judged:
        shares, gained = one.curve
        axes.plot(shares, gained, label=f"{one.learner}, Qini {one.qini.value:.4g}")
    axes.plot([0.0, 1.0], [0.0, chosen.average.value], "--", color="grey", label="any order")
    axes.set_xlabel("share of rows that are contacted, those first of whom most is expected")
    axes.set_ylabel("net sales that are added, per row")
    axes.legend()
    return drawn


def metrics(chosen: Chosen) -> dict[str, float]:
    found = {"average": chosen.average.value, "average_error": chosen.average.error, "rows": chosen.model.origin.rows}
    for one in chosen.judged:
        for name, told in (("qini", one.qini), ("top", one.top), ("slope", one.slope)):
            found |= {f"{one.learner}.{name}": told.value, f"{one.learner}.{name}_low": told.low}
    return {f"incremental.{name}": float(value) for name, value in found.items()}


def params(chosen: Chosen) -> dict[str, str]:
    told = {**EFFECT, "rounds": ROUNDS, "folds": FOLDS, "learner": chosen.model.origin.learner}
    return {f"incremental.{name}": str(value) for name, value in told.items()}


def _words(told: Estimate) -> str:
    return f"{told.value:.4g} ({told.low:.4g} to {told.high:.4g})"
