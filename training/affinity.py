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
from models.inputs import affinity_columns, affinity_inputs
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


def bought_within(bought: Purchases, person: int, moment: int, until: int) -> NDArray[np.bool_]:
    """bool[categories]: bought by the person in (moment, until], and recorded by then."""
    rows = slice(bought.start[person], bought.start[person + 1])
    at = bought.at[rows]
    chosen = (at > moment) & (at <= until) & (bought.recorded_at[rows] <= until)
    found = np.zeros(len(bought.leaf), np.bool_)
    found[bought.category[rows][chosen]] = True
    return found


def draw(dataset: Dataset, moment: int, limit: int, rng: np.random.Generator) -> Drawn:
    """Rows at `moment`: of everybody who had bought something, or will first do so within HORIZON (those are what a new
    customer looks like); of `limit` of them, each as likely as another, where they are more."""
    bought, count = dataset.purchases, len(dataset.purchases.leaf)
    first = np.full(bought.people, np.iinfo(np.int64).max)
    filled = np.flatnonzero(np.diff(bought.start))
    first[filled] = bought.at[bought.start[filled]]
    people = np.flatnonzero(first <= moment + HORIZON)
    if len(people) > limit:
        people = np.sort(rng.choice(people, limit, replace=False))
    label = np.array([bought_within(bought, person, moment, moment + HORIZON) for person in people.tolist()])
    own = np.array([bought_within(bought, person, 0, moment) for person in people.tolist()])
    chance = np.where(label, DRAWN_BOUGHT, np.where(own, DRAWN_OWN, DRAWN_OTHER)).reshape(len(people), count)
    row, column = np.nonzero(rng.random(chance.shape) < chance)
    category = column.astype(np.int32)
    pairs = Pairs(people[row].astype(np.int32), np.full(len(row), moment, np.int64), category, category)
    return Drawn(pairs, label.reshape(chance.shape)[row, category], 1.0 / chance[row, category])


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
    one that is judged on the purchases since), and those before the busiest stretches of exposures."""
    possible = moments[1:]
    at = np.searchsorted(possible, dataset.exposures.pairs.moment, side="right") - 1
    busy = np.bincount(at[at >= 0], minlength=len(possible))
    chosen = sorted(range(len(possible)), key=lambda place: (-int(busy[place]), place))[:refits]
    kept = {int(possible[place]) for place in chosen if busy[place] > 0}
    return tuple(sorted(kept | {int(moments[-2]), int(moments[-1])} - {int(moments[0])}))


def fit_all(dataset: Dataset, settings: TrainingSettings, progress: Progress) -> tuple[AffinityFit, ...]:
    """One model per cutoff, ascending."""
    moments = grid(dataset)
    wanted = cutoffs(moments, dataset, settings.refits)
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
    rows = feature_rows(dataset, drawn.pairs, every_category)
    figures = population(dataset, moment).by_number(dataset.compiled.catalogue.categories)
    return Sample(affinity_columns(rows, figures[drawn.pairs.category]), drawn.label, drawn.weight, drawn.pairs.person)


def _fit(
    dataset: Dataset, samples: Mapping[int, Sample], moments: Sequence[int], cutoff: int, settings: TrainingSettings
) -> AffinityFit:
    sample = joined([samples[moment] for moment in moments])
    forest = grow(sample, affinity_inputs(), AFFINITY, settings.affinity_rounds, settings.seed)
    known = population(dataset, cutoff)
    return AffinityFit(forest, known, interest.fit(dataset, known, settings))
