"""A training row goes by the catalogue that was decided by, and not by what became of it. SYNTHETIC."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from features import build
from features.candidates import take
from features.definitions import names
from features.event import Event, Identifier, Kind
from features.history import Records, text_code
from features.progress import Silent
from features.stores.protocol import Append, Store
from features.stores.shared import ItemState
from features.zone_history import zone_at
from models.catalogue_file import checked
from models.columns import CompiledCatalogue, compile_catalogue
from models.local_time import utc_offset
from models.repricing import repriced
from serving.model_loader import NoModel
from serving.redrawing import withheld
from serving.replaying import Replayer
from tests.models.shop import DAY, NOW, items_table
from tests.training.draw_world import ITEM_OF_B, VALUE, Shop, decide_for, open_shop
from training import table
from training.table import Dataset, exposure_rows
from training.table_parts import Part, made
from training.train import response_rows

FIRST, SECOND, THIRD = NOW - 60 * DAY, NOW - 40 * DAY, NOW - 30 * DAY
TOLD = SECOND + DAY // 2
SENT, SHOWN = SECOND + 5, SECOND + 9
PEOPLE = 20


def document(shop: Shop) -> dict[str, object]:
    stored = shop.store.catalogue()
    assert stored is not None
    told = json.loads(stored.document)
    assert isinstance(told, dict)
    return told


def published(shop: Shop, told: Mapping[str, object], price: float) -> Shop:
    source = checked(dict(told), items_table({ITEM_OF_B: None}, {ITEM_OF_B: price}))
    shop.store.publish_catalogue(source.document, source.items_ipc(), None, NOW - 50 * DAY, "test", "synthetic")
    stored = shop.store.catalogue()
    assert stored is not None
    return replace(shop, compiled=compile_catalogue(stored, shop.store.vocabulary))


def other(shop: Shop) -> Shop:
    """Everything that a row is made of is another: worth, price, hour of the day, order of the actions; and c is not on
    the app any more."""
    told = document(shop)
    actions = [{**one, "value": 40.0 + place} for place, one in enumerate(reversed(told["actions"]))]
    for one in actions:
        if one["id"] == "c":
            one["treatments"] = one["treatments"][:1]
    return published(shop, {**told, "time_zone": "Asia/Tokyo", "actions": actions}, 3.5)


def in_other_words(shop: Shop) -> Shop:
    told = document(shop)
    actions = [{**one, "name": f"Offer {one['id']}"} for one in told["actions"]]
    return published(shop, {**told, "actions": actions}, 3.5)


@dataclass(frozen=True, slots=True)
class World:
    store: Store
    dataset: Dataset
    part: Part


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Decided by version 1, by 2 which says something else, and by 3, which says that in other words; the newest, 4, is
    as the first but for a price. A message was sent that nobody here decided, and one was presented by hand that its
    catalogue had not there."""
    shop = open_shop(tmp_path_factory.mktemp("then"), scorer=NoModel())
    decide_for(shop, PEOPLE, 1, seed=1, at=FIRST)
    first = document(shop)
    second = other(shop)
    decide_for(second, PEOPLE, 1, seed=2, at=SECOND)
    decide_for(in_other_words(second), PEOPLE, 1, seed=3, at=THIRD)
    shop.store.feed_items([ItemState(ITEM_OF_B, price=8.25)], TOLD)
    published(shop, first, 5.0)
    sent = Event("sent", Kind.SENT, "Sent", SENT, SENT, channel="web", action="a")
    name = f"d-{SECOND}-1-0"
    shown = Event("shown", Kind.DISPLAYED, "Shown", SHOWN, SHOWN, channel="app", action="c", decision=name)
    appends = [Append(Identifier("user_id", f"c-{one}"), (told,)) for one, told in ((0, sent), (1, shown))]
    shop.store.append(appends).result(timeout=60)
    dataset = table.read(shop.store, NOW, Silent())
    yield World(shop.store, dataset, made(shop.store, withheld(Replayer(shop.store, "r")), NOW, 0, 1).part)
    shop.store.close()


def of_version(world: World, version: int) -> CompiledCatalogue:
    stored = world.store.catalogue(version)
    assert stored is not None
    return compile_catalogue(stored, world.store.vocabulary)


def one_by_one(world: World) -> NDArray[np.float64]:
    """The slow and obvious way: each exposure by itself, by the catalogue that its decision names in the log."""
    dataset, pairs = world.dataset, world.dataset.exposures.pairs
    every = [world.store.decision(name) for name in world.store.newest_decisions(0, 10**6)]
    decided = {text_code(one.decision_id): one.catalogue_version for one in every if one is not None}
    rows = []
    for person, moment, candidate in zip(pairs.person, pairs.moment.tolist(), pairs.candidate, strict=True):
        history, newest = dataset.histories[person], dataset.compiled
        action, channel = int(newest.all.action[candidate]), int(newest.all.channel[candidate])
        codes = np.array([action], np.int32), np.array([channel], np.uint8)
        bare = of_version(world, decided.get(decision_of(history, moment, action, channel), 4))
        bare = bare if bare.candidate_indices(*codes)[0] >= 0 else newest
        compiled = repriced(bare, dataset.prices, int(dataset.prices.numbers_at(np.array([moment]))[0]))
        asked = take(compiled.all, compiled.candidate_indices(*codes).astype(np.intp))
        offset = utc_offset(zone_at(dataset.zones[person], moment), compiled.catalogue.time_zone, moment)
        known = history[history["recorded_at"] <= moment]
        rows.append(build.rows(known, moment, offset, asked, compiled.facts)[0])
    return np.array(rows)


def decision_of(history: Records, moment: int, action: int, channel: int) -> int:
    """Of the first contact with that after the moment; 0 none."""
    same = (history["action"] == action) & (history["channel"] == channel) & (history["occurred_at"] > moment)
    return int(history[same & np.isin(history["kind"], [Kind.SENT, Kind.DISPLAYED])]["decision"][0])


def test_an_exposures_row_goes_by_the_catalogue_of_its_decision(world: World) -> None:
    """In the table and in what a model is learned from, beside a slow oracle."""
    exposures, expected = world.dataset.exposures, one_by_one(world)
    assert set(exposures.version.tolist()) == {1, 2, 3, 4}
    np.testing.assert_array_equal(exposure_rows(world.dataset, exposures), expected)
    assert world.part.exposure_features.tobytes() == expected.tobytes()
    learned = response_rows(world.dataset, exposures, (), ())[:, : len(names())]
    np.testing.assert_array_equal(learned, expected)


def test_what_the_catalogues_said_is_in_the_rows(world: World) -> None:
    """The item feed had told of a price before the third decided; what was presented by hand the second had not."""
    exposures, rows = world.dataset.exposures, world.part.exposure_features
    worth, price = (rows[:, names().index(f"candidate.{name}")] for name in ("value", "price"))
    by_hand = exposures.pairs.moment == SHOWN - 1
    assert (exposures.version[by_hand].tolist(), worth[by_hand].tolist()) == ([2], [VALUE["c"]])
    later = np.isin(exposures.version, [2, 3]) & ~by_hand
    assert worth[later].min() >= 40.0 > worth[~later].max()
    promoting = exposures.pairs.candidate == world.dataset.compiled.candidate_index("b", "web")
    assert np.isnan(price[promoting & (exposures.version == 1)]).all()
    assert set(price[promoting & (exposures.version == 2)].tolist()) == {3.5}
    assert set(price[promoting & (exposures.version == 3)].tolist()) == {8.25}


def test_what_nobody_decided_goes_by_the_newest(world: World) -> None:
    exposures = world.dataset.exposures
    assert exposures.version[exposures.pairs.moment == SENT - 1].tolist() == [4]


def test_versions_that_say_the_same_are_one(world: World) -> None:
    then = world.dataset.then
    assert then.by(2) is then.by(3)
    assert then.by(1) is not then.by(2)
    assert then.by(4) is then.newest
    assert len(list(then.groups(world.dataset.exposures.version))) == 2


def test_the_digest_is_of_what_was_decided_by(world: World) -> None:
    """And of nothing more where the newest is all."""
    again = table.read(world.store, NOW, Silent())
    assert again.digest == world.dataset.digest
    before = table.read(world.store, FIRST + 20 * DAY - 1, Silent())
    assert set(before.exposures.version.tolist()) == {1}
    assert before.digest != world.dataset.digest
