"""What may stand in whose list: never an item that the person has and does not need again yet, nor one that is not to
be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.history import Records
from features.stores.keeping import BundleStore
from features.stores.shared import SharedState
from features.vocabulary import Vocabulary
from models import bundle
from models.columns import CompiledCatalogue
from models.policy.bought_items import ItemRules, had, item_rules
from models.repurchase import RepurchaseModel
from training.errors import NothingToLearn
from training.next_purchase.baskets import Baskets
from training.next_purchase.ranker import Why


class ShelfStore(BundleStore, SharedState, Protocol):
    """What a shelf asks of a store."""

    @property
    def vocabulary(self) -> Vocabulary: ...


@dataclass(frozen=True, slots=True)
class Shelf:
    """Withheld, as of moments. nobody: int8[things], Why for everybody. sold: intp[m], the things that `rules` are
    about. histories: by person, EVENT records. moments: int64[people] ms UTC, as of when each is asked about."""

    nobody: NDArray[np.int8]
    sold: NDArray[np.intp]
    rules: ItemRules
    histories: Sequence[Records] = field(repr=False)
    moments: NDArray[np.int64] = field(repr=False)

    def __call__(self, person: int) -> NDArray[np.int8]:
        why = self.nobody.copy()
        why[self.sold[had(self.rules, self.histories[person], int(self.moments[person]))]] = Why.HAD
        return why

    def before_last(self, known: Baskets) -> Shelf:
        """The same just before each person's last basket, and with all in stock that is sold: what was not is not
        known."""
        begun = np.full(known.people, np.iinfo(np.int64).max)
        some = known.count() > 0
        begun[some] = known.at[known.start[1:][some] - 1]
        return replace(self, nobody=np.where(self.nobody == Why.GONE, 0, self.nobody), moments=begun - 1)


def shelf_of(
    store: ShelfStore, compiled: CompiledCatalogue, item: NDArray[np.int32], histories: Sequence[Records], moment: int
) -> Shelf:
    """item: int32[things], codes. moment: ms UTC. Raises NothingToLearn where the catalogue sells none of them,
    CatalogueUncompiled where it has no repurchase rule for one, and BundleError."""
    sold = np.flatnonzero(np.isin(item, compiled.items))
    if len(sold) == 0:
        raise NothingToLearn(
            "items that were bought and are in the catalogue are none; only those are listed; import the catalogue "
            "with its items (docs/importing.md)"
        )
    nobody = np.full(len(item), Why.UNSOLD, np.int8)
    nobody[sold] = Why.NOTHING
    unavailable = [store.vocabulary.code("item", one) for one in store.unavailable_items()]
    nobody[sold[np.isin(item[sold], unavailable)]] = Why.GONE
    rules = item_rules(compiled, item[sold], _windows_in_service(store), store.vocabulary)
    return Shelf(nobody, sold, rules, histories, np.full(len(histories), moment, np.int64))


def _windows_in_service(store: BundleStore) -> RepurchaseModel | None:
    """Those by which the gate goes in the service. Raises BundleError."""
    serving = store.serving()
    files = None if serving is None else store.bundle(serving.digest)
    return None if files is None else bundle.load(files).repurchase
