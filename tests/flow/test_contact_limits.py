"""Contact limits at real servers of several workers, on both stores: however many ask at once, no limit is exceeded;
what is released or over makes room again; what was queued is judged again before it is sent. SYNTHETIC."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx
import pytest

from features.event import Event, Identifier, Kind
from features.instants import render_instant
from features.stores import Store, open_store
from models.catalogue_file import read_text
from tests.flow.served import Place
from tests.serving.running import Running
from tests.serving.synthetic import PUBLISHED_AT

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
_tests = itertools.count()
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


@dataclass(frozen=True, slots=True)
class Shop:
    """now: ms UTC, of the test's own days, for the clock goes only forward."""

    place: Place
    running: Running
    client: httpx.Client
    now: int

    def ask(self, path: str, body: dict[str, object], after: int = 0) -> dict[str, object]:
        """after: ms from the test's beginning on."""
        response = self.sent(path, body, after)
        assert response.status_code == 200, response.text
        answer: dict[str, object] = response.json()
        return answer

    def sent(self, path: str, body: dict[str, object], after: int = 0) -> httpx.Response:
        return self.client.post(path, json=body, headers={"Nextbest-Now": render_instant(self.now + after)})

    def decided(self, person: str, *channels: str, after: int = 0) -> tuple[str, int]:
        """The decision's id, and how many actions it chose."""
        answer = self.ask("/recommend", {"customer_id": person, "channels": list(channels)}, after)
        return str(answer["decision_id"]), len(chosen(answer))

    def logged(self, person: str) -> list[Event]:
        with self.store() as store:
            return [one.event for one in store.timeline(Identifier("user_id", person), None, 10_000)]

    @contextmanager
    def store(self) -> Iterator[Store]:
        opened = open_store(self.place.url, vault=self.place.vault)
        try:
            yield opened
        finally:
            opened.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Running]]:
    """Two workers, a driven clock."""
    home = tmp_path_factory.mktemp("limits")
    with ExitStack() as kept:
        url = f"sqlite:///{home}/store.db"
        if request.param == "postgresql":
            url = kept.enter_context(request.getfixturevalue("postgres").schema())
        place = Place.of(url, home)
        place.make_shop()
        source = read_text(CATALOGUE)
        store = open_store(place.url, vault=place.vault)
        try:
            store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
            store.put_setting("clock", "driven")
            store.advance_present(PUBLISHED_AT)
        finally:
            store.close()
        yield place, kept.enter_context(place.served(new=False))


@pytest.fixture
def shop(served: tuple[Place, Running]) -> Iterator[Shop]:
    place, running = served
    with running.client() as client:
        yield Shop(place, running, client, PUBLISHED_AT + next(_tests) * 10 * DAY)


def chosen(answer: dict[str, object]) -> list[tuple[str, str]]:
    return [(slate["channel"], one["action_id"]) for slate in answer["channels"] for one in slate["actions"]]


async def together(url: str, person: str) -> list[dict[str, object]]:
    """A hundred at once, for one to eight of the channels: most of them twice by the same key, some in batches that
    name the person twice. Whoever waits too long (503) asks again, as callers do."""

    async def one(client: httpx.AsyncClient, number: int) -> list[dict[str, object]]:
        pair = number // 2
        body: dict[str, object] = {"channels": [CHANNELS[(pair + step) % 8] for step in range(1 + pair % 8)]}
        if number % 10 == 9:
            path, body = "/recommend_batch", {**body, "customer_ids": [person, person], "decision_id": f"many-{pair}"}
        else:
            path, body = "/recommend", {**body, "customer_id": person, "decision_id": f"key-{pair}"}
        while (response := await client.post(path, json=body)).status_code == 503:
            await asyncio.sleep(0.2)
        assert response.status_code == 200, response.text
        answer = response.json()
        found: list[dict[str, object]] = answer.get("decisions", [answer])
        return found

    limits = httpx.Limits(max_connections=ASKERS)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        answers = await asyncio.gather(*(one(client, number) for number in range(ASKERS)))
    return [entry for answer in answers for entry in answer]


def test_a_hundred_at_once_never_exceed_a_limit(shop: Shop) -> None:
    answers = asyncio.run(together(shop.running.url, "wanted"))
    assert all("error" not in answer for answer in answers)
    by_decision = {str(answer["decision_id"]): chosen(answer) for answer in answers}
    granted = Counter(channel for pairs in by_decision.values() for channel, _ in pairs)
    assert granted.total() == LIMIT
    assert max(granted.values()) <= EACH
    events = shop.logged("wanted")
    assert Counter(one.channel for one in events if one.kind is Kind.RESERVED) == granted
    assert sum(one.kind is Kind.DECIDED and one.action is not None for one in events) == LIMIT
    with shop.store() as store:
        assert store.check().faults == ()


def test_what_is_released_or_over_makes_room_again(shop: Shop) -> None:
    first, count = shop.decided("ann", *CHANNELS)
    assert count == LIMIT
    assert shop.decided("ann", *CHANNELS)[1] == 0
    assert shop.decided("ann", "site")[1] == 1
    report = {"decision_id": first, "action_id": "news-2", "channel": CHANNELS[0]}
    shop.ask("/feedback", {**report, "outcome": "not_sent"})
    assert shop.decided("ann", *CHANNELS)[1] == 1
    assert shop.decided("ann", *CHANNELS)[1] == 0
    shop.ask("/feedback", {**report, "channel": CHANNELS[1], "outcome": "sent"})
    assert shop.decided("ann", *CHANNELS, after=48 * HOUR - 1)[1] == 0
    assert shop.decided("ann", *CHANNELS, after=48 * HOUR)[1] == LIMIT - 1


def test_looking_reserves_nothing(shop: Shop) -> None:
    for extra in ({"dry_run": True}, {"at": "2026-01-01T00:00:00Z"}, {"explain": True, "dry_run": True}):
        shop.ask("/recommend", {"customer_id": "seen", "channels": CHANNELS, **extra})
    assert shop.logged("seen") == []
    body = {"customer_id": "seen", "channels": CHANNELS, "decision_id": "once", "explain": True}
    first, again = shop.ask("/recommend", body), shop.ask("/recommend", body)
    assert first == again
    assert first["known"] is False
    assert sum(one.kind is Kind.RESERVED for one in shop.logged("seen")) == LIMIT
    assert shop.ask("/recommend", {"customer_id": "seen", "dry_run": True})["known"] is False


def test_people_who_become_one_share_their_contacts(shop: Shop) -> None:
    assert shop.decided("anon:x", *CHANNELS[:3])[1] == 3
    assert shop.decided("ben", *CHANNELS[3:5])[1] == 2
    shop.ask("/v1/identify", {"type": "identify", "userId": "ben", "anonymousId": "x", "messageId": "joined"})
    assert shop.decided("ben", *CHANNELS)[1] == 0


def test_contacts_count_for_the_person_from_the_alias_to_the_split(shop: Shop) -> None:
    names = ("fay", "fay-2")

    def still_allowed() -> list[int]:
        body = {"channels": [CHANNELS[0]], "dry_run": True}
        return [len(chosen(shop.ask("/recommend", {"customer_id": name, **body}))) for name in names]

    for name in names:
        sent = {"event": "SMS Sent", "messageId": f"sent-{name}", "properties": {"channel": CHANNELS[0]}}
        shop.ask("/v1/track", {"userId": name, **sent})
    assert still_allowed() == [1, 1]
    shop.ask("/v1/alias", {"userId": names[0], "previousId": names[1], "messageId": "the same"})
    assert still_allowed() == [0, 0]
    with shop.store() as store:
        store.split(Identifier("user_id", names[0]), Identifier("user_id", names[1]), shop.now, "test")
    assert still_allowed() == [1, 1]


def test_what_waits_is_judged_again_before_it_is_sent(shop: Shop) -> None:
    decision, _ = shop.decided("cleo", *CHANNELS[:2])
    path = f"/decisions/{decision}/confirm"
    ready = shop.ask(path, {})
    assert [one["verdict"] for one in ready["actions"]] == ["send", "send"]
    assert "verdict" not in ready
    withdrawal = {
        "userId": "cleo",
        "event": "Channel Subscription Updated",
        "messageId": "no more",
        "properties": {"channel": CHANNELS[0], "status": "unsubscribed"},
    }
    shop.ask("/v1/track", withdrawal, MINUTE)
    first, again = (shop.ask(path, {"channel": CHANNELS[0]}, 2 * MINUTE) for _ in range(2))
    assert (first["verdict"], first["actions"][0]["gate"]) == ("cancel", "consent")
    assert (again["verdict"], again["actions"][0]["gate"]) == ("cancel", "reported")
    both = shop.ask(path, {}, 2 * MINUTE)["actions"]
    assert [(one["verdict"], one["channel"]) for one in both] == [("cancel", CHANNELS[0]), ("send", CHANNELS[1])]
    kinds = Counter(one.kind for one in shop.logged("cleo"))
    assert (kinds[Kind.NOT_SENT], kinds[Kind.RESERVED]) == (1, 2)
    assert shop.decided("cleo", *CHANNELS[1:], after=2 * MINUTE)[1] == LIMIT - 1


def test_what_waited_too_long_is_reserved_again_or_cancelled(shop: Shop) -> None:
    later = 50 * HOUR
    old, _ = shop.decided("dora", *CHANNELS[:2])
    assert shop.decided("dora", *CHANNELS[1:5], after=later)[1] == 4
    kept = shop.ask(f"/decisions/{old}/confirm", {}, later)
    assert [one["verdict"] for one in kept["actions"]] == ["send", "cancel"]
    assert kept["actions"][1]["gate"] == "contact_limits"
    assert shop.decided("dora", *CHANNELS, after=later)[1] == 0


def test_what_cannot_be_confirmed_says_so(shop: Shop) -> None:
    decision, _ = shop.decided("eve", CHANNELS[0], "site")
    path = f"/decisions/{decision}/confirm"
    assert [one["channel"] for one in shop.ask(path, {})["actions"]] == [CHANNELS[0]]
    for body, field in (({"action_id": "none"}, "action_id"), ({"channel": CHANNELS[1]}, "channel")):
        refused = shop.sent(path, body)
        assert (refused.status_code, refused.json()["error"]["field"]) == (422, field)
    inbound = shop.sent(path, {"channel": "site"}).json()["error"]
    assert inbound["rule"].startswith("inbound")
    assert shop.sent("/decisions/no-such/confirm", {}).status_code == 404
    assert shop.client.delete("/customers/eve").status_code == 200
    assert shop.sent(path, {}).status_code == 410
