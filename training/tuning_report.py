"""What a search found, as a run keeps it: each trial a run below it, and a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from training.registry import ChildRun, RunRecord
from training.settings import SPANS
from training.tuning import Trial, Tuned

TRIALS = "tuning.md"
LOSS = "validation.log_loss"


def with_search(record: RunRecord, tuned: Tuned | None, card: str) -> RunRecord:
    """The record with what the search found; as it is where none was made. card: name of the text that people read."""
    if tuned is None:
        return record
    best = tuned.best
    return replace(
        record,
        params={**record.params, "tuning.trials": str(len(tuned.trials)), "tuning.chosen": best.trees.written()},
        metrics={**record.metrics, "tuning.log_loss_before": tuned.trials[0].loss, "tuning.log_loss": best.loss},
        texts={**record.texts, card: f"{record.texts[card]}{tuned.remark}\n", TRIALS: markdown(tuned.trials)},
        children=tuple(_child(one) for one in tuned.trials),
    )


def markdown(trials: Sequence[Trial]) -> str:
    head = f"| trial | {' | '.join(SPANS)} | trees | log loss on validation | |\n|---|{'---|' * (len(SPANS) + 3)}"
    return "\n".join([head, *map(_row, trials)])


def _row(one: Trial) -> str:
    values = " | ".join(f"{value:g}" for value in asdict(one.trees).values())
    return f"| {one.number} | {values} | {one.rounds} | {one.loss:.6f} | {'given up' if one.given_up else ''} |"


def _child(one: Trial) -> ChildRun:
    return ChildRun(
        name=f"trial {one.number}",
        params={f"response.{name}": str(value) for name, value in asdict(one.trees).items()},
        metrics={f"{LOSS}_best": one.loss, "rounds": float(one.rounds)},
        curve={LOSS: [(look.rounds, look.loss) for look in one.looks]},
        tags={"trial": "given up" if one.given_up else "finished"},
        began=one.began,
        ended=one.ended,
    )
