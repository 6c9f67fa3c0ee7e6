"""What became of an action comes back, once, as an event of the person."""

from __future__ import annotations

import httpx
import pytest

from features.instants import parse_instant, render_instant
from tests.serving.test_bad_input import fault
from tests.serving.test_decisions import ask


@pytest.fixture
def chosen(client: httpx.Client, person: str) -> dict[str, object]:
    """decision_id, action_id, channel and token of an action that was really recommended to `person`."""
    answer = ask(client, customer_id=person, channels=["web"])
    action = answer["channels"][0]["actions"][0]
    ids = {"decision_id": answer["decision_id"], "action_id": action["action_id"], "channel": "web"}
    return {"ids": ids, "token": action["token"]}


def kinds(client: httpx.Client, person: str) -> list[str]:
    """The kinds of the person's events, newest first; nothing is known of who was only decided about."""
    response = client.get(f"/customers/{person}")
    return (
        [] if response.status_code == httpx.codes.NOT_FOUND else [event["kind"] for event in response.json()["recent"]]
    )


def test_a_report_by_ids_or_by_token_is_an_event(client: httpx.Client, person: str, chosen: dict[str, object]) -> None:
    by_ids = client.post("/feedback", json={**chosen["ids"], "outcome": "displayed"})
    by_token = client.post("/feedback", json={"token": chosen["token"], "outcome": "converted", "value": 60.0})
    assert [by_ids.json(), by_token.json()] == [{"stored": 1, "duplicates": 0}] * 2
    assert kinds(client, person) == ["converted", "displayed"]


def test_a_report_told_twice_is_one(client: httpx.Client, person: str, chosen: dict[str, object]) -> None:
    named = {"token": chosen["token"], "outcome": "clicked", "message_id": f"{person}-click"}
    unnamed = {"token": chosen["token"], "outcome": "displayed"}
    assert client.post("/feedback", json=[named, unnamed]).json() == {"stored": 2, "duplicates": 0}
    assert client.post("/feedback", json=[unnamed, named]).json() == {"stored": 0, "duplicates": 2}
    assert sorted(kinds(client, person)) == ["clicked", "displayed"]


def test_a_report_of_a_moment_needs_no_message_id(client: httpx.Client, person: str, chosen: dict[str, object]) -> None:
    decided = parse_instant(ask(client, customer_id=person, channels=["web"])["decided_at"])
    told = {"token": chosen["token"], "outcome": "displayed", "occurred_at": render_instant(decided - 60_000)}
    assert client.post("/feedback", json=told).json() == {"stored": 1, "duplicates": 0}
    assert client.post("/feedback", json=told).json() == {"stored": 0, "duplicates": 1}
    later = {**told, "occurred_at": render_instant(decided - 59_000)}
    assert client.post("/feedback", json=later).json() == {"stored": 1, "duplicates": 0}
    assert kinds(client, person) == ["displayed", "displayed"]


def test_a_report_may_say_when_and_is_known_by_it(client: httpx.Client, person: str, chosen: dict[str, object]) -> None:
    at = ask(client, customer_id=person, channels=["web"])["decided_at"]
    report = {"token": chosen["token"], "outcome": "clicked", "occurred_at": at}
    assert client.post("/feedback", json=report).json() == {"stored": 1, "duplicates": 0}
    assert client.post("/feedback", json=report).json() == {"stored": 0, "duplicates": 1}
    assert client.get(f"/customers/{person}").json()["recent"][0]["occurred_at"] == at


def test_what_we_and_the_delivering_tool_say_was_sent_is_one_contact(client: httpx.Client, person: str) -> None:
    answer = ask(client, customer_id=person, channels=["email"])
    action = answer["channels"][0]["actions"][0]
    report = {"token": action["token"], "outcome": "sent"}
    assert client.post("/feedback", json=report).json() == {"stored": 1, "duplicates": 0}
    assert client.post("/feedback", json=report).json() == {"stored": 0, "duplicates": 1}
    ids = {"decision_id": answer["decision_id"], "action_id": action["action_id"], "email_id": "the tool's"}
    for event in ("Email Sent", "Email Delivered"):
        told = {"userId": person, "event": event, "messageId": f"{person}-{event}", "properties": ids}
        assert client.post("/v1/track", json=told).status_code == 200
    assert sorted(kinds(client, person)) == ["other", "other", "sent"]


def test_one_bad_report_refuses_all_of_its_list(client: httpx.Client, person: str, chosen: dict[str, object]) -> None:
    good = {"token": chosen["token"], "outcome": "clicked"}
    bad = {"token": chosen["token"], "outcome": "clicked", "occurred_at": "2999-01-01T00:00:00Z"}
    assert fault(client.post("/feedback", json=[good, bad])) == (422, "invalid_value", "[1].occurred_at")
    assert fault(client.post("/feedback", json=[good, {"outcome": "clicked"}])) == (422, "invalid_value", "[1]")
    assert kinds(client, person) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"decision_id": "none"}, (404, "not_found", "decision_id")),
        ({"action_id": "offer-nothing"}, (422, "invalid_value", "action_id")),
        ({"channel": "email"}, (422, "invalid_value", "channel")),
        ({"channel": None}, (422, "invalid_value", "")),
        ({"outcome": "ignored"}, (422, "invalid_value", "outcome")),
        ({"value": "much"}, (422, "invalid_value", "value")),
        ({"value": -1.0}, (422, "invalid_value", "value")),
        ({"value": 1e13}, (422, "invalid_value", "value")),
        ({"occurred_at": "2026-01-31T09:00:00"}, (422, "invalid_value", "occurred_at")),
        ({"occurred_at": "2020-01-01T00:00:00Z"}, (422, "invalid_value", "occurred_at")),
        ({"token": "x.y"}, (422, "invalid_value", "")),
        ({"colour": "red"}, (422, "unknown_field", "colour")),
    ],
)
def test_a_report_that_cannot_be_is_refused(
    client: httpx.Client,
    person: str,
    chosen: dict[str, object],
    change: dict[str, object],
    expected: tuple[int, str, str],
) -> None:
    report = {**chosen["ids"], "outcome": "clicked", **change}
    assert fault(client.post("/feedback", json=report)) == expected
    assert kinds(client, person) == []


@pytest.mark.parametrize(
    "spoil", [lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"), lambda token: "e30." + token]
)
def test_a_token_that_is_not_ours_is_refused(client: httpx.Client, chosen: dict[str, object], spoil) -> None:  # noqa: ANN001
    response = client.post("/feedback", json={"token": spoil(chosen["token"]), "outcome": "clicked"})
    assert fault(response) == (422, "invalid_value", "token")


def test_an_empty_or_endless_list_is_refused(client: httpx.Client, chosen: dict[str, object]) -> None:
    report = {"token": chosen["token"], "outcome": "clicked"}
    assert fault(client.post("/feedback", json=[])) == (422, "invalid_value", "")
    assert fault(client.post("/feedback", json=[report] * 1001)) == (422, "invalid_value", "")


def test_a_report_about_somebody_known_by_a_telephone_number_alone_is_theirs(client: httpx.Client) -> None:
    phone = {"type": "phone", "value": "+44 20 7946 0042"}
    action = ask(client, identifier=phone, channels=["web"])["channels"][0]["actions"][0]
    assert client.post("/feedback", json={"token": action["token"], "outcome": "rejected"}).json()["stored"] == 1
    assert client.get("/customers/lookup", params=phone).status_code == httpx.codes.OK
    assert ask(client, identifier=phone, channels=["web"], dry_run=True)["known"]
