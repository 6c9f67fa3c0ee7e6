"""Learns what people turn to next (models.interest): from each day on which somebody looked or bought, which categories
it was, as of the midnight before; and how much of that ends in a purchase within a week.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.event import Kind
from features.history import Records, as_of
from models.inputs import above_feature_index, interest_inputs, need_feature_index, with_figures
from models.interest import InterestModel
from models.population import Population
from training.growing import Sample, grow
from training.purchases import Purchases, upwards
from training.settings import INTEREST, TrainingSettings
from training.table import Dataset, Pairs, every_category, feature_rows

MINUTE: Final = 60_000
DAY: Final = 86_400_000
PAST: Final = 90 * DAY
"""ms before the cutoff from which days are learned."""
WEEK: Final = 7 * DAY
"""ms within which interest is to end in a purchase."""
FEWEST: Final = 500
"""Days on which somebody looked at something, without which nothing is learned."""
MOST: Final = 5_000
"""Days that are learned from, drawn."""
ENOUGH: Final = 4 * MOST
"""Days to draw them from; more are not looked for."""
DRAWN_OTHER: Final = 10
"""Categories a day, about, that are learned from besides those that it was; weights make up for the rest."""
HELD: Final = 2.0
"""Expected purchases by which a category's level is held towards that of all."""


@dataclass(frozen=True, slots=True)
class _Turns:
    """n days of people. person: place in the dataset's histories. moment: the last ms before its midnight (UTC), for a
    row sees what is told at its very moment, and dates without a time are told at midnight. looked: bool[n],
    whether something was looked at, not only bought. categories: int32 of each day, all above them included."""

    person: NDArray[np.int32]
    moment: NDArray[np.int64]
    looked: NDArray[np.bool_]
    categories: tuple[NDArray[np.int32], ...]


def fit(dataset: Dataset, known: Population, settings: TrainingSettings) -> InterestModel | None:
    """Sees nothing recorded after known.as_of; None where people looked on fewer than FEWEST days."""
    rng = np.random.default_rng([settings.seed, known.as_of, 1])
    turns = _turns(dataset, rng.permutation(len(dataset.histories)), known.as_of)
    if int(turns.looked.sum()) < FEWEST:
        return None
    days = np.sort(rng.permutation(len(turns.person))[:MOST])
    pairs, label, weight = _drawn(turns, days, len(dataset.purchases.leaf), rng)
    need, above = need_feature_index(), above_feature_index()
    told = feature_rows(dataset, pairs, every_category, np.concatenate([need, above]))
    figures = known.by_number(dataset.compiled.catalogue.categories)[pairs.category]
    columns = np.hstack([with_figures(told[:, : len(need)], figures), told[:, len(need) :]])
    sample = Sample(columns, label, weight, pairs.person)
    forest = grow(sample, interest_inputs(), INTEREST, settings.interest_rounds, settings.seed)
    levels = _levels(dataset.purchases, pairs, weight * np.exp(forest.raw(columns)), weight, known.as_of)
    return InterestModel(
        known.as_of, forest, dict(zip(dataset.compiled.catalogue.categories, levels.tolist(), strict=True))
    )


def _turns(dataset: Dataset, people: NDArray[np.intp], until: int) -> _Turns:
    """Of `people`, as many of them in this order as ENOUGH days take; by person and moment."""
    found: list[tuple[int, int, bool, NDArray[np.int32]]] = []
    for person in people.tolist():
        found.extend((person, *one) for one in _days(as_of(dataset.histories[person], until), dataset, until))
        if len(found) >= ENOUGH:
            break
    found.sort(key=lambda one: one[:2])
    return _Turns(
        np.array([one[0] for one in found], np.int32),
        np.array([one[1] for one in found], np.int64),
        np.array([one[2] for one in found], np.bool_),
        tuple(one[3] for one in found),
    )


def _days(records: Records, dataset: Dataset, until: int) -> Iterator[tuple[int, bool, NDArray[np.int32]]]:
    """Of one person: moment, whether they looked, and categories."""
    facts = dataset.compiled.facts
    told = np.isin(records["kind"], (int(Kind.VIEWED), int(Kind.ORDERED)))
    chosen = records[told & (records["item"] >= 0) & (records["occurred_at"] > until - PAST)]
    chosen = chosen[chosen["item"] < len(facts.category)]
    line, category = upwards(facts.category[chosen["item"]], facts.parent)
    day = chosen["occurred_at"] // DAY
    for one in np.unique(day[line]).tolist():
        looked = bool((chosen["kind"][day == one] == int(Kind.VIEWED)).any())
        yield one * DAY - 1, looked, np.unique(category[day[line] == one])


def _drawn(
    turns: _Turns, days: NDArray[np.intp], categories: int, rng: np.random.Generator
) -> tuple[Pairs, NDArray[np.bool_], NDArray[np.float64]]:
    """Rows over CompiledCatalogue.categories by (person, moment), whether it was one of the day's, and one over the
    chance that the row was drawn with."""
    label = np.zeros((len(days), categories), np.bool_)
    for place, day in enumerate(days.tolist()):
        label[place, turns.categories[day]] = True
    chance = np.where(label, 1.0, min(1.0, DRAWN_OTHER / categories))
    row, column = np.nonzero(rng.random(label.shape) < chance)
    category = column.astype(np.int32)
    pairs = Pairs(turns.person[days][row], turns.moment[days][row], category, category)
    return pairs, label[row, column], 1.0 / chance[row, column]


def _levels(
    bought: Purchases, pairs: Pairs, interest: NDArray[np.float64], weight: NDArray[np.float64], until: int
) -> NDArray[np.float64]:
    """float64[categories]: ln of purchases within a WEEK per interest, over that of all categories; 0 where nobody
    bought anything. interest: float64[n], of each of the pairs, as often as it stands for."""
    whole = pairs.moment + WEEK <= until
    pairs, interest, weight = pairs.take(whole), interest[whole], weight[whole]
    count = len(bought.leaf)
    if not len(pairs) or not len(bought.at):
        return np.zeros(count)
    came = np.bincount(pairs.category, weight * _bought_within(bought, pairs, until), count)
    if came.sum() == 0.0:
        return np.zeros(count)
    foreseen = np.bincount(pairs.category, interest, count)
    foreseen *= came.sum() / foreseen.sum()
    return np.asarray(np.log((came + HELD) / (foreseen + HELD)), np.float64)


def _bought_within(bought: Purchases, pairs: Pairs, until: int) -> NDArray[np.bool_]:
    """bool[n]: in the category, within a WEEK of the moment, and recorded by `until`."""
    kinds, begin = len(bought.leaf), int(min(bought.at.min(), pairs.moment.min())) // MINUTE
    span = (int(max(bought.at.max(), pairs.moment.max())) + WEEK) // MINUTE - begin + 1

    def numbered(person: NDArray[np.int32], category: NDArray[np.int32], at: NDArray[np.int64]) -> NDArray[np.int64]:
        return (person.astype(np.int64) * kinds + category) * span + at // MINUTE - begin

    told = bought.recorded_at <= until
    every = np.sort(numbered(bought.person()[told], bought.category[told], bought.at[told]))
    first, last = (numbered(pairs.person, pairs.category, at) for at in (pairs.moment, pairs.moment + WEEK))
    return np.searchsorted(every, last, side="right") > np.searchsorted(every, first, side="right")
