"""What may stand in whose list goes by the model in service, by the moment asked about, and by the shop. SYNTHETIC."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.progress import Silent
from features.stores import open_store
from features.stores.protocol import Store
from models import bundle
from models.catalogue_file import checked
from models.repurchase import BINS, Pace, RepurchaseModel
from tests.models.shop import items_table
from tests.serving.synthetic import noise_bundle, put_model, store_url
from tests.training.corner_shop import lines
from tests.training.small_shop import BEGIN, as_table
from training.errors import NothingToLearn
from training.next_purchase.making import read_shop
from training.next_purchase.ranker import Why
from training.next_purchase.shelf import Shelf

GOODS = {"bread": "food", "cake": "food", "washer": "washers"}
CATALOGUE = {
    "currency": "EUR",
    "time_zone": "UTC",
    "channels": {"web": {"direction": "inbound", "consent": "not_needed", "reward_window_days": 7}},
    "categories": [
        {"id": "food", "repurchase": {"rule": "learned", "chance": 0.5, "fallback_days": 900}},
        {"id": "washers", "repurchase": {"rule": "never"}},
    ],
    "actions": [],
}
BOUGHT = [[{"bread"}, {"bread"}, {"washer"}], [{"cake"}, {"washer"}, {"bread"}]]


def opened(home: Path, goods: dict[str, str]) -> Store:
    store = open_store(store_url(home))
    source = checked(CATALOGUE, items_table(goods))
    store.publish_catalogue(source.document, source.items_ipc(), None, BEGIN, "test", "synthetic")
    store.import_events(as_table(lines(BOUGHT)), "synthetic")
    return store


def serve_windows(store: Store, rate: float) -> None:
    """A version in service for which food is bought again so often a day."""
    rates = np.full((2, BINS), rate)
    pace = Pace(1.0, 0.0)
    known = (("food",), rates[:1], rates, rates, (), np.zeros(0, np.int32), np.zeros(0))
    model = RepurchaseModel(BEGIN, pace, pace, *known)
    put_model(store, "8", bundle.serialise(replace(bundle.load(noise_bundle()), repurchase=model)))


def withheld(shelf: Shelf, item: list[str], person: int) -> dict[str, int]:
    return dict(zip(item, shelf(person).tolist(), strict=True))


def shelf_and_items(store: Store) -> tuple[Shelf, list[str], Shelf]:
    """As of now, and as of before each one's last basket."""
    shop = read_shop(store, Silent())
    words = [str(store.vocabulary.text("item", code)) for code in shop.item.tolist()]
    return shop.shelf, words, shop.shelf.before_last(shop.baskets)


def test_learned_windows_are_those_of_the_version_in_service(tmp_path: Path) -> None:
    store = opened(tmp_path, GOODS)
    try:
        shelf, items, _ = shelf_and_items(store)
        everything = dict.fromkeys(GOODS, int(Why.HAD))
        assert withheld(shelf, items, 1) == everything
        serve_windows(store, 5.0)
        shelf, items, _ = shelf_and_items(store)
        assert withheld(shelf, items, 1) == {"bread": 0, "cake": 0, "washer": Why.HAD}
        serve_windows(store, 1e-6)
        shelf, items, _ = shelf_and_items(store)
        assert withheld(shelf, items, 1) == everything
    finally:
        store.close()


def test_before_the_last_basket_its_own_purchases_are_not_had(tmp_path: Path) -> None:
    store = opened(tmp_path, GOODS)
    try:
        serve_windows(store, 5.0)
        shelf, items, then = shelf_and_items(store)
    finally:
        store.close()
    assert [withheld(one, items, 0)["washer"] for one in (shelf, then)] == [Why.HAD, Why.NOTHING]
    assert [withheld(one, items, 1)["washer"] for one in (shelf, then)] == [Why.HAD, Why.HAD]


def test_what_the_catalogue_does_not_have_is_not_sold_and_something_must_be(tmp_path: Path) -> None:
    store = opened(tmp_path, {"washer": "washers", "other": "food"})
    try:
        shelf, items, _ = shelf_and_items(store)
        assert withheld(shelf, items, 0) == {"bread": Why.UNSOLD, "cake": Why.UNSOLD, "washer": Why.HAD}
        source = checked(CATALOGUE, items_table({"other": "food"}))
        store.publish_catalogue(source.document, source.items_ipc(), None, BEGIN, "test", "synthetic")
        with pytest.raises(NothingToLearn, match="items that were bought and are in the catalogue are none; "):
            shelf_and_items(store)
    finally:
        store.close()
