"""Who never answers on one channel is reached where they do: learned from contacts, chosen by decisions. SYNTHETIC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from features.event import Kind
from features.identity import customer_identifier
from features.progress import Silent
from features.published import NOTHING
from features.stores.protocol import Store
from models.decide import decide
from models.response import ModelScorer
from tests.models.shop import request
from tests.training.small_shop import BEGIN, CHANNELS, DAY, LEAVES, MAILED_ON, PEOPLE, as_table, events, open_shop
from training import table
from training.settings import TrainingSettings
from training.train import train

SETTINGS = TrainingSettings(rounds=60, affinity_rounds=10, refits=1, negatives=2_000, judged=500)
ANSWERS = 0.35


def answered_on(person: int) -> str:
    return CHANNELS[person % 2]


def mailings() -> list[dict[str, object]]:
    """Everybody is written to on both channels by turns; each answers on one of them only."""
    rng, rows = np.random.default_rng(11), list[dict[str, object]]()
    for person in range(PEOPLE):
        for number, day in enumerate(MAILED_ON):
            channel = CHANNELS[number % 2]
            for leaf in rng.choice(LEAVES, 2, replace=False):
                told = {"customer_id": f"c-{person}", "channel": channel, "action": f"save-{leaf}"}
                rows.append({**told, **_at(Kind.SENT, day)})
                if channel == answered_on(person) and rng.random() < ANSWERS:
                    rows.append({**told, **_at(Kind.CONVERTED, day + 2)})
    return rows


def _at(kind: Kind, day: float) -> dict[str, object]:
    moment = BEGIN + int(day * DAY)
    return {"kind": int(kind), "occurred_at": moment, "recorded_at": moment}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    bought = [row for row in events(7).to_pylist() if row["kind"] == Kind.ORDERED]
    store = open_shop(Path(tmp_path_factory.mktemp("two") / "store.db"), rows=as_table([*bought, *mailings()]))
    yield store
    store.close()


def test_each_is_reached_where_they_answer(shop: Store) -> None:
    trained = train(table.read(shop, None, Silent()), SETTINGS, Silent())
    scorer, compiled, moment = ModelScorer(trained.bundle, "1"), trained.dataset.compiled, trained.dataset.known_at
    right = 0
    for person in range(PEOPLE):
        record = shop.read(customer_identifier(f"c-{person}"))
        asked = request(*CHANNELS, across="best", deliver_at=moment, subject=record.customer_id)
        decision = decide(asked, record, compiled, scorer, moment, np.random.default_rng(1), NOTHING)
        (chosen,) = [slate.channel for slate in decision.slates if slate.actions]
        right += chosen == answered_on(person)
    # A choice that knows nothing is right for half of them, give or take sqrt(n) / 2: this is eight of these above.
    assert right > PEOPLE / 2 + 8 * np.sqrt(PEOPLE) / 2, right
