"""Whether probabilities are as high as what happens, by channel and by action: an average over channels hides that one
is promised too much and another too little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.growing import Sample
from training.metrics import calibration_error
from training.offpolicy.estimators import Terms
from training.offpolicy.intervals import linearised
from training.segments import By, Segment, by_action, by_channel
from training.table import Dataset
from training.train import FEWEST, Part

SHOWN = 30
"""Actions in a table."""
TITLE = "Calibration"
NOTE = (
    f"Brackets are 95 % intervals over people, from {FEWEST} successes on. Where a row has *, its interval leaves 1 "
    "out: above 1 more succeed than was promised, below 1 fewer. By chance one channel in twenty has it. The actions "
    f"are the {SHOWN} with most contacts among those with {FEWEST} successes: who was lucky gets there sooner, so that "
    "more than one in twenty has a * by chance, mostly above 1."
)


@dataclass(frozen=True, slots=True)
class Reliability:
    """rows, successes: of contacts; rows as an estimate from weights. predicted, observed: shares of successes. low,
    high: of observed / predicted, 95 % over people; NaN below FEWEST successes, where no interval is to be trusted.
    error: of calibration, as in metrics."""

    by: By
    name: str
    rows: float
    successes: int
    predicted: float
    observed: float
    low: float
    high: float
    error: float

    @property
    def ratio(self) -> float:
        """Observed / predicted: above 1, more succeed than were promised."""
        return self.observed / self.predicted

    @property
    def is_off(self) -> bool:
        """The interval leaves 1 out."""
        return not math.isnan(self.low) and not self.low <= 1.0 <= self.high


def reliability(segment: Segment, probability: NDArray[np.float64], sample: Sample) -> Reliability:
    """probability: float64[n], calibrated, of the sample's rows. The interval is on the logarithm of the ratio."""
    part, chance = sample.take(segment.rows), probability[segment.rows]
    weight, label = part.weight, part.label
    total, successes = float(weight.sum()), int(label.sum())
    low = high = math.nan
    if successes >= FEWEST and len(np.unique(part.person)) > 1:
        found = linearised(Terms(weight * label, weight * chance), part.person.astype(np.int64))
        away = math.exp((found.high - found.value) / found.value)
        low, high = found.value / away, found.value * away
    return Reliability(
        by=segment.by,
        name=segment.name,
        rows=total,
        successes=successes,
        predicted=float(weight @ chance) / total,
        observed=float(weight @ label) / total,
        low=low,
        high=high,
        error=calibration_error(chance, label, weight),
    )


def by_channel_and_action(dataset: Dataset, part: Part, probability: NDArray[np.float64]) -> tuple[Reliability, ...]:
    """Of every channel, and of the SHOWN most frequent actions with FEWEST successes."""
    pairs = part.exposures.pairs
    channels = [reliability(one, probability, part.sample) for one in by_channel(dataset, pairs)]
    enough = [one for one in by_action(dataset, pairs) if part.sample.label[one.rows].sum() >= FEWEST]
    return (*channels, *(reliability(one, probability, part.sample) for one in enough[:SHOWN]))


def flat(found: Sequence[Reliability]) -> dict[str, float]:
    """Of channels, by a name that tracking accepts."""
    return {
        f"calibration.{one.name.replace(' ', '.')}.{name}": value
        for one in found
        if one.by is By.CHANNEL
        for name, value in (("ratio", one.ratio), ("error", one.error))
    }


def markdown(found: Sequence[Reliability]) -> str:
    head = f"| {TITLE} | contacts | successes | predicted | observed | observed / predicted | calibration error |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *map(_row, found), "", NOTE])


def _row(one: Reliability) -> str:
    interval = "" if math.isnan(one.low) else f" ({one.low:.2f} to {one.high:.2f})"
    off = " *" if one.is_off else ""
    figures = f"{one.predicted:.4f} | {one.observed:.4f} | {one.ratio:.2f}{interval}{off} | {one.error:.4f}"
    return f"| {one.name} | {one.rows:,.0f} | {one.successes:,} | {figures} |"
