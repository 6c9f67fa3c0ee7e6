"""What a model was asked about while it was judged, to be compared later with what it is asked in service.

- Scores are those of the contacts of the backtest's test part, by the forest that had not seen them.
- Both are empty where somebody else chose most of those contacts, as with a first model of imported history: what was
  never asked of a decision cannot drift.
- Features are of all that the catalogue could have offered on the channel in a sample of those contacts, for in service
  too they are computed for everything that may be offered. In service what the gates refuse is not among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from features.definitions import names
from features.event import Kind
from models.drift import Histogram, Rate, Reference, edges_of, histogram
from models.forest import Forest
from training.table import Dataset, Exposures, Pairs, every_offer, feature_rows
from training.train import Trained

FEATURES = 40
"""So many are watched, those by which the response forest gains most."""
QUESTIONS = 3_000
BY_CHANNEL = 10
"""Of them so many, the first, are watched on each channel by itself."""
ROWS = 100_000
"""At most so many contacts, and rows of their candidates, are looked at for features."""
OURS = 0.5
"""The least share of the contacts judged on that decisions of this service made, for them to be compared with."""
FEWEST_PEOPLE = 30
"""A channel with fewer has no reference of its own."""


def reference_of(trained: Trained, seed: int) -> Reference:
    dataset, tested = trained.dataset, trained.backtest
    part = tested.parts["test"]
    scores = tested.calibration.apply(tested.raw)
    later = dataset.exposures.take(tested.splits.masks(dataset.exposures)["test"])
    if ours(dataset, later) < OURS:
        return Reference({}, {}, _rates(dataset))
    features = _features(dataset, later, trained.bundle.response, np.random.default_rng([seed, FEATURES]))
    return Reference(
        scores=_scores(dataset, part.exposures, scores, part.sample.weight),
        features=features.over_all,
        rates=_rates(dataset),
        channels=features.by_channel,
    )


def ours(dataset: Dataset, exposures: Exposures) -> float:
    """The share that follows a logged decision. A contact of the same moment as its decision is asked about just before
    (training.contacts)."""
    person, moment = exposures.pairs.person, exposures.pairs.moment
    decided = np.zeros(len(exposures), np.bool_)
    order = np.argsort(person, kind="stable")
    people, start = np.unique(person[order], return_index=True)
    for one, here in zip(people, np.split(order, start[1:]), strict=True):
        history = dataset.histories[one]
        at = history["occurred_at"][history["kind"] == Kind.DECIDED]
        decided[here] = np.isin(moment[here], at) | np.isin(moment[here] + 1, at)
    return float(decided.mean()) if len(decided) else 0.0


def important(forest: Forest, count: int = FEATURES) -> tuple[str, ...]:
    """The features with the greatest total gain, the greatest first; those that no split reads are not among them."""
    gained = lgb.Booster(model_str=forest.text).feature_importance("gain")
    known = set(names())
    order = [int(place) for place in np.argsort(-gained, kind="stable") if gained[place] > 0.0]
    return tuple([forest.inputs[place] for place in order if forest.inputs[place] in known][:count])


def counted(values: NDArray[np.float64], weight: NDArray[np.float64], person: NDArray[np.int64]) -> Histogram | None:
    """In bins of its own. None without any."""
    return histogram(values, weight, person, edges_of(values, weight))


def _scores(
    dataset: Dataset, exposures: Exposures, scores: NDArray[np.float64], weight: NDArray[np.float64]
) -> Mapping[str, Histogram]:
    compiled, found = dataset.compiled, {}
    channel = compiled.all.channel[exposures.pairs.candidate]
    person = exposures.pairs.person.astype(np.int64)
    for name in compiled.catalogue.channels:
        here = channel == compiled.channel_codes[name]
        if len(np.unique(person[here])) >= FEWEST_PEOPLE:
            made = counted(scores[here], weight[here], person[here])
            if made is not None:
                found[name] = made
    return found


@dataclass(frozen=True, slots=True)
class _Features:
    """over_all: by feature. by_channel: by channel and feature."""

    over_all: Mapping[str, Histogram]
    by_channel: Mapping[str, Mapping[str, Histogram]]


def _features(dataset: Dataset, exposures: Exposures, forest: Forest, rng: np.random.Generator) -> _Features:
    chosen = important(forest)
    places = np.array([names().index(name) for name in chosen], np.intp)
    pairs = _questions(dataset, exposures.pairs, rng)
    if not len(pairs) or not len(places):
        return _Features({}, {})
    rows = feature_rows(dataset, pairs, every_offer, places)
    person, compiled = pairs.person.astype(np.int64), dataset.compiled
    channel = compiled.all.channel[pairs.candidate]
    found = {}
    for name in compiled.catalogue.channels:
        here = channel == compiled.channel_codes[name]
        if len(np.unique(person[here])) >= FEWEST_PEOPLE:
            found[name] = _counted(chosen[:BY_CHANNEL], rows[here], person[here])
    return _Features(_counted(chosen, rows, person), found)


def _counted(chosen: Sequence[str], rows: NDArray[np.float64], person: NDArray[np.int64]) -> Mapping[str, Histogram]:
    """chosen: what the first columns of rows are."""
    weight = np.ones(len(rows))
    made = {name: counted(rows[:, column], weight, person) for column, name in enumerate(chosen)}
    return {name: one for name, one in made.items() if one is not None}


def _questions(dataset: Dataset, pairs: Pairs, rng: np.random.Generator) -> Pairs:
    """Everything that has a treatment on the channel of a contact, at the contact's moment, for a sample of them."""
    compiled = dataset.compiled
    channel = compiled.all.channel[pairs.candidate]
    _, first = np.unique(np.column_stack([pairs.person, pairs.moment, channel]), axis=0, return_index=True)
    widest = int(np.diff(compiled.row_start).max(initial=1))
    limit = min(QUESTIONS, max(ROWS // max(widest, 1), 1))
    if len(first) > limit:
        first = rng.choice(first, limit, replace=False)
    asked = [(place, np.flatnonzero(compiled.all.channel == channel[place]).astype(np.int32)) for place in first]
    if not asked:
        return pairs.take(np.zeros(0, np.intp))
    times = [len(rows) for _, rows in asked]
    contact, candidate = np.repeat(first, times), np.concatenate([rows for _, rows in asked])
    order = np.lexsort((candidate, pairs.moment[contact], pairs.person[contact]))
    contact, candidate = contact[order], candidate[order]
    return Pairs(pairs.person[contact], pairs.moment[contact], candidate, compiled.all.category[candidate])


def _rates(dataset: Dataset) -> Mapping[str, Mapping[str, Rate]]:
    compiled, exposures = dataset.compiled, dataset.exposures
    rows = len(compiled.all.action)
    contacts = np.bincount(exposures.pairs.candidate, minlength=rows)
    successes = np.bincount(exposures.pairs.candidate, exposures.success, rows)
    found: dict[str, dict[str, Rate]] = {}
    for row in np.flatnonzero(contacts):
        name = list(compiled.catalogue.channels)[int(np.searchsorted(compiled.row_start, row, side="right")) - 1]
        action = compiled.catalogue.actions[int(compiled.action[row])].id
        found.setdefault(name, {})[action] = Rate(int(contacts[row]), int(successes[row]))
    return found
