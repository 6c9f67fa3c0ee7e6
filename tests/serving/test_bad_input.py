"""Every bad input gets the error that docs/http.md promises, never a 500, and leaves nothing behind."""

from __future__ import annotations

import gzip
import json

import httpx
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.stores import open_store
from tests.serving.running import Running
from tests.serving.synthetic import store_url

DECIDE_FAULTS = [
    ('{"customer_id":', 400, "malformed", "body"),
    ("", 400, "malformed", "body"),
    ('{"customer_id": "c", "context": {"price": NaN}}', 400, "malformed", "body"),
    ('{"customer_id": "\\ud800"}', 400, "malformed", "body"),
    ("[" * 100_000, 400, "malformed", "body"),
    ("[]", 422, "invalid_value", ""),
    ("{}", 422, "invalid_value", ""),
    ('{"customer_id": "c", "identifier": {"type": "phone", "value": "+442079460018"}}', 422, "invalid_value", ""),
    ('{"customer_id": "c", "colour": "red"}', 422, "unknown_field", "colour"),
    ('{"customer_id": 17}', 422, "invalid_value", "customer_id"),
    ('{"customer_id": ""}', 422, "invalid_value", "customer_id"),
    ('{"customer_id": "anon:"}', 422, "invalid_value", "customer_id"),
    ('{"customer_id": "c\\u0007"}', 422, "invalid_value", "customer_id"),
    ('{"identifier": {"type": "phone", "value": "020 7946 0018"}}', 422, "invalid_value", "identifier.value"),
    ('{"identifier": {"type": "email", "value": "nobody"}}', 422, "invalid_value", "identifier.value"),
    ('{"customer_id": "c", "limit": 0}', 422, "invalid_value", "limit"),
    ('{"customer_id": "c", "limit": 21}', 422, "invalid_value", "limit"),
    ('{"customer_id": "c", "limit": "3"}', 422, "invalid_value", "limit"),
    ('{"customer_id": "c", "limit": true}', 422, "invalid_value", "limit"),
    ('{"customer_id": "c", "limit": 1e400}', 422, "invalid_value", "limit"),
    ('{"customer_id": "c", "channels": ["fax"]}', 422, "invalid_value", "channels[0]"),
    ('{"customer_id": "c", "channels": []}', 422, "invalid_value", "channels"),
    ('{"customer_id": "c", "channels": ["web", "web"]}', 422, "invalid_value", "channels[1]"),
    ('{"customer_id": "c", "channels": "web"}', 422, "invalid_value", "channels"),
    ('{"customer_id": "c", "placement": "nowhere"}', 422, "invalid_value", "placement"),
    ('{"customer_id": "c", "exclude": ["offer-vacuum", "offer-vaccum"]}', 422, "invalid_value", "exclude[1]"),
    ('{"customer_id": "c", "across": "some"}', 422, "invalid_value", "across"),
    ('{"customer_id": "c", "deliver_at": "2026-01-31T09:00:00"}', 422, "invalid_value", "deliver_at"),
    ('{"customer_id": "c", "deliver_at": "2026-02-31T09:00:00Z"}', 422, "invalid_value", "deliver_at"),
    ('{"customer_id": "c", "deliver_at": 1767225600000}', 422, "invalid_value", "deliver_at"),
    ('{"customer_id": "c", "deliver_at": "2020-01-31T09:00:00Z"}', 422, "invalid_value", "deliver_at"),
    ('{"customer_id": "c", "deliver_at": "2126-01-31T09:00:00Z"}', 422, "invalid_value", "deliver_at"),
    ('{"customer_id": "c", "at": "2999-01-01T00:00:00Z"}', 422, "invalid_value", "at"),
    ('{"customer_id": "c", "at": "0001-01-01T00:00:00+14:00"}', 422, "invalid_value", "at"),
    ('{"customer_id": "c", "deliver_at": "9999-12-31T23:59:59-14:00"}', 422, "invalid_value", "deliver_at"),
    ('{"customer_id": "c", "context": {"price": 1e400}}', 422, "invalid_value", "context"),
    ('{"customer_id": "c", "context": []}', 422, "invalid_value", "context"),
    ('{"customer_id": "c", "context": {"a": ' + "[" * 8 + "1" + "]" * 8 + "}}", 422, "invalid_value", "context"),
    ('{"customer_id": "c", "context": {"a": [' + "1," * 999 + "1]}}", 422, "invalid_value", "context"),
]


def fault(response: httpx.Response) -> tuple[int, str, str]:
    """status, type and field of an error, whose shape is checked on the way."""
    body = response.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["type", "field", "value", "rule", "message"]
    assert body["error"]["rule"] in body["error"]["message"]
    return response.status_code, body["error"]["type"], body["error"]["field"]


@pytest.mark.parametrize(("body", "status", "kind", "field"), DECIDE_FAULTS)
def test_a_bad_question_is_refused(client: httpx.Client, body: str, status: int, kind: str, field: str) -> None:
    assert fault(client.post("/recommend", content=body)) == (status, kind, field)


@pytest.mark.parametrize(("count", "status"), [(0, 422), (1, 200), (1000, 200), (1001, 422)])
def test_a_batch_has_1_to_1000_customers(client: httpx.Client, count: int, status: int) -> None:
    ids = [f"many-{number}" for number in range(count)]
    response = client.post("/recommend_batch", json={"customer_ids": ids, "channels": ["web"], "dry_run": True})
    assert response.status_code == status
    if status == 422:
        assert fault(response) == (422, "invalid_value", "customer_ids")
    else:
        assert [entry["customer_id"] for entry in response.json()["decisions"]] == ids


def test_one_bad_id_does_not_fail_the_rest_of_a_batch(client: httpx.Client) -> None:
    ids: list[object] = ["good-1", "bad\u0000", 17, "good-2", None]
    response = client.post("/recommend_batch", json={"customer_ids": ids, "channels": ["web"], "dry_run": True})
    entries = response.json()["decisions"]
    assert response.status_code == 200
    assert [entry.get("error", {}).get("field") for entry in entries] == [
        None,
        "customer_ids[1]",
        "customer_ids[2]",
        None,
        "customer_ids[4]",
    ]


def order(person: str, **properties: object) -> dict[str, object]:
    return {
        "userId": person,
        "messageId": f"{person}-order",
        "event": "Order Completed",
        "properties": {
            "order_id": f"{person}-1",
            "products": [{"product_id": "washer-1", "quantity": 1}],
            **properties,
        },
    }


EVENT_FAULTS = [
    ('{"userId": "PERSON", "event": "Product Viewed", "properties": {"product_id": "a", "price": NaN}}', 400, "body"),
    (
        '{"userId": "PERSON", "event": "Product Viewed", "properties": {"product_id": "a", "price": 1e400}}',
        422,
        "price",
    ),
    (
        '{"userId": "PERSON", "event": "Product Viewed", "properties": {"product_id": "a", "price": "NaN"}}',
        422,
        "price",
    ),
    ('{"userId": "PERSON", "event": "Product Viewed", "properties": {"product_id": "a\\u0000b"}}', 422, "product_id"),
    ('{"userId": "PERSON", "event": "Product Viewed", "timestamp": "2026-01-31T09:00:00", VIEWED}', 422, "timestamp"),
    ('{"userId": "PERSON", "event": "Product Viewed", "timestamp": "2999-01-31T09:00:00Z", VIEWED}', 422, "timestamp"),
    ('{"userId": "PERSON", "event": "Product Viewed", "timestamp": "1999-01-31T09:00:00Z", VIEWED}', 422, "timestamp"),
    ('{"userId": "PERSON", "event": "Store Visited", "properties": {"channel": "fax"}}', 422, "properties.channel"),
    ('{"userId": "PERSON", "event": 17}', 422, "event"),
    ('{"userId": "PERSON"}', 422, "event"),
    ('{"event": "Product Viewed", VIEWED}', 422, "userId"),
    ('{"userId": {"a": 1}, "event": "Product Viewed", VIEWED}', 422, "userId"),
    ('{"userId": "PERSON", "event": "A", "timestamp": "2026-01-31T09:00:00Z", "sentAt": "yesterday"}', 422, "sentAt"),
    ("[1, 2]", 400, ""),
    ('{"userId": "PERSON"', 400, "body"),
]


@pytest.mark.parametrize(("body", "status", "field"), EVENT_FAULTS)
def test_a_bad_event_is_refused_and_leaves_nobody(
    client: httpx.Client, person: str, body: str, status: int, field: str
) -> None:
    told = body.replace("PERSON", person).replace("VIEWED", '"properties": {"product_id": "washer-1"}')
    found = fault(client.post("/v1/track", content=told))
    assert found[0] == status
    assert field in found[2]
    assert fault(client.get(f"/customers/{person}")) == (404, "not_found", "customer_id")


def test_a_refused_event_is_kept_as_a_dead_letter(shop: Running, client: httpx.Client, person: str) -> None:
    bad = {"userId": person, "event": "A", "timestamp": "2999-01-31T09:00:00Z", "writeKey": "a secret"}
    assert client.post("/v1/track", json=bad).status_code == 422
    store = open_store(store_url(shop.home))
    try:
        letters = [letter for letter in store.dead_letters(1000) if person in letter.payload]
    finally:
        store.close()
    assert len(letters) == 1
    assert "2999" in letters[0].reason
    assert "a secret" not in letters[0].payload


def test_one_bad_event_does_not_lose_the_good_ones(client: httpx.Client, person: str) -> None:
    good = order(person)
    bad = {"userId": person, "event": "A", "timestamp": "2999-01-31T09:00:00Z"}
    answer = client.post("/v1/batch", json={"batch": [bad, {"type": "track", **good}, {"type": "track"}, 17]})
    assert (answer.status_code, answer.json()) == (
        200,
        {"success": True, "accepted": 1, "duplicates": 0, "refused": 3},
    )
    owned = client.get(f"/customers/{person}").json()["owned"]
    assert [line["item"] for line in owned] == ["washer-1"]


def test_a_call_from_a_shared_tablet_is_kept_and_belongs_to_neither_of_its_owners(
    shop: Running, client: httpx.Client, person: str
) -> None:
    shared, owners = f"{person}-tablet", [f"{person}-anna", f"{person}-ben"]
    identifiers = json.dumps([["anonymous_id", shared]])
    rows = [{"customer_id": one, "identifiers": identifiers, "traits": "{}"} for one in owners]
    store = open_store(store_url(shop.home))
    try:
        store.import_customers(pa.Table.from_pylist(rows), "crm")
    finally:
        store.close()
    viewed = {"anonymousId": shared, "messageId": shared, "event": "Product Viewed", "properties": {"product_id": "x"}}
    batch = {"batch": [{"type": "track", **viewed}, {"type": "track", **order(person)}]}
    assert client.post("/v1/batch", json=batch).json() == {
        "success": True,
        "accepted": 2,
        "duplicates": 0,
        "refused": 0,
    }
    assert client.post("/v1/batch", json=batch).json()["duplicates"] == 2
    assert len(client.get(f"/customers/{person}").json()["owned"]) == 1
    told = {name: client.get(f"/customers/{name}/timeline").json()["events"] for name in (f"anon:{shared}", *owners)}
    assert [len(events) for events in told.values()] == [1, 0, 0]


@pytest.mark.parametrize("body", [{"batch": []}, {"batch": None}, {}, {"batch": "all"}])
def test_an_empty_batch_is_refused(client: httpx.Client, body: dict[str, object]) -> None:
    assert fault(client.post("/v1/batch", json=body)) == (422, "invalid_value", "batch")


@pytest.mark.parametrize("path", ["/recommend", "/recommend_batch", "/feedback", "/v1/track", "/v1/batch"])
def test_a_body_of_10_mb_is_too_large(client: httpx.Client, path: str) -> None:
    body = b'{"customer_id": "' + b"x" * 10_000_000 + b'"}'
    assert fault(client.post(path, content=body)) == (413, "too_large", "body")
    chunks = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
    assert fault(client.post(path, content=chunks)) == (413, "too_large", "body")


def test_limits_count_unpacked_bytes(client: httpx.Client, person: str) -> None:
    bomb = gzip.compress(b'{"batch": ["' + b"x" * 50_000_000 + b'"]}')
    assert len(bomb) < 100_000
    packed = {"Content-Encoding": "gzip"}
    assert fault(client.post("/v1/batch", content=bomb, headers=packed)) == (413, "too_large", "body")
    assert fault(client.post("/v1/batch", content=b"{}", headers=packed)) == (400, "malformed", "body")
    cut = gzip.compress(json.dumps({"batch": [order(person)]}).encode())[:-9]
    assert fault(client.post("/v1/batch", content=cut, headers=packed)) == (400, "malformed", "body")
    other = {"Content-Encoding": "br"}
    assert fault(client.post("/v1/batch", content=b"{}", headers=other)) == (400, "malformed", "content-encoding")


def test_gzip_is_understood(client: httpx.Client, person: str) -> None:
    body = gzip.compress(json.dumps({"batch": [{"type": "track", **order(person)}]}).encode())
    answer = client.post("/v1/batch", content=body, headers={"Content-Encoding": "gzip"})
    assert answer.json() == {"success": True, "accepted": 1, "duplicates": 0, "refused": 0}


def test_two_events_with_one_message_id_are_one(client: httpx.Client, person: str) -> None:
    event = order(person)
    assert client.post("/v1/track", json=event).status_code == 200
    assert client.post("/v1/track", json=event).status_code == 200
    answer = client.post("/v1/batch", json={"batch": [{"type": "track", **event}] * 2})
    assert answer.json() == {"success": True, "accepted": 2, "duplicates": 2, "refused": 0}
    view = client.get(f"/customers/{person}").json()
    assert [line["quantity"] for line in view["owned"]] == [1.0]
    assert len(view["recent"]) == 1


def test_what_is_not_there_is_404_and_a_wrong_method_405(client: httpx.Client) -> None:
    assert fault(client.get("/nowhere")) == (404, "not_found", "path")
    assert fault(client.get("/decisions/none")) == (404, "not_found", "decision_id")
    assert fault(client.get("/customers/%00")) == (422, "invalid_value", "customer_id")
    assert fault(client.get("/customers/lookup")) == (422, "invalid_value", "type")
    plus = client.get("/customers/lookup?type=phone&value=+442079460018")
    assert (fault(plus), "%2B" in plus.text) == ((422, "invalid_value", "value"), True)
    assert fault(client.get("/customers/lookup?type=email&value=nobody@example.org")) == (404, "not_found", "value")
    wrong = client.get("/recommend")
    assert fault(wrong) == (405, "method_not_allowed", "")
    assert wrong.headers["allow"] == "POST"
    assert fault(client.post("/")) == (405, "method_not_allowed", "")


def test_a_request_cannot_set_the_present_of_a_real_store(client: httpx.Client, person: str) -> None:
    now = {"Nextbest-Now": "2026-01-31T09:00:00Z"}
    response = client.post("/recommend", json={"customer_id": person}, headers=now)
    assert fault(response) == (422, "invalid_value", "nextbest-now")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        *("customer_id", "customer_ids", "identifier", "channels", "limit", "context", "at", "decision_id", "exclude"),
        *("token", "outcome", "action_id", "channel", "value", "occurred_at"),
        *(
            "userId",
            "anonymousId",
            "event",
            "properties",
            "timestamp",
            "messageId",
            "type",
            "batch",
            "traits",
            "sentAt",
        ),
    ]
)
PATHS = st.sampled_from(["/recommend", "/recommend_batch", "/feedback", "/v1/track", "/v1/batch", "/v1/identify"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=PATHS, body=st.dictionaries(FIELDS, JSON, max_size=5) | JSON)
def test_no_json_is_a_fault_of_ours(client: httpx.Client, path: str, body: object) -> None:
    content = json.dumps(body, ensure_ascii=True).encode()
    response = client.post(path, content=content)
    assert response.status_code in {200, 400, 404, 409, 413, 422}, response.text


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=PATHS, body=st.binary(max_size=200), encoding=st.sampled_from(["identity", "gzip"]))
def test_no_bytes_are_a_fault_of_ours(client: httpx.Client, path: str, body: bytes, encoding: str) -> None:
    response = client.post(path, content=body, headers={"Content-Encoding": encoding})
    assert response.status_code in {400, 413, 422}, response.text
