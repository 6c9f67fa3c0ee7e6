"""Learns when things are bought again, and judges it on the last HORIZON by what was known before.

What the fit is told (how people differ, how long units last, how strongly rates are held) is chosen by the likelihood
of what was bought in the HORIZON before that one: the ones that judge are never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.progress import Progress
from features.vocabulary import Vocabulary
from models.affinity import HORIZON
from models.repurchase import DAY, Pace, RepurchaseModel
from training.metrics import log_loss
from training.repurchase_rates import Fitted, Told, chances, fit_categories, fit_items
from training.spells import Bought, Spells, bought, bought_within, of_categories, of_items, spells
from training.table import Dataset

FEWEST_PEOPLE = 20
"""What fewer people bought goes by its kind: a single gap says little of others, and may tell whose it was."""

FEWEST_GAPS = 200
"""Ended gaps, in all, without which nothing is learned."""

TUNED_PEOPLE = 800
"""At most so many people choose what the fit is told."""

START = Told(Pace(shape=1.0, wear=0.0), held=5.0)
SHAPES = (0.25, 0.5, 1.0, 2.0, 4.0, 16.0)
WEARS = (0.0, 0.25, 0.5, 1.0)
HOLDS = (2.0, 5.0, 20.0, 80.0)


@dataclass(frozen=True, slots=True)
class Judged:
    """Of the pairs of a person and a category that they had bought before the last HORIZON: how many, which share was
    bought again within it, and the mean log loss of foretelling that: as learned, with nobody's own factor, and by that
    share alone."""

    pairs: int
    share: float
    log_loss: float
    log_loss_of_anybody: float
    log_loss_of_share: float


@dataclass(frozen=True, slots=True)
class Windows:
    """model: what serves. categories, items: the fits that it is made of. names: of the categories. people:
    intp[categories], who bought each."""

    model: RepurchaseModel
    categories: Fitted
    items: Fitted
    judged: Judged
    names: tuple[str, ...]
    people: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Learned:
    """remark: one line for people. windows: None when too little was bought to learn from."""

    remark: str
    windows: Windows | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """Categories, or items: how purchases (by item code) are of its things, and how its rates are fitted."""

    of: Callable[[Bought], Bought]
    fit: Callable[[Spells, Told], Fitted]


def learn(dataset: Dataset, vocabulary: Vocabulary, progress: Progress) -> Learned:
    """Deterministic for the dataset. vocabulary: of the store that it was read from."""
    with progress.step("Learn when things are bought again", total=4) as advance:
        now, judged_at, tuned_at = (dataset.known_at - back * HORIZON for back in (0, 1, 2))
        both, heads = kinds(dataset)
        kept = kept_as_of(dataset, now)
        some = _some_people(kept_as_of(dataset, tuned_at))
        tuning = [spells(kind.of(some), tuned_at) for kind in both]
        gaps = int(tuning[0].ended.sum())
        if gaps < FEWEST_GAPS:
            return Learned(_shortage(gaps))
        advance()
        told = [
            choose(known, bought_within(known, kind.of(kept), tuned_at, judged_at), kind.fit)
            for kind, known in zip(both, tuning, strict=True)
        ]
        advance()
        earlier = spells(both[0].of(kept_as_of(dataset, judged_at)), judged_at)
        again = bought_within(earlier, both[0].of(kept), judged_at, now)
        judged = judge(earlier, again, both[0].fit(earlier, told[0]))
        advance()
        known = [spells(kind.of(kept), now) for kind in both]
        fits = [kind.fit(one, settings) for kind, one, settings in zip(both, known, told, strict=True)]
        people = [np.bincount(one.thing[~one.ended], minlength=one.things) for one in known]
        advance()
    names = tuple(dataset.compiled.catalogue.categories)
    items = tuple(vocabulary.text("item", code) or "" for code in heads.tolist())
    model = assemble(now, (names, items), fits, people)
    return Learned(_remark(model, judged), Windows(model, fits[0], fits[1], judged, names, people[0]))


def kept_as_of(dataset: Dataset, moment: int) -> Bought:
    """By item code: what had been bought by `moment` (ms UTC) and had not come back by then, as was known then."""
    return bought(dataset.histories, dataset.compiled.relations, moment)


def choose(known: Spells, again: NDArray[np.bool_], fit: Callable[[Spells, Told], Fitted]) -> Told:
    """What foretells best which chains were bought `again` (bool[chains]), one setting after the other."""
    best, tried = START, dict[Told, float]()

    def loss(told: Told) -> float:
        if told not in tried:
            tried[told] = _log_loss(chances(known, fit(known, told).curves), again)
        return tried[told]

    best = min((replace(best, pace=replace(best.pace, shape=shape)) for shape in SHAPES), key=loss)
    best = min((replace(best, pace=replace(best.pace, wear=wear)) for wear in WEARS), key=loss)
    return min((replace(best, held=held) for held in HOLDS), key=loss)


def judge(known: Spells, again: NDArray[np.bool_], fit: Fitted) -> Judged:
    """again: bool[chains], bought within HORIZON of the spells' end."""
    share = np.full(len(again), again.mean() if len(again) else 0.0)
    return Judged(
        pairs=len(again),
        share=float(again.mean()) if len(again) else 0.0,
        log_loss=_log_loss(chances(known, fit.curves), again),
        log_loss_of_anybody=_log_loss(chances(known, fit.curves, personal=False), again),
        log_loss_of_share=_log_loss(share, again),
    )


def assemble(
    as_of: int, names: tuple[Sequence[str], Sequence[str]], fits: Sequence[Fitted], people: Sequence[NDArray[np.intp]]
) -> RepurchaseModel:
    """Of categories, then items: what they are called, their fit and how many people bought each. What too few bought
    is left out."""
    enough = [np.flatnonzero(count >= FEWEST_PEOPLE) for count in people]
    categories, items = fits
    count = len(names[0])
    rows = np.append(enough[0], count)
    place = np.full(count + 1, -1, np.int32)
    place[enough[0]] = np.arange(len(enough[0]))
    return RepurchaseModel(
        as_of=as_of,
        category_pace=categories.told.pace,
        item_pace=items.told.pace,
        categories=tuple(names[0][one] for one in enough[0].tolist()),
        own=_short(categories.curves.rate[enough[0]]),
        below=_short(categories.curves.rate[count + rows]),
        within=_short(items.curves.rate[rows]),
        items=tuple(names[1][one] for one in enough[1].tolist()),
        home=place[items.curves.row[enough[1]]],
        factor=_short(items.curves.factor[enough[1]]),
    )


def kinds(dataset: Dataset) -> tuple[tuple[Kind, Kind], NDArray[np.int32]]:
    """Categories and items, and the item code of each thing that is one: of variants their head's."""
    facts, head = dataset.compiled.facts, dataset.compiled.relations.head
    heads = np.unique(head).astype(np.int32)
    thing_of_item, home = np.searchsorted(heads, head).astype(np.int32), facts.category[heads]
    return (
        Kind(lambda one: of_categories(one, facts), lambda known, told: fit_categories(known, facts.parent, told)),
        Kind(
            lambda one: of_items(one, thing_of_item, len(heads)),
            lambda known, told: fit_items(known, home, facts.parent, told),
        ),
    ), heads


def _some_people(kept: Bought) -> Bought:
    """Purchases of at most TUNED_PEOPLE of those who have any, evenly taken."""
    everybody = np.unique(kept.person)
    some = everybody[:: max(1, -(-len(everybody) // TUNED_PEOPLE))]
    place = np.flatnonzero(np.isin(kept.person, some))
    return kept.of(place, kept.thing[place], kept.things)


def _short(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """To five digits: they are not known better, and take half the space as text."""
    digits = [float(f"{rate:.5g}") for rate in rates.ravel().tolist()]
    return np.array(digits, np.float64).reshape(rates.shape)


def _log_loss(chance: NDArray[np.float64], happened: NDArray[np.bool_]) -> float:
    return log_loss(chance, happened, np.ones(len(chance)))


def _shortage(gaps: int) -> str:
    return (
        f"repurchase windows are not learned, `learned` falls back to its days: {gaps:,} gaps between purchases ended "
        f"more than {2 * HORIZON // DAY} days before the end; {FEWEST_GAPS} are needed; import more orders"
    )


def _remark(model: RepurchaseModel, judged: Judged) -> str:
    return (
        f"repurchase windows: of {len(model.categories):,} categories and {len(model.items):,} items; of "
        f"{judged.pairs:,} things once bought {judged.share:.1%} were bought again within {HORIZON // DAY} days, "
        f"foretold with a log loss of {judged.log_loss:.4f} ({judged.log_loss_of_anybody:.4f} without the person's own "
        f"gaps, {judged.log_loss_of_share:.4f} by that share alone)"
    )
