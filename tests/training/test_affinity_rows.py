"""What affinity is learned from: which rows are drawn, and what people bought meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from features.progress import Silent
from models.affinity import HORIZON
from tests.training.small_shop import PEOPLE, open_shop
from training import affinity, table
from training.purchases import Purchases
from training.table import Dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    store = open_shop(tmp_path_factory.mktemp("shop") / "store.db")
    yield table.read(store, None, Silent())
    store.close()


def test_drawn_rows_stand_for_all_rows(dataset: Dataset) -> None:
    """The weights make up for what was not drawn, and the label is a purchase in the horizon."""
    moment = dataset.known_at - 2 * HORIZON
    drawn = affinity.draw(dataset, moment, 10**6, np.random.default_rng(1))
    everything = PEOPLE * len(dataset.purchases.leaf)
    assert drawn.weight.sum() == pytest.approx(everything, rel=0.25)
    for place in range(0, len(drawn.label), 97):
        person, category = int(drawn.pairs.person[place]), drawn.pairs.category[place]
        assert drawn.label[place] == (category in _bought(dataset.purchases, person, moment, moment + HORIZON))


def _bought(bought: Purchases, person: int, after: int, until: int) -> set[int]:
    """Categories, one purchase after the other."""
    return {
        int(bought.category[row])
        for row in range(bought.start[person], bought.start[person + 1])
        if after < bought.at[row] <= until and bought.recorded_at[row] <= until
    }


def test_what_many_people_bought_is_what_each_of_them_did(dataset: Dataset) -> None:
    """Of some of them, and for spans that end before some purchases were recorded."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        people = np.sort(rng.choice(PEOPLE, 30, replace=False))
        after, until = np.sort(rng.choice(dataset.purchases.at, 2)).tolist()
        found = affinity.bought_between(dataset.purchases, people, after, until)
        for row, person in zip(found, people.tolist(), strict=True):
            assert set(np.flatnonzero(row).tolist()) == _bought(dataset.purchases, person, after, until)


def test_of_many_people_some_are_drawn(dataset: Dataset) -> None:
    moment = dataset.known_at - 2 * HORIZON
    people = [
        set(affinity.draw(dataset, moment, limit, np.random.default_rng(3)).pairs.person.tolist())
        for limit in (PEOPLE // 4, PEOPLE)
    ]
    assert 0 < len(people[0]) <= PEOPLE // 4 < len(people[1])
