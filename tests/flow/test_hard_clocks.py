"""Devices that are late, early, or think that it is 1970 or 2099, through a real server: every call is in the log at
the right time or a dead letter that says why, and what is decided stays right. SYNTHETIC."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from features.event import Event, Identifier, Kind
from features.history import PAGE_LIMIT
from features.instants import render_instant
from features.stores import open_store
from features.stores.protocol import Store
from tests.serving.running import Running, server
from tests.serving.synthetic import PROMOTED_ITEM, make_shop, store_url

MINUTE, DAY = 60_000, 86_400_000
SLACK = 30_000
"""ms between a test's own clock and the server's, on a busy machine."""
WRONG_CLOCKS = {"1970": datetime(1970, 1, 3, tzinfo=UTC), "2099": datetime(2099, 6, 1, tzinfo=UTC)}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home: Path = tmp_path_factory.mktemp("clocks")
    make_shop(home)
    with server(home) as running:
        yield running


@pytest.fixture
def store(shop: Running) -> Iterator[Store]:
    """The server's own, in a second process."""
    opened = open_store(store_url(shop.home))
    yield opened
    assert opened.check().faults == ()
    opened.close()


def now() -> int:
    return time.time_ns() // 1_000_000


def call(person: str, message: str, original: int | None, event: str = "Product Viewed") -> dict[str, object]:
    told: dict[str, object] = {"type": "track", "userId": person, "event": event, "messageId": message}
    told["properties"] = {"product_id": "washer-1", "order_id": message}
    return told if original is None else {**told, "originalTimestamp": render_instant(original)}


def send(shop: Running, calls: list[dict[str, object]], sent_at: int | None = None) -> dict[str, int]:
    body: dict[str, object] = {"batch": calls}
    with shop.client() as client:
        answer = client.post("/v1/batch", json=body if sent_at is None else {**body, "sentAt": render_instant(sent_at)})
    assert answer.status_code == 200, answer.text
    counts: dict[str, int] = answer.json()
    return counts


def logged(store: Store, person: str) -> dict[str, Event]:
    timeline = store.timeline(Identifier("user_id", person), None, 100_000)
    told = Counter((one.event.message_id, one.event.line) for one in timeline)
    assert max(told.values(), default=1) == 1
    return {one.event.message_id: one.event for one in timeline}


def reasons(store: Store, person: str) -> dict[str, str]:
    """Why the person's calls were refused, by message id."""
    letters = [(json.loads(letter.payload), letter.reason) for letter in store.dead_letters(10_000)]
    return {str(payload["messageId"]): reason for payload, reason in letters if payload.get("userId") == person}


@pytest.mark.parametrize("year", WRONG_CLOCKS)
def test_a_device_that_knows_when_it_sends_is_corrected(shop: Running, store: Store, year: str) -> None:
    """Its clock is wrong by decades, the difference between two of its readings is right."""
    device, person = int(WRONG_CLOCKS[year].timestamp() * 1000), f"device {year}"
    ages = {f"{person} {age}": age for age in (0, 5_000, 3 * MINUTE, 2 * DAY)}
    before = now()
    counts = send(shop, [call(person, message, device - age) for message, age in ages.items()], sent_at=device)
    after = now()
    assert (counts["accepted"], counts["refused"]) == (4, 0)
    events = logged(store, person)
    assert set(events) == set(ages)
    for message, age in ages.items():
        assert before - age - 1 <= events[message].occurred_at <= after - age + 1
        assert before <= events[message].recorded_at <= after


@pytest.mark.parametrize("year", WRONG_CLOCKS)
def test_a_wrong_clock_that_cannot_be_corrected_is_a_dead_letter(shop: Running, store: Store, year: str) -> None:
    """One bad call loses no other of its batch; the sender of a single one is told."""
    device, person = int(WRONG_CLOCKS[year].timestamp() * 1000), f"unsent {year}"
    counts = send(shop, [call(person, f"{person} bad", device), call(person, f"{person} good", now())])
    assert (counts["accepted"], counts["refused"]) == (1, 1)
    with shop.client() as client:
        alone = client.post("/v1/track", json=call(person, f"{person} alone", device))
    assert (alone.status_code, alone.json()["error"]["field"]) == (422, "originalTimestamp")
    assert set(logged(store, person)) == {f"{person} good"}
    assert set(reasons(store, person)) == {f"{person} bad", f"{person} alone"}
    assert all("originalTimestamp" in reason for reason in reasons(store, person).values())


def test_early_and_late(shop: Running, store: Store) -> None:
    """Minutes ahead is a clock that differs and counts as now; more is refused; late is kept as late as it is."""
    sent = now()
    leads = {"a little": 2 * MINUTE, "nine minutes": 9 * MINUTE, "too far": 11 * MINUTE, "a day": DAY}
    lags = {"a minute late": MINUTE, "nine days late": 9 * DAY, "four years late": 1460 * DAY}
    moments = {
        **{name: sent + lead for name, lead in leads.items()},
        **{name: sent - lag for name, lag in lags.items()},
    }
    counts = send(shop, [call("clocks", name, moment) for name, moment in moments.items()])
    assert (counts["accepted"], counts["refused"]) == (5, 2)
    events = logged(store, "clocks")
    assert set(events) == {"a little", "nine minutes", *lags}
    assert set(reasons(store, "clocks")) == {"too far", "a day"}
    for name in ("a little", "nine minutes"):
        assert events[name].occurred_at == events[name].recorded_at
        assert sent - SLACK <= events[name].recorded_at <= sent + SLACK
    for name, lag in lags.items():
        assert events[name].occurred_at == sent - lag


def test_what_arrives_backwards_comes_out_forwards(shop: Running, store: Store) -> None:
    """The refund before its order, the withdrawal before an older grant."""
    sent = now()
    told = [
        call("backwards", "order", sent - 2 * DAY, "Order Refunded"),
        call("backwards", "no", sent - 3 * DAY, "Email Unsubscribed"),
        call("backwards", "yes", sent - 4 * DAY, "Email Subscribed"),
    ]
    products = {"order_id": "late-1", "products": [{"product_id": "washer-1", "quantity": 1}]}
    refund = {**told[0], "messageId": "refund", "properties": products}
    order = {**call("backwards", "order", sent - 5 * DAY, "Order Completed"), "properties": products}
    for one in (refund, *told[1:], order):
        assert send(shop, [one])["accepted"] == 1
    with shop.client() as client:
        view = client.get("/customers/backwards").json()
    assert view["owned"] == []
    assert {one.message_id: one.kind for one in logged(store, "backwards").values()}["refund"] == Kind.REFUNDED
    assert [one["granted"] for one in view["consents"] if one["channel"] == "email"][-1] is False
    assert "offer-washer" in offered(shop, "backwards")["web"]
    assert offered(shop, "backwards")["email"] == []


def offered(shop: Running, person: str) -> dict[str, list[str]]:
    with shop.client() as client:
        answer = client.post("/recommend", json={"customer_id": person, "limit": 5, "channels": ["web", "email"]})
    assert answer.status_code == 200, answer.text
    return {slate["channel"]: [one["action_id"] for one in slate["actions"]] for slate in answer.json()["channels"]}


def test_ten_thousand_events_after_a_purchase_it_is_still_not_offered(shop: Running, store: Store) -> None:
    """The page has long forgotten; the ledger has not."""
    person, sent = "busy", now()
    products = {"order_id": "busy-1", "products": [{"product_id": PROMOTED_ITEM["offer-washer"], "quantity": 1}]}
    order = {**call(person, "busy-order", sent - 300 * DAY, "Order Completed"), "properties": products}
    assert send(shop, [order])["accepted"] == 1
    kinds = ("Store Visited", "Product Viewed", "Products Searched")
    for batch in range(100):
        calls = [
            call(person, f"busy-{batch}-{n}", sent - (20_000 - batch * 100 - n) * 1000, kinds[n % 3])
            for n in range(100)
        ]
        counts = send(shop, calls)
        assert (counts["accepted"], counts["refused"]) == (100, 0)
    record = store.read(Identifier("user_id", person))
    assert len(record.page) == PAGE_LIMIT
    assert Kind.ORDERED not in record.page["kind"], "else the page alone would do"
    assert len(record.ledger) == 1
    assert len(logged(store, person)) == 10_001
    assert all("offer-washer" not in actions for actions in offered(shop, person).values())
    assert any(offered(shop, person).values()), "what was not bought is still offered"
    back = {**call(person, "busy-back", sent, "Order Refunded"), "properties": products}
    assert send(shop, [back])["accepted"] == 1
    assert "offer-washer" in offered(shop, person)["web"]


def test_a_batch_sent_again_after_days_is_known(shop: Running, store: Store) -> None:
    """An SDK that got no answer sends the same again, with another sentAt; also when it was refused before."""
    sent = now()
    calls = [call("again", f"again {n}", sent - n * MINUTE) for n in range(20)]
    assert send(shop, calls, sent_at=sent)["accepted"] == 20
    before = logged(store, "again")
    counts = send(shop, calls, sent_at=sent + 3 * DAY)
    assert counts["duplicates"] == 20
    assert repr(logged(store, "again")) == repr(before)


def test_every_client_hears_why(shop: Running) -> None:
    with shop.client() as client:
        answer: httpx.Response = client.post("/v1/track", json=call("told", "told", now() + DAY))
    assert "10 minutes ahead" in answer.json()["error"]["rule"]
