"""What somebody turns down in the demo is not offered again for its time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta

import httpx
import pytest

from features.instants import render_instant
from features.progress import Silent
from features.stores import open_store
from tests.serving.running import server
from tests.serving.synthetic import store_url
from tests.training import synthetic_journey as synthetic
from tests.training.synthetic_journey import DAY
from training.sources import complete_journey
from training.sources.journey.catalogue import COOL_OFF_DAYS

NOON = DAY + timedelta(hours=16)
MS_PER_DAY = 86_400_000
ASKED = {"customer_id": "1", "channels": ["agent"], "limit": 5, "explain": True}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """SYNTHETIC tables in the shape of the demo's, served by the demo's own catalogue."""
    home = tmp_path_factory.mktemp("demo")
    coupons = [(10, 1, 1), (10, 3, 1), (11, 4, 1), (12, 2, 2)]
    made = synthetic.tables([(1, 101, 9, 1, 3.0, 0.5, NOON)], [], coupons, [(1, 1)])
    store = open_store(store_url(home))
    try:
        complete_journey.import_into(store, Silent(), synthetic.write(made, home))
    finally:
        store.close()
    with server(home) as running, running.client() as opened:
        yield opened


def asked(client: httpx.Client, now: int | None = None) -> dict[str, object]:
    headers = {} if now is None else {"Nextbest-Now": render_instant(now)}
    response = client.post("/recommend", json={**ASKED, "dry_run": now is not None}, headers=headers)
    assert response.status_code == 200, response.text
    slate: dict[str, object] = response.json()["channels"][0]
    return slate


def offered(slate: dict[str, object]) -> set[str]:
    return {one["action_id"] for one in slate["actions"]}  # type: ignore[attr-defined]


def test_what_was_turned_down_rests_and_comes_back_and_says_why(client: httpx.Client) -> None:
    before = asked(client)
    first, *_ = before["actions"]  # type: ignore[misc]
    assert before["funnel"]["recently_rejected"] == 0  # type: ignore[index]
    report = {"token": first["token"], "outcome": "rejected"}
    assert client.post("/feedback", json=report).status_code == 200
    after = asked(client)
    assert offered(after) == offered(before) - {first["action_id"]}
    (why,) = [one for one in after["refused"] if one["action_id"] == first["action_id"]]  # type: ignore[attr-defined]
    assert (why["gate"], why["rule"]) == ("recently_rejected", "action")
    present = int(NOON.replace(tzinfo=UTC).timestamp() * 1000)
    almost, over = (present + COOL_OFF_DAYS * MS_PER_DAY + wait for wait in (-1, 0))
    assert first["action_id"] not in offered(asked(client, almost))
    assert first["action_id"] in offered(asked(client, over))
