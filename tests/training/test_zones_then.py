"""A training row has the time zone that was known by then: what is told of it later changes nothing. SYNTHETIC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from features.definitions import names
from features.event import Event, Identifier, Kind
from features.progress import Silent
from features.stores.protocol import Append, Store
from serving.model_loader import NoModel
from tests.models.shop import DAY, NOW
from tests.training.draw_world import decide_for, open_shop
from training import table
from training.table import Dataset, exposure_rows

FIRST, TOLD, SECOND, TAKEN_BACK, THIRD = (NOW - days * DAY for days in (60, 50, 40, 30, 20))
PEOPLE = 6
HOUR = names().index("moment.hour")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Somebody says that they live in Tokyo, and later that they do not."""
    shop = open_shop(tmp_path_factory.mktemp("zones"), scorer=NoModel())
    for seed, at in enumerate((FIRST, SECOND, THIRD)):
        decide_for(shop, PEOPLE, 1, seed=seed, at=at)
    for at, zone in ((TOLD, "Asia/Tokyo"), (TAKEN_BACK, None)):
        event = Event(f"told-{at}", Kind.VIEWED, "Viewed", at, at)
        shop.store.append([Append(Identifier("user_id", "c-1"), (event,), traits={"time_zone": zone})]).result(60)
    yield shop.store
    shop.store.close()


def hours(dataset: Dataset) -> dict[int, set[float]]:
    """Of the one who said so, by moment of the exposure."""
    pairs, rows = dataset.exposures.pairs, exposure_rows(dataset, dataset.exposures)
    place = next(place for place, told in enumerate(dataset.zones) if told)
    mine = pairs.person == place
    return {moment: set(rows[mine & (pairs.moment == moment), HOUR].tolist()) for moment in (FIRST, SECOND, THIRD)}


def test_a_row_has_the_zone_of_its_moment(store: Store) -> None:
    home = 0.0
    assert hours(table.read(store, NOW, Silent())) == {FIRST: {home}, SECOND: {9.0}, THIRD: {home}}


def test_what_is_told_later_is_in_no_row_and_no_digest(store: Store, tmp_path: Path) -> None:
    never = open_shop(tmp_path, scorer=NoModel())
    try:
        decide_for(never, PEOPLE, 1, seed=0, at=FIRST)
        one, other = (table.read(shop, FIRST + 8 * DAY, Silent()) for shop in (store, never.store))
    finally:
        never.store.close()
    assert one.zones == other.zones == ((),) * PEOPLE
    assert exposure_rows(one, one.exposures).tobytes() == exposure_rows(other, other.exposures).tobytes()
    assert len(one.exposures) == len(other.exposures) > PEOPLE
    assert np.array_equal(one.exposures.success, other.exposures.success)
    assert one.digest == other.digest
