"""Our models beside the usual ones: the same splits, rows and metric code, with intervals over people.

Response: every matured contact from a cutoff on; each score becomes a probability by the same calibration, fitted on
the contacts before. Next purchase: for each person all (leaf) categories are ranked at one moment, 28 days before the
end of the data; relevant is what the next order of any leaf held, and what was bought in all of the 28 days, as far as
recorded by their end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.progress import Progress
from models.affinity import HORIZON
from models.calibration import IDENTITY, Calibration
from training import affinity, baselines, metrics, reliability
from training.affinity import AffinityFit
from training.baselines import Baseline
from training.errors import NothingToLearn
from training.growing import Sample, best_rounds, calibrate_across_people, fit_calibration, grow, joined
from training.purchases import Purchases
from training.reliability import Reliability, by_channel_and_action
from training.settings import AFFINITY, TrainingSettings
from training.table import Dataset, Exposures, Pairs
from training.tables import (
    BASE_RATE,
    NEXT_METRICS,
    OURS,
    RESPONSE_METRICS,
    Table,
    next_draws,
    people_weights,
    response_draws,
    tabulate,
)
from training.train import Backtest

PLAIN = "LightGBM on raw counts"
PLAINLY = {"feature_fraction": 1.0}
"""The plain model has few columns and may look at all of them for every tree; otherwise it is told what ours is."""

NEXT_ORDER, NEXT_DAYS = "next order", "next 28 days"

CHUNK = 200
"""People whose rows over all categories are held at once."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """next_purchase: for the next order, and for the next 28 days. settings: those that did best in the 28 days
    before next_purchase's, by baseline. remarks: of the dataset. calibration: of response, by channel and action."""

    response: Table
    next_purchase: tuple[Table, ...]
    settings: Mapping[str, str]
    remarks: tuple[str, ...]
    calibration: tuple[Reliability, ...]

    def flat(self) -> dict[str, float]:
        """Every figure, by a name that tracking accepts."""
        tables = (self.response, *self.next_purchase)
        return {name: value for table in tables for name, value in table.flat().items()}

    def markdown(self) -> str:
        tables = (self.response, *self.next_purchase)
        found = [*(table.markdown() for table in tables), reliability.markdown(self.calibration)]
        return "\n\n".join([*found, *self.remarks])


@dataclass(frozen=True, slots=True)
class Rankings:
    """What is to be ranked: `pairs` is people x leaf categories at one moment. relevant: bool[people, leaves] by
    target."""

    pairs: Pairs
    relevant: Mapping[str, NDArray[np.bool_]]

    @property
    def shape(self) -> tuple[int, int]:
        people, leaves = self.relevant[NEXT_DAYS].shape
        return people, leaves


def evaluate(dataset: Dataset, tested: Backtest, settings: TrainingSettings, progress: Progress) -> Evaluation:
    """Deterministic for the dataset, the backtest and the settings."""
    cutoffs = tuple(fit.population.as_of for fit in tested.fits)
    methods, chosen = _tuned(dataset, cutoffs, settings, progress)
    response = _response(dataset, tested, methods, settings, progress)
    following = _next_purchase(dataset, tested, methods, settings, progress)
    calibrated = by_channel_and_action(dataset, tested.parts["test"], tested.calibration.apply(tested.raw))
    return Evaluation(response, following, chosen, dataset.remarks, calibrated)


def rankings(dataset: Dataset, moment: int, settings: TrainingSettings) -> Rankings:
    """Everybody who bought a leaf in (moment, moment + HORIZON], recorded by its end, or settings.judged_people of them
    by lot: each has something relevant for every target. Raises NothingToLearn when there is nobody."""
    bought, leaves = dataset.purchases, np.flatnonzero(dataset.purchases.leaf).astype(np.int32)
    within = affinity.bought_between(bought, np.arange(bought.people), moment, moment + HORIZON)[:, leaves]
    people = np.flatnonzero(within.any(axis=1))
    if len(people) == 0:
        raise NothingToLearn(
            f"buyers in the 28 days after {moment} (ms UTC) are none; ranking is judged on what they bought; "
            "import newer orders or judge earlier ones"
        )
    if len(people) > settings.judged_people:
        people = np.sort(np.random.default_rng(settings.seed).choice(people, settings.judged_people, replace=False))
    following = [_next_order(bought, person, moment)[leaves] for person in people.tolist()]
    category = np.tile(leaves, len(people))
    pairs = Pairs(
        np.repeat(people, len(leaves)).astype(np.int32), np.full(len(category), moment, np.int64), category, category
    )
    return Rankings(pairs, {NEXT_ORDER: np.array(following), NEXT_DAYS: within[people]})


def _next_order(bought: Purchases, person: int, moment: int) -> NDArray[np.bool_]:
    """bool[categories]: the leaves in the first order after `moment` that holds any, among those that happened and were
    recorded within HORIZON, however long after the order; orders of the same millisecond count as one."""
    rows = slice(bought.start[person], bought.start[person + 1])
    at, category, until = bought.at[rows], bought.category[rows], moment + HORIZON
    known = (at > moment) & (at <= until) & (bought.recorded_at[rows] <= until) & bought.leaf[category]
    found = np.zeros(len(bought.leaf), np.bool_)
    found[category[known & (at == at[known].min())]] = True
    return found


def _tuned(
    dataset: Dataset, cutoffs: Sequence[int], settings: TrainingSettings, progress: Progress
) -> tuple[dict[str, Baseline], dict[str, str]]:
    """Each baseline at the setting with the best NDCG@10 for the next order 28 days before the test's moment."""
    moment = dataset.known_at - 2 * HORIZON
    asked = rankings(dataset, moment, settings)
    methods: dict[str, Baseline] = {
        "popularity": baselines.popularity,
        "personal frequency": baselines.personal_frequency,
    }
    chosen: dict[str, str] = {}
    tried = baselines.tunable((moment,), settings.seed)
    offered = baselines.tunable(tuple(cutoffs), settings.seed)
    with progress.step("Tune the baselines", total=sum(map(len, tried.values()))) as advance:
        for name, options in tried.items():
            worth: dict[str, float] = {}
            for setting, option in options.items():
                score = option(dataset.purchases, asked.pairs).reshape(asked.shape)
                worth[setting] = float(metrics.ndcg(score, asked.relevant[NEXT_ORDER], 10).mean())
                advance()
            chosen[name] = max(worth, key=worth.__getitem__)
            methods[name] = offered[name][chosen[name]]
    return methods, chosen


def _response(
    dataset: Dataset, tested: Backtest, methods: Mapping[str, Baseline], settings: TrainingSettings, progress: Progress
) -> Table:
    past, test = tested.parts["validation"], tested.parts["test"]
    everyone, person = np.unique(test.exposures.pairs.person, return_inverse=True)
    draws = people_weights(len(everyone), settings.resamples, np.random.default_rng([settings.seed, 1]))
    with progress.step("Judge response", total=len(methods) + 3) as advance:
        scored = {OURS: (tested.raw, tested.calibration), PLAIN: _plain_response(dataset, tested, settings)}
        for name, method in methods.items():
            before, after = (method(dataset.purchases, part.exposures.pairs) for part in (past, test))
            scored[name] = _fitted(before, after, past.sample)
            advance()
        rate = np.average(past.sample.label, weights=past.sample.weight)
        scored[BASE_RATE] = (np.full(len(test.sample.label), np.log(rate / (1 - rate))), IDENTITY)
        known = (test.sample.label, test.sample.weight, person)
        drawn = {
            name: response_draws(raw, calibration.apply(raw), *known, draws)
            for name, (raw, calibration) in scored.items()
        }
    size = (len(everyone), round(test.sample.weight.sum()), int(test.sample.label.sum()))
    return tabulate("Response", RESPONSE_METRICS, drawn, *size)


def _fitted(
    before: NDArray[np.float64], after: NDArray[np.float64], past: Sample
) -> tuple[NDArray[np.float64], Calibration]:
    """Counts and similarities on a scale like that of log odds, in the same order, so that calibration, fitted on the
    validation part, does them justice."""
    scale = float(np.abs(before).mean()) or 1.0
    return np.arcsinh(after / scale), fit_calibration(np.arcsinh(before / scale), past.label, past.weight)


def _plain_response(
    dataset: Dataset, tested: Backtest, settings: TrainingSettings
) -> tuple[NDArray[np.float64], Calibration]:
    """Grown and calibrated like ours, on the same rows; but of raw counts of purchases, contacts and successes, and
    without a backbone."""
    names = (*baselines.COUNTS, "contacts", "successes")
    train, validation, test = (
        replace(tested.parts[part].sample, columns=_plain_columns(dataset, tested.parts[part].exposures))
        for part in ("train", "validation", "test")
    )
    told, seed = {**settings.response.told(), **PLAINLY}, settings.seed
    until = (settings.rounds, seed, validation, settings.patience)
    rounds = best_rounds(train, names, told, *until, backbone=False)
    before = joined([train, validation])
    judged = np.arange(len(before.label)) >= len(train.label)
    calibration = calibrate_across_people(before, judged, names, told, rounds, seed, settings.threads)
    return grow(before, names, told, rounds, seed).raw(test.columns), calibration


def _plain_columns(dataset: Dataset, exposures: Exposures) -> NDArray[np.float64]:
    every = dataset.exposures
    contacts = _known_before(exposures, every.pairs.person, every.pairs.moment + 1)
    successes = _known_before(exposures, every.pairs.person[every.success], every.matured_at[every.success])
    return np.column_stack([baselines.raw_counts(dataset.purchases, exposures.pairs), contacts, successes])


def _known_before(exposures: Exposures, person: NDArray[np.int32], since: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n]: how many of the person's things were known (`since` <= moment) at each exposure."""
    known = np.sort((person.astype(np.int64) << 42) + since)
    asked = exposures.pairs.person.astype(np.int64) << 42
    up_to = np.searchsorted(known, asked + exposures.pairs.moment, side="right")
    return np.asarray(up_to - np.searchsorted(known, asked, side="left"), np.int64)


def _next_purchase(
    dataset: Dataset, tested: Backtest, methods: Mapping[str, Baseline], settings: TrainingSettings, progress: Progress
) -> tuple[Table, ...]:
    moment = dataset.known_at - HORIZON
    asked = rankings(dataset, moment, settings)
    fit = next(fit for fit in tested.fits if fit.population.as_of == moment)
    scores = {OURS: _affinity_scores(dataset, asked, fit, progress)}
    with progress.step("Judge next purchase", total=len(methods) + 1) as advance:
        scores[PLAIN] = _plain_affinity(dataset, asked, settings)
        advance()
        for name, method in methods.items():
            scores[name] = method(dataset.purchases, asked.pairs)
            advance()
    draws = people_weights(asked.shape[0], settings.resamples, np.random.default_rng([settings.seed, 2]))
    tables = []
    for target, relevant in asked.relevant.items():
        drawn = {name: next_draws(score.reshape(asked.shape), relevant, draws) for name, score in scores.items()}
        size = (asked.shape[0], asked.shape[0], int(relevant.sum()))
        tables.append(tabulate(f"Next purchase - {target}", NEXT_METRICS, drawn, *size))
    return tuple(tables)


def _affinity_scores(dataset: Dataset, asked: Rankings, fit: AffinityFit, progress: Progress) -> NDArray[np.float64]:
    people, leaves = asked.shape
    figures = fit.population.by_number(dataset.compiled.catalogue.categories)
    score = np.empty(len(asked.pairs))
    with progress.step("Rank categories for everybody", total=people) as advance:
        for first in range(0, people, CHUNK):
            chosen = np.arange(first * leaves, min(first + CHUNK, people) * leaves)
            pairs = asked.pairs.take(chosen)
            score[chosen] = fit.forest.raw(affinity.affinity_rows(dataset, pairs, figures))
            advance(min(CHUNK, people - first))
    return score


def _plain_affinity(dataset: Dataset, asked: Rankings, settings: TrainingSettings) -> NDArray[np.float64]:
    """Learns from the very rows that ours learns from, but raw counts of them."""
    samples = []
    for moment in affinity.learned_from(affinity.grid(dataset), int(asked.pairs.moment[0]), settings):
        rng = np.random.default_rng([settings.seed, moment])
        drawn = affinity.draw(dataset, moment, settings.affinity_people, rng)
        samples.append(
            Sample(baselines.raw_counts(dataset.purchases, drawn.pairs), drawn.label, drawn.weight, drawn.pairs.person)
        )
    told = (settings.affinity_rounds, settings.seed)
    forest = grow(joined(samples), baselines.COUNTS, {**AFFINITY, **PLAINLY}, *told)
    return forest.raw(baselines.raw_counts(dataset.purchases, asked.pairs))
