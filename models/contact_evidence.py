"""What in a person's history may be behind a contact, in words. Every sentence is a fact of the log, nothing more."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from features.definitions import FEATURES
from features.event import Event, Kind

_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
RECENT = 28 * _DAY
"""ms: what is older is no evidence, unless it still stands, like an open case."""
_LATELY = 7 * _DAY
_LONGEST = 80
"""Characters shown of a text that somebody else wrote."""


class Topic(StrEnum):
    """What a fact is about."""

    CASE = "case"
    DELIVERY = "delivery"
    PAYMENT = "payment"
    PURCHASE = "purchase"
    RETURN = "return"
    SUBSCRIPTION = "subscription"
    BASKET = "basket"
    BROWSING = "browsing"
    CONTACT = "contact"


KINDS: Mapping[Topic, frozenset[Kind]] = {
    Topic.CASE: frozenset({Kind.CASE_OPENED, Kind.CASE_UPDATED, Kind.CASE_CLOSED}),
    Topic.DELIVERY: frozenset({Kind.ORDER_UPDATED, Kind.ORDER_SHIPPED, Kind.ORDER_DELIVERED, Kind.DELIVERY_DELAYED}),
    Topic.PAYMENT: frozenset({Kind.PAYMENT_FAILED}),
    Topic.PURCHASE: frozenset({Kind.ORDERED}),
    Topic.RETURN: frozenset({Kind.REFUNDED, Kind.CANCELLED}),
    Topic.SUBSCRIPTION: frozenset({Kind.SUBSCRIPTION_STARTED, Kind.SUBSCRIPTION_CHANGED, Kind.SUBSCRIPTION_ENDED}),
    Topic.BASKET: frozenset({Kind.CHECKOUT_STARTED, Kind.BASKET_ADDED, Kind.BASKET_REMOVED}),
    Topic.BROWSING: frozenset({Kind.PAGE_SEEN, Kind.SEARCHED, Kind.VIEWED}),
    Topic.CONTACT: frozenset(
        {Kind.CALL_STARTED, Kind.CALL_ENDED, Kind.CALL_TRANSFERRED, Kind.CHAT_STARTED, Kind.CHAT_ENDED}
        | {Kind.IVR_MENU_SELECTED, Kind.HANDED_OFF, Kind.HANDOFF_TAKEN}
    ),
}
EVIDENCE_KINDS = frozenset(kind for kinds in KINDS.values() for kind in kinds)

_TOPIC_OF = {kind.value: topic for topic, kinds in KINDS.items() for kind in kinds}

K = TypeVar("K", bound=Hashable)

ItemNames = Callable[[str], str]
"""What to call an item whose event does not name it."""


def topic_of_feature(name: str) -> Topic | None:
    """What a column tells of; None when it mixes several topics, or is about none."""
    kinds = frozenset(kind for term in _TERMS[name] for kind in term)
    return next((topic for topic, own in KINDS.items() if kinds and kinds <= own), None)


_TERMS = {feature.name: [term.kinds for term in feature.terms] for feature in FEATURES}


@dataclass(frozen=True, slots=True)
class _Past:
    """What was known at `moment` (ms UTC), by topic and oldest first, and what to call items."""

    events: Mapping[Topic, Sequence[Event]]
    moment: int
    item_names: ItemNames

    @classmethod
    def of_events(cls, events: Iterable[Event], moment: int, item_names: ItemNames) -> _Past:
        """By topic once, for every finder looks for its own."""
        found: dict[Topic, list[Event]] = {topic: [] for topic in Topic}
        for one in events:
            topic = _TOPIC_OF.get(one.kind.value)
            if topic is not None and one.recorded_at <= moment and one.occurred_at <= moment:
                found[topic].append(one)
        return cls(found, moment, item_names)

    def of(self, topic: Topic, *kinds: Kind, within: int = RECENT) -> list[Event]:
        """kinds: of the topic's, none for all of them."""
        since = self.moment - within
        return [one for one in self.events[topic] if one.occurred_at > since and (not kinds or one.kind in kinds)]

    def ago(self, event: Event) -> str:
        return _ago(self.moment - event.occurred_at)


def facts(
    events: Iterable[Event], moment: int, item_names: ItemNames, most: int | None = None
) -> Mapping[Topic, tuple[str, ...]]:
    """The facts by topic as of `moment` (ms UTC), the most pressing first; what was recorded later is not seen. events:
    of one person, oldest first. most: facts of a topic, None for all."""
    past = _Past.of_events(events, moment, item_names)
    return {topic: tuple(islice(find(past), most)) for topic, find in _FINDERS.items()}


def _cases(past: _Past) -> Iterable[str]:
    told = past.events[Topic.CASE]
    cases = _newest_by(told, lambda one: _text(one, "case_id"))
    opened = _newest_by([one for one in told if one.kind == Kind.CASE_OPENED], lambda one: _text(one, "case_id"))
    for case, newest in cases.items():
        if case is None:
            if newest.kind == Kind.CASE_OPENED and past.moment - newest.occurred_at < RECENT:
                yield f"case opened {past.ago(newest)}"
        elif newest.kind == Kind.CASE_CLOSED:
            if past.moment - newest.occurred_at < RECENT:
                yield f"case {case} closed {past.ago(newest)}"
        elif case in opened:
            age = past.moment - opened[case].occurred_at
            yield f"case {case} opened just now" if age < _MINUTE else f"case {case} open for {_span(age)}"


_DELIVERY_WORDS = {
    Kind.ORDER_UPDATED: "{order} changed {ago}",
    Kind.ORDER_SHIPPED: "{order} shipped {ago}",
    Kind.ORDER_DELIVERED: "{order} delivered {ago}",
    Kind.DELIVERY_DELAYED: "{order} reported late {ago}",
}


def _deliveries(past: _Past) -> Iterable[str]:
    """Of each order what was heard last."""
    for order, newest in _newest_by(past.of(Topic.DELIVERY), _order).items():
        yield _DELIVERY_WORDS[newest.kind].format(order=_order_words(order), ago=past.ago(newest))


def _payments(past: _Past) -> Iterable[str]:
    failed = past.of(Topic.PAYMENT)
    run = [one for one in failed if failed[-1].occurred_at - one.occurred_at < _LATELY]
    if len(run) == 1:
        yield f"payment failed {past.ago(run[0])}"
    elif run:
        yield f"payment failed {len(run)} times in the last {_within(past.moment - run[0].occurred_at)}"


def _purchases(past: _Past) -> Iterable[str]:
    lines = past.of(Topic.PURCHASE)
    for purchase, newest in _newest_by(lines, _purchase).items():
        things = list(dict.fromkeys(_thing(one, past) for one in lines if _purchase(one) == purchase))
        more = f" and {len(things) - 1} more" if len(things) > 1 else ""
        yield f"bought {things[0]}{more} {past.ago(newest)}"


def _returns(past: _Past) -> Iterable[str]:
    for (kind, order), newest in _newest_by(past.of(Topic.RETURN), lambda one: (one.kind, _order(one))).items():
        what = _order_words(order) if order is not None or newest.item is None else _thing(newest, past)
        yield f"{what} {'refunded' if kind == Kind.REFUNDED else 'cancelled'} {past.ago(newest)}"


_SUBSCRIPTION_WORDS = {
    Kind.SUBSCRIPTION_STARTED: "started",
    Kind.SUBSCRIPTION_CHANGED: "changed",
    Kind.SUBSCRIPTION_ENDED: "ended",
}


def _subscriptions(past: _Past) -> Iterable[str]:
    """Of each subscription the newest statement, while it or the end of its term is near."""
    told = past.events[Topic.SUBSCRIPTION]
    for newest in _newest_by(told, lambda one: one.order or one.item or _text(one, "plan")).values():
        name = _thing(newest, past, "plan", "name")
        left = None if newest.ends_at is None else newest.ends_at - past.moment
        if newest.kind != Kind.SUBSCRIPTION_ENDED and left is not None and abs(left) < RECENT:
            yield f"term of {name} {'ends in ' + _span(left) if left > 0 else 'ended ' + _ago(-left)}"
        elif past.moment - newest.occurred_at < RECENT:
            yield f"subscription of {name} {_SUBSCRIPTION_WORDS[newest.kind]} {past.ago(newest)}"


def _basket(past: _Past) -> Iterable[str]:
    """What was begun and not followed by an order."""
    ordered = max((one.occurred_at for one in past.of(Topic.PURCHASE)), default=-1)
    started = [one for one in past.of(Topic.BASKET, Kind.CHECKOUT_STARTED, within=_LATELY) if one.occurred_at > ordered]
    added = [one for one in past.of(Topic.BASKET, Kind.BASKET_ADDED, within=_LATELY) if one.occurred_at > ordered]
    if started:
        yield f"checkout started {past.ago(started[-1])}, nothing ordered since"
    if added:
        yield f"put {_thing(added[-1], past)} into the basket {past.ago(added[-1])}"


def _browsing(past: _Past) -> Iterable[str]:
    seen = past.of(Topic.BROWSING, within=_LATELY)
    found: dict[str | None, Event] = {}
    for one in _newest_by(seen, lambda one: (one.kind, one.item, one.properties)).values():  # few words for many pages
        found.setdefault(_looked_at(one, past), one)
    yield from (f"{words} {past.ago(newest)}" for words, newest in found.items() if words is not None)


def _looked_at(event: Event, past: _Past) -> str | None:
    if event.kind == Kind.VIEWED:
        return f"looked at {_thing(event, past)}"
    if event.kind == Kind.SEARCHED:
        query = _text(event, "query")
        return None if query is None else f"searched for {query!r}"
    page = _text(event, "name") or _text(event, "title") or _text(event, "path")
    return None if page is None else f"saw the page {page!r}"


_CONTACT_WORDS = {
    Kind.CALL_STARTED: "called",
    Kind.CHAT_STARTED: "chatted",
    Kind.IVR_MENU_SELECTED: "chose from the menu",
}


_TOLD_WORDS = {**_CONTACT_WORDS, Kind.CALL_ENDED: "called", Kind.CHAT_ENDED: "chatted"}


def telling(event: Event, moment: int) -> str:
    """That this event told its reason. moment: ms UTC, not before it."""
    word = _TOLD_WORDS.get(Kind(event.kind), "opened a case")
    return f"{word} about {_text(event, 'reason')!r} {_ago(moment - event.occurred_at)}"


def _contacts(past: _Past) -> Iterable[str]:
    begun = past.of(Topic.CONTACT, *_CONTACT_WORDS)
    if begun:
        reason = _text(begun[-1], "reason")
        about = "" if reason is None else f" about {reason!r}"
        yield f"{_CONTACT_WORDS[begun[-1].kind]}{about} {past.ago(begun[-1])}"
    passed = past.of(Topic.CONTACT, Kind.CALL_TRANSFERRED, within=_LATELY)
    if passed:
        times = "" if len(passed) == 1 else f" {len(passed)} times"
        yield f"passed on{times} in the last {_within(past.moment - passed[0].occurred_at)}"


_FINDERS: Mapping[Topic, Callable[[_Past], Iterable[str]]] = {
    Topic.CASE: _cases,
    Topic.DELIVERY: _deliveries,
    Topic.PAYMENT: _payments,
    Topic.PURCHASE: _purchases,
    Topic.RETURN: _returns,
    Topic.SUBSCRIPTION: _subscriptions,
    Topic.BASKET: _basket,
    Topic.BROWSING: _browsing,
    Topic.CONTACT: _contacts,
}


def _newest_by(events: Sequence[Event], key: Callable[[Event], K]) -> dict[K, Event]:
    """Of each key the newest event, the newest key first. events: oldest first."""
    found: dict[K, Event] = {}
    for event in reversed(events):
        found.setdefault(key(event), event)
    return found


def _purchase(event: Event) -> str | int:
    return event.order or event.occurred_at


def _order(event: Event) -> str | None:
    return event.order or _text(event, "order_id")


def _order_words(order: str | None) -> str:
    return "an order" if order is None else f"order {order}"


def _thing(event: Event, past: _Past, *keys: str) -> str:
    """By the name in the event, else by the catalogue's, else by its id."""
    properties = _properties(event)
    product = properties.get("product")
    named = _cleaned(product.get("name")) if isinstance(product, dict) else None
    told = next((text for key in (*keys, "name") if (text := _cleaned(properties.get(key))) is not None), None)
    if named or told:
        return named or told or ""
    return "something" if event.item is None else past.item_names(event.item)


def _text(event: Event, key: str) -> str | None:
    return _cleaned(_properties(event).get(key))


def _properties(event: Event) -> Mapping[str, object]:
    found = json.loads(event.properties)
    return found if isinstance(found, dict) else {}


def _cleaned(told: object) -> str | None:
    """On one line, not too long; None for what is no text and no whole number."""
    if isinstance(told, bool) or not isinstance(told, str | int):
        return None
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in str(told)).split())
    return (text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}...") or None


def _ago(age: int) -> str:
    return "just now" if age < _MINUTE else f"{_span(age)} ago"


def _span(age: int) -> str:
    """Rounded down."""
    unit, name = _unit(age)
    return _many(max(age // unit, 1), name)


def _within(age: int) -> str:
    """Rounded up, so that all of it lies within."""
    unit, name = _unit(age)
    return _many(max(math.ceil(age / unit), 1), name)


def _unit(age: int) -> tuple[int, str]:
    return (_MINUTE, "minute") if age < _HOUR else (_HOUR, "hour") if age < 2 * _DAY else (_DAY, "day")


def _many(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
