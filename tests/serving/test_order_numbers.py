"""An order number leads to whoever ordered, wherever a person can be named."""

from __future__ import annotations

import httpx


def order(client: httpx.Client, person: str, number: object, message: str) -> None:
    properties = {"order_id": number, "products": [{"product_id": "washer-1", "quantity": 1, "price": 10}]}
    call = {"userId": person, "event": "Order Completed", "messageId": message, "properties": properties}
    assert client.post("/v1/track", json=call).status_code == 200


def test_every_address_takes_the_number_of_an_order(client: httpx.Client, person: str) -> None:
    number = f"1182-{person}"
    name = f"order_number:{number}"
    asked = {"identifier": {"type": "order_number", "value": number}, "channels": ["email"]}
    found = {"type": "order_number", "value": number}
    assert client.get("/customers/lookup", params=found).status_code == 404
    assert client.get(f"/customers/{name}/context").status_code == 404
    order(client, person, number, f"{person}-bought")
    assert client.get("/customers/lookup", params=found).json() == {"customer_id": person}
    for path in ("", "/context", "/timeline"):
        assert client.get(f"/customers/{name}{path}").json()["customer_id"] == person, path
    answer = client.post("/recommend", json=asked).json()
    assert (answer["customer_id"], answer["known"]) == (person, True)
    decisions = client.get(f"/customers/{person}/decisions").json()["decisions"]
    assert [one["decision_id"] for one in decisions] == [answer["decision_id"]]
    order(client, f"{person}-other", number, f"{person}-bought-too")
    for response in (
        client.get("/customers/lookup", params=found),
        client.get(f"/customers/{name}/context"),
        client.post("/recommend", json=asked),
    ):
        assert response.status_code == 409
        assert response.json()["error"]["candidates"] == [person, f"{person}-other"]


def test_a_number_that_is_told_as_a_number_is_found_by_its_digits(client: httpx.Client, person: str) -> None:
    number = 77_000_000_000 + int(person.rpartition("-")[2])
    order(client, person, number, f"{person}-bought")
    found = client.get("/customers/lookup", params={"type": "order_number", "value": f" {number} "})
    assert found.json() == {"customer_id": person}


def test_what_is_handed_off_by_the_number_is_the_customers(client: httpx.Client, person: str) -> None:
    number = f"1183-{person}"
    order(client, person, number, f"{person}-bought")
    body = {"to_channel": "web", "from_channel": "email", "inquiry": "where is it", "reason": "asked"}
    made = client.post(f"/customers/order_number:{number}/handoff", json=body)
    assert made.status_code == 200, made.text
    context = client.get(f"/customers/{person}/context").json()
    assert [one["inquiry"] for one in context["handoffs"]] == ["where is it"]
    assert client.get("/customers/lookup", params={"type": "order_number", "value": number}).status_code == 200
