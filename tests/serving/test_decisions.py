"""What /recommend answers, logs and repeats."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re

import httpx
import numpy as np
import pytest

from features.event import Identifier, Kind
from features.history import EVENT
from features.stores import Store, open_store
from tests.serving.conftest import Demo
from tests.serving.running import Running
from tests.serving.synthetic import store_url
from tests.serving.test_bad_input import fault, order


def ask(client: httpx.Client, **question: object) -> dict[str, object]:
    response = client.post("/recommend", json=question)
    assert response.status_code == 200, response.text
    answer: dict[str, object] = response.json()
    return answer


def logged(home_store: Store, person: str) -> np.ndarray:
    """The person's events of every kind, from the log."""
    number = home_store.resolve(Identifier("user_id", person))
    found = [one.records for one in home_store.scan(0, 1) if one.person == number]
    return found[0] if found else np.zeros(0, EVENT)


@pytest.fixture
def store(shop: Running):  # noqa: ANN201 - a generator of a Store
    opened = open_store(store_url(shop.home))
    yield opened
    opened.close()


def test_an_unknown_customer_gets_the_cold_start_answer(client: httpx.Client, person: str) -> None:
    answer = ask(client, customer_id=person)
    assert (answer["known"], answer["degraded"], answer["model_version"]) == (False, False, "7")
    channels = {slate["channel"]: slate for slate in answer["channels"]}
    assert set(channels) == {"email", "sms", "web"}
    chosen = channels["email"]["actions"][0]
    assert 0 < chosen["response_probability"] < 1
    assert chosen["selection_probability"] == 1.0
    assert channels["sms"]["actions"] == []
    assert channels["sms"]["funnel"]["consent"] == 2
    assert all(action["reasons"] is None for action in [chosen] if "reasons" in action)


def test_the_answer_is_logged_with_its_events_before_it_is_given(
    client: httpx.Client, store: Store, person: str
) -> None:
    answer = ask(client, customer_id=person, channels=["web", "email"], limit=2)
    decision = store.decision(str(answer["decision_id"]))
    assert decision is not None
    assert json.loads(decision.response) == answer
    assert decision.request_digest == hashlib.sha256(decision.request.encode()).hexdigest()
    assert (decision.model_version, decision.catalogue_version, decision.arm) == ("7", 1, "full")
    assert len(decision.feature_digest) == 67
    events = logged(store, person)
    chosen = sum(len(slate["actions"]) for slate in answer["channels"])
    assert chosen == 4
    assert [Kind(kind) for kind in events["kind"]] == [Kind.DECIDED] * chosen + [Kind.RESERVED] * 2


def test_a_decision_without_any_action_is_an_event_too(client: httpx.Client, store: Store, person: str) -> None:
    answer = ask(client, customer_id=person, channels=["sms"])
    assert answer["channels"][0]["actions"] == []
    events = logged(store, person)
    assert [(Kind(one["kind"]), one["action"]) for one in events] == [(Kind.DECIDED, -1)]


def test_a_dry_run_leaves_nothing(client: httpx.Client, store: Store, person: str) -> None:
    answer = ask(client, customer_id=person, dry_run=True, decision_id=f"{person}-dry")
    assert answer["decision_id"] is None
    assert [action["token"] for slate in answer["channels"] for action in slate["actions"]] == [None, None]
    assert store.decision(f"{person}-dry") is None
    assert len(logged(store, person)) == 0
    assert ask(client, customer_id=person)["known"] is False


def test_looking_is_counted_as_a_request_and_as_no_decision(client: httpx.Client, person: str) -> None:
    """Of what is told at once; what workers tell now and then is in tests/flow/test_watching.py."""
    before = counted(client)
    ask(client, customer_id=person, dry_run=True, explain=True)
    assert counted(client) == before
    ask(client, customer_id=person)
    assert counted(client) == {**before, "nextbest_decisions_total": before["nextbest_decisions_total"] + 1.0}


def counted(client: httpx.Client) -> dict[str, float]:
    """Sums over labels."""
    lines = [line for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {
        name: sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(rf"{name}[{{ ]", line))
        for name in ("nextbest_decisions_total", "nextbest_effect_failed_total")
    }


def test_explain_changes_nothing_but_adds_reasons_and_who_was_refused(client: httpx.Client, person: str) -> None:
    plain = ask(client, customer_id=person, dry_run=True)
    explained = ask(client, customer_id=person, dry_run=True, explain=True)
    reasons = [action.pop("reasons") for slate in explained["channels"] for action in slate["actions"]]
    assert reasons
    assert all("the odds" in one for told in reasons for one in told)
    refused = {slate["channel"]: slate.pop("refused") for slate in explained["channels"]}
    assert [slate["actions"] for slate in explained["channels"]] == [slate["actions"] for slate in plain["channels"]]
    assert [one["gate"] for one in refused["sms"]] == ["consent", "consent"]
    assert all(set(one) == {"action_id", "gate", "rule", "observed", "required", "reason"} for one in refused["sms"])


def test_the_same_key_returns_the_same_decision(client: httpx.Client, store: Store, person: str) -> None:
    question = {"customer_id": person, "decision_id": f"{person}-once", "channels": ["web"]}
    first, second = ask(client, **question), ask(client, **question)
    assert first == second
    assert len(logged(store, person)) == 1
    another = client.post("/recommend", json={**question, "limit": 2})
    assert fault(another) == (409, "conflict", "decision_id")
    assert len(logged(store, person)) == 1


def test_the_same_key_asked_at_once_is_one_decision(shop: Running, store: Store, person: str) -> None:
    async def together() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=shop.url, timeout=20) as client:
            question = {"customer_id": person, "decision_id": f"{person}-race", "channels": ["web"]}
            return await asyncio.gather(*(client.post("/recommend", json=question) for _ in range(24)))

    answers = asyncio.run(together())
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(logged(store, person)) == 1


def test_a_batch_key_stands_for_each_of_its_customers(client: httpx.Client, person: str) -> None:
    question = {"customer_ids": [f"{person}-a", f"{person}-b"], "decision_id": person, "channels": ["web"]}
    first = client.post("/recommend_batch", json=question).json()["decisions"]
    assert [entry["decision_id"] for entry in first] == [f"{person}:0", f"{person}:1"]
    assert client.post("/recommend_batch", json=question).json()["decisions"] == first
    changed = client.post("/recommend_batch", json={**question, "customer_ids": [f"{person}-a", f"{person}-c"]})
    entries = changed.json()["decisions"]
    assert entries[0] == first[0]
    assert entries[1]["error"]["type"] == "conflict"


def test_the_request_decides_what_is_left_out(client: httpx.Client, person: str) -> None:
    answer = ask(client, customer_id=person, channels=["web"], limit=5, exclude=["offer-washer"], placement="hero")
    assert "offer-washer" not in [action["action_id"] for action in answer["channels"][0]["actions"]]
    assert answer["channels"][0]["funnel"]["excluded"] == 1
    best = ask(client, customer_id=person, channels=["web", "email"], across="best")
    assert sum(len(slate["actions"]) for slate in best["channels"]) == 1


def test_somebody_is_found_by_an_identifier_however_it_is_written(client: httpx.Client, person: str) -> None:
    written = {"type": "email", "value": f"{person}@Example.ORG"}
    answer = ask(client, identifier=written, channels=["web"], dry_run=True)
    assert (answer["known"], answer["customer_id"]) == (False, f"email:{person}@example.org")


def test_at_answers_as_of_then_and_logs_nothing(demo: Demo, person: str) -> None:
    now = {"Nextbest-Now": "2026-02-01T00:00:00Z"}
    with demo.fast.client(authorization=f"Bearer {demo.keys['all']}", **now) as client:
        told = client.post("/v1/track", json=order(person))
        assert told.status_code == 200, told.text
        before = ask(client, customer_id=person, at="2026-01-15T00:00:00Z", limit=5, channels=["web"])
        today = ask(client, customer_id=person, limit=5, channels=["web"])
    assert (before["decision_id"], before["decided_at"]) == (None, "2026-01-15T00:00:00.000Z")
    assert "offer-washer" in [action["action_id"] for action in before["channels"][0]["actions"]]
    assert "offer-washer" not in [action["action_id"] for action in today["channels"][0]["actions"]]


def test_the_driven_clock_only_goes_forward(demo: Demo, person: str) -> None:
    with demo.fast.client(authorization=f"Bearer {demo.keys['all']}") as client:
        later = client.post(
            "/recommend", json={"customer_id": person}, headers={"Nextbest-Now": "2026-02-02T00:00:00Z"}
        )
        earlier = client.post(
            "/recommend", json={"customer_id": person}, headers={"Nextbest-Now": "2026-01-02T00:00:00Z"}
        )
        without = ask(client, customer_id=person)
        wrong = client.post("/recommend", json={"customer_id": person}, headers={"Nextbest-Now": "tomorrow"})
    assert (
        later.json()["decided_at"]
        == earlier.json()["decided_at"]
        == without["decided_at"]
        == "2026-02-02T00:00:00.000Z"
    )
    assert fault(wrong) == (422, "invalid_value", "nextbest-now")
