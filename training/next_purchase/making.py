"""One making of next-item lists: read, learn, judge, rank, write, record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.customer_lists import NotAList, names_in
from features.identity import IdentityError, customer_identifier
from features.progress import Progress
from features.stores.people import IdentityStore
from features.stores.protocol import AmbiguousIdentifier
from features.vocabulary import Vocabulary
from training import table
from training.errors import InvalidList, NothingToLearn
from training.next_purchase import lists, report
from training.next_purchase.baskets import Baskets, baskets, renumbered
from training.next_purchase.counting import COUNTING
from training.next_purchase.judging import by_lot, compared, foretold, worth
from training.next_purchase.lists import Lists
from training.next_purchase.ranker import Ranked, Ranker, Settings, Why, rank
from training.next_purchase.report import Counts, Judged, Windows
from training.next_purchase.shelf import Shelf, ShelfStore, shelf_of
from training.registry import Registry
from training.tables import OURS

JUDGED = 10_000
"""At most so many customers, by lot, are judged: more would narrow no interval that anybody acts on."""

PORTION = 10_000


class ListingStore(table.TrainingStore, ShelfStore, IdentityStore, Protocol):
    """What making lists asks of a store."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """out: the file. limit: items of a customer at most. customers: a file of their ids; None: everybody."""

    out: Path
    limit: int
    customers: Path | None
    overwrite: bool
    settings: Settings


@dataclass(frozen=True, slots=True)
class Shop:
    """baskets: of everybody, by place in dataset.histories. item: int32[things], codes."""

    dataset: table.Dataset
    baskets: Baskets
    item: NDArray[np.int32]
    shelf: Shelf


@dataclass(frozen=True, slots=True)
class Made:
    """counts: None where the ranker was clearly worse than counting, and no list was written. run_id: MLflow's."""

    judged: Judged
    counts: Counts | None
    run_id: str
    remarks: tuple[str, ...]


def make(store: ListingStore, registry: Registry, wanted: Wanted, progress: Progress) -> Made:
    """As of the last recorded moment. The ranker that was judged, which has seen nobody's last basket, is the one that
    lists, from all baskets. Where its order is clearly worse than the best of counting nothing is written. Raises
    TrainingError, StoreError, CatalogueError, BundleError, OSError."""
    lists.require_writable(wanted.out, wanted.customers, overwrite=wanted.overwrite)
    named = None if wanted.customers is None else _named(wanted.customers, store)
    shop = read_shop(store, progress)
    ranker, judged = judge(shop, wanted.settings, progress)
    counts = None
    if not judged.beaten_by:
        names = _everybody(store) if named is None else named.names
        asked = _asked(shop, names)
        (ranked,) = rank(ranker, shop.baskets, asked, wanted.limit, progress, shop.shelf)
        made = _lists(shop, asked, ranked, names, store.vocabulary)
        lists.write(made, wanted.out)
        digest = hashlib.sha256(wanted.out.read_bytes()).hexdigest()
        customers, unknown = int((ranked.thing[:, :1] >= 0).sum()), 0 if named is None else named.unknown
        withheld: dict[Why, int] = {why: int(ranked.withheld[why]) for why in report.WHYS}
        counts = Counts(customers, len(names) - customers, unknown, len(made), withheld, digest)
    remarks = (*shop.dataset.remarks, *report.remarks(judged, counts, shop.dataset.known_at))
    with progress.step("Record the run"):
        record = report.record(judged, counts, ranker, shop.dataset, wanted.limit, remarks)
        run_id = registry.note(report.EXPERIMENT, record)
    return Made(judged, counts, run_id, remarks)


def read_shop(store: ListingStore, progress: Progress) -> Shop:
    """Raises NothingToLearn, CatalogueError, BundleError."""
    dataset = table.read(store, None, progress)
    everything = np.arange(store.vocabulary.size("item"), dtype=np.int32)
    found, item = renumbered(baskets(dataset.histories, everything, dataset.known_at))
    if len(found) == 0:
        raise NothingToLearn("baskets are none; next items are learned from orders with items; import them first")
    if (found.count() > 2).sum() == 0:
        raise NothingToLearn(
            "customers with three baskets are none; the last is foretold, and the one before it learned from; import "
            "more orders (docs/importing.md)"
        )
    return Shop(dataset, found, item, shelf_of(store, dataset.compiled, item, dataset.histories, dataset.known_at))


def judge(shop: Shop, settings: Settings, progress: Progress) -> tuple[Ranker, Judged]:
    """Raises NothingToLearn."""
    everything = shop.baskets
    asked = by_lot(np.flatnonzero(everything.count() > 1), JUDGED, settings.seed)
    then, known = shop.shelf.before_last(everything), everything.without_last(1)
    ours = foretold(everything, asked, settings, progress, None, then)
    others = {name: worth(everything, asked, method(known, asked)) for name, method in COUNTING.items()}
    found, as_listed = (
        compared("next basket", everything, asked, {OURS: one, **others}, settings.seed) for one in ours.worth
    )
    return ours.ranker, Judged(found, as_listed.figures[OURS], _windows(everything, asked, then))


def _windows(everything: Baskets, asked: NDArray[np.int64], then: Shelf) -> Windows:
    """How much of the last baskets the rules said was not to be bought again yet."""
    last, within = everything.last(), 0
    for person in asked.tolist():
        things = last.indices[last.indptr[person] : last.indptr[person + 1]]
        within += int((then(person)[things] == Why.HAD).sum())
    return Windows(int(last[asked].sum()), within)


@dataclass(frozen=True, slots=True)
class _Named:
    """names: by person, as the file names them first. unknown: ids that nobody has, or several."""

    names: Mapping[int, str]
    unknown: int


def _named(path: Path, store: ListingStore) -> _Named:
    """Raises InvalidList, OSError."""
    names, unknown = dict[int, str](), set[str]()
    try:
        for name in names_in(path):
            try:
                person = store.resolve(customer_identifier(name))
            except (IdentityError, AmbiguousIdentifier):
                person = None
            if person is None:
                unknown.add(name)
            else:
                names.setdefault(person, name)
    except NotAList as error:
        raise InvalidList(f"customers is {path}; {error}") from error
    if not names:
        raise InvalidList(f"customers is {path}; it names nobody whom the store knows; name others")
    return _Named(names, len(unknown))


def _everybody(store: ListingStore) -> Mapping[int, str]:
    names, after = dict[int, str](), -1
    while portion := store.names(after, PORTION):
        names.update(portion)
        after = portion[-1][0]
    return names


def _asked(shop: Shop, names: Mapping[int, str]) -> NDArray[np.int64]:
    """Places of those who are named and have a basket, ascending."""
    named = np.isin(shop.dataset.numbers, np.fromiter(names, np.int64, len(names)))
    return np.flatnonzero(named & (shop.baskets.count() > 0))


def _lists(
    shop: Shop, asked: NDArray[np.int64], ranked: Ranked, names: Mapping[int, str], vocabulary: Vocabulary
) -> Lists:
    row, place = np.nonzero(ranked.thing >= 0)
    thing = ranked.thing[row, place]
    ever = shop.baskets.ever()[asked]
    words = vocabulary.texts["item"]
    people = shop.dataset.numbers[asked[row]].tolist()
    return Lists(
        customer_id=tuple(names[person] for person in people),
        item_id=tuple(words[code] for code in shop.item[thing].tolist()),
        rank=(place + 1).astype(np.int32),
        score=ranked.score[row, place],
        bought_before=np.asarray(ever[row, thing]).ravel() > 0.0,
        as_of=shop.dataset.known_at,
    )
