"""Where everybody's history is too much to hold, one in so many people is learned from, the same ones each time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from features.progress import Silent
from features.stores.protocol import Store
from tests.training.small_shop import PEOPLE, open_shop
from training import run, table
from training.registry import Registry
from training.settings import TrainingSettings

pytestmark = [  # what MLflow says of its own libraries is not ours to mend
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:mlflow.*"),
]

SETTINGS = TrainingSettings(rounds=10, affinity_rounds=5, resamples=5, refits=1, negatives=500, judged=500)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = open_shop(tmp_path_factory.mktemp("shop") / "store.db")
    yield store
    store.close()


@pytest.mark.parametrize("people", [None, PEOPLE, 10 * PEOPLE])
def test_where_all_may_be_held_all_are(shop: Store, people: int | None) -> None:
    everybody = table.read(shop, None, Silent())
    assert table.read_share(shop, None, Silent(), people).digest == everybody.digest


@pytest.mark.parametrize("people", [PEOPLE - 1, PEOPLE // 2, PEOPLE // 5, 7])
def test_else_about_so_many_and_whole_histories(shop: Store, people: int) -> None:
    everybody, some = table.read(shop, None, Silent()), table.read_share(shop, None, Silent(), people)
    assert 0 < some.people <= people + 1
    assert some.people > people / 2 - 1
    known = dict(zip(everybody.numbers.tolist(), everybody.histories, strict=True))
    for number, history in zip(some.numbers.tolist(), some.histories, strict=True):
        assert history.tobytes() == known[number].tobytes()
    assert some.digest == table.read_share(shop, None, Silent(), people).digest != everybody.digest


def test_a_run_learns_from_those_and_says_so(shop: Store, tmp_path: Path) -> None:
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts")
    made = run.learn(shop, registry, replace(SETTINGS, people=PEOPLE // 2), None, Silent(), evaluated=False)
    some = table.read_share(shop, None, Silent(), PEOPLE // 2)
    assert f"people are {PEOPLE}; one in 2 is learned from, {some.people} (NEXTBEST_TRAINING_PEOPLE)" in made.remarks
    tags = registry.figures(made.registered.run_id).tags
    assert tags[run.DATASET_TAG] == some.digest
    assert '"people": 60' in tags["training_settings"]
