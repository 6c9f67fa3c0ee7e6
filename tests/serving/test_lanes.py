"""The fast lane and the declared endpoints behind BentoML's stack give the same answers."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx
import pytest

from serving.endpoints import ENDPOINTS
from tests.serving.conftest import Demo
from tests.serving.running import ROOT

NOW = {"Nextbest-Now": "2026-03-01T00:00:00Z"}


def both(demo: Demo, path: str, body: object) -> tuple[httpx.Response, httpx.Response]:
    """The answers of the fast and of the slow lane, in this order."""
    headers = {"authorization": f"Bearer {demo.keys['all']}", **NOW}
    with demo.fast.client(**headers) as fast, demo.slow.client(**headers) as slow:
        return fast.post(path, json=body), slow.post(path, json=body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/recommend", {"customer_id": "lanes", "dry_run": True, "explain": True, "limit": 3}),
        ("/recommend", {"identifier": {"type": "phone", "value": "+44 20 7946 0018"}, "dry_run": True}),
        ("/recommend", {"customer_id": "lanes", "decision_id": "lanes-1", "context": {"device": "ios", "age": None}}),
        ("/recommend", {"customer_id": "lanes", "at": "2026-01-10T01:00:00+01:00", "across": "best"}),
        ("/recommend_batch", {"customer_ids": ["lanes", 17, "other"], "dry_run": True, "channels": ["web"]}),
        ("/recommend_batch", {"customer_ids": ["lanes", "other"], "decision_id": "lanes-2", "channels": ["web"]}),
        (
            "/v1/track",
            {"userId": "lanes", "event": "A", "messageId": "lanes-1", "properties": {"a": [1, None]}},
        ),
        ("/v1/batch", {"batch": [{"type": "track", "userId": "l", "event": "A", "messageId": "lanes-3"}, 17]}),
    ],
)
def test_both_lanes_answer_alike(demo: Demo, path: str, body: object) -> None:
    fast, slow = both(demo, path, body)
    assert (fast.status_code, slow.status_code) == (200, 200), (fast.text, slow.text)
    assert fast.headers["content-type"] == slow.headers["content-type"]
    first, second = fast.json(), slow.json()
    if path == "/v1/batch":
        assert second.pop("duplicates") == first.pop("duplicates") + 1
    assert first == second


@pytest.mark.parametrize("many", [False, True])
def test_both_lanes_take_feedback_alike(demo: Demo, many: bool) -> None:
    name = f"lanes-feedback-{many}"
    answer, _ = both(demo, "/recommend", {"customer_id": name, "decision_id": name, "channels": ["web"]})
    report = {"token": answer.json()["channels"][0]["actions"][0]["token"], "outcome": "clicked"}
    fast, slow = both(demo, "/feedback", [report] if many else report)
    assert (fast.status_code, slow.status_code) == (200, 200), slow.text
    assert (fast.json(), slow.json()) == ({"stored": 1, "duplicates": 0}, {"stored": 0, "duplicates": 1})


def test_the_slow_lane_refuses_in_our_shape_too(demo: Demo) -> None:
    fast, slow = both(demo, "/recommend", {"customer_id": "lanes", "channels": ["fax"]})
    assert (fast.status_code, fast.json()) == (slow.status_code, slow.json())
    with demo.slow.client() as client:
        assert client.post("/recommend", json={"customer_id": "lanes"}).status_code == 401


def test_bentoml_declares_what_the_fast_lane_answers(demo: Demo) -> None:
    schema = httpx.get(f"{demo.fast.url}/schema.json").json()
    assert {route["route"] for route in schema["routes"]} == {one.path for one in ENDPOINTS if one.declared}


def test_bentoml_s_own_client_works(demo: Demo) -> None:
    client = f"bentoml.SyncHTTPClient({demo.fast.url!r}, token={demo.keys['all']!r})"
    script = f"import bentoml, json; print(json.dumps({client}.recommend({{'customer_id': 'l', 'dry_run': True}})))"
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60, cwd=ROOT)
    assert json.loads(told.stdout)["customer_id"] == "l"
