"""One visit of one person, as an SDK is told of it, and the history that must come out: written down, not computed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from features.event import Event, Kind
from features.instants import parse_instant, render_instant

BEGAN = parse_instant("2026-01-31T09:00:00Z")
MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Expected:
    """What one event of the history says. call: the number of the call that told it. Unset is none or unknown."""

    call: int
    kind: Kind
    channel: str | None = None
    item: str | None = None
    order: str | None = None
    quantity: float | None = None
    amount: float | None = None
    topic: str | None = None
    ends_at: int | None = None


def seen(event: Event, call: int) -> Expected:
    """The event in the words of Expected."""
    quantity, amount = (None if math.isnan(one) else one for one in (event.quantity, event.amount))
    return Expected(
        call, event.kind, event.channel, event.item, event.order, quantity, amount, event.topic, event.ends_at
    )


WASHER = {"product_id": "washer-1", "quantity": 1, "price": 499}
VACUUM = {"product_id": "vacuum-1", "quantity": 2, "price": 199.5}
TERM = BEGAN + 365 * 24 * 60 * MINUTE


def _track(event: str, **properties: object) -> dict[str, object]:
    return {"type": "track", "event": event, "properties": properties}


def _by_the_browser() -> Iterator[tuple[dict[str, object], list[dict[str, Any]]]]:
    """Calls of somebody not yet known, and what each becomes."""
    page = {"type": "page", "name": "Home", "category": "Shop", "properties": {"url": "https://shop.example/"}}
    yield page, [{"kind": Kind.PAGE_SEEN, "channel": "web"}]
    yield _track("Products Searched", query="washing machine"), [{"kind": Kind.SEARCHED, "channel": "web"}]
    washer = {"channel": "web", "item": "washer-1", "quantity": 1.0, "amount": 499.0}
    yield _track("Product Viewed", **WASHER), [{"kind": Kind.VIEWED, **washer}]
    yield _track("Product Added", **WASHER), [{"kind": Kind.BASKET_ADDED, **washer}]
    vacuum = {"channel": "web", "item": "vacuum-1", "quantity": 2.0, "amount": 399.0}
    yield _track("Product Added", **VACUUM), [{"kind": Kind.BASKET_ADDED, **vacuum}]
    yield _track("Product Removed", **VACUUM), [{"kind": Kind.BASKET_REMOVED, **vacuum}]


def _by_the_user(name: str) -> Iterator[tuple[dict[str, object], list[dict[str, Any]]]]:
    order = {"order": f"{name}-1", "channel": "web"}
    lines = [
        {**order, "item": "washer-1", "quantity": 1.0, "amount": 499.0},
        {**order, "item": "vacuum-1", "quantity": 2.0, "amount": 399.0},
    ]
    told = {"order_id": f"{name}-1", "currency": "EUR", "products": [WASHER, VACUUM]}
    yield _track("Checkout Started", **told), [{"kind": Kind.CHECKOUT_STARTED, **line} for line in lines]
    yield _track("Order Completed", **told, total=898), [{"kind": Kind.ORDERED, **line} for line in lines]
    shop = {"order_id": f"{name}-2", "channel": "store", "products": [{"product_id": "plan-1", "price": 49}]}
    bought = {"kind": Kind.ORDERED, "channel": "store", "item": "plan-1", "order": f"{name}-2", "amount": 49.0}
    yield _track("Order Completed", **shop), [bought]
    contact = {"kind": Kind.SENT, "channel": "email"}
    mail = {"email_id": f"{name}-mail", "campaign_id": "spring"}
    yield _track("Email Sent", **mail), [{"kind": Kind.OTHER, "channel": "email"}, contact]
    # The same message: told again, but no second contact.
    yield _track("Email Delivered", **mail), [{"kind": Kind.OTHER, "channel": "email"}]
    yield _track("Email Opened", **mail), [{"kind": Kind.MESSAGE_OPENED, "channel": "email"}]
    yield _track("Email Link Clicked", **mail, link_id="1"), [{"kind": Kind.CLICKED, "channel": "email"}]
    no = {"kind": Kind.CONSENT_WITHDRAWN, "channel": "email"}
    yield _track("Email Unsubscribed", topic="newsletter"), [no | {"topic": "newsletter"}]
    yield _track("Email Unsubscribed"), [no]
    back = {"kind": Kind.REFUNDED, **lines[0]}
    yield _track("Order Refunded", order_id=f"{name}-1", products=[WASHER]), [back]
    plan = {"subscription_id": f"{name}-plan", "plan": "plan-1", "price": 5, "ends_at": render_instant(TERM)}
    running = {"channel": "web", "item": "plan-1", "order": f"{name}-plan", "amount": 5.0, "ends_at": TERM}
    yield _track("Subscription Started", **plan), [{"kind": Kind.SUBSCRIPTION_STARTED, **running}]
    group = {"type": "group", "groupId": "household-1", "traits": {"name": "Smith"}}
    yield group, [{"kind": Kind.OTHER}]
    yield {"type": "screen", "name": "Account", "properties": {}}, [{"kind": Kind.PAGE_SEEN, "channel": "app"}]
    # Without a time of its own the SDK's clock tells when.
    yield _track("Survey Answered", score=9), [{"kind": Kind.SURVEY_ANSWERED, "channel": "web"}]


@dataclass(frozen=True, slots=True)
class Session:
    """user, browser, older: ids of one person. calls: in the words of the HTTP API. expected: the whole history."""

    user: str
    browser: str
    older: str
    calls: tuple[Mapping[str, Any], ...]
    expected: tuple[Expected, ...]


def session_of(name: str) -> Session:
    """name: keeps the people and orders of several SDKs apart."""
    user, browser, older = f"{name}-user", f"{name}-browser", f"{name}-older-browser"
    known = {"userId": user, "anonymousId": browser}
    traits = {"email": f"{name}@example.org", "city": "York"}
    steps = [({"anonymousId": browser, **call}, becomes) for call, becomes in _by_the_browser()]
    steps.append(({"type": "identify", **known, "traits": traits}, [{"kind": Kind.IDENTIFIED}]))
    steps.append(({"type": "alias", "userId": user, "previousId": older}, [{"kind": Kind.OTHER}]))
    steps.extend(({"userId": user, **call}, becomes) for call, becomes in _by_the_user(name))
    calls = [call | {"messageId": f"{name}-{number}"} for number, (call, _) in enumerate(steps)]
    for number, call in enumerate(calls[:-1]):
        call["timestamp"] = render_instant(BEGAN + number * MINUTE).replace("Z", "+00:00")
    expected = [Expected(number, **one) for number, (_, becomes) in enumerate(steps) for one in becomes]
    return Session(user, browser, older, tuple(calls), tuple(expected))
