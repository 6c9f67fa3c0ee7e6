"""The main promise, with real server processes: what was bought is offered nowhere from then on; what came back is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving.running import Running, server
from tests.serving.synthetic import PROMOTED_ITEM, make_shop

WORKERS = 2
CONNECTIONS = 12
"""The kernel spreads new connections over the workers; of so many, each worker has one or more."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home: Path = tmp_path_factory.mktemp("flow")
    make_shop(home)
    with server(home, workers=WORKERS) as running:
        yield running


def offered(client: httpx.Client, person: str) -> dict[str, list[str]]:
    """Action ids by channel, as recommended to `person` now."""
    response = client.post("/recommend", json={"customer_id": person, "limit": 5})
    assert response.status_code == 200, response.text
    return {slate["channel"]: [one["action_id"] for one in slate["actions"]] for slate in response.json()["channels"]}


def from_any_worker(shop: Running, person: str) -> list[dict[str, list[str]]]:
    answers = []
    for _ in range(CONNECTIONS):
        with shop.client() as client:
            answers.append(offered(client, person))
    return answers


def tell(client: httpx.Client, person: str, event: str, order: str, **properties: object) -> None:
    body = {
        "userId": person,
        "event": event,
        "messageId": f"{event} {order}",
        "properties": {"order_id": order, **properties},
    }
    response = client.post("/v1/track", json=body)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("refund", ["of the line", "of the order"])
def test_a_purchase_suppresses_everywhere_and_a_refund_restores(shop: Running, refund: str) -> None:
    person = f"buyer {refund}"
    with shop.client() as client:
        tell(client, person, "Signed Up", f"none {refund}")
        before = offered(client, person)
        first = next(actions[0] for actions in before.values() if actions)
        item = PROMOTED_ITEM[first]
        line = {"products": [{"product_id": item, "quantity": 1, "price": 100.0}]}
        offering = {channel for channel, actions in before.items() if first in actions}
        assert len(offering) >= 2

        tell(client, person, "Order Completed", f"order {refund}", **line)
        for answer in from_any_worker(shop, person):
            assert all(first not in actions for actions in answer.values())
            assert any(answer.values()), "what was not bought is still offered"

        tell(client, person, "Order Refunded", f"order {refund}", **(line if refund == "of the line" else {}))
        for answer in from_any_worker(shop, person):
            assert {channel for channel, actions in answer.items() if first in actions} == offering


def test_another_person_s_purchase_changes_nothing(shop: Running) -> None:
    with shop.client() as client:
        before = offered(client, "bystander")
        for action, item in PROMOTED_ITEM.items():
            tell(client, "somebody else", "Order Completed", action, products=[{"product_id": item, "quantity": 1}])
        assert offered(client, "bystander") == before


def test_both_workers_have_answered(shop: Running) -> None:
    """Else the tests above would have tried one only."""
    pids = {
        path.stem.split("_")[-1] for path in (shop.home / "bentoml" / "prometheus_multiproc_dir").glob("counter_*.db")
    }
    assert len(pids) == WORKERS
