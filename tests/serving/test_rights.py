"""A person's rights over HTTP: the copy, the erasure, and what is answered afterwards."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from features.stores import open_store
from tests.checks.store_examples import user
from tests.serving.conftest import Demo
from tests.serving.running import Running
from tests.serving.synthetic import store_url
from tests.serving.test_decisions import ask


def buy(client: httpx.Client, person: str) -> None:
    sent = {
        "type": "track",
        "event": "Order Completed",
        "userId": person,
        "messageId": f"{person}-bought",
        "properties": {"order_id": f"{person}-o", "products": [{"product_id": "vacuum-1", "quantity": 1}]},
    }
    assert client.post("/v1/track", json=sent).status_code == 200


def decide(client: httpx.Client, person: str) -> str:
    answer = client.post("/recommend", json={"customer_id": person, "channels": ["web"]})
    assert answer.status_code == 200
    return str(answer.json()["decision_id"])


def test_an_erased_customer_is_gone(client: httpx.Client, person: str) -> None:
    buy(client, person)
    decision = decide(client, person)
    assert client.get(f"/decisions/{decision}").status_code == 200
    erased = client.delete(f"/customers/{person}")
    assert erased.status_code == 200
    assert erased.json()["erased"]["events"] == 2
    assert erased.json()["erased"]["decisions"] == 1
    assert client.get(f"/customers/{person}").status_code == 404
    assert client.get(f"/customers/{person}/export").status_code == 404
    assert client.delete(f"/customers/{person}").status_code == 404
    again = client.post("/recommend", json={"customer_id": person, "channels": ["web"], "dry_run": True}).json()
    assert again["known"] is False
    assert again["channels"][0]["funnel"]["already_purchased"] == 0


def test_an_erased_decision_is_410_and_one_that_never_was_404(client: httpx.Client, person: str) -> None:
    decision = decide(client, person)
    assert client.delete(f"/customers/{person}").status_code == 200
    told = client.get(f"/decisions/{decision}")
    assert (told.status_code, told.json()["error"]["type"]) == (410, "gone")
    report = {"decision_id": decision, "action_id": "offer-plan", "channel": "web", "outcome": "clicked"}
    assert client.post("/feedback", json=report).status_code == 410
    assert client.get("/decisions/never-made").status_code == 404


def test_a_decision_by_address_goes_with_whose_the_address_is(client: httpx.Client, shop: Running, person: str) -> None:
    """Through a wrong alias and its undoing, with the feedback on it."""
    address, wrong = f"{person}@example.org", f"a-{person}"
    batch: list[dict[str, object]] = [
        {"type": "identify", "userId": person, "traits": {"email": address}, "messageId": f"{person}-1"},
        {"type": "alias", "userId": person, "previousId": wrong, "messageId": f"{person}-2"},
        {"type": "track", "userId": wrong, "event": "Product Viewed", "messageId": f"{person}-3"},
    ]
    batch[2]["properties"] = {"product_id": "vacuum-1"}
    assert client.post("/v1/batch", json={"batch": batch}).status_code == 200
    made = ask(client, identifier={"type": "email", "value": address}, channels=["web"])
    assert made["customer_id"] == person
    report = {"token": made["channels"][0]["actions"][0]["token"], "outcome": "clicked"}
    assert client.post("/feedback", json=report).json()["stored"] == 1
    store = open_store(store_url(shop.home))
    store.split(user(person), user(wrong), 0, "operator test")
    store.close()
    lists = {name: client.get(f"/customers/{name}/decisions").json()["decisions"] for name in (person, wrong)}
    assert {name: [one["decision_id"] for one in found] for name, found in lists.items()} == {
        person: [made["decision_id"]],
        wrong: [],
    }
    assert "clicked" not in client.get(f"/customers/{wrong}/timeline").text
    assert client.delete(f"/customers/{person}").status_code == 200
    assert client.get(f"/decisions/{made['decision_id']}").status_code == 410
    assert client.get("/customers/lookup", params={"type": "email", "value": address}).status_code == 404


def test_the_copy_is_a_file(client: httpx.Client, person: str) -> None:
    buy(client, person)
    decision = decide(client, person)
    sent = client.get(f"/customers/{person}/export")
    assert sent.status_code == 200
    assert sent.headers["content-disposition"].startswith("attachment")
    assert sent.headers["cache-control"] == "no-store"
    made = sent.json()
    assert (made["format"], made["format_version"], made["customer_id"]) == ("nextbest-export", 2, person)
    assert made["events"][0]["message_id"] == f"{person}-bought"
    assert [one["decision_id"] for one in made["decisions"]] == [decision]
    assert [one["item"] for one in made["owned"]] == ["vacuum-1"]


def test_only_a_key_for_it_may(demo: Demo) -> None:
    with demo.fast.client() as client:
        for right, key in demo.keys.items():
            allowed = right in {"admin", "all"}
            headers = {"Authorization": f"Bearer {key}"}
            for answer in (
                client.get("/customers/nobody/export", headers=headers),
                client.delete("/customers/nobody", headers=headers),
            ):
                assert answer.status_code == (404 if allowed else 403), right
        assert client.delete("/customers/nobody").status_code == 401


def test_the_audit_says_which_key_and_of_nobody(demo: Demo) -> None:
    with demo.fast.client(Authorization=f"Bearer {demo.keys['all']}") as client:
        buy(client, "ann-of-the-audit")
        client.get("/customers/ann-of-the-audit/export")
        client.delete("/customers/ann-of-the-audit")
    store = open_store(store_url(demo.home))
    try:
        erased, copied = store.audit(2)
        (key_id,) = [key.key_id for key in store.keys() if key.note == "test: all"]  # noqa: SIM118 - no mapping
    finally:
        store.close()
    assert (erased.what, copied.what) == ("erased", "exported")
    assert {erased.author, copied.author} == {f"key {key_id}"}
    assert erased.subject == copied.subject
    assert "ann" not in json.dumps([erased.counts, erased.subject, erased.author])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/customers/c-1", {"GET", "DELETE"}),
        ("DELETE", "/customers/c-1/export", {"GET"}),
        ("DELETE", "/customers/lookup", {"GET"}),
        ("DELETE", "/recommend", {"POST"}),
    ],
)
def test_another_method_hears_which_there_are(client: httpx.Client, method: str, path: str, allowed: set[str]) -> None:
    told = client.request(method, path)
    assert told.status_code == 405
    assert set(told.headers["allow"].split(", ")) == allowed


def test_erasing_in_the_middle_of_traffic(shop: Running, person: str) -> None:
    """Every answer is one of those that are documented, and in the end nothing is left."""
    with shop.client() as client:

        def ask(number: int) -> int:
            if number % 6 == 5:
                return client.delete(f"/customers/{person}").status_code
            if number % 2:
                sent = {"type": "track", "event": "Product Viewed", "userId": person, "messageId": f"{person}-{number}"}
                return client.post("/v1/track", json={**sent, "properties": {"product_id": "v"}}).status_code
            return client.post("/recommend", json={"customer_id": person, "channels": ["web"]}).status_code

        with ThreadPoolExecutor(6) as pool:
            statuses = set(pool.map(ask, range(120)))
        assert statuses <= {200, 404, 503}
        client.delete(f"/customers/{person}")
        assert client.get(f"/customers/{person}/export").status_code == 404
