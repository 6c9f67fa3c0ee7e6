"""What a real service decided is decided again, whatever has happened since; and what is not the same is found."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from features.instants import render_instant
from features.stores import open_store
from models.catalogue_file import read_text
from models.policy_rules import DAY
from tests.flow.test_operators import nextbest
from tests.serving.running import Running, server, until
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, make_shop, noise_bundle, put_model, store_url

PEOPLE = [f"replayed-{number}" for number in range(6)]
QUESTIONS: tuple[Mapping[str, object], ...] = (
    {"channels": ["web"], "limit": 2, "context": {"page": "laundry"}},
    {"channels": ["email", "web"], "across": "best", "explain": True},
    {"distinct": True, "exclude": ["offer-plan"]},
    {"channels": ["web", "email"], "placement": "hero", "limit": 3, "distinct": True, "explain": True},
)
AHEAD: Mapping[str, object] = {"across": "best", "exclude": ["offer-washer"], "context": {"page": 7}}
"""Asked with a moment of delivery, of one customer and of several."""
POLICY = """
arms: {period_days: 36500, random: 0.3, holdout: 0.1}
limits: [{direction: outbound, contacts: 2, days: 7}]
cool_off: {action_days: learned, action_fallback_days: 0}
weights: [{when: 'has(context.page) && context.page == "laundry"', weight: 3, channels: [web]}]
"""
ORDER = {"order_id": "o", "channel": "store", "products": [{"product_id": "washer-1", "quantity": 1}]}


def shop_text(value: int) -> str:
    text = CATALOGUE.replace("placements: [hero]", "placements: [hero], exploration: {share: 1, gamma: 0.01}")
    text = text.replace("consent: opt_out, ", "consent: opt_out, needs: email, ")
    text = text.replace("value: 20", "value: 20\n    budgets: [{per: day, contacts: 1}]")
    text = text.replace("value: 5\n", "value: 5\n    ceiling: {contacts_per_day: 1, until: 9}\n")
    return text.replace("value: 60", f"value: {value}") + POLICY


@dataclass(frozen=True, slots=True)
class Past:
    """A service that has decided, and to whom much was told since. ids: of its decisions."""

    running: Running
    ids: tuple[str, ...]

    @property
    def home(self) -> Path:
        return self.running.home

    def logged(self, decision_id: str) -> dict[str, object]:
        response = httpx.get(f"{self.running.url}/decisions/{decision_id}", timeout=60)
        assert response.status_code == 200, response.text
        found: dict[str, object] = response.json()
        return found

    def replayed(self, decision_id: str) -> dict[str, object]:
        found: dict[str, object] = self.logged(decision_id)["replay"]  # type: ignore[assignment]
        return found

    def tampered(self, change: str, decision_id: str) -> None:
        with closing(sqlite3.connect(self.home / "store.db", timeout=10)) as connection:
            connection.execute(f"UPDATE decision SET {change} WHERE decision_id = ?", (decision_id,))  # noqa: S608
            connection.commit()

    def content(self) -> list[str]:
        with closing(sqlite3.connect(self.home / "store.db")) as connection:
            return list(connection.iterdump())


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    home = tmp_path_factory.mktemp("past")
    make_shop(home, model=False)
    publish(home, 60)
    serve(home, "7", noise_bundle(rest=30.0))
    with server(home) as running, running.client() as client:
        ids: list[str] = []
        rejects(client, PEOPLE[-1])
        for number, person in enumerate(PEOPLE):
            visits(client, person)
            ids += asked(client, person)
            if number % 2:
                buys(client, person)
            ids += asked(client, person)
            ids += asked_ahead(client, person)
            feeds(client, washer=number % 3)
        ids += asked(client, "anon:browser-0")
        changes(home, client)
        ids += [one for person in (*PEOPLE, "anon:browser-0") for one in asked(client, person)]
        feeds(client, washer=1)
        for person in PEOPLE:
            buys(client, person, timestamp="2026-01-05T00:00:00Z")
        yield Past(running, tuple(ids))


def publish(home: Path, value: int) -> None:
    store, source = open_store(store_url(home)), read_text(shop_text(value))
    try:
        store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
    finally:
        store.close()


def serve(home: Path, version: str, files: Mapping[str, bytes]) -> None:
    store = open_store(store_url(home))
    try:
        put_model(store, version, files)
    finally:
        store.close()


def changes(home: Path, client: httpx.Client) -> None:
    """Another catalogue, another model that knows of no rests, and people who say no, or turn out to be one."""
    publish(home, 11)
    serve(home, "8", noise_bundle(2))
    for number, person in enumerate(PEOPLE):
        tell(client, "identify", person, traits={"email": f"{person}@example.org"})
        tell(client, "track", person, event="Email Unsubscribed")
        if number == 0:
            tell(client, "identify", person, anonymousId="browser-0")
    tell(client, "alias", PEOPLE[1], previousId=PEOPLE[2])
    assert until(lambda: versions(client) == (3, "8"))


def versions(client: httpx.Client) -> tuple[int, str]:
    looked = client.post("/recommend", json={"customer_id": "looking", "dry_run": True}).json()
    return looked["catalogue_version"], looked["model_version"]


def visits(client: httpx.Client, person: str) -> None:
    tell(client, "identify", person, traits={"email": f"{person}@example.com", "phone": phone_of(person)})
    tell(client, "page", person, properties={"channel": "web"})


def rejects(client: httpx.Client, person: str) -> None:
    rejected = {"action_id": "offer-vacuum", "channel": "web"}
    tell(client, "track", person, event="Action Rejected", properties=rejected)


def buys(client: httpx.Client, person: str, **more: object) -> None:
    order = {**ORDER, "order_id": f"{person}-{len(more)}"}
    tell(client, "track", person, event="Order Completed", properties=order, **more)


def feeds(client: httpx.Client, washer: int) -> None:
    stock = [{"id": "washer-1", "stock": washer}, {"id": "nobody promotes it", "stock": 0}]
    response = client.post("/items/feed", json={"items": stock})
    assert response.status_code == 200, response.text


def tell(client: httpx.Client, kind: str, person: str, **fields: object) -> None:
    response = client.post(f"/v1/{kind}", json={"type": kind, "userId": person, **fields})
    assert response.status_code == 200, response.text


def asked(client: httpx.Client, person: str) -> list[str]:
    answers = [client.post("/recommend", json={"customer_id": person, **question}) for question in QUESTIONS]
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    return [answer.json()["decision_id"] for answer in answers]


def asked_ahead(client: httpx.Client, person: str) -> list[str]:
    """By what else names them, to be delivered in two days, just now, and alone or in a batch."""
    now = time.time_ns() // 1_000_000
    later, just_now = render_instant(now + 2 * DAY), render_instant(now - 10_000)
    found = []
    for type_, value in (("email", f"{person}@example.com"), ("phone", phone_of(person))):
        question = {**AHEAD, "identifier": {"type": type_, "value": value}, "deliver_at": later}
        found.append(client.post("/recommend", json=question).json())
    found.append(client.post("/recommend", json={"customer_id": person, "deliver_at": just_now}).json())
    many = {"customer_ids": [person, f"{person}-friend"], "deliver_at": later, "limit": 2, "distinct": True}
    found += client.post("/recommend_batch", json=many).json()["decisions"]
    return [one["decision_id"] for one in found]


def phone_of(person: str) -> str:
    return f"+44 20 7946 001{person[-1]}"


def test_every_decision_is_the_same_again_and_looking_changes_nothing(past: Past) -> None:
    before = past.content()
    logged = {one: past.logged(one) for one in past.ids}
    found: dict[str, dict[str, object]] = {one: decision["replay"] for one, decision in logged.items()}  # type: ignore[misc]
    assert {one: replay["differences"] for one, replay in found.items() if replay["differences"]} == {}
    assert all(replay["identical"] and replay["same_revision"] and not replay["missing"] for replay in found.values())
    slates = [slate for replay in found.values() for slate in replay["answer"]["channels"]]  # type: ignore[index]
    actions = [action for slate in slates for action in slate["actions"]]
    assert all(action["reasons"] and action["token"] is None for action in actions)
    assert len({replay["answer"]["arm"] for replay in found.values()}) > 1  # type: ignore[index]
    refused = {one["gate"] for slate in slates for one in slate["refused"]}
    assert {"consent", "budget", "ceiling", "available"} <= refused
    assert len({decision["snapshot"] for decision in logged.values()}) > 2
    resting = {one for one, replay in found.items() if "30 days as learned" in str(replay["answer"])}
    by_model = {one for one, decision in logged.items() if decision["model_version"] == "7"}
    assert set() < resting <= by_model < set(past.ids)
    assert past.content() == before


def test_the_command_replays_them_without_a_service(past: Past) -> None:
    done = nextbest(past.home, "decisions", "replay", "--since", "1d")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout
    assert f"{len(past.ids)} identical" in done.stderr
    done = nextbest(past.home, "decisions", "replay", past.ids[0], "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    for wrong in ([], ["never"], ["--since", "soon"], ["x", "--since", "1d"]):
        assert nextbest(past.home, "decisions", "replay", *wrong).returncode == 2


def test_what_is_not_kept_is_named(past: Past) -> None:
    first, second, third, fourth = past.ids[:4]
    past.tampered("model_digest = 'ffff'", first)
    past.tampered("model_digest = NULL, snapshot = NULL, subject = NULL, addresses = NULL", second)
    past.tampered("catalogue_version = 99", third)
    past.tampered("snapshot = 99999", fourth)
    found = [past.replayed(one) for one in (first, second, third, fourth)]
    assert [one["missing"] for one in found] == [
        ["model"],
        ["model", "snapshot", "record"],
        ["catalogue"],
        ["snapshot"],
    ]
    assert all(one["identical"] is None and one["answer"] is None for one in found)


def test_a_line_that_was_tampered_with_is_a_fault(past: Past) -> None:
    one, another = past.ids[-2:]
    past.tampered("feature_digest = 'ff'", one)
    found = past.replayed(one)
    assert (found["identical"], found["same_revision"]) == (False, True)
    (difference,) = found["differences"]  # type: ignore[misc]
    assert (difference["path"], difference["logged"]) == ("/feature_digest", "ff")
    assert 'nextbest_replays_total{result="fault"} 1.0' in httpx.get(f"{past.running.url}/metrics").text
    assert "decides otherwise" in past.running.log.read_text()
    past.tampered("feature_digest = 'ff', code_revision = 'older'", another)
    assert past.replayed(another)["same_revision"] is False
    done = nextbest(past.home, "decisions", "replay", "--since", "1d")
    assert done.returncode == 1
    assert f"{one}\tfault\t/feature_digest" in done.stdout
    assert f"{another}\tdifferent\t/feature_digest" in done.stdout
    assert nextbest(past.home, "decisions", "replay", another).returncode == 0
