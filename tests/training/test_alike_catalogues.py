"""Versions of a catalogue are one where no feature differs, nor of what no action promotes. SYNTHETIC."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from features.stores.protocol import Store
from models.catalogue_file import checked
from models.columns import CompiledCatalogue, compile_catalogue
from tests.models.shop import NOW, items_table
from tests.training.draw_world import ITEM_OF_B, decide_for, open_shop
from training.catalogues_then import catalogues_then

UNPROMOTED = "i-z"
DECIDED_BY = 2


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Somebody was decided for by the second version."""
    shop = open_shop(tmp_path_factory.mktemp("alike"))
    second = published(shop.store, "x", None, 1.0)
    assert second.version == DECIDED_BY
    decide_for(replace(shop, compiled=second), 1, 1, seed=1)
    yield shop.store
    shop.store.close()


def published(store: Store, category: str, parent: str | None, price: float) -> CompiledCatalogue:
    """category, price: of the item that nothing promotes. parent: of the category y."""
    first = store.catalogue(1)
    assert first is not None
    categories = [{"id": "x"}, {"id": "y"} | ({} if parent is None else {"parent": parent})]
    goods = items_table({ITEM_OF_B: None, UNPROMOTED: category}, {UNPROMOTED: price})
    source = checked({**json.loads(first.document), "categories": categories}, goods)
    store.publish_catalogue(source.document, source.items_ipc(), None, NOW, "test", "synthetic")
    newest = store.catalogue()
    assert newest is not None
    return compile_catalogue(newest, store.vocabulary)


@pytest.mark.parametrize(
    ("category", "parent", "price"), [("y", None, 1.0), ("x", "x", 1.0), ("x", None, 2.0)], ids=str
)
def test_what_changes_a_feature_of_the_history_alone_is_another(
    store: Store, category: str, parent: str | None, price: float
) -> None:
    newest = published(store, category, parent, price)
    then = catalogues_then(store, newest, 0, 1).by(DECIDED_BY)
    item = store.vocabulary.code("item", UNPROMOTED)
    names = tuple(then.catalogue.categories)
    assert names[then.facts.category[item]] == "x"
    assert then.facts.price[item] == 1.0
    assert then.facts.parent[names.index("y")] == -1


def test_what_comes_back_as_it_was_is_the_same(store: Store) -> None:
    published(store, "y", "x", 2.0)
    newest = published(store, "x", None, 1.0)
    assert catalogues_then(store, newest, 0, 1).by(DECIDED_BY) is newest
