"""Web pages: those of a shop tell events with a key of their own, all others get nowhere."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator

import httpx
import pytest
from msgspec.structs import replace

from features.event import Identifier
from features.stores import open_store
from features.wire.segment import WireMessage, read
from serving.origins import ALIASES, checked_origin
from serving.page_keys import NotForPages, as_a_page_may
from serving.security import new_key
from tests.serving.conftest import Demo
from tests.serving.running import Running, until
from tests.serving.synthetic import PUBLISHED_AT, store_url
from tests.serving.test_bad_input import fault

SHOP, OTHER = "https://shop.example", "https://evil.example"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def page_key(demo: Demo) -> str:
    key, record = new_key({"write"}, PUBLISHED_AT, "test: a page", ["https://Shop.example/", "http://localhost:8080"])
    store = open_store(store_url(demo.home))
    try:
        store.add_key(record)
    finally:
        store.close()
    assert until(lambda: _tell(demo, key, {"event": "A"}).status_code == 200)
    return key


@pytest.fixture
def client(demo: Demo) -> Iterator[httpx.Client]:
    """Reads what was told."""
    with demo.fast.client(authorization=f"Bearer {demo.keys['all']}") as client:
        yield client


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def a_call(event: str = "Product List Viewed", **more: object) -> dict[str, object]:
    number = next(_numbers)
    return {"type": "track", "userId": f"visitor-{number}", "messageId": f"page-{number}", "event": event, **more}


def _tell(
    demo: Demo, key: str, told: dict[str, object], origin: str | None = SHOP, path: str = "/v1/track"
) -> httpx.Response:
    """As a browser does: text/plain, so that it need not ask first."""
    headers = {"authorization": basic(key), "content-type": "text/plain"} | ({"origin": origin} if origin else {})
    with demo.fast.client(**headers) as client:
        return client.post(path, content=json.dumps(a_call() | told if path != "/v1/batch" else told))


def refused_by(response: httpx.Response, field: str) -> None:
    assert fault(response) == (403, "forbidden", field), response.text


def test_a_browser_that_asks_first_is_told_what_the_page_may(demo: Demo, page_key: str) -> None:
    assert page_key
    asking = {
        "origin": SHOP,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    for path in ("/v1/track", "/v1/batch", "/v1/t", "/beacon/v1/batch"):
        with demo.fast.client(**asking) as browser:
            answer = browser.options(path)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert answer.headers["access-control-allow-methods"] == "POST"
        assert "authorization" in answer.headers["access-control-allow-headers"]
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers
    with demo.fast.client(**asking | {"origin": OTHER}) as browser:
        answer = browser.options("/v1/track")
        refused_by(answer, "origin")
        assert "access-control-allow-origin" not in answer.headers
        assert browser.options("/recommend").status_code == 405


def test_a_page_tells_events_and_may_read_the_answer(demo: Demo, page_key: str, client: httpx.Client) -> None:
    for origin in (SHOP, "http://localhost:8080"):
        call = a_call()
        answer = _tell(demo, page_key, call, origin)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)
        assert answer.headers["vary"] == "Origin"
        assert client.get(f"/customers/{call['userId']}").status_code == 200
    refused = _tell(demo, page_key, {"event": 17})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (422, SHOP)


@pytest.mark.parametrize("path", sorted(ALIASES))
def test_the_addresses_of_browser_sdks(demo: Demo, page_key: str, client: httpx.Client, path: str) -> None:
    """analytics.js posts to /v1/t and the like with the key in the body; sendBeacon can send no header at all."""
    whole = ALIASES[path].removeprefix("/v1/")
    call = {name: value for name, value in a_call().items() if name not in ("type", "event")}
    extra = {"track": {"event": "A"}, "group": {"groupId": "g"}, "alias": {"previousId": f"anon-{call['userId']}"}}
    call |= extra.get(whole, {})
    batch: dict[str, object] = {"batch": [call | {"type": "page"}], "sentAt": "2026-01-01T00:00:00.000Z"}
    body = batch if whole == "batch" else call
    address = f"{path}?writeKey={page_key}" if path.startswith("/beacon") else path
    if not path.startswith("/beacon"):
        body |= {"writeKey": page_key}
    with demo.fast.client(origin=SHOP) as browser:
        answer = browser.post(address, content=json.dumps(body), headers={"content-type": "text/plain;charset=UTF-8"})
    assert answer.status_code == 200, answer.text
    assert client.get(f"/customers/{call['userId']}").status_code == 200


def test_a_farewell_is_understood_without_the_fast_lane_too(demo: Demo, page_key: str, client: httpx.Client) -> None:
    assert until(lambda: _beacon(demo, page_key, a_call()).status_code == 200)
    call = a_call()
    assert _beacon(demo, page_key, call).json()["accepted"] == 1
    assert client.get(f"/customers/{call['userId']}").status_code == 200
    assert fault(_beacon(demo, "no-key", a_call())) == (401, "unauthorized", "authorization")


def _beacon(demo: Demo, key: str, call: dict[str, object]) -> httpx.Response:
    with demo.slow.client(origin=SHOP, **{"content-type": "text/plain;charset=UTF-8"}) as browser:
        return browser.post(f"/beacon/v1/batch?writeKey={key}", content=json.dumps({"batch": [call]}))


@pytest.mark.parametrize("origin", [OTHER, "null", "https://shop.example.evil.example", "http://shop.example", None])
def test_another_page_with_the_key_is_refused(demo: Demo, page_key: str, origin: str | None) -> None:
    refused_by(_tell(demo, page_key, {}, origin), "origin")
    headers = {"origin": origin} if origin else {}
    with demo.fast.client(**headers) as browser:
        body = {"batch": [a_call()]}
        answers = [
            browser.post("/v1/batch", json=body | {"writeKey": page_key}),
            browser.post(f"/beacon/v1/batch?writeKey={page_key}", json=body),
        ]
    for answer in answers:
        refused_by(answer, "origin")
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/recommend", {"customer_id": "c"}),
        ("POST", "/feedback", {"token": "x.y", "outcome": "clicked"}),
        ("GET", "/customers/c", None),
        ("GET", "/model", None),
    ],
)
def test_a_page_s_key_opens_nothing_else(demo: Demo, page_key: str, method: str, path: str, body: object) -> None:
    with demo.fast.client(authorization=f"Bearer {page_key}", origin=SHOP) as browser:
        answer = browser.request(method, path, json=body)
    refused_by(answer, "authorization")
    assert "access-control-allow-origin" not in answer.headers


ORDER = {"order_id": "o-1"}
TAKING_BACK = [
    ("Order Refunded", ORDER),
    ("Order Cancelled", ORDER),
    ("Subscription Ended", {"subscription_id": "s"}),
    ("Subscription Started", {"subscription_id": "s", "plan": "gold", "ends_at": "2099-01-01T00:00:00Z"}),
    ("Subscription Changed", {"subscription_id": "s", "plan": "silver"}),
]


@pytest.mark.parametrize(("event", "properties"), TAKING_BACK)
def test_a_page_takes_nothing_back(demo: Demo, page_key: str, event: str, properties: dict[str, object]) -> None:
    refused_by(_tell(demo, page_key, {"event": event, "properties": properties}), "event")
    bad, good = a_call(event, properties=properties), a_call("Order Completed", properties=ORDER)
    answer = _tell(demo, page_key, {"batch": [bad, good]}, path="/v1/batch")
    assert answer.json() == {"success": True, "accepted": 1, "duplicates": 0, "refused": 1}
    store = open_store(store_url(demo.home))
    try:
        (letter,) = [one for one in store.dead_letters(50) if str(bad["messageId"]) in one.payload]
    finally:
        store.close()
    assert "a page's key takes back nothing" in letter.reason


NOT_SEEN = (
    *((name, {}) for name in ("Call Started", "Call Ended", "Call Transferred", "IVR Menu Selected")),
    *((name, {}) for name in ("Store Visited", "Note Written")),
    *((name, {"case_id": "k"}) for name in ("Case Opened", "Case Updated", "Case Closed")),
    *((name, ORDER) for name in ("Order Shipped", "Order Delivered", "Delivery Delayed")),
)
SEEN = (
    *((name, {}) for name in ("Live Chat Conversation Started", "Survey Answered", "Payment Failed")),
    *((name, {}) for name in ("Email Unsubscribed", "SMS Unsubscribed", "Email Marked as Spam", "Profiling Objected")),
    *((name, {}) for name in ("Email Link Clicked", "SMS Link Clicked", "Push Notification Tapped")),
    ("Channel Subscription Updated", {"channel": "email", "status": "UNSUBSCRIBED"}),
    ("Channel Subscription Updated", {"channel": "email", "status": "DID_NOT_SUBSCRIBE"}),
    *((name, ORDER) for name in ("Order Completed", "Order Updated")),
    *((f"Action {word}", {"action_id": "a", "channel": "web"}) for word in ("Displayed", "Clicked", "Rejected")),
    ("Promotion Viewed", {"action_id": "a"}),
)
SENT = (
    *(
        (f"Email {word}", {})
        for word in ("Processed", "Deferred", "Sent", "Delivered", "Received", "Dropped", "Opened")
    ),
    *((f"SMS {word}", {"transactional": True}) for word in ("Queued", "Sent", "Delivered", "Failed", "Received")),
    *((f"WhatsApp Message {word}", {}) for word in ("Sent", "Delivered", "Undelivered", "Read")),
    *((f"Push Notification {word}", {}) for word in ("Sent", "Delivered", "Received", "Bounced")),
    *((f"Action {word}", {"action_id": "a", "channel": "web"}) for word in ("Sent", "Not Sent")),
    *((name, {"action_id": "a", "channel": "email"}) for name in ("Action Displayed", "Promotion Viewed")),
    ("Email Bounced", {"bounce_type": "hard"}),
)
YES = {"type": "SMS", "status": "SUBSCRIBED"}
GRANTS = (
    *((name, {}, []) for name in ("Email Subscribed", "SMS Subscribed", "Profiling Allowed")),
    ("Email Group Subscribed", {"topic": "news"}, []),
    ("Channel Subscription Updated", {"channel": "email", "status": "SUBSCRIBED"}, []),
    ("Group Subscription Updated", {"channel": "sms", "groups": [{"name": "news", "status": "SUBSCRIBED"}]}, []),
    ("Order Completed", ORDER, [YES]),
    ("Channel Subscription Updated", {}, [YES | {"status": "UNSUBSCRIBED"}, YES]),
)


@pytest.mark.parametrize(("event", "properties"), NOT_SEEN)
def test_a_page_tells_nothing_that_no_page_sees(event: str, properties: dict[str, str]) -> None:
    with pytest.raises(NotForPages, match=f"^event is {event}; a page's key tells no telephone"):
        as_a_page_may(message(event=event, properties=properties), lambda _: False, ())


@pytest.mark.parametrize(("event", "properties"), SENT)
def test_a_page_tells_nothing_of_what_was_sent(event: str, properties: dict[str, str]) -> None:
    with pytest.raises(NotForPages, match=f"^event is {event}; a page's key tells nothing of what was sent; tell it"):
        as_a_page_may(message(event=event, properties=properties), lambda _: False, ())


def test_a_page_shows_nothing_where_the_catalogue_sends() -> None:
    shown = message(event="Action Displayed", properties={"action_id": "a", "channel": "letters"})
    assert as_a_page_may(shown, lambda _: False, ()) == shown
    with pytest.raises(NotForPages, match="nothing of what was sent"):
        as_a_page_may(shown, lambda _: False, (), {"letters"})


@pytest.mark.parametrize(("event", "properties", "entries"), GRANTS)
def test_a_page_grants_nothing(event: str, properties: dict[str, str], entries: list[dict[str, str]]) -> None:
    context: dict[str, object] = {"messaging_subscriptions": entries}
    told = message(event=event, properties=properties, context=context)
    with pytest.raises(NotForPages, match=f"^event is {event}; a page's key grants no consent.*double opt-in"):
        as_a_page_may(told, lambda _: False, ())


def test_what_a_customer_forbade_no_page_allows(demo: Demo, page_key: str, client: httpx.Client) -> None:
    """Nor does it fill their contact limits, nor close a channel to them; but they may object on it."""
    for event in ("Profiling Objected", "Email Unsubscribed"):
        assert _tell(demo, page_key, a_call(event, userId="forbidding")).status_code == 200
    before = client.get("/customers/forbidding").json()
    assert [one["granted"] for one in before["consents"]] == [False, False]
    for event in ("Profiling Allowed", "Email Subscribed", "Email Sent", "Email Bounced"):
        call = a_call(event, userId="forbidding", properties={"bounce_type": "hard"})
        refused_by(_tell(demo, page_key, call), "event")
        answer = _tell(demo, page_key, {"batch": [call]}, path="/v1/batch")
        assert answer.json() == {"success": True, "accepted": 0, "duplicates": 0, "refused": 1}
    assert client.get("/customers/forbidding").json() == before


@pytest.mark.parametrize(("event", "properties"), SEEN)
def test_a_page_tells_what_it_sees(event: str, properties: dict[str, str]) -> None:
    told = message(event=event, properties=properties)
    assert as_a_page_may(told, lambda _: False, ()) == told


def test_a_case_told_by_a_page_is_a_dead_letter_of_its_batch(demo: Demo, page_key: str) -> None:
    case = a_call("Case Opened", properties={"case_id": "k", "severity": "critical"})
    refused_by(_tell(demo, page_key, case), "event")
    answer = _tell(demo, page_key, {"batch": [case, a_call()]}, path="/v1/batch")
    assert answer.json() == {"success": True, "accepted": 1, "duplicates": 0, "refused": 1}


def test_a_page_makes_nothing_of_an_order_by_telling_it_again(demo: Demo, page_key: str, client: httpx.Client) -> None:
    order = a_call("Order Completed", properties={**ORDER, "products": [{"product_id": "x", "quantity": 2}]})
    assert _tell(demo, page_key, order).status_code == 200
    less = {**ORDER, "products": [{"product_id": "x", "quantity": 1e-9}]}
    again = _tell(demo, page_key, {**order, "messageId": f"{order['messageId']}-again", "properties": less})
    assert fault(again) == (422, "invalid_value", "properties.products[0].quantity")
    (owned,) = client.get(f"/customers/{order['userId']}").json()["owned"]
    assert (owned["item"], owned["quantity"]) == ("x", 2.0)


def test_a_page_joins_no_known_users(demo: Demo, page_key: str, client: httpx.Client) -> None:
    known = a_call()
    assert _tell(demo, page_key, known).status_code == 200
    alias = {"type": "alias", "userId": "thief", "messageId": None}
    refused_by(_tell(demo, page_key, alias | {"previousId": known["userId"]}, path="/v1/alias"), "previousId")
    assert _tell(demo, page_key, alias | {"previousId": "a-browser's-id"}, path="/v1/alias").status_code == 200
    ids = {"externalIds": [{"id": known["userId"], "type": "user_id", "collection": "users", "encoding": "none"}]}
    other = a_call(userId=None, anonymousId=f"{known['messageId']}-browser", context=ids)
    assert _tell(demo, page_key, other).status_code == 200
    stranger = client.get(f"/customers/anon:{other['anonymousId']}").json()
    assert stranger["customer_id"] == f"anon:{other['anonymousId']}"


def message(**told: object) -> WireMessage:
    return read({"type": "track", "event": "A", "messageId": "m", "userId": "c"} | told, PUBLISHED_AT)


def test_what_a_page_claims_joins_nobody_known() -> None:
    """An order with a loyalty card is an order, but the card joins nobody; an older id is an anonymous one."""
    crm = {"externalIds": [{"id": "9", "type": "crm"}]}
    properties = {"order_id": "o", "loyalty_card": "12"}
    order = message(event="Order Completed", properties=properties, anonymousId="a", context=crm)
    assert Identifier("loyalty_card", "12") in order.also
    kept = as_a_page_may(order, lambda _: True, {"crm"})
    assert kept == replace(order, also=(Identifier("anonymous_id", "a"),))
    alias = message(type="alias", previousId="b")
    assert as_a_page_may(alias, lambda _: False, ()).previous == (Identifier("anonymous_id", "b"),)
    with pytest.raises(NotForPages, match="joins no known user"):
        as_a_page_may(alias, lambda one: one == Identifier("user_id", "b"), ())


@pytest.mark.parametrize("said", [False, None, 0, "no", ""])
def test_a_page_lets_nobody_be_contacted(said: object) -> None:
    told = message(type="identify", userId="c", traits={"do_not_contact": said})
    with pytest.raises(NotForPages, match=r"^traits\.do_not_contact is "):
        as_a_page_may(told, lambda _: False, ())
    forbidding = message(type="identify", userId="c", traits={"do_not_contact": True})
    assert as_a_page_may(forbidding, lambda _: False, ()).traits == {"do_not_contact": True}


def test_a_page_names_nobody_by_what_one_person_alone_has() -> None:
    card = message(type="identify", userId=None, traits={"loyalty_card": "12"})
    with pytest.raises(NotForPages, match="names nobody by loyalty_card"):
        as_a_page_may(card, lambda _: False, ())
    crm = message(userId=None, context={"externalIds": [{"id": "9", "type": "crm"}]})
    assert as_a_page_may(crm, lambda _: False, ()).anchor == Identifier("crm", "9")
    with pytest.raises(NotForPages, match="names nobody by crm"):
        as_a_page_may(crm, lambda _: False, {"crm"})


def test_a_key_for_pages_may_only_write() -> None:
    with pytest.raises(ValueError, match="a key for web pages may only write"):
        new_key({"write", "read"}, PUBLISHED_AT, "", [SHOP])
    _, record = new_key({"write"}, PUBLISHED_AT, "", ["HTTPS://shop.example:443", SHOP])
    assert record.origins == {SHOP}


@pytest.mark.parametrize(
    "text",
    ["*", "shop.example", "https://shop.example/path", "https://a@shop.example", "ftp://x", "null", "https://", ""],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="origin is"):
        checked_origin(text)


def test_origins_are_written_as_browsers_do() -> None:
    assert checked_origin("http://Localhost:8080/") == "http://localhost:8080"
    assert checked_origin("http://[::1]:3000") == "http://[::1]:3000"
    assert checked_origin("http://shop.example:80") == "http://shop.example"


# A service without keys, on the machine of somebody who also browses


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:3000"},
        {"host": "127.0.0.1.evil.example"},
        {"origin": OTHER},
        {"origin": "null"},
        {"origin": "http://127.0.0.1.evil.example"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/track"), ("GET", "/customers/c"), ("POST", "/recommend"), ("GET", "/"), ("GET", "/schema.json")],
)
def test_without_keys_no_page_reaches_this_machine(
    shop: Running, headers: dict[str, str], method: str, path: str
) -> None:
    body = json.dumps(a_call()) if method == "POST" else None
    with shop.client(**headers, **{"content-type": "text/plain"}) as browser:
        answer = browser.request(method, path, content=body)
    refused_by(answer, "host" if "host" in headers else "origin")


def test_without_keys_this_machine_s_own_pages_are_answered(shop: Running) -> None:
    address = httpx.URL(shop.url)
    for headers in ({"host": f"localhost:{address.port}"}, {"origin": "http://localhost:8080"}, {"origin": shop.url}):
        with shop.client(**headers) as browser:
            answer = browser.post("/v1/track", json=a_call())
        assert answer.status_code == 200, answer.text
        assert "access-control-allow-origin" not in answer.headers
