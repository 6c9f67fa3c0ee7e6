"""Who may do what: keys, their rights, and the rule for a service without any."""

from __future__ import annotations

import base64

import httpx
import pytest

from features.stores import open_store
from serving.errors import Refusal
from serving.loopback import is_loopback
from serving.security import RIGHTS, Keyring, UnsafeAddress, digest, new_key, require_safe_address
from tests.serving.conftest import Demo
from tests.serving.running import until
from tests.serving.synthetic import PUBLISHED_AT, store_url
from tests.serving.test_bad_input import fault

CALLS = [
    ("decide", "POST", "/recommend", {"customer_id": "somebody", "dry_run": True}),
    ("decide", "POST", "/recommend_batch", {"customer_ids": ["somebody"], "dry_run": True}),
    ("write", "POST", "/v1/track", {"userId": "somebody", "event": "Signed Up", "messageId": "keys-1"}),
    ("write", "POST", "/v1/batch", {"batch": [{"type": "track", "userId": "a", "event": "A", "messageId": "keys-2"}]}),
    ("write", "POST", "/feedback", {"token": "x.y", "outcome": "clicked"}),
    ("read", "GET", "/customers/nobody-at-all", None),
    ("read", "GET", "/customers/lookup?type=user_id&value=nobody-at-all", None),
    ("read", "GET", "/model", None),
    ("replay", "GET", "/decisions/none", None),
]
AUTHORISATIONS = [
    lambda key: f"Bearer {key}",
    lambda key: "Basic " + base64.b64encode(f"{key}:".encode()).decode(),
    lambda key: "Basic " + base64.b64encode(f"{key}:password".encode()).decode(),
]


def status(demo: Demo, method: str, path: str, body: object, authorization: str | None) -> int:
    headers = {} if authorization is None else {"authorization": authorization}
    with demo.fast.client(**headers) as client:
        response = client.request(method, path, json=body)
    if response.status_code >= 400:
        fault(response)
    return response.status_code


@pytest.mark.parametrize(("right", "method", "path", "body"), CALLS)
def test_a_key_opens_what_it_has_the_right_to(demo: Demo, right: str, method: str, path: str, body: object) -> None:
    assert status(demo, method, path, body, None) == 401
    assert status(demo, method, path, body, "Bearer wrong") == 401
    assert status(demo, method, path, body, "Basic ???") == 401
    for other in RIGHTS - {right}:
        assert status(demo, method, path, body, f"Bearer {demo.keys[other]}") == 403
    for written in AUTHORISATIONS:
        assert status(demo, method, path, body, written(demo.keys[right])) not in {401, 403}


def test_the_write_key_may_stand_in_the_body(demo: Demo) -> None:
    event = {"userId": "somebody", "event": "Signed Up", "messageId": "keys-3"}
    assert status(demo, "POST", "/v1/track", {**event, "writeKey": demo.keys["write"]}, None) == 200
    assert status(demo, "POST", "/v1/track", {**event, "writeKey": demo.keys["read"]}, None) == 403
    assert status(demo, "POST", "/v1/track", {**event, "writeKey": 17}, None) == 401


@pytest.mark.parametrize(("right", "method", "path", "body"), [call for call in CALLS if call[1] == "POST"])
def test_without_a_key_nothing_is_said_about_the_body(
    demo: Demo, right: str, method: str, path: str, body: object
) -> None:
    assert body is not None
    with demo.fast.client(authorization="Bearer wrong") as client:
        assert client.request(method, path, content=b"x" * 2_000_000).status_code == 401, right
        assert client.request(method, path, content=b"{").status_code == 401


def test_at_needs_the_right_to_replay(demo: Demo) -> None:
    question = {"customer_id": "somebody", "at": "2026-01-01T00:00:00Z"}
    assert status(demo, "POST", "/recommend", question, f"Bearer {demo.keys['decide']}") == 403
    assert status(demo, "POST", "/recommend", question, f"Bearer {demo.keys['all']}") == 200


def test_what_watches_needs_no_key(demo: Demo) -> None:
    for path in ("/", "/openapi.json", "/metrics", "/healthz", "/livez", "/readyz"):
        assert httpx.get(demo.fast.url + path).status_code == 200


def test_a_401_says_what_to_send(demo: Demo) -> None:
    assert httpx.get(f"{demo.fast.url}/model").headers["www-authenticate"] == "Bearer"


def test_a_new_key_is_taken_and_a_revoked_one_refused_while_it_serves(demo: Demo) -> None:
    key, record = new_key({"read"}, PUBLISHED_AT, "test: comes and goes")
    store = open_store(store_url(demo.home))
    try:
        store.add_key(record)
        assert until(lambda: status(demo, "GET", "/model", None, f"Bearer {key}") == 200)
        store.revoke_key(record.key_id)
        assert until(lambda: status(demo, "GET", "/model", None, f"Bearer {key}") == 401)
    finally:
        store.close()


def test_a_key_is_not_stored() -> None:
    key, record = new_key({"read", "decide"}, PUBLISHED_AT, "a note")
    assert key not in repr(record)
    assert record.digest == digest(key)
    with pytest.raises(ValueError, match="rights is"):
        new_key({"fly"}, PUBLISHED_AT, "")
    with pytest.raises(ValueError, match="rights is"):
        new_key(set(), PUBLISHED_AT, "")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "localhost"])
def test_without_keys_this_machine_is_answered(host: str) -> None:
    assert is_loopback(host)
    require_safe_address(host, 0)
    Keyring(()).require("admin", None, host)
    Keyring(()).require("admin", "any key at all", host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", "", "127.0.0.1.example.org"])  # noqa: S104
def test_without_keys_no_other_machine_is(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(UnsafeAddress, match="nextbest keys"):
        require_safe_address(host, 0)
    require_safe_address(host, 1)
    with pytest.raises(Refusal, match="only this machine"):
        Keyring(()).require("read", None, host)
