"""Learns the response model: honest time-ordered splits first, then everything.

    ---- train ----|        |-- validation --|        |---- test ----        moment of the exposure ->
                   matured by               matured by

A part is used only by what comes after all of its labels were known: exposures whose window straddles a cutoff belong
to no part while judging, and are learned from at the end only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.progress import Progress
from models.bundle import Bundle, Provenance
from models.calibration import Calibration
from models.forest import Forest
from models.inputs import affinity_columns, response_columns, response_inputs
from models.population import COLUMNS
from training import affinity
from training.affinity import AffinityFit
from training.errors import NothingToLearn
from training.growing import Sample, calibrate_across_people, grow, joined
from training.settings import RESPONSE, TrainingSettings
from training.table import Dataset, Exposures, feature_rows

PART_SHARE = 0.2
"""At least this share of all successes is in the test part, and again in the validation part."""

FEWEST = 10
"""Successes without which a part says nothing."""

PARTS = ("train", "validation", "test", "straddling")


@dataclass(frozen=True, slots=True)
class Splits:
    """ms UTC. Train: matured by validation_from. Validation: from then on, matured by test_from. Test: from then on."""

    validation_from: int
    test_from: int

    def masks(self, exposures: Exposures) -> dict[str, NDArray[np.bool_]]:
        """bool[n] by the names of PARTS; each exposure is in exactly one."""
        moment, matured = exposures.pairs.moment, exposures.matured_at
        test = moment >= self.test_from
        validation = ~test & (moment >= self.validation_from) & (matured <= self.test_from)
        train = ~test & (moment < self.validation_from) & (matured <= self.validation_from)
        return dict(zip(PARTS, (train, validation, test, ~(train | validation | test)), strict=True))


@dataclass(frozen=True, slots=True)
class Part:
    """Drawn exposures of one part, and their columns for the response model: every success, and failures with weights
    that make up for those left out."""

    exposures: Exposures
    sample: Sample


@dataclass(frozen=True, slots=True)
class Backtest:
    """What the model would have been worth: the forest grown on train and validation, judged on test. raw: log odds
    of the test part. calibration: fitted on people of the validation part that its forests had not seen. rounds: best
    on validation, when grown on train."""

    splits: Splits
    parts: Mapping[str, Part]
    fits: Sequence[AffinityFit]
    rounds: int
    raw: NDArray[np.float64]
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class Trained:
    """The model to ship and the evidence for it."""

    bundle: Bundle
    dataset: Dataset
    backtest: Backtest


def choose_splits(exposures: Exposures) -> Splits:
    """The latest cutoffs that leave PART_SHARE of the successes to each of test and validation. Raises NothingToLearn
    when a part would have fewer than FEWEST."""
    moment, matured, success = exposures.pairs.moment, exposures.matured_at, exposures.success
    enough = max(FEWEST, int(np.ceil(PART_SHARE * success.sum())))
    test_from = _latest(moment[success], enough, "test")
    validation_from = _latest(moment[success & (matured <= test_from)], enough, "validation")
    learned = int((success & (matured <= validation_from)).sum())
    if learned < FEWEST:
        raise NothingToLearn(f"successes to train on are {learned}; {FEWEST} are needed before validation; import more")
    return Splits(validation_from, test_from)


def _latest(moments: NDArray[np.int64], enough: int, part: str) -> int:
    if len(moments) < enough:
        raise NothingToLearn(
            f"successes for {part} are {len(moments)}; {enough} are needed there, {3 * FEWEST} in all; "
            "import contacts (sent, displayed) of actions and the outcomes that the catalogue calls their success"
        )
    return int(np.sort(moments)[-enough])


def backtest(dataset: Dataset, settings: TrainingSettings, progress: Progress) -> Backtest:
    """Raises NothingToLearn."""
    splits = choose_splits(dataset.exposures)
    fits = affinity.fit_all(dataset, settings, progress)
    parts: dict[str, Part] = {}
    with progress.step("Compute exposures' features", total=len(PARTS)) as advance:
        for number, (name, mask) in enumerate(splits.masks(dataset.exposures).items()):
            limit = settings.judged if name == "test" else settings.negatives
            rng = np.random.default_rng([settings.seed, number])
            parts[name] = drawn_part(dataset, dataset.exposures.take(mask), fits, limit, rng)
            advance()
    with progress.step("Learn response, judged on later contacts", total=2) as advance:
        early = _grow([parts["train"].sample], settings.rounds, settings, parts["validation"].sample)
        advance()
        late = _grow([parts["train"].sample, parts["validation"].sample], early.rounds, settings)
        advance()
    before = joined([parts["train"].sample, parts["validation"].sample])
    judged = np.arange(len(before.label)) >= len(parts["train"].sample.label)
    with progress.step("Calibrate response on unseen people", total=1) as advance:
        calibration = calibrate_across_people(before, judged, *_told(early.rounds, settings), settings.threads)
        advance()
    raw = late.raw(parts["test"].sample.columns)
    return Backtest(splits, parts, fits, early.rounds, raw, calibration)


def train(dataset: Dataset, settings: TrainingSettings, progress: Progress) -> Trained:
    """Judge on the latest contacts, then learn from all of them with the same number of rounds; calibrate on
    the later contacts of people that the forest had not seen. Raises NothingToLearn."""
    tested = backtest(dataset, settings, progress)
    rng = np.random.default_rng([settings.seed, len(PARTS)])
    samples = [tested.parts[name].sample for name in ("train", "straddling", "validation")]
    judged_from = len(samples[0].label) + len(samples[1].label)
    samples.append(_thinned(tested.parts["test"].sample, settings.negatives, rng))
    everything = joined(samples)
    with progress.step("Learn response from everything", total=2) as advance:
        forest = _grow(samples, tested.rounds, settings)
        advance()
        judged = np.arange(len(everything.label)) >= judged_from
        calibration = calibrate_across_people(everything, judged, *_told(tested.rounds, settings), settings.threads)
        advance()
    latest = tested.fits[-1]
    provenance = Provenance(
        trained_until=dataset.known_at,
        dataset_digest=dataset.digest,
        catalogue_version=dataset.compiled.version,
        seed=settings.seed,
        exposures=len(dataset.exposures),
        positives=int(dataset.exposures.success.sum()),
    )
    bundle = Bundle(
        provenance=provenance,
        affinity=latest.forest,
        response=forest,
        calibration=calibration,
        population=latest.population,
    )
    return Trained(bundle, dataset, tested)


def response_rows(dataset: Dataset, exposures: Exposures, fits: Sequence[AffinityFit]) -> NDArray[np.float64]:
    """float64[n, response_inputs]: each exposure as of its moment, with the affinity and the population's figures of
    the latest fit that saw nothing after it; NaN before the first."""
    pairs = exposures.pairs
    rows = feature_rows(dataset, pairs, dataset.compiled.all)
    log_odds = np.full(len(pairs), np.nan)
    figures = np.full((len(pairs), len(COLUMNS)), np.nan)
    fit_of = affinity.by_time(fits, pairs.moment)
    for number, fit in enumerate(fits):
        chosen = np.flatnonzero((fit_of == number) & (pairs.category >= 0))
        category = pairs.category[chosen]
        figures[chosen] = fit.population.by_number(dataset.compiled.catalogue.categories)[category]
        log_odds[chosen] = fit.forest.raw(affinity_columns(rows[chosen], figures[chosen]))
    return response_columns(rows, log_odds, figures)


def drawn_part(
    dataset: Dataset,
    exposures: Exposures,
    fits: Sequence[AffinityFit],
    limit: int,
    rng: np.random.Generator,
) -> Part:
    chosen, weight = _drawn(exposures.success, limit, rng)
    kept = exposures.take(chosen)
    return Part(kept, Sample(response_rows(dataset, kept, fits), kept.success, weight, kept.pairs.person))


def _drawn(
    success: NDArray[np.bool_], limit: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """All successes and about `limit` failures, in order, with one over the chance of each."""
    failures = len(success) - int(success.sum())
    chance = np.where(success, 1.0, min(1.0, limit / max(failures, 1)))
    chosen = np.flatnonzero(rng.random(len(success)) < chance)
    return chosen, 1.0 / chance[chosen]


def _thinned(sample: Sample, limit: int, rng: np.random.Generator) -> Sample:
    chosen, weight = _drawn(sample.label, limit, rng)
    return replace(sample.take(chosen), weight=sample.weight[chosen] * weight)


def _told(rounds: int, settings: TrainingSettings) -> tuple[tuple[str, ...], Mapping[str, object], int, int]:
    return response_inputs(), RESPONSE, rounds, settings.seed


def _grow(
    samples: Sequence[Sample], rounds: int, settings: TrainingSettings, validation: Sample | None = None
) -> Forest:
    return grow(joined(samples), *_told(rounds, settings), validation, settings.patience)
