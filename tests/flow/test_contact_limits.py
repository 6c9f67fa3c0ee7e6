"""Contact limits at real servers of several workers, on both stores: however many ask at once, no limit is exceeded;
what is released or over makes room again; what was queued is judged again before it is sent. SYNTHETIC."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from features.event import Event, Identifier, Kind
from features.instants import render_instant
from features.stores import open_store
from models.catalogue_file import read_text
from tests.flow.served import Place
from tests.serving.running import Running
from tests.serving.synthetic import PUBLISHED_AT

HOUR = 3_600_000
CHANNELS = [f"channel-{number}" for number in range(8)]
ASKERS = 100
LIMIT, EACH = 5, 2
"""Contacts that all channels together, and each by itself, allow."""

CATALOGUE = f"""
currency: EUR
time_zone: Europe/London
limits: [{{direction: outbound, contacts: {LIMIT}, days: 7}}]
channels:
{
    "".join(
        f'''
  {name}: {{direction: outbound, consent: opt_out, reward_window_days: 7, reserve_hours: 48,
    limits: [{{contacts: {EACH}, days: 7}}]}}
'''
        for name in CHANNELS
    )
}
  site: {{direction: inbound, consent: not_needed, reward_window_days: 7}}
actions:
{
    "".join(
        f'''
  - id: news-{number}
    kind: message
    group: news
    value: {number + 1}
    success: clicked
    treatments: [{", ".join(f"{{id: {name}, channel: {name}}}" for name in (*CHANNELS, "site"))}]
'''
        for number in range(3)
    )
}
"""


@pytest.fixture
def shop(fresh_url: str, tmp_path: Path) -> Iterator[tuple[Place, Running]]:
    """Two workers, a driven clock."""
    place = Place.of(fresh_url, tmp_path)
    place.make_shop()
    source = read_text(CATALOGUE)
    store = open_store(place.url, vault=place.vault)
    try:
        store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
        store.put_setting("clock", "driven")
        store.advance_present(PUBLISHED_AT)
    finally:
        store.close()
    with place.served(new=False) as running:
        yield place, running


def logged(place: Place, person: str) -> list[Event]:
    store = open_store(place.url, vault=place.vault)
    try:
        return [one.event for one in store.timeline(Identifier("user_id", person), None, 10_000)]
    finally:
        store.close()


def ask(client: httpx.Client, path: str, body: dict[str, object], now: int = PUBLISHED_AT) -> dict[str, object]:
    response = client.post(path, json=body, headers={"Nextbest-Now": render_instant(now)})
    assert response.status_code == 200, response.text
    answer: dict[str, object] = response.json()
    return answer


def chosen(answer: dict[str, object]) -> list[tuple[str, str]]:
    return [(slate["channel"], one["action_id"]) for slate in answer["channels"] for one in slate["actions"]]


def decided(client: httpx.Client, person: str, *channels: str, now: int = PUBLISHED_AT) -> tuple[str, int]:
    """The decision's id, and how many actions it chose."""
    answer = ask(client, "/recommend", {"customer_id": person, "channels": list(channels)}, now)
    return str(answer["decision_id"]), len(chosen(answer))


async def together(url: str, person: str) -> list[dict[str, object]]:
    """A hundred at once, for one to eight of the channels: most of them twice by the same key, some in batches that name
    the person twice."""

    async def one(client: httpx.AsyncClient, number: int) -> list[dict[str, object]]:
        pair = number // 2
        body: dict[str, object] = {"channels": [CHANNELS[(pair + step) % 8] for step in range(1 + pair % 8)]}
        if number % 10 == 9:
            path, body = "/recommend_batch", {**body, "customer_ids": [person, person]}
        else:
            path, body = "/recommend", {**body, "customer_id": person, "decision_id": f"key-{pair}"}
        response = await client.post(path, json=body)
        assert response.status_code == 200, response.text
        answer = response.json()
        found: list[dict[str, object]] = answer.get("decisions", [answer])
        return found

    limits = httpx.Limits(max_connections=ASKERS)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        answers = await asyncio.gather(*(one(client, number) for number in range(ASKERS)))
    return [entry for answer in answers for entry in answer]


@pytest.mark.slow
def test_a_hundred_at_once_never_exceed_a_limit(shop: tuple[Place, Running]) -> None:
    place, running = shop
    answers = asyncio.run(together(running.url, "wanted"))
    assert all("error" not in answer for answer in answers)
    by_decision = {str(answer["decision_id"]): chosen(answer) for answer in answers}
    granted = Counter(channel for pairs in by_decision.values() for channel, _ in pairs)
    assert granted.total() == LIMIT
    assert max(granted.values()) <= EACH
    events = logged(place, "wanted")
    reserved = Counter(one.channel for one in events if one.kind is Kind.RESERVED)
    assert reserved == granted
    assert sum(one.kind is Kind.DECIDED and one.action is not None for one in events) == LIMIT
    store = open_store(place.url, vault=place.vault)
    assert store.check().faults == ()
    store.close()


def test_what_is_released_or_over_makes_room_again(shop: tuple[Place, Running]) -> None:
    _, running = shop
    with running.client() as client:
        first, count = decided(client, "ann", *CHANNELS)
        assert count == LIMIT
        assert decided(client, "ann", *CHANNELS)[1] == 0
        assert decided(client, "ann", "site")[1] == 1
        report = {"decision_id": first, "action_id": "news-2", "channel": CHANNELS[0]}
        ask(client, "/feedback", {**report, "outcome": "not_sent"})
        assert decided(client, "ann", *CHANNELS)[1] == 1
        assert decided(client, "ann", *CHANNELS)[1] == 0
        ask(client, "/feedback", {**report, "channel": CHANNELS[1], "outcome": "sent"})
        later = PUBLISHED_AT + 48 * HOUR
        assert decided(client, "ann", *CHANNELS, now=later - 1)[1] == 0
        assert decided(client, "ann", *CHANNELS, now=later)[1] == LIMIT - 1


def test_looking_reserves_nothing(shop: tuple[Place, Running]) -> None:
    place, running = shop
    with running.client() as client:
        for extra in ({"dry_run": True}, {"at": "2026-01-01T00:00:00Z"}, {"explain": True, "dry_run": True}):
            ask(client, "/recommend", {"customer_id": "seen", "channels": CHANNELS, **extra})
        assert logged(place, "seen") == []
        body = {"customer_id": "seen", "channels": CHANNELS, "decision_id": "once", "explain": True}
        first, again = ask(client, "/recommend", body), ask(client, "/recommend", body)
        assert first == again
        assert first["known"] is False
        assert sum(one.kind is Kind.RESERVED for one in logged(place, "seen")) == LIMIT
        assert ask(client, "/recommend", {"customer_id": "seen", "dry_run": True})["known"] is False


def test_people_who_become_one_share_their_contacts(shop: tuple[Place, Running]) -> None:
    _, running = shop
    with running.client() as client:
        assert decided(client, "anon:x", *CHANNELS[:3])[1] == 3
        assert decided(client, "ben", *CHANNELS[3:5])[1] == 2
        call = {"type": "identify", "userId": "ben", "anonymousId": "x", "messageId": "joined"}
        ask(client, "/v1/identify", call)
        assert decided(client, "ben", *CHANNELS)[1] == 0


def test_what_waits_is_judged_again_before_it_is_sent(shop: tuple[Place, Running]) -> None:
    place, running = shop
    minute = 60_000
    with running.client() as client:
        decision, _ = decided(client, "cleo", *CHANNELS[:2])
        path = f"/decisions/{decision}/confirm"
        ready = ask(client, path, {})
        assert [one["verdict"] for one in ready["actions"]] == ["send", "send"]
        assert "verdict" not in ready
        withdrawal = {
            "userId": "cleo",
            "event": "Channel Subscription Updated",
            "messageId": "no more",
            "properties": {"channel": CHANNELS[0], "status": "unsubscribed"},
        }
        ask(client, "/v1/track", withdrawal, PUBLISHED_AT + minute)
        first = ask(client, path, {"channel": CHANNELS[0]}, PUBLISHED_AT + 2 * minute)
        assert (first["verdict"], first["actions"][0]["gate"]) == ("cancel", "consent")
        again = ask(client, path, {"channel": CHANNELS[0]}, PUBLISHED_AT + 2 * minute)
        assert (again["verdict"], again["actions"][0]["gate"]) == ("cancel", "reported")
        both = ask(client, path, {}, PUBLISHED_AT + 2 * minute)
        assert [(entry["verdict"], entry["channel"]) for entry in both["actions"]] == [
            ("cancel", CHANNELS[0]),
            ("send", CHANNELS[1]),
        ]
        kinds = Counter(one.kind for one in logged(place, "cleo"))
        assert kinds[Kind.NOT_SENT] == 1
        assert kinds[Kind.RESERVED] == 2
        assert decided(client, "cleo", *CHANNELS[1:])[1] == LIMIT - 1


def test_what_waited_too_long_is_reserved_again_or_cancelled(shop: tuple[Place, Running]) -> None:
    _, running = shop
    later = PUBLISHED_AT + 50 * HOUR
    with running.client() as client:
        old, _ = decided(client, "dora", *CHANNELS[:2])
        assert decided(client, "dora", *CHANNELS[1:5], now=later)[1] == 4
        kept = ask(client, f"/decisions/{old}/confirm", {}, later)
        assert [one["verdict"] for one in kept["actions"]] == ["send", "cancel"]
        assert kept["actions"][1]["gate"] == "contact_limits"
        assert decided(client, "dora", *CHANNELS, now=later)[1] == 0


def test_what_cannot_be_confirmed_says_so(shop: tuple[Place, Running]) -> None:
    _, running = shop
    with running.client() as client:
        decision, _ = decided(client, "eve", CHANNELS[0], "site")
        path = f"/decisions/{decision}/confirm"
        assert [one["channel"] for one in ask(client, path, {})["actions"]] == [CHANNELS[0]]
        for body, field in (({"action_id": "none"}, "action_id"), ({"channel": CHANNELS[1]}, "channel")):
            refused = client.post(path, json=body)
            assert (refused.status_code, refused.json()["error"]["field"]) == (422, field)
        inbound = client.post(path, json={"channel": "site"}).json()["error"]
        assert inbound["rule"].startswith("inbound")
        assert client.post("/decisions/no-such/confirm", json={}).status_code == 404
        assert client.delete("/customers/eve").status_code == 200
        assert client.post(path, json={}).status_code == 410
