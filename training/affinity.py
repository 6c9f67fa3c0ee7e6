"""Learns what people buy next: rows of (person, moment, category), and affinity models that saw earlier data only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.progress import Progress
from models.affinity import HORIZON
from models.forest import Forest
from models.inputs import affinity_inputs, need_feature_index, with_figures
from models.interest import InterestModel
from models.population import Population
from training import interest
from training.census import population
from training.errors import NothingToLearn
from training.growing import Sample, grow, in_parallel, joined
from training.purchases import Purchases
from training.settings import AFFINITY, TrainingSettings
from training.table import Dataset, Pairs, every_category, feature_rows

DRAWN_BOUGHT = 0.35
DRAWN_OWN = 0.15
DRAWN_OTHER = 0.03
"""The chance that a row is learned from: bought next; not, though bought before; neither. Weights make up for it."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """pairs over CompiledCatalogue.categories at one moment each; label: bool[n], bought within HORIZON; weight."""

    pairs: Pairs
    label: NDArray[np.bool_]
    weight: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AffinityFit:
    """Models that saw nothing recorded after population.as_of. interest: None where people looked at too little."""

    forest: Forest
    population: Population
    interest: InterestModel | None


def bought_between(bought: Purchases, people: NDArray[np.intp], after: int, until: int) -> NDArray[np.bool_]:
    """bool[people, categories]: bought by each in (after, until], and recorded by then. people: ascending."""
    told = (bought.at > after) & (bought.at <= until) & (bought.recorded_at <= until)
    place = np.full(bought.people, -1)
    place[people] = np.arange(len(people))
    row, category = place[bought.person()[told]], bought.category[told]
    found = np.zeros((len(people), len(bought.leaf)), np.bool_)
    found[row[row >= 0], category[row >= 0]] = True
    return found


def draw(dataset: Dataset, moment: int, limit: int, rng: np.random.Generator) -> Drawn:
    """Rows at `moment`: of everybody who had bought something, or will first do so within HORIZON (those are what a new
    customer looks like); of `limit` of them, each as likely as another, where they are more."""
    bought = dataset.purchases
    first = np.full(bought.people, np.iinfo(np.int64).max)
    filled = np.flatnonzero(np.diff(bought.start))
    first[filled] = bought.at[bought.start[filled]]
    people = np.flatnonzero(first <= moment + HORIZON)
    if len(people) > limit:
        people = np.sort(rng.choice(people, limit, replace=False))
    label = bought_between(bought, people, moment, moment + HORIZON)
    own = bought_between(bought, people, 0, moment)
    chance = np.where(label, DRAWN_BOUGHT, np.where(own, DRAWN_OWN, DRAWN_OTHER))
    row, column = np.nonzero(rng.random(chance.shape) < chance)
    category = column.astype(np.int32)
    pairs = Pairs(people[row].astype(np.int32), np.full(len(row), moment, np.int64), category, category)
    return Drawn(pairs, label[row, column], 1.0 / chance[row, column])


def grid(dataset: Dataset) -> NDArray[np.int64]:
    """Moments HORIZON apart, ascending, ending at known_at: labels at one are known at the next. The first has at least
    HORIZON of purchases behind it. Raises NothingToLearn when that leaves fewer than three."""
    if len(dataset.purchases.at) == 0:
        raise NothingToLearn(
            "purchases are none; affinity is learned from orders with items in categories; import some"
        )
    earliest = int(dataset.purchases.at.min()) + HORIZON
    count = (dataset.known_at - earliest) // HORIZON + 1
    if count < 3:
        days = (dataset.known_at - earliest) // 86_400_000 + 28
        raise NothingToLearn(f"purchases span {days} days; at least 84 are needed to learn and to judge; import more")
    return dataset.known_at - HORIZON * np.arange(count - 1, -1, -1, dtype=np.int64)


def cutoffs(moments: NDArray[np.int64], dataset: Dataset, refits: int) -> tuple[int, ...]:
    """When affinity models are fitted, ascending: always the last two moments of the grid (the model that ships and the
    one that is judged on the purchases since), and `refits` more, before as many exposures each, so that what an
    exposure is told is as new as what a decision is told; none before the second of the grid."""
    exposed = np.sort(dataset.exposures.pairs.moment)
    before = exposed[np.arange(refits) * len(exposed) // refits] if len(exposed) else exposed
    kept = np.clip(before, moments[1], moments[-1])
    return tuple(sorted({*kept.tolist(), int(moments[-2]), int(moments[-1])} - {int(moments[0])}))


def fit_all(dataset: Dataset, settings: TrainingSettings, progress: Progress) -> tuple[AffinityFit, ...]:
    """One model per cutoff, ascending. Raises NothingToLearn."""
    moments = grid(dataset)
    return fit_at(dataset, moments, cutoffs(moments, dataset, settings.refits), settings, progress)


def fit_at(
    dataset: Dataset,
    moments: NDArray[np.int64],
    wanted: Sequence[int],
    settings: TrainingSettings,
    progress: Progress,
) -> tuple[AffinityFit, ...]:
    """Of purchases after those of `moments` whose HORIZON had passed by then. moments: of grid. wanted: cutoffs."""
    needed = sorted({moment for cutoff in wanted for moment in learned_from(moments, cutoff, settings)})
    samples: dict[int, Sample] = {}
    with progress.step("Draw purchase moments", total=len(needed)) as advance:
        for moment in needed:
            samples[moment] = _sample(dataset, moment, settings)
            advance()
    with progress.step("Learn affinity, as of each cutoff", total=len(wanted)) as advance:

        def fitted(cutoff: int) -> AffinityFit:
            fit = _fit(dataset, samples, learned_from(moments, cutoff, settings), cutoff, settings)
            advance()
            return fit

        return tuple(in_parallel([partial(fitted, cutoff) for cutoff in wanted], settings.threads))


def by_time(fits: Sequence[AffinityFit], moment: NDArray[np.int64]) -> NDArray[np.intp]:
    """intp[n]: the latest fit that saw nothing after each moment; -1 where there is none."""
    return np.searchsorted([fit.population.as_of for fit in fits], moment, side="right") - 1


def learned_from(moments: NDArray[np.int64], cutoff: int, settings: TrainingSettings) -> list[int]:
    return [int(moment) for moment in moments[moments + HORIZON <= cutoff][-settings.affinity_moments :]]


def _sample(dataset: Dataset, moment: int, settings: TrainingSettings) -> Sample:
    drawn = draw(dataset, moment, settings.affinity_people, np.random.default_rng([settings.seed, moment]))
    figures = population(dataset, moment).by_number(dataset.compiled.catalogue.categories)
    columns = affinity_rows(dataset, drawn.pairs, figures)
    return Sample(columns, drawn.label, drawn.weight, drawn.pairs.person)


def affinity_rows(dataset: Dataset, pairs: Pairs, figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n, affinity_inputs]. pairs: over CompiledCatalogue.categories. figures: of each of these, see
    Population.by_number."""
    return with_figures(feature_rows(dataset, pairs, every_category, need_feature_index()), figures[pairs.category])


def _fit(
    dataset: Dataset, samples: Mapping[int, Sample], moments: Sequence[int], cutoff: int, settings: TrainingSettings
) -> AffinityFit:
    sample = joined([samples[moment] for moment in moments])
    forest = grow(sample, affinity_inputs(), AFFINITY, settings.affinity_rounds, settings.seed)
    known = population(dataset, cutoff)
    return AffinityFit(forest, known, interest.fit(dataset, known, settings))
