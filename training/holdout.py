"""Challenger and champion on contacts that came later than what they learned from; no log of draws is needed.

Best are contacts after both: there the very models are judged that would serve. A challenger that learned from
everything until now has none yet; then each run's own backtest stands in, whose models had not seen its test contacts,
as figures relative to what knowing only the rate of successes would cost, which two test parts need not share. A
challenger's run also holds the champion of then to its own test contacts, where those came after what that had learned
from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from features.definitions import names
from models.bundle import Bundle
from models.document_fields import text_of
from training.affinity import AffinityFit
from training.growing import Sample
from training.metrics import calibration_chance, calibration_error, log_loss
from training.promotion import Figures, Holdout, NotEvaluable
from training.settings import TrainingSettings
from training.table import Dataset, Exposures
from training.train import FEWEST, Backtest, Part, drawn_part, response_rows

if TYPE_CHECKING:
    from training.registry import RunFigures

LOSS, ERROR, CHANCE = "test.log_loss", "test.calibration_error", "test.calibration_chance"
ROWS, SUCCESSES = "test.exposures", "test.successes"
"""Of a run's metrics."""
BESIDE = {LOSS: "champion.log_loss", ERROR: "champion.calibration_error", CHANCE: "champion.calibration_chance"}
"""Of a run's metrics, what the champion of then makes of the same contacts; BESIDE_TAG: which version that was."""
BESIDE_TAG = "champion_beside"


@dataclass(frozen=True, slots=True, eq=False)
class Later:
    """Matured contacts of which neither had seen any. drawn: the exposures that judge, in the order of sample.
    challenger, champion: float64[n], what each gives them; champion None where there is none. contacts: how many there
    are in all. since: ms UTC."""

    drawn: Exposures
    sample: Sample
    challenger: NDArray[np.float64]
    champion: NDArray[np.float64] | None
    contacts: int
    since: int

    @property
    def holdout(self) -> Holdout:
        ours = _judged(self.challenger, self.sample)
        theirs = None if self.champion is None else _judged(self.champion, self.sample)
        contacts = f"on {self.contacts:,} contacts after {text_of(self.since)}, of which no model had seen any"
        return Holdout(ours, theirs, contacts)


def later_contacts(
    dataset: Dataset, challenger: Bundle, champion: Bundle | None, settings: TrainingSettings
) -> Later | None:
    """Matured contacts that were decided after both had learned; None where fewer than FEWEST of them succeeded, or
    failed."""
    since = max(one.provenance.trained_until for one in (challenger, champion) if one is not None)
    later = dataset.exposures.take(dataset.exposures.pairs.moment > since)
    successes = int(later.success.sum())
    if min(successes, len(later) - successes) < FEWEST:
        return None
    fits = [AffinityFit(challenger.affinity, challenger.population, challenger.interest)]
    rng = np.random.default_rng(settings.seed)
    part = drawn_part(dataset, later, fits, [challenger.track_record], settings.judged, rng)
    ours = challenger.calibration.apply(challenger.response.raw(part.sample.columns))
    theirs = None if champion is None else _probability(dataset, champion, part)
    return Later(part.exposures, part.sample, ours, theirs, len(later), since)


def _probability(dataset: Dataset, model: Bundle, part: Part) -> NDArray[np.float64]:
    """float64[n]: what `model` gives the contacts of a part that was made for another, with the same feature rows."""
    fits = [AffinityFit(model.affinity, model.population, model.interest)]
    features = part.sample.columns[:, : len(names())]
    rows = response_rows(dataset, part.exposures, fits, [model.track_record], features)
    return model.calibration.apply(model.response.raw(rows))


def beside(dataset: Dataset, champion: Bundle, tested: Backtest) -> Mapping[str, float]:
    """The champion's metrics on the backtest's test contacts, by the names in BESIDE; none where it had learned from
    later ones than the first of them."""
    if champion.provenance.trained_until > tested.splits.test_from:
        return {}
    part = tested.parts["test"]
    probability = _probability(dataset, champion, part)
    judged = (probability, part.sample.label, part.sample.weight)
    found = {
        LOSS: log_loss(*judged),
        ERROR: calibration_error(*judged),
        CHANCE: calibration_chance(probability, part.sample.weight),
    }
    return {BESIDE[name]: figure for name, figure in found.items()}


def champion_beside(challenger: RunFigures, champion: str) -> Mapping[str, float] | None:
    """Of the challenger's run, in the names of the champion's own; None where it holds no figures of that version."""
    if challenger.tags.get(BESIDE_TAG) != champion or not challenger.metrics.keys() >= set(BESIDE.values()):
        return None
    return {**challenger.metrics, **{name: challenger.metrics[told] for name, told in BESIDE.items()}}


def as_recorded(
    challenger: Mapping[str, float], champion: Mapping[str, float] | None, same: bool
) -> Holdout | NotEvaluable:
    """From the metrics of the runs. same: both learned from the same data, so that their test contacts are the same;
    figures of other weeks are no comparison, and the challenger is then held to what a first champion is."""
    figures = [_recorded(one) for one in (challenger, champion) if one is not None]
    if any(one is None for one in figures):
        return NotEvaluable("no contact is later than both models, and a run has no figures of its backtest")
    ours, *theirs = [one for one in figures if one is not None]
    contacts = "no contact is later than the models, so this is the backtest recorded with the run"
    if champion is not None:
        other = ", on its own latest contacts; the champion's is on others, so that a first champion's limit counts"
        contacts += ", of both on the same contacts" if same else other
    return Holdout(ours, theirs[0] if theirs and same else None, contacts)


def _judged(probability: NDArray[np.float64], sample: Sample) -> Figures:
    rate = float(np.average(sample.label, weights=sample.weight))
    judged = (probability, sample.label, sample.weight)
    return _relative(
        log_loss(*judged), calibration_error(*judged), calibration_chance(probability, sample.weight), rate
    )


def _recorded(metrics: Mapping[str, float]) -> Figures | None:
    if not metrics.keys() >= {LOSS, ERROR, ROWS, SUCCESSES}:
        return None
    chance = metrics.get(CHANCE, 0.0)  # of a run from before it was recorded
    return _relative(metrics[LOSS], metrics[ERROR], chance, metrics[SUCCESSES] / metrics[ROWS])


def _relative(loss: float, error: float, chance: float, rate: float) -> Figures:
    if not 0.0 < rate < 1.0:
        return Figures(float("nan"), float("nan"))
    entropy = -rate * np.log(rate) - (1.0 - rate) * np.log(1.0 - rate)
    return Figures(loss / float(entropy), error / rate, chance / rate)
