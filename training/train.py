"""Learns the response model: honest time-ordered splits first, then everything.

    ---- train ----|        |-- validation --|        |---- test ----        moment of the exposure ->
                   matured by               matured by

A part is used only by what comes after all of its labels were known: exposures whose window straddles a cutoff belong
to no part while judging, and are learned from at the end only.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.progress import Progress
from models.bundle import Bundle, Provenance
from models.calibration import Calibration
from models.inputs import NEED_INPUTS, affinity_columns, interest_columns, response_columns, response_inputs
from models.population import COLUMNS
from models.track_record import TrackRecord
from training import affinity
from training.affinity import AffinityFit
from training.errors import NothingToLearn, TooFewSuccesses
from training.growing import Sample, best_rounds, calibrate_across_people, grow, joined, part_of, shared_table
from training.settings import TrainingSettings
from training.table import Dataset, Exposures, exposure_rows
from training.track_records import track_records, track_rows

PART_SHARES = (0.2, 0.1, 0.05)
"""At least this share of all successes is in the test part, and again in the validation part: the first with which what
is learned from has as many successes as either. Where contacts began a few windows ago, large parts would leave nothing
that had matured before them."""

FEW = 1_500
"""Successes in all from which on the response forest begins without a backbone: with fewer trees alone learn less, with
more they learn what the backbone says, and a little better."""

PER_TREE = 10
"""Successes for each tree after a backbone, at least: with few the validation part chooses by luck how many help, and
they take what the backbone said."""

FEWEST = 10
"""Successes without which a part says nothing."""

TOO_FEW = "successes"
"""What the message of a NothingToLearn for lack of them begins with."""

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
class Drawn:
    """What the response model is learned from and judged on, before any is grown. parts: by the names of PARTS. fits:
    affinity models, records: what was known of actions, each the earliest first."""

    splits: Splits
    parts: Mapping[str, Part]
    fits: Sequence[AffinityFit]
    records: Sequence[TrackRecord]


@dataclass(frozen=True, slots=True)
class Backtest:
    """What the model would have been worth: the forest grown on train and validation, judged on test. raw: log odds
    of the test part. calibration: fitted on people of the validation part that its forests had not seen. rounds: best
    on validation, when grown on train. backbone: whether its forests begin with one."""

    splits: Splits
    parts: Mapping[str, Part]
    fits: Sequence[AffinityFit]
    records: Sequence[TrackRecord]
    rounds: int
    backbone: bool
    raw: NDArray[np.float64]
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class Trained:
    """The model to ship and the evidence for it."""

    bundle: Bundle
    dataset: Dataset
    backtest: Backtest


def choose_splits(exposures: Exposures) -> Splits:
    """The latest cutoffs that leave a share of the successes to each of test and validation: the first of PART_SHARES
    that leaves as many to learn from, else the last. Raises NothingToLearn when a part would have fewer than FEWEST."""
    *larger, least = (max(FEWEST, int(np.ceil(share * exposures.success.sum()))) for share in PART_SHARES)
    for enough in larger:
        try:
            return _cut(exposures, enough, enough)
        except NothingToLearn:
            continue  # with less to be judged on
    return _cut(exposures, least, FEWEST)


def _cut(exposures: Exposures, enough: int, learned_from: int) -> Splits:
    """enough: successes for each of the two parts. learned_from: before them, at least."""
    moment, matured, success = exposures.pairs.moment, exposures.matured_at, exposures.success
    test_from = _latest(moment[success], enough, "test")
    validation_from = _latest(moment[success & (matured <= test_from)], enough, "validation")
    learned = int((success & (matured <= validation_from)).sum())
    if learned < learned_from:
        raise TooFewSuccesses(
            f"{TOO_FEW} to train on are {learned}; {FEWEST} are needed before validation; import more"
        )
    return Splits(validation_from, test_from)


def _latest(moments: NDArray[np.int64], enough: int, part: str) -> int:
    if len(moments) < enough:
        raise TooFewSuccesses(
            f"{TOO_FEW} for {part} are {len(moments)}; {enough} are needed there, {3 * FEWEST} in all; "
            "import contacts (sent, displayed) of actions and the outcomes that the catalogue calls their success"
        )
    return int(np.sort(moments)[-enough])


def drawn_parts(dataset: Dataset, settings: TrainingSettings, progress: Progress) -> Drawn:
    """Raises NothingToLearn."""
    splits = choose_splits(dataset.exposures)
    fits, records = affinity.fit_all(dataset, settings, progress), track_records(dataset)
    parts: dict[str, Part] = {}
    with progress.step("Compute exposures' features", total=len(PARTS)) as advance:
        for number, (name, mask) in enumerate(splits.masks(dataset.exposures).items()):
            limit = settings.judged if name == "test" else settings.negatives
            rng = np.random.default_rng([settings.seed, number])
            parts[name] = drawn_part(dataset, dataset.exposures.take(mask), fits, records, limit, rng)
            advance()
    return Drawn(splits, parts, fits, records)


def backtest(dataset: Dataset, settings: TrainingSettings, progress: Progress, drawn: Drawn | None = None) -> Backtest:
    """drawn: by the same settings but for `response`; None: drawn now. Raises NothingToLearn."""
    made = drawn_parts(dataset, settings, progress) if drawn is None else drawn
    parts, backbone = made.parts, begins_with_backbone(dataset.exposures)
    with progress.step("Learn response, judged on later contacts", total=2) as advance:
        before = joined([parts["train"].sample, parts["validation"].sample])
        judged = np.arange(len(before.label)) >= len(parts["train"].sample.label)
        table = shared_table(before, response_inputs(), backbone=backbone)
        told = (*_told(settings.rounds, settings), parts["validation"].sample, settings.patience)
        train_table = part_of(table, ~judged)
        best = best_rounds(parts["train"].sample, *told, backbone=backbone, table=train_table)
        rounds = min(best, most_rounds(dataset.exposures))
        advance()
        late = grow(before, *_told(rounds, settings), backbone=backbone, table=table)
        advance()
    with progress.step("Calibrate response on unseen people", total=1) as advance:
        unseen = (before, judged, *_told(rounds, settings), settings.threads)
        calibration = calibrate_across_people(*unseen, backbone=backbone, table=table)
        advance()
    raw = late.raw(parts["test"].sample.columns)
    return Backtest(made.splits, parts, made.fits, made.records, rounds, backbone, raw, calibration)


def train(dataset: Dataset, settings: TrainingSettings, progress: Progress, drawn: Drawn | None = None) -> Trained:
    """Judge on the latest contacts, then learn from all of them with the same number of rounds; calibrate on
    the later contacts of people that the forest had not seen. drawn: as in backtest. Raises NothingToLearn."""
    tested = backtest(dataset, settings, progress, drawn)
    sample, judged = everything(tested.parts, settings)
    with progress.step("Learn response from everything", total=2) as advance:
        told, backbone = _told(tested.rounds, settings), tested.backbone
        table = shared_table(sample, response_inputs(), backbone=backbone)
        forest = grow(sample, *told, backbone=backbone, table=table)
        advance()
        unseen = (sample, judged, *told, settings.threads)
        calibration = calibrate_across_people(*unseen, backbone=backbone, table=table)
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
        track_record=tested.records[-1],
        interest=latest.interest,
    )
    return Trained(bundle, dataset, tested)


def begins_with_backbone(exposures: Exposures) -> bool:
    """Whether the response forests learned of them do."""
    return int(exposures.success.sum()) < FEW


def most_rounds(exposures: Exposures) -> int:
    """Trees that a response forest may have besides its backbone's; without one as many as do best."""
    successes = int(exposures.success.sum())
    return max(1, successes // PER_TREE) if begins_with_backbone(exposures) else sys.maxsize


def everything(parts: Mapping[str, Part], settings: TrainingSettings) -> tuple[Sample, NDArray[np.bool_]]:
    """What the forest that ships is grown on, and bool[n], the later contacts, by which it is calibrated."""
    rng = np.random.default_rng([settings.seed, len(PARTS)])
    samples = [parts[name].sample for name in ("train", "straddling", "validation")]
    judged_from = len(samples[0].label) + len(samples[1].label)
    samples.append(_thinned(parts["test"].sample, settings.negatives, rng))
    sample = joined(samples)
    return sample, np.arange(len(sample.label)) >= judged_from


def response_rows(
    dataset: Dataset,
    exposures: Exposures,
    fits: Sequence[AffinityFit],
    records: Sequence[TrackRecord],
    features: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """float64[n, response_inputs]: each exposure as of its moment, with the affinity, the population's figures and the
    track record of the latest fit and record that saw nothing after it; NaN and 0 before the first. features: the
    exposures' feature rows; None: computed."""
    pairs = exposures.pairs
    rows = exposure_rows(dataset, exposures) if features is None else features
    needs = np.full((len(pairs), len(NEED_INPUTS)), np.nan)
    interested = bool(fits) and fits[-1].interest is not None
    if not interested:
        needs[:, 1] = 0.0
    figures = np.full((len(pairs), len(COLUMNS)), np.nan)
    fit_of = affinity.by_time(fits, pairs.moment)
    for number, fit in enumerate(fits):
        chosen = np.flatnonzero((fit_of == number) & (pairs.category >= 0))
        category = pairs.category[chosen]
        figures[chosen] = fit.population.by_number(dataset.compiled.catalogue.categories)[category]
        columns = affinity_columns(rows[chosen], figures[chosen])
        needs[chosen, 0] = fit.forest.raw(columns)
        if interested and fit.interest is not None:
            levels = fit.interest.by_number(dataset.compiled.catalogue.categories)
            needs[chosen, 1] = fit.interest.forest.raw(interest_columns(rows[chosen], columns)) + levels[category]
    track = track_rows(records, dataset.compiled, pairs.moment, pairs.candidate)
    return response_columns(rows, needs, figures, track)


def drawn_part(
    dataset: Dataset,
    exposures: Exposures,
    fits: Sequence[AffinityFit],
    records: Sequence[TrackRecord],
    limit: int,
    rng: np.random.Generator,
) -> Part:
    chosen, weight = _drawn(exposures.success, limit, rng)
    kept = exposures.take(chosen)
    return Part(kept, Sample(response_rows(dataset, kept, fits, records), kept.success, weight, kept.pairs.person))


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
    return response_inputs(), settings.response.told(), rounds, settings.seed
