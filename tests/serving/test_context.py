"""What an agent sees, through a real server."""

from __future__ import annotations

import httpx
import pytest

from features.event import Event, Identifier, Kind
from features.instants import render_instant
from features.stores import open_store
from features.stores.protocol import Append
from serving.consents import HISTORY
from serving.know_answers import CONTEXT, CUSTOMER, DECISIONS, LOOKUP, TIMELINE
from tests.serving.desk import DAY, Desk
from tests.serving.synthetic import store_url
from tests.serving.test_bad_input import fault

WASHER = {"product_id": "washer-1", "quantity": 1, "price": 499}
VACUUM = {"product_id": "vacuum-1", "quantity": 2, "price": 199}


def test_an_agent_sees_basket_failed_payment_and_menu_choice_at_once(agent: Desk) -> None:
    customer = agent.customer()
    agent.track(customer, "Product Added", **VACUUM)
    agent.later(5)
    agent.track(customer, "Payment Failed", order_id="o-1")
    agent.later(4)
    agent.track(customer, "IVR Menu Selected", option="billing")
    found = agent.context(customer)
    assert [(line["item"], line["name"], line["quantity"]) for line in found["basket"]] == [
        ("vacuum-1", "Vacuum cleaner", 2.0)
    ]
    journey = found["journey"]
    assert journey["channels"] == ["web", "ivr"]
    assert (journey["transfers"], journey["elapsed_seconds"], journey["escalated"]) == (1, 540, False)
    assert journey["about"][0] == "chose billing in the telephone menu"
    assert any("payment failed" in words for words in journey["about"])
    assert "Vacuum cleaner" in journey["about"]
    assert journey["summary"] == "on the website, then in the telephone menu: 9 minutes, passed on once"
    agent.later(12)
    agent.track(customer, "Call Started", reason="payment")
    later = agent.context(customer)["journey"]
    assert (later["transfers"], later["elapsed_seconds"], later["escalated"]) == (2, 1260, True)


def test_everything_is_as_of_now(agent: Desk) -> None:
    customer = agent.customer()
    agent.track(customer, "Page Seen Elsewhere")
    agent.track(customer, "Product Viewed", **WASHER)
    assert agent.context(customer)["journey"] is not None
    agent.later(31)
    found = agent.context(customer)
    assert found["journey"] is None
    assert (found["handoffs"], found["cases"], found["orders"], found["basket"], found["fields"]) == (
        [],
        [],
        [],
        [],
        [],
    )
    assert (found["last_agent"], found["preferred_store"], found["preferred_channel"]) == (None, None, None)


def test_orders_cases_and_who_spoke_last(agent: Desk) -> None:
    customer = agent.customer()
    agent.track(customer, "Order Completed", order_id="o-2", products=[WASHER, VACUUM])
    agent.track(customer, "Order Completed", order_id="o-3", channel="store", products=[VACUUM])
    agent.later(60)
    agent.track(customer, "Order Refunded", order_id="o-2", products=[{"product_id": "vacuum-1", "quantity": 1}])
    agent.track(customer, "Order Cancelled", order_id="o-3")
    agent.track(customer, "Case Opened", case_id="k-1", severity="high", reason="late", agent_id="ada")
    agent.track(customer, "Case Opened", case_id="k-2")
    agent.track(customer, "Case Closed", case_id="k-2")
    agent.later(2)
    found = agent.context(customer)
    orders = {order["order_id"]: order for order in found["orders"]}
    assert orders["o-2"]["state"] == "ordered"
    assert [(line["item"], line["quantity"], line["returned"], line["amount"]) for line in orders["o-2"]["lines"]] == [
        ("washer-1", 1, 0, 499),
        ("vacuum-1", 2, 1, 398),
    ]
    assert (orders["o-3"]["state"], orders["o-3"]["channel"]) == ("cancelled", "store")
    assert [(case["case_id"], case["severity"], case["age_seconds"]) for case in found["cases"]] == [("k-1", 3, 120)]
    assert found["last_agent"]["agent_id"] == "ada"


def test_a_case_that_nobody_touches_for_too_long_is_said_to_be_stale(agent: Desk) -> None:
    customer = agent.customer()
    agent.track(customer, "Case Opened", case_id="k-1", severity="high")
    agent.later(1439)
    agent.track(customer, "Case Updated", case_id="k-1")
    touched = agent.now
    for minutes, since in ((1, None), (1438, None), (1, touched + DAY), (60, touched + DAY)):
        agent.later(minutes)
        (case,) = agent.context(customer)["cases"]
        assert case["stale_since"] == (None if since is None else render_instant(since))


def test_a_field_is_asked_for_once_and_a_secret_never_shown(agent: Desk) -> None:
    customer = agent.customer()
    for field, value in (("meter", "A-1"), ("meter", "A-2"), ("password", "hunter2"), ("note", "4111 1111 1111 1111")):
        agent.track(customer, "Form Field Captured", field=field, value=value)
        agent.later(1)
    response = agent.ask("GET", f"/customers/{customer}/context")
    fields = {field["field"]: (field["value"], field["withheld"]) for field in response.json()["fields"]}
    assert fields == {"meter": ("A-2", False), "note": (None, True), "password": (None, True)}
    timeline = agent.ask("GET", f"/customers/{customer}/timeline")
    for text in (response.text, timeline.text):
        assert "hunter2" not in text
        assert "4111 1111" not in text


def test_habits_rest_on_what_was_answered_in_the_customers_own_time(agent: Desk) -> None:
    customer = agent.customer()
    agent.post(
        "/v1/identify", {"userId": customer, "messageId": f"{customer}-who", "traits": {"time_zone": "Asia/Tokyo"}}
    )
    for _ in range(6):
        agent.track(customer, "Live Chat Conversation Started")
        agent.track(customer, "Live Chat Conversation Ended")
        agent.later(24 * 60)
    found = agent.context(customer)["preferred_channel"]
    local = (agent.now // 3_600_000 + 9) % 24
    assert (found["responses"], found["time_zone"], found["now"]["hour"]) == (6, "Asia/Tokyo", local)
    assert found["now"]["channel"] == "chat"
    assert [entry["hour"] for entry in found["by_hour"]] == list(range(24))
    shares = [entry["share"] for entry in found["by_hour"]]
    assert max(shares) == found["now"]["share"] < 1


def test_consents_and_subscriptions_are_those_that_hold(agent: Desk) -> None:
    customer = agent.customer()
    agent.track(customer, "Email Subscribed")
    agent.track(customer, "SMS Unsubscribed")
    found = agent.context(customer)
    held = {(one["channel"], one["topic"]): one["granted"] for one in found["consents"]}
    assert held == {("email", None): True, ("sms", None): False}
    assert agent.get(f"/customers/{customer}")["consents"] == found["consents"]


def test_the_timeline_tells_in_words_the_newest_first(agent: Desk) -> None:
    customer = agent.customer()
    agent.track(customer, "Product Viewed", **WASHER)
    agent.later(1)
    agent.track(customer, "Order Completed", order_id="o-4", channel="store", products=[{**WASHER, "quantity": 2}])
    found = agent.get(f"/customers/{customer}/timeline")
    assert [one["words"] for one in found["events"]] == [
        "bought 2 \u00d7 Washing machine in the store",
        "looked at Washing machine on the website",
    ]
    first = found["events"][0]
    assert (first["kind"], first["order_id"], first["quantity"], first["amount"]) == ("ordered", "o-4", 2, 998)
    assert (first["told_as"], found["next"]) == (customer, None)


def test_pages_of_the_timeline_neither_lose_nor_double(agent: Desk) -> None:
    customer = agent.customer()
    seen = []
    for _ in range(4):  # two at each moment: the cursor is more than a time
        for _ in range(2):
            agent.track(customer, "Signed Up")
        agent.later(1)
    path, query = f"/customers/{customer}/timeline", {"limit": "3"}
    while True:
        page = agent.get(path, **query)
        seen += [(one["occurred_at"], one["words"]) for one in page["events"]]
        agent.track(customer, "Signed Up In Between")
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert len(seen) == 8
    assert seen == sorted(seen, reverse=True)
    assert {words for _, words in seen} == {"Signed Up"}


@pytest.mark.parametrize(
    ("address", "query", "field"),
    [
        *(("timeline", {"before": text}, "before") for text in ("", "now", "1-", "1-2-3", "-1-1", "1-" + "9" * 30)),
        *(("timeline", {"limit": text}, "limit") for text in ("0", "201", "-1", "x", "1e2", "")),
        *(("decisions", {"limit": text}, "limit") for text in ("0", "101", "many")),
        ("context", {"channel": "fax"}, "channel"),
    ],
)
def test_a_bad_cursor_limit_or_channel_is_refused(agent: Desk, address: str, query: dict[str, str], field: str) -> None:
    customer = agent.customer()
    agent.track(customer, "Signed Up")
    response = agent.ask("GET", f"/customers/{customer}/{address}", **query)
    assert fault(response) == (422, "invalid_value", field)


def test_a_parameter_that_there_is_not_is_refused(agent: Desk) -> None:
    customer = agent.customer()
    agent.track(customer, "Signed Up")
    for address, name in (("/timeline", "limt"), ("/context", "chanel"), ("/contact_reasons", "before"), ("", "limit")):
        response = agent.ask("GET", f"/customers/{customer}{address}", **{name: "1"})
        assert fault(response) == (422, "unknown_field", name)
    headers = {"authorization": f"Bearer {agent.keys['desk']}"}
    twice = httpx.get(f"{agent.running.url}/customers/{customer}/timeline?limit=3&limit=4", headers=headers)
    assert fault(twice) == (422, "invalid_value", "limit")


def test_however_often_consent_is_told_a_hand_off_and_a_subscription_stay_in_sight(agent: Desk) -> None:
    """Some senders repeat what is subscribed to with each call."""
    customer = agent.customer()
    agent.track(customer, "Subscription Started", subscription_id="s-1", plan="washer-1")
    agent.post(f"/customers/{customer}/handoff", {"to_channel": "agent", "inquiry": "late", "reason": "needs a person"})
    agent.later(1)
    told = {"messaging_subscriptions": [{"type": "EMAIL", "status": "SUBSCRIBED"}]}
    call = {"type": "page", "userId": customer, "context": told}
    agent.post("/v1/batch", {"batch": [{**call, "messageId": f"{customer}-{number}"} for number in range(150)]})
    found = agent.context(customer, channel="agent")
    assert [one["state"] for one in found["handoffs"]] == ["open"]
    assert [one["subscription_id"] for one in found["subscriptions"]] == ["s-1"]
    (email,) = found["consents"]
    assert (email["granted"], len(email["history"])) == (True, HISTORY)


def test_of_somebody_who_objects_to_profiling_nothing_is_inferred(agent: Desk) -> None:
    customer = agent.customer()
    agent.track(customer, "Store Visited", store_id="s-4")
    agent.track(customer, "Profiling Objected")
    found = agent.context(customer)
    assert (found["preferred_channel"], found["preferred_store"]) == (None, None)
    assert found["journey"]["channels"] == ["store"]
    agent.post(
        "/v1/identify", {"userId": customer, "messageId": f"{customer}-who", "traits": {"preferred_store": "s-9"}}
    )
    agent.later(1)
    assert agent.context(customer)["preferred_store"]["store_id"] == "s-9"
    agent.track(customer, "Profiling Allowed")
    assert agent.context(customer)["preferred_channel"]["now"]["channel"] == "store"


def test_decisions_are_shown_as_they_were_answered(agent: Desk) -> None:
    customer = agent.customer()
    agent.track(customer, "Signed Up")
    answers = []
    for number in range(3):
        question = {"customer_id": customer, "decision_id": f"{customer}-{number}", "channels": ["web"]}
        answers.append(agent.ask("POST", "/recommend", question, key="decide").json())
        agent.later(1)
    found = agent.get(f"/customers/{customer}/decisions", limit="2")["decisions"]
    assert [one["answer"] for one in found] == [answers[2], answers[1]]
    assert found[0]["decision_id"] == f"{customer}-2"
    assert [one["kind"] for one in agent.get(f"/customers/{customer}/timeline")["events"]] == ["other"]


ADDRESSES = [("GET", "/context"), ("GET", "/timeline"), ("GET", "/decisions"), ("GET", "")]


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
def test_nobody_is_a_404_and_a_key_without_the_right_a_403(agent: Desk, method: str, address: str) -> None:
    path = f"/customers/nobody-at-all{address}"
    assert fault(agent.ask(method, path)) == (404, "not_found", "customer_id")
    assert fault(agent.ask(method, path, key="write")) == (403, "forbidden", "authorization")
    control = agent.ask(method, f"/customers/%07{address}")
    assert fault(control) == (422, "invalid_value", "customer_id")


def test_answers_have_the_shapes_that_are_declared(agent: Desk) -> None:
    customer = agent.customer()
    agent.track(customer, "Order Completed", order_id="o-5", products=[WASHER])
    agent.track(customer, "Case Opened", case_id="k-9")
    for address, adapter in (("", CUSTOMER), ("/context", CONTEXT), ("/timeline", TIMELINE), ("/decisions", DECISIONS)):
        text = agent.ask("GET", f"/customers/{customer}{address}").text
        assert adapter.dump_json(adapter.validate_json(text)).decode() == text
    text = agent.ask("GET", "/customers/lookup", type="user_id", value=customer).text
    assert LOOKUP.validate_json(text).customer_id == customer


def test_ten_thousand_events_leave_the_case_open_and_the_answer_small(agent: Desk) -> None:
    customer = agent.customer()
    agent.track(customer, "Case Opened", case_id="k-old")
    agent.later(60)
    kinds = (Kind.VIEWED, Kind.ORDERED, Kind.CALL_STARTED, Kind.FORM_FIELD_CAPTURED)
    events = tuple(
        Event(
            message_id=f"{customer}-{number}",
            kind=kinds[number % 4],
            name="Many",
            occurred_at=agent.now - 10_000 + number,
            recorded_at=agent.now,
            channel="web",
            item="washer-1",
            order=f"o-{number}",
            properties='{"field": "meter", "value": 1, "agent_id": "ada"}',
        )
        for number in range(10_000)
    )
    store = open_store(store_url(agent.running.home))
    try:
        store.append([Append(Identifier("user_id", customer), events)]).result()
    finally:
        store.close()
    response = agent.ask("GET", f"/customers/{customer}/context")
    found = response.json()
    assert [case["case_id"] for case in found["cases"]] == ["k-old"]
    assert len(found["orders"]) == 5
    assert len(response.content) < 20_000


def test_two_known_people_behind_one_telephone_are_named_not_mixed_up(agent: Desk) -> None:
    first, second = agent.customer(), agent.customer()
    phone = f"+4420794{agent.now // 60_000 % 100_000:05}"
    for customer in (first, second):
        agent.post("/v1/identify", {"userId": customer, "messageId": f"{customer}-who", "traits": {"phone": phone}})
    response = agent.ask("GET", "/customers/lookup", type="phone", value=phone)
    error = response.json()["error"]
    assert (response.status_code, error["type"], sorted(error["candidates"])) == (
        409,
        "conflict",
        sorted([first, second]),
    )
    assert all(name in error["message"] for name in (first, second))


def test_a_merged_person_has_one_context_under_every_name(agent: Desk) -> None:
    customer, browser = agent.customer(), "desk-browser"
    seen = {"anonymousId": browser, "messageId": "desk-browser-1", "event": "Product Added"}
    agent.post("/v1/track", {**seen, "properties": {"product_id": "vacuum-1", "quantity": 1}})
    agent.later(2)
    agent.track(customer, "Call Started", agent_id="ada")
    agent.post("/v1/identify", {"userId": customer, "anonymousId": browser, "messageId": f"{customer}-who"})
    agent.later(1)
    found = agent.context(customer)
    assert [line["item"] for line in found["basket"]] == ["vacuum-1"]
    assert found["journey"]["channels"] == ["web", "agent"]
    assert agent.context(f"anon:{browser}") == found
    told = {one["kind"]: one["told_as"] for one in agent.get(f"/customers/{customer}/timeline")["events"]}
    assert (told["basket_added"], told["call_started"]) == (f"anon:{browser}", customer)
    handed = agent.post(f"/customers/anon:{browser}/handoff", {"to_channel": "chat", "inquiry": "a", "reason": "b"})
    taken = agent.post(f"/customers/{customer}/handoff/{handed['handoff_id']}/take", {})
    assert (taken["state"], taken["elapsed_seconds"]) == ("taken", 180)
