"""A training row has the prices of its own moment: what the item feed tells later changes nothing. SYNTHETIC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from features import build
from features.candidates import take
from features.definitions import names
from features.progress import Silent
from features.stores.protocol import Store
from features.stores.shared import ItemState
from features.zone_history import zone_at
from models.local_time import utc_offset
from models.repricing import repriced
from serving.model_loader import NoModel
from serving.redrawing import withheld
from serving.replaying import Replayer
from tests.models.shop import NOW
from tests.training.draw_world import ITEM_OF_B, decide_for
from tests.training.draw_world import open_shop as open_shop_that_decides
from tests.training.small_shop import BEGIN, DAY, LEAVES, open_shop
from training import table
from training.table import Dataset
from training.table_parts import made

FIRST, SECOND, LATE = (BEGIN + day * DAY for day in (60, 120, 200))
KNOWN = BEGIN + 199 * DAY
AT = NOW - 30 * DAY


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_shop(tmp_path_factory.mktemp("prices") / "store.db")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def untold(store: Store) -> Dataset:
    """Made before the feed tells anything."""
    return table.read(store, KNOWN, Silent())


@pytest.fixture(scope="module")
def dataset(store: Store, untold: Dataset) -> Dataset:
    assert not untold.prices.newest
    every = range(2 * LEAVES)
    assert store.feed_items([ItemState(f"i{item}", price=100.0 + item) for item in every], FIRST) == len(every)
    store.feed_items([ItemState("i0", price=None), ItemState("i1", price=7.25)], SECOND)
    return table.read(store, KNOWN, Silent())


def test_a_row_has_the_prices_of_its_moment(dataset: Dataset, untold: Dataset) -> None:
    """Beside a slow oracle: the rows one by one, by the catalogue at what had been told by then."""
    rows = table.feature_rows(dataset, dataset.exposures.pairs, table.every_offer)
    pairs, home = dataset.exposures.pairs, dataset.compiled.catalogue.time_zone
    told = sorted(set(dataset.prices.number.tolist()))
    for place in range(0, len(pairs), 71):
        person, moment = int(pairs.person[place]), int(pairs.moment[place])
        number = told[1] if moment >= SECOND else told[0] if moment >= FIRST else 0
        then = repriced(dataset.compiled, dataset.prices, number)
        asked = take(then.all, np.array([pairs.candidate[place]], np.intp))
        offset = utc_offset(zone_at(dataset.zones[person], moment), home, moment)
        known = dataset.histories[person][dataset.histories[person]["recorded_at"] <= moment]
        np.testing.assert_array_equal(rows[place], build.rows(known, moment, offset, asked, then.facts)[0])
    price = rows[:, names().index("candidate.price")]
    own = table.feature_rows(untold, untold.exposures.pairs, table.every_offer)
    early = pairs.moment < FIRST
    assert 0 < early.sum() < len(pairs)
    assert own[early].tobytes() == rows[early].tobytes()
    assert price[early].max() < 100 <= price[(pairs.moment >= FIRST) & (pairs.moment < SECOND)].min()
    assert price[pairs.moment >= SECOND].min() < 100


def test_the_digest_is_of_what_was_told_by_then(store: Store, dataset: Dataset, untold: Dataset) -> None:
    assert dataset.digest != untold.digest
    store.feed_items([ItemState("i3", price=1.0)], LATE)
    again = table.read(store, KNOWN, Silent())
    assert again.digest == dataset.digest
    before = table.feature_rows(dataset, dataset.exposures.pairs, table.every_offer)
    assert table.feature_rows(again, again.exposures.pairs, table.every_offer).tobytes() == before.tobytes()
    assert table.read(store, LATE, Silent()).prices.newest > again.prices.newest


def test_before_anything_was_told_the_digest_is_as_ever(untold: Dataset, tmp_path: Path) -> None:
    other = open_shop(tmp_path / "other.db")
    try:
        other.feed_items([ItemState("i3", price=1.0)], KNOWN + 1)
        assert table.read(other, KNOWN, Silent()).digest == untold.digest
    finally:
        other.close()


def test_a_decisions_row_has_the_prices_of_its_moment(tmp_path: Path) -> None:
    """Of what is told before it, between two of them and after both."""
    shop = open_shop_that_decides(tmp_path, scorer=NoModel())
    try:
        for at, price in ((AT - DAY, 3.0), (AT + DAY // 2, 5.5), (NOW, 9.0)):
            assert shop.store.feed_items([ItemState(ITEM_OF_B, price=price)], at) == 1
        for at in (AT - 2 * DAY, AT, AT + DAY):
            decide_for(shop, 12, 1, seed=at % 97, at=at)
        part = made(shop.store, withheld(Replayer(shop.store, "r")), NOW, 0, 1).part
    finally:
        shop.store.close()
    promoting = part.decisions.pairs.candidate == shop.compiled.candidate_index("b", "web")
    assert promoting.sum() > 3
    price = part.decision_features[promoting, names().index("candidate.price")]
    expected = {AT - 2 * DAY: np.nan, AT: 3.0, AT + DAY: 5.5}
    wanted = [expected[moment] for moment in part.decisions.pairs.moment[promoting].tolist()]
    np.testing.assert_array_equal(price, wanted)
    assert len(set(part.decisions.pairs.moment[promoting].tolist())) == 3
