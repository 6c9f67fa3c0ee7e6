"""GET /customers/{id}/contact_reasons through a real server: rules without a model of reasons, the model with one."""

from __future__ import annotations

import time

import httpx
import pytest

from features.event import Event, Kind
from features.identity import customer_identifier
from features.stores import open_store
from features.stores.protocol import Append
from serving.clock import parse_instant, render_instant
from tests.serving.conftest import Demo
from tests.serving.synthetic import store_url
from tests.serving.test_bad_input import fault


def tell(client: httpx.Client, person: str, event: str, **properties: object) -> None:
    call = {"type": "track", "userId": person, "event": event, "properties": properties}
    assert client.post("/v1/track", json=call).status_code == 200


def tell_of(client: httpx.Client, person: str, seconds: float, event: str, **properties: object) -> None:
    """That it happened so many seconds ago."""
    at = render_instant(time.time_ns() // 1_000_000 - int(seconds * 1000))
    call = {"type": "track", "userId": person, "event": event, "properties": properties, "timestamp": at}
    assert client.post("/v1/track", json=call).status_code == 200


def reasons(client: httpx.Client, person: str, **query: int) -> dict[str, object]:
    answer = client.get(f"/customers/{person}/contact_reasons", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_a_fresh_purchase_is_the_first_guess_with_its_evidence(client: httpx.Client, person: str) -> None:
    products = [{"product_id": "washer-1", "quantity": 1, "price": 499, "name": "A washing machine"}]
    tell(client, person, "Order Completed", order_id="1182", products=products)
    found = reasons(client, person)
    assert (found["origin"], found["model_version"], found["personal"]) == ("rules", None, True)
    assert found["customer_id"] == person
    first, other = found["reasons"]
    assert first["reason"] == "new_purchase"
    assert first["evidence"] == ["bought A washing machine just now"]
    assert first["say"].endswith("?")
    assert other["reason"] == "other"
    assert first["probability"] + other["probability"] == pytest.approx(1.0)


def test_the_contact_that_is_under_way_explains_nothing(client: httpx.Client, person: str) -> None:
    tell(client, person, "Payment Failed")
    before = reasons(client, person)
    tell(client, person, "Call Started", reason="delivery")
    during = reasons(client, person)
    assert [one["reason"] for one in during["reasons"]] == [one["reason"] for one in before["reasons"]]
    assert during["reasons"][0]["reason"] == "payment"
    assert not any("called" in fact for one in during["reasons"] for fact in one["evidence"])
    began = client.get(f"/customers/{person}/timeline").json()["events"][0]["occurred_at"]
    assert parse_instant(str(during["as_of"])) == parse_instant(began) - 1


ORDER = {"order_id": "1182", "products": [{"product_id": "washer-1", "quantity": 1, "price": 499}]}


def test_a_delivery_since_the_chat_explains_the_call(client: httpx.Client, person: str) -> None:
    tell_of(client, person, 2 * 86_400, "Order Completed", **ORDER)
    tell_of(client, person, 50 * 60, "Live Chat Conversation Started")
    tell_of(client, person, 20 * 60, "Order Delivered", order_id="1182")
    tell_of(client, person, 5, "Call Started")
    found = reasons(client, person)
    first = found["reasons"][0]
    assert (first["reason"], first["evidence"][0]) == ("delivery", "order 1182 delivered 19 minutes ago")
    assert first["probability"] == pytest.approx(7 / 12)


def test_a_case_opened_before_explains_the_call(client: httpx.Client, person: str) -> None:
    tell_of(client, person, 30 * 60, "Case Opened", case_id="77", reason="Broken door", channel="web")
    tell_of(client, person, 60, "Call Started")
    tell_of(client, person, 30, "Case Opened", case_id="78", reason="payment")
    found = reasons(client, person)
    assert found["personal"]
    told = {one["reason"]: one["evidence"] for one in found["reasons"]}
    assert told == {
        "open_case": ["case 77 open for 29 minutes"],
        "broken door": ["opened a case about 'Broken door' 29 minutes ago"],
        "other": [],
    }


def test_a_delivery_told_just_before_a_call_that_is_dated_earlier_explains_it(
    client: httpx.Client, person: str
) -> None:
    tell(client, person, "Order Delivered", order_id="1182")
    tell_of(client, person, 5, "Call Started", reason="payment")
    first = reasons(client, person)["reasons"][0]
    assert (first["reason"], first["evidence"]) == ("delivery", ["order 1182 delivered just now"])


def test_what_is_told_late_of_the_time_before_the_call_explains_it(client: httpx.Client, person: str) -> None:
    tell(client, person, "Call Started")
    assert reasons(client, person)["reasons"] == []
    tell_of(client, person, 20 * 60, "Order Delivered", order_id="1182")
    assert reasons(client, person)["reasons"][0]["evidence"] == ["order 1182 delivered 19 minutes ago"]
    tell(client, person, "Payment Failed")
    assert [one["reason"] for one in reasons(client, person)["reasons"]] == ["delivery", "other"]
    tell(client, person, "Call Ended")
    assert [one["reason"] for one in reasons(client, person)["reasons"]] == ["delivery", "payment", "other"]


def test_what_the_chat_was_about_explains_the_call(client: httpx.Client, person: str) -> None:
    tell_of(client, person, 50 * 60, "Live Chat Conversation Started", reason="Delivery")
    tell_of(client, person, 5, "Call Started", reason="refund")
    first, other = reasons(client, person)["reasons"]
    assert (first["reason"], first["evidence"]) == ("delivery", ["chatted about 'Delivery' 49 minutes ago"])
    assert other["reason"] == "other"


def test_of_somebody_unknown_nothing_is_told(client: httpx.Client, person: str) -> None:
    found = reasons(client, person)
    assert (found["customer_id"], found["personal"], found["reasons"]) == (person, False, [])


def test_a_card_number_in_a_search_is_not_repeated(client: httpx.Client, person: str) -> None:
    tell(client, person, "Checkout Started", value=5)
    tell(client, person, "Case Opened", case_id="4111 1111 1111 1111")
    answer = client.get(f"/customers/{person}/contact_reasons").text
    assert "1111 1111" not in answer


@pytest.mark.parametrize("limit", ["0", "21", "-1", "x", "1.5", ""])
def test_a_limit_is_from_1_to_20(client: httpx.Client, person: str, limit: str) -> None:
    answer = client.get(f"/customers/{person}/contact_reasons", params={"limit": limit})
    assert fault(answer) == (422, "invalid_value", "limit")


def test_as_many_reasons_as_asked_for(client: httpx.Client, person: str) -> None:
    tell(client, person, "Payment Failed")
    assert [len(reasons(client, person, limit=limit)["reasons"]) for limit in (1, 2, 20)] == [1, 2, 2]


def test_an_id_that_is_none_is_refused(client: httpx.Client) -> None:
    answer = client.get("/customers/%20/contact_reasons")
    assert fault(answer) == (422, "invalid_value", "customer_id")


def test_it_takes_the_right_to_read(demo: Demo) -> None:
    with demo.fast.client() as client:
        assert client.get("/customers/x/contact_reasons").status_code == 401
    for right, status in (("write", 403), ("decide", 403), ("read", 200)):
        with demo.fast.client(authorization=f"Bearer {demo.keys[right]}") as client:
            assert client.get("/customers/x/contact_reasons").status_code == status


@pytest.mark.parametrize(
    ("kind", "reason", "evidence"),
    [(Kind.ORDER_DELIVERED, "delivery", ["order 1182 delivered 20 minutes ago"]), (Kind.VIEWED, "billing", [])],
)
def test_a_model_that_has_learned_reasons_answers(
    demo: Demo, person: str, kind: Kind, reason: str, evidence: list[str]
) -> None:
    at = tell_in_the_log(demo, person, kind, order="1182")
    found = asked_at(demo, person, at + 20 * 60_000)
    assert (found["origin"], found["model_version"], found["personal"]) == ("model", "7", True)
    assert parse_instant(str(found["as_of"])) == at + 20 * 60_000
    assert [one["reason"] for one in found["reasons"]][-1] == "other"
    first = found["reasons"][0]
    assert (first["reason"], first["evidence"]) == (reason, evidence)


def test_who_is_unknown_or_objects_to_profiling_gets_what_everybody_calls_about(demo: Demo, person: str) -> None:
    tell_in_the_log(demo, person, Kind.ORDER_DELIVERED, order="1182")
    at = tell_in_the_log(demo, person, Kind.CONSENT_WITHDRAWN, topic="profiling")
    objecting, unknown = asked_at(demo, person, at), asked_at(demo, f"{person}-unknown", at)
    assert objecting["reasons"] == unknown["reasons"]
    assert [(one["reason"], one["probability"], one["evidence"]) for one in unknown["reasons"]] == [
        ("billing", 0.5, []),
        ("delivery", 0.4, []),
        ("other", 0.1, []),
    ]
    assert objecting["personal"] is unknown["personal"] is False


def tell_in_the_log(demo: Demo, person: str, kind: Kind, **more: str) -> int:
    """At the demo's present, ms UTC, which other tests move; returned."""
    store = open_store(store_url(demo.home))
    try:
        present = store.advance_present(0)
        event = Event(f"{person}-{kind}", kind, kind.name, present, present, **more)
        store.append([Append(customer_identifier(person), (event,))]).result()
    finally:
        store.close()
    return present


def asked_at(demo: Demo, person: str, moment: int) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {demo.keys['read']}", "Nextbest-Now": render_instant(moment)}
    with demo.fast.client(**headers) as client:
        return reasons(client, person)
