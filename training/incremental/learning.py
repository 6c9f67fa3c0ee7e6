"""What a contact brings against none, learned from the decision log where enough was left to chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.progress import Progress
from models.incremental import CONSTANT
from models.inputs import response_inputs
from models.track_record import TrackRecord
from training.affinity import AffinityFit
from training.decision_rows import DecisionRows, MadeAgain, RowStore, read_decision_rows
from training.incremental.choosing import Chosen, choose
from training.incremental.rows import comparable
from training.incremental.trial import Trial
from training.settings import TrainingSettings
from training.table import Dataset, Exposures
from training.train import response_rows

FEWEST = 300
"""Rows with, and without, a contact, without which nothing is learned."""

MOST = 200_000
"""Rows that are learned from, drawn from all of them."""


@dataclass(frozen=True, slots=True)
class Learned:
    """remark: one line for people. chosen: None when there was too little to compare."""

    remark: str
    chosen: Chosen | None = None


def learn(
    dataset: Dataset,
    fits: Sequence[AffinityFit],
    records: Sequence[TrackRecord],
    store: RowStore,
    made_again: MadeAgain | None,
    settings: TrainingSettings,
    progress: Progress,
) -> Learned:
    """Deterministic for dataset, decisions and settings. fits, records: of affinity and of actions, by time, as
    training.train has them. made_again: None, decisions are not looked at. Raises StoreError."""
    if made_again is None:
        return Learned(_shortage(0, 0, 0, "decisions were not looked at"))
    reading = read_decision_rows(store, dataset, made_again, progress)
    compiled = dataset.compiled
    found = comparable(_drawn(reading.rows, settings.seed), compiled.policy.owed[compiled.action])
    treated = int(found.rows.treated.sum())
    if min(treated, len(found.rows) - treated) < FEWEST:
        left = "; ".join(reading.left.remarks)
        return Learned(_shortage(treated, len(found.rows) - treated, found.left, left))
    with progress.step("Learn what a contact brings against none", total=None):
        rows = found.rows
        columns = response_rows(dataset, _exposures(rows), fits, records)
        person = rows.pairs.person.astype(np.int64)
        trial = Trial(columns, rows.treated, found.propensity, rows.net_sales, person)
        chosen = choose(trial, response_inputs(), settings.seed, settings.threads)
    return Learned(_remark(chosen, dataset), chosen)


def _drawn(rows: DecisionRows, seed: int) -> DecisionRows:
    if len(rows) <= MOST:
        return rows
    return rows.take(np.sort(np.random.default_rng(seed).choice(len(rows), MOST, replace=False)))


def _exposures(rows: DecisionRows) -> Exposures:
    return Exposures(rows.pairs, rows.matured_at, rows.bought, rows.version)


def _shortage(treated: int, controls: int, left: int, why: str) -> str:
    return (
        f"incremental value is not learned, `rank_by: incremental` ranks by response: rows with an action are "
        f"{treated:,} and without one {controls:,} ({left:,} cannot be compared{'; ' if why else ''}{why}); {FEWEST} "
        "of each are needed; give the catalogue arms (holdout, random)"
    )


def _remark(chosen: Chosen, dataset: Dataset) -> str:
    origin, average = chosen.model.origin, chosen.average
    known = f"by person and action, as the {origin.learner}-learner has it"
    who = "all alike, for no learner is shown to know more" if origin.learner == CONSTANT else known
    return (
        f"incremental value: a contact adds {average.value:,.3f} {dataset.compiled.catalogue.currency} of net sales "
        f"(95 % {average.low:,.3f} to {average.high:,.3f}), from {origin.rows:,} draws, {origin.treated:,} of an "
        f"action; {who}"
    )
