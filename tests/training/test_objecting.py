"""Who objects to profiling is learned from as little as somebody without a history. Everything here is synthetic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from features.consent import PROFILING_TOPIC
from features.event import Event, Identifier, Kind
from features.progress import Silent
from features.stores.protocol import Append, Store
from tests.training.small_shop import BEGIN, DAY, DAYS, PEOPLE, events, open_shop
from training import affinity, table
from training.evaluate import evaluate
from training.settings import TrainingSettings
from training.train import train

AT = BEGIN + DAYS * DAY
OBJECTING = ("c-0", "c-17", "c-60")
EMAIL = Identifier("email", "same@example.com")
SETTINGS = TrainingSettings(rounds=20, affinity_rounds=10, resamples=5, refits=1, negatives=2_000, judged=2_000)


def says(store: Store, who: str, kind: Kind, at: int, *through: Identifier) -> None:
    told = Event(f"{who} {at}", kind, "Profiling Objected", at, at, topic=PROFILING_TOPIC)
    store.append([Append(Identifier("user_id", who), (told,), addressed=through)]).result(30)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Of three who object one changes her mind later, and one objected by another name with the same address."""
    store = open_shop(tmp_path_factory.mktemp("objecting") / "store.db")
    seen = Event("seen", Kind.PAGE_SEEN, "Page", BEGIN, BEGIN)
    store.append([Append(Identifier("user_id", "c-60"), (seen,), also=(EMAIL,))]).result(30)
    says(store, "c-0", Kind.CONSENT_WITHDRAWN, AT - 5)
    says(store, "c-17", Kind.CONSENT_WITHDRAWN, AT - 5)
    says(store, "c-17", Kind.CONSENT_GRANTED, AT + DAY)
    says(store, "somebody", Kind.CONSENT_WITHDRAWN, AT - 5, EMAIL)
    yield store
    store.close()


def test_a_dataset_is_as_if_they_had_no_history(shop: Store, tmp_path: Path) -> None:
    rows = events(7)
    without = rows.filter(pc.invert(pc.is_in(rows["customer_id"], pa.array(OBJECTING))))
    never = open_shop(tmp_path / "never.db", rows=without)
    try:
        left, dataset = table.read(never, AT, Silent()), table.read(shop, AT, Silent())
    finally:
        never.close()
    assert (dataset.objecting, dataset.people) == (4, PEOPLE - 3)
    assert left.people == PEOPLE - 3
    assert sum(map(len, dataset.histories)) == sum(map(len, left.histories))
    assert len(dataset.purchases.at) == len(left.purchases.at) < len(table.read(shop, AT - 10, Silent()).purchases.at)
    assert len(dataset.exposures) == len(left.exposures)
    assert dataset.exposures.success.sum() == left.exposures.success.sum()
    assert dataset.remarks == ("people who object to profiling are 4; nothing is learned of them nor judged by them",)


def test_it_holds_as_of_the_moment_that_training_sees(shop: Store) -> None:
    assert table.read(shop, AT - 6, Silent()).objecting == 0
    assert table.read(shop, AT - 6, Silent()).remarks == ()
    assert table.read(shop, None, Silent()).objecting == 3


def test_nothing_is_learned_of_them_nor_judged_by_them(shop: Store) -> None:
    dataset = table.read(shop, AT, Silent())
    absent = {place for place, records in enumerate(dataset.histories) if len(records) == 0}
    assert len(absent) == 4
    trained = train(dataset, SETTINGS, Silent())
    for part in trained.backtest.parts.values():
        assert absent.isdisjoint(part.exposures.pairs.person.tolist())
    for moment in affinity.grid(dataset):
        drawn = affinity.draw(dataset, int(moment), 10**6, np.random.default_rng(1))
        assert absent.isdisjoint(drawn.pairs.person.tolist())
    evaluation = evaluate(dataset, trained.backtest, SETTINGS, Silent())
    assert all(judged.people <= PEOPLE - 3 for judged in evaluation.next_purchase)
    assert evaluation.markdown().endswith(dataset.remarks[0])
