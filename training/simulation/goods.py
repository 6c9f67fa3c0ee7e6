"""What the SYNTHETIC retailer sells, says and on which channels: plain tables, and the catalogue made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from pydantic import JsonValue

from features.instants import render_instant
from models.catalogue_file import CatalogueSource, checked
from training.simulation import spoken

DAY: Final = 86_400_000
BEGIN: Final = 1_735_689_600_000
"""ms UTC of day 0, 2025-01-01T00:00:00Z. Days below are counted from here; of the past they are negative."""

SERVICE: Final = -1
"""The category of what promotes nothing."""


@dataclass(frozen=True, slots=True)
class Channel:
    """cost: of one contact, in the currency. ease: log odds added to every response. days: the reward window. visits:
    the chance that somebody comes by on a day, 0 where we go to them. consented: the share of people who said yes; 1
    where nobody is asked."""

    id: str
    outbound: bool
    cost: float
    ease: float
    days: int
    visits: float
    consented: float


CHANNELS: Final = (
    Channel("email", True, 0.01, -0.5, 4, 0.0, 0.8),
    Channel("sms", True, 0.05, -0.2, 4, 0.0, 0.4),
    Channel("push", True, 0.0, -0.7, 4, 0.0, 0.5),
    Channel("mail", True, 0.35, 0.2, 7, 0.0, 1.0),
    Channel("web", False, 0.0, 0.0, 2, 0.08, 1.0),
    Channel("app", False, 0.0, 0.1, 2, 0.05, 1.0),
    Channel("ivr", False, 0.0, -0.9, 2, 0.004, 1.0),
    Channel("agent", False, 0.0, 0.7, 2, 0.006, 1.0),
    Channel("store", False, 0.0, 0.4, 2, 0.04, 1.0),
)
CHANNEL: Final = {channel.id: number for number, channel in enumerate(CHANNELS)}


@dataclass(frozen=True, slots=True)
class Category:
    """interval: days between two purchases of whoever uses it; None for a durable, which is bought and then not again.
    after: the durable whose purchase makes it wanted. price: of its middle item. peak: the day of the year when most is
    bought."""

    id: str
    department: str
    interval: int | None
    price: float
    peak: int
    after: str | None = None


CATEGORIES: Final = (
    Category("coffee", "grocery", 21, 9.0, 15),
    Category("detergent", "grocery", 40, 12.0, 120),
    Category("pet-food", "grocery", 14, 16.0, 60),
    Category("tea", "grocery", 30, 7.0, 330),
    Category("razors", "beauty", 35, 14.0, 180),
    Category("skin-care", "beauty", 45, 22.0, 200),
    Category("sun-care", "beauty", 60, 15.0, 185),
    Category("shoes", "fashion", 120, 70.0, 100),
    Category("coats", "fashion", None, 140.0, 300),
    Category("washing-machine", "home", None, 480.0, 150),
    Category("vacuum-cleaner", "home", None, 220.0, 90),
    Category("coffee-machine", "home", None, 310.0, 340),
    Category("descaler", "home", 60, 11.0, 30, "coffee-machine"),
    Category("vacuum-bags", "home", 75, 13.0, 90, "vacuum-cleaner"),
    Category("phone", "electronics", None, 590.0, 270),
    Category("television", "electronics", None, 640.0, 335),
    Category("headphones", "electronics", None, 120.0, 340, "phone"),
    Category("phone-cover", "electronics", 240, 25.0, 270, "phone"),
)
CATEGORY: Final = {category.id: number for number, category in enumerate(CATEGORIES)}
DEPARTMENTS: Final = tuple(dict.fromkeys(category.department for category in CATEGORIES))
AFTER: Final = tuple(-1 if one.after is None else CATEGORY[one.after] for one in CATEGORIES)
TIERS: Final = (0.7, 1.0, 1.5)
"""Prices of a category's three items over its middle one."""

REASONS: Final = ("late_delivery", "invoice", "return", "product_question")


@dataclass(frozen=True, slots=True)
class Action:
    """category: place in CATEGORIES or SERVICE. value: margin of a success, in the currency. success: the feedback that
    is one. bargain: the share that is taken off the price. from_day: when it begins; None before everything."""

    id: str
    kind: str
    group: str
    category: int
    value: float
    success: str
    channels: tuple[str, ...]
    bargain: float = 0.0
    from_day: int | None = None


_SALES: Final = ("email", "sms", "push", "mail", "web", "app", "agent", "store")
_SPOKEN_ON: Final = frozenset({"agent", "store"})
_TALK: Final = ("email", "push", "web", "app", "ivr", "agent", "store")


def _offer(number: int, bargain: float, from_day: int | None) -> Action:
    one = CATEGORIES[number]
    margin = round(one.price * (0.34 - bargain if one.interval else 0.12 - bargain / 2), 2)
    name = f"{one.id}-{round(100 * bargain)}-off" if bargain else f"{one.id}-now"
    return Action(name, "offer", one.department, number, margin, "converted", _SALES, bargain, from_day)


def actions(begin: int, every: int) -> tuple[Action, ...]:
    """All that will ever be offered. begin: the first day of decisions; new offers begin `every` so many days after
    it and after one another."""
    late = {
        CATEGORY[name]: begin + (place + 1) * every for place, name in enumerate(("sun-care", "headphones", "coats"))
    }
    found = [_offer(number, 0.1, late.get(number)) for number in range(len(CATEGORIES))]
    found += [_offer(CATEGORY[name], 0.0, None) for name in ("coffee", "pet-food", "skin-care", "shoes", "phone")]
    for number, one in enumerate(CATEGORIES):
        if one.interval is None:
            guide = ("email", "push", "web", "app")
            found.append(Action(f"{one.id}-guide", "message", "guides", number, 0.8, "clicked", guide))
    found += [
        Action("loyalty-card", "message", "membership", SERVICE, 3.0, "accepted", _TALK),
        Action("get-the-app", "message", "membership", SERVICE, 2.0, "accepted", ("email", "sms", "web", "store")),
        Action("where-is-my-order", "service", "care", SERVICE, 1.5, "accepted", _TALK),
        Action("we-call-you-back", "service", "care", SERVICE, 2.5, "accepted", ("web", "app", "ivr")),
    ]
    return tuple(found)


def item_id(category: int, tier: int) -> str:
    return f"{CATEGORIES[category].id}-{tier + 1}"


def price_of(category: int, tier: int) -> float:
    return round(CATEGORIES[category].price * TIERS[tier], 2)


def catalogue(offered: Sequence[Action], random_share: float) -> CatalogueSource:
    """random_share: of the people, who get any eligible action or none; 1 while nothing is known. Raises
    CatalogueInvalid when the tables contradict one another."""
    categories: list[JsonValue] = [{"id": f"dept-{name}", "name": name.capitalize()} for name in DEPARTMENTS]
    categories += [_category(one) for one in CATEGORIES]
    document: Mapping[str, JsonValue] = {
        "currency": "EUR",
        "time_zone": "Europe/London",
        "traits": {"postcode": "text"},
        "channels": {one.id: _channel(one) for one in CHANNELS},
        "service_first": {"severity": 3, "stale_days": 14, "delivery_days": 1, "in_service": []},
        "cool_off": {"action_days": 21},
        "limits": [{"direction": "outbound", "contacts": 3, "days": 7}],
        "arms": {"period_days": 3650, "random": random_share},
        "contact_reasons": [{"id": one, "say": f"Are you calling about: {one.replace('_', ' ')}?"} for one in REASONS],
        "categories": categories,
        "actions": [_action(one) for one in offered],
    }
    return checked(document, _items())


def _channel(one: Channel) -> JsonValue:
    asked = "opt_in" if one.consented < 1.0 else "opt_out" if one.outbound else "not_needed"
    return {
        "direction": "outbound" if one.outbound else "inbound",
        "consent": asked,
        "reward_window_days": one.days,
        "cost": one.cost,
        "quiet_hours": {"begin": "22:00", "end": "07:00"} if one.outbound else None,
        "exploration": {"share": 0.05, "gamma": 50},
    }


def _category(one: Category) -> JsonValue:
    rule: JsonValue = (
        {"rule": "never"} if one.interval is None else {"rule": "after", "days": max(3, one.interval // 4)}
    )
    return {"id": one.id, "parent": f"dept-{one.department}", "repurchase": rule}


def _action(one: Action) -> JsonValue:
    return {
        "id": one.id,
        "name": spoken.called(one.id, _category_of(one), one.kind, one.bargain),
        "kind": one.kind,
        "group": one.group,
        "categories": [] if one.category == SERVICE else [CATEGORIES[one.category].id],
        "value": one.value,
        "success": one.success,
        "starts_at": None if one.from_day is None else render_instant(BEGIN + one.from_day * DAY),
        "treatments": [{"id": name, "channel": name, "content": _content(one, name)} for name in one.channels],
    }


def _category_of(one: Action) -> str | None:
    return None if one.category == SERVICE else CATEGORIES[one.category].id


def _content(one: Action, channel: str) -> JsonValue:
    """What is said of it where somebody speaks, else what is written."""
    category = _category_of(one)
    if channel in _SPOKEN_ON:
        return {"talk_track": spoken.said(one.id, category, one.bargain)}
    if category is None:
        return {"text": f"{one.id.replace('-', ' ').capitalize()}?"}
    return {"text": spoken.written(category, one.kind, one.bargain)}


def _items() -> pa.Table:
    """Three of each category."""
    places = [(number, tier) for number in range(len(CATEGORIES)) for tier in range(len(TIERS))]
    return pa.table(
        {
            "id": [item_id(*place) for place in places],
            "category": [CATEGORIES[number].id for number, _ in places],
            "name": [
                f"{CATEGORIES[number].id.replace('-', ' ').capitalize()} {tier + 1} (SYNTHETIC)"
                for number, tier in places
            ],
            "price": [price_of(*place) for place in places],
        }
    )
