"""Devices whose clocks are wrong, and events that come late, early or in the wrong order, over HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from features.event import Identifier
from features.stores import Store, open_store
from tests.serving.running import Running
from tests.serving.synthetic import store_url

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TRANSIT = timedelta(minutes=1)
_numbers = itertools.count()


@pytest.fixture
def store(shop: Running) -> Iterator[Store]:
    opened = open_store(store_url(shop.home))
    yield opened
    opened.close()


@pytest.fixture
def visitor() -> str:
    return f"clock-{next(_numbers)}"


def told(visitor: str, at: datetime | None, event: str = "Store Visited", **properties: Any) -> dict[str, object]:
    """A call that happened `at`, by the device's clock."""
    call = {"type": "track", "userId": visitor, "messageId": f"{visitor}-{next(_numbers)}", "event": event}
    return call | {"properties": properties} | ({} if at is None else {"timestamp": at.isoformat()})


def send(client: httpx.Client, calls: list[dict[str, object]], sent_at: datetime | None = None) -> dict[str, int]:
    body: dict[str, object] = {"batch": calls}
    if sent_at is not None:
        body["sentAt"] = sent_at.isoformat()
    answer = client.post("/v1/batch", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def happened(store: Store, visitor: str) -> list[datetime]:
    """When, by our clock, in the order in which it came."""
    logged = sorted(store.timeline(Identifier("user_id", visitor), None, 50), key=lambda one: one.sequence)
    return [datetime.fromtimestamp(one.event.occurred_at / 1000, UTC) for one in logged]


@pytest.mark.parametrize("year", [1970, 1999, 2099, 9999])
def test_a_device_in_another_century_is_corrected_by_when_it_sent(
    client: httpx.Client, store: Store, visitor: str, year: int
) -> None:
    began = datetime(year, 1, 1, tzinfo=UTC)
    calls = [told(visitor, began + number * MINUTE) for number in range(3)]
    before = datetime.now(UTC)
    assert send(client, calls, sent_at=began + 5 * MINUTE)["accepted"] == 3
    ages = [before - at for at in happened(store, visitor)]
    assert [round(age / MINUTE) for age in ages] == [5, 4, 3]


@pytest.mark.parametrize("year", [1970, 1999, 2099, 9999])
def test_a_device_in_another_century_that_says_no_more_is_not_believed(
    client: httpx.Client, store: Store, visitor: str, year: int
) -> None:
    """Nothing is lost of it: the call is kept as it came, where it can be found by whom it names."""
    wrong, right = told(visitor, datetime(year, 1, 1, tzinfo=UTC)), told(visitor, None)
    assert send(client, [wrong, right]) | {"success": True} == {
        "success": True,
        "accepted": 1,
        "duplicates": 0,
        "refused": 1,
    }
    assert len(happened(store, visitor)) == 1
    (letter,) = [one for one in store.dead_letters(50) if str(wrong["messageId"]) in one.payload]
    assert letter.reason.startswith("timestamp is ")


def test_days_late_is_days_ago(client: httpx.Client, store: Store, visitor: str) -> None:
    now = datetime.now(UTC)
    send(client, [told(visitor, now - 40 * DAY)], sent_at=now)
    (at,) = happened(store, visitor)
    assert timedelta(0) <= at - (now - 40 * DAY) < TRANSIT


def test_minutes_ahead_is_now_and_more_is_refused(client: httpx.Client, store: Store, visitor: str) -> None:
    now = datetime.now(UTC)
    ahead = [told(visitor, now + 9 * MINUTE), told(visitor, now + 15 * MINUTE)]
    assert send(client, ahead)["refused"] == 1
    (at,) = happened(store, visitor)
    assert abs(at - now) < TRANSIT


def test_a_clock_that_is_set_right_between_two_batches(client: httpx.Client, store: Store, visitor: str) -> None:
    lost, now = datetime(1970, 1, 1, 0, 30, tzinfo=UTC), datetime.now(UTC)
    send(client, [told(visitor, lost - 20 * MINUTE)], sent_at=lost)
    send(client, [told(visitor, now - 5 * MINUTE)], sent_at=now)
    first, second = happened(store, visitor)
    assert round((second - first) / MINUTE) == 15


def test_out_of_order_is_as_good_as_in_order(client: httpx.Client, visitor: str) -> None:
    """A return before its order, a no before an older yes, the end of a subscription before its beginning."""
    now = datetime.now(UTC)
    order = {"order_id": f"{visitor}-o", "products": [{"product_id": "washer-1", "quantity": 1}]}
    kept = {"order_id": f"{visitor}-p", "products": [{"product_id": "vacuum-1", "quantity": 1}]}
    plan = {"subscription_id": f"{visitor}-s", "plan": "plan-1"}
    story = [
        told(visitor, now - 9 * MINUTE, "SMS Subscribed"),
        told(visitor, now - 8 * MINUTE, "Order Completed", **order),
        told(visitor, now - 7 * MINUTE, "Order Completed", **kept),
        told(visitor, now - 6 * MINUTE, "Subscription Started", **plan),
        told(visitor, now - 5 * MINUTE, "Order Refunded", **order),
        told(visitor, now - 4 * MINUTE, "Subscription Ended", subscription_id=f"{visitor}-s"),
        told(visitor, now - 3 * MINUTE, "SMS Unsubscribed"),
    ]
    for call in reversed(story):
        assert send(client, [call], sent_at=now)["accepted"] == 1
    person = client.get(f"/customers/{visitor}").json()
    assert [(line["item"], line["quantity"]) for line in person["owned"]] == [("vacuum-1", 1.0)]
    (sms,) = [one for one in person["consents"] if one["channel"] == "sms" and one.get("topic") is None]
    assert sms["granted"] is False


@pytest.mark.parametrize("sent_at", ["yesterday", "2026-01-31T09:00:00", 17, ["x"], "9" * 100_000])
def test_what_is_no_time_of_a_batch_refuses_each_call_without_one_of_its_own(
    client: httpx.Client, store: Store, visitor: str, sent_at: object
) -> None:
    """An SDK drops what is answered 4xx; like this nothing is lost."""
    bad, none = told(visitor, datetime.now(UTC)), told(visitor, None) | {"sentAt": None}
    good = told(visitor, datetime.now(UTC)) | {"sentAt": datetime.now(UTC).isoformat()}
    answer = client.post("/v1/batch", json={"batch": [bad, none, good, 7], "sentAt": sent_at})
    assert answer.json() == {"success": True, "accepted": 1, "duplicates": 0, "refused": 3}
    assert len(happened(store, visitor)) == 1
    letters = [one for one in store.dead_letters(50) if visitor in one.payload]
    assert len(letters) == 2
    for letter in letters:
        assert letter.reason.startswith("sentAt is ")
        assert len(letter.payload) < 1_000
