"""Budgets, ceilings and an item feed at real servers of two workers, on both stores: however many ask at once, no more
is spent than there is; what cannot be had disappears and comes back. SYNTHETIC."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from features.event import Kind
from features.instants import render_instant
from features.stores import open_store
from models.catalogue_file import read_text
from models.policy.spending import day_of
from serving.replaying import Replayer
from serving.runtime import code_revision
from tests.flow.served import Place
from tests.flow.test_command_line import nextbest
from tests.flow.test_contact_limits import DAY, HOUR, Shop, chosen
from tests.serving.running import Running, until
from tests.serving.synthetic import PUBLISHED_AT

ASKERS, BUDGET = 40, 10
_tests = itertools.count()
_TREATMENTS = "[{id: sms, channel: sms}, {id: push, channel: push}, {id: site, channel: site}]"

CATALOGUE = f"""
currency: EUR
time_zone: Europe/London
channels:
  sms: {{direction: outbound, consent: opt_out, reward_window_days: 7, reserve_hours: 1, cost: 0.07}}
  push: {{direction: outbound, consent: opt_out, reward_window_days: 7, reserve_hours: 1}}
  site: {{direction: inbound, consent: not_needed, reward_window_days: 7}}
items: [{{id: kettle}}, {{id: toaster}}]
actions:
  - {{id: daily, kind: offer, group: a, value: 9, success: clicked, treatments: {_TREATMENTS},
     budgets: [{{per: day, contacts: {BUDGET}}}]}}
  - {{id: dear, kind: offer, group: b, value: 8, success: clicked, treatments: {_TREATMENTS}, cost: 0.93,
     budgets: [{{per: total, money: 3}}]}}
  - {{id: new, kind: offer, group: c, value: 7, success: clicked, treatments: {_TREATMENTS},
     ceiling: {{contacts_per_day: 2, until: 3}}}}
  - {{id: kitchen, kind: offer, group: d, value: 6, success: clicked, treatments: {_TREATMENTS},
     items: [kettle, toaster], suppression: {{rule: always}}}}
"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Running]]:
    """Two workers, a driven clock."""
    home = tmp_path_factory.mktemp("budgets")
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
    """On days of its own."""
    place, running = served
    with running.client() as client:
        yield Shop(place, running, client, PUBLISHED_AT + next(_tests) * 10 * DAY)


def only(action: str) -> dict[str, object]:
    return {"exclude": [one for one in ("daily", "dear", "new", "kitchen") if one != action]}


def asked(shop: Shop, person: str, action: str, *channels: str, after: int = 0, **more: object) -> dict[str, object]:
    body = {"customer_id": person, "channels": list(channels), **only(action), **more}
    return shop.ask("/recommend", body, after)


async def together(url: str, now: str) -> list[list[tuple[str, str]]]:
    async def one(client: httpx.AsyncClient, number: int) -> list[tuple[str, str]]:
        body = {"customer_id": f"of-many-{number}", "channels": ["sms", "push"][: 1 + number % 2], **only("daily")}
        while (response := await client.post("/recommend", json=body)).status_code == 503:
            await asyncio.sleep(0.2)
        assert response.status_code == 200, response.text
        return chosen(response.json())

    limits, headers = httpx.Limits(max_connections=ASKERS), {"Nextbest-Now": now}
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits, headers=headers) as client:
        return await asyncio.gather(*(one(client, number) for number in range(ASKERS)))


def metric(running: Running, name: str) -> float:
    lines = httpx.get(f"{running.url}/metrics", timeout=60).text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def test_however_many_people_ask_at_once_a_budget_is_never_exceeded(shop: Shop) -> None:
    answers = asyncio.run(together(shop.running.url, render_instant(shop.now)))
    assert sum(map(len, answers)) == BUDGET
    reserved = Counter(
        one.kind for number in range(ASKERS) for one in shop.logged(f"of-many-{number}") if one.kind is Kind.RESERVED
    )
    assert reserved[Kind.RESERVED] == BUDGET
    with shop.store() as store:
        assert store.check().faults == ()
        spent = store.spent(["daily"], day_of("Europe/London", shop.now))["daily"]
    assert (spent.contacts_today, spent.contacts_ever) == (BUDGET, BUDGET)
    late = asked(shop, "late", "daily", "sms", explain=True, after=HOUR)
    (refused,) = [one for one in late["channels"][0]["refused"] if one["action_id"] == "daily"]
    assert (refused["gate"], refused["rule"]) == ("budget", "spent")
    assert len(chosen(asked(shop, "late", "daily", "sms", after=DAY))) == 1


def test_money_is_spent_once_and_what_is_not_sent_gives_it_back(shop: Shop) -> None:
    first = asked(shop, "m-1", "dear", "sms", "push")
    assert len(chosen(first)) == 2
    assert chosen(asked(shop, "m-2", "dear", "sms", "push")) == [("sms", "dear")]
    assert chosen(asked(shop, "m-3", "dear", "push", after=3 * DAY)) == []
    report = {"decision_id": first["decision_id"], "action_id": "dear", "channel": "sms", "outcome": "not_sent"}
    for _ in range(2):
        shop.ask("/feedback", report, 3 * DAY)
    assert until(lambda: chosen(asked(shop, "m-3", "dear", "push", after=3 * DAY)) == [("push", "dear")])
    assert chosen(asked(shop, "m-4", "dear", "push", after=3 * DAY)) == []
    confirmed = shop.ask(f"/decisions/{first['decision_id']}/confirm", {"channel": "push"}, 3 * DAY)
    assert confirmed["verdict"] == "send"


def test_a_ceiling_holds_until_the_action_has_had_enough(shop: Shop) -> None:
    days = [
        [chosen(asked(shop, f"n-{day}-{one}", "new", "push", after=day * DAY)) for one in range(4)] for day in (0, 1)
    ]
    assert [sum(map(len, day)) for day in days] == [2, 4]


def test_what_is_shown_counts_when_it_is_displayed(shop: Shop) -> None:
    decisions = [asked(shop, f"s-{one}", "daily", "site") for one in range(BUDGET)]
    assert all(len(chosen(one)) == 1 for one in decisions)
    assert len(chosen(asked(shop, "s-more", "daily", "site"))) == 1
    for decision in decisions:
        report = {"decision_id": decision["decision_id"], "action_id": "daily", "channel": "site"}
        shop.ask("/feedback", {**report, "outcome": "displayed"})
    assert until(lambda: chosen(asked(shop, "s-more", "daily", "site", dry_run=True)) == [])


def test_whatever_was_spent_or_had_when_it_was_decided_is_known_again(shop: Shop) -> None:
    """Of many who ask at once some are overtaken, and decided again from newer counts."""
    shop.ask("/items/feed", {"items": [{"id": "kettle", "stock": 0}, {"id": "toaster", "stock": 0}]})
    asyncio.run(together(shop.running.url, render_instant(shop.now)))
    ids = [str(asked(shop, "r", action, "sms", "site")["decision_id"]) for action in ("kitchen", "dear", "new")]
    shop.ask("/items/feed", {"items": [{"id": "toaster", "stock": None}, {"id": "kettle", "stock": None}]})
    ids += [str(asked(shop, "r", "daily", "sms", after=DAY)["decision_id"])]
    assert metric(shop.running, "nextbest_decided_again_total") > 0
    with shop.store() as store:
        ids += [one for one in store.newest_decisions(shop.now, 2 * ASKERS) if one not in ids]
        replayer = Replayer(store, code_revision())
        logged = [made for one in ids if (made := store.decision(one)) is not None]
        replayed = [replayer.replay(one) for one in logged]
        assert store.check().faults == ()
    assert len(ids) > ASKERS
    assert [(one.missing, one.differences) for one in replayed if not one.identical] == []
    assert len({one.snapshot for one in logged}) > 1
    over = httpx.get(f"{shop.running.url}/decisions/{ids[0]}", timeout=60).json()
    assert over["replay"]["identical"] is True
    assert over["snapshot"] > 0


def test_what_cannot_be_had_disappears_and_comes_back(shop: Shop, tmp_path: Path) -> None:
    def offered() -> bool:
        """By whichever worker takes a new connection."""
        body = {"customer_id": "k", "channels": ["site"], "dry_run": True, **only("kitchen")}
        return bool(chosen(httpx.post(f"{shop.running.url}/recommend", json=body, timeout=60).json()))

    feed = [{"id": "kettle", "stock": 0}, {"id": "toaster", "stock": 3}, {"id": "unlisted", "stock": None}]
    assert shop.ask("/items/feed", {"items": feed}) == {"items": 3, "changed": 3}
    assert shop.ask("/items/feed", {"items": feed}) == {"items": 3, "changed": 0}
    assert until(offered)
    waiting = asked(shop, "k-waits", "kitchen", "sms")
    shop.ask("/items/feed", {"items": [{"id": "toaster", "stock": 0}]})
    assert until(lambda: not any(offered() for _ in range(8)))
    verdict = shop.ask(f"/decisions/{waiting['decision_id']}/confirm", {})["actions"][0]
    assert (verdict["verdict"], verdict["gate"]) == ("cancel", "available")
    file = tmp_path / "stock.csv"
    file.write_text("id,stock\nkettle,\n")
    if shop.place.vault is None:
        assert nextbest(shop.place.home, "items", "feed", str(file)).returncode == 0
    else:
        shop.ask("/items/feed", {"items": [{"id": "kettle", "stock": None}]})
    assert until(lambda: all(offered() for _ in range(8)))
    bad = shop.sent("/items/feed", {"items": [{"id": "kettle", "stock": -1}]}, 0)
    assert (bad.status_code, bad.json()["error"]["field"]) == (422, "items[0].stock")
