"""Evidence is facts of the log: what is said can be found there, by its words alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.definitions import names
from features.event import Event, Kind
from models.contact_evidence import EVIDENCE_KINDS, KINDS, Topic, facts, telling, topic_of_feature
from models.contact_reason import contact_reason_inputs
from models.contact_rules import RULES

DOCUMENT = Path(__file__).parents[2] / "docs" / "contact-reasons.md"
NOW = 1_767_225_600_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
CALLED: Mapping[str, str] = {"w1": "a washing machine", "h1": "a hose"}


def event(kind: Kind, age: int, lag: int = 0, ends_at: int | None = None, **more: object) -> Event:
    item, order = more.pop("item", None), more.pop("order", None)
    return Event(
        f"m-{kind}-{age}",
        kind,
        kind.name,
        NOW - age,
        NOW - age + lag,
        item=None if item is None else str(item),
        order=None if order is None else str(order),
        ends_at=ends_at,
        properties=json.dumps(more),
    )


def told(*events: Event) -> dict[Topic, tuple[str, ...]]:
    ordered = sorted(events, key=lambda one: one.occurred_at)
    return {topic: found for topic, found in facts(ordered, NOW, lambda item: CALLED.get(item, item)).items() if found}


@pytest.mark.parametrize(
    ("events", "topic", "words"),
    [
        ([event(Kind.ORDER_DELIVERED, 20 * MINUTE, order="1182")], "delivery", "order 1182 delivered 20 minutes ago"),
        ([event(Kind.ORDER_DELIVERED, 59_999, order_id="1182")], "delivery", "order 1182 delivered just now"),
        ([event(Kind.ORDER_DELIVERED, 28 * DAY)], "delivery", None),
        ([event(Kind.DELIVERY_DELAYED, 3 * HOUR)], "delivery", "an order reported late 3 hours ago"),
        (
            [event(Kind.PAYMENT_FAILED, hours * HOUR) for hours in (40, 20, 2)],
            "payment",
            "payment failed 3 times in the last 40 hours",
        ),
        (
            [event(Kind.PAYMENT_FAILED, hours * HOUR) for hours in (50, 47, 5)],
            "payment",
            "payment failed 3 times in the last 3 days",
        ),
        ([event(Kind.PAYMENT_FAILED, days * DAY) for days in (20, 1)], "payment", "payment failed 24 hours ago"),
        ([event(Kind.CASE_OPENED, 4 * DAY + HOUR, case_id=77)], "case", "case 77 open for 4 days"),
        ([event(Kind.CASE_OPENED, 90 * DAY, case_id="77")], "case", "case 77 open for 90 days"),
        (
            [event(Kind.CASE_OPENED, 4 * DAY, case_id="77"), event(Kind.CASE_CLOSED, HOUR, case_id="77")],
            "case",
            "case 77 closed 1 hour ago",
        ),
        (
            [
                event(Kind.CASE_OPENED, 9 * DAY, case_id="77"),
                event(Kind.CASE_CLOSED, 5 * DAY, case_id="77"),
                event(Kind.CASE_OPENED, 3 * DAY, case_id="77"),
                event(Kind.CASE_UPDATED, 2 * DAY, case_id="77"),
            ],
            "case",
            "case 77 open for 3 days",
        ),
        ([event(Kind.ORDERED, 10 * MINUTE, item="w1")], "purchase", "bought a washing machine 10 minutes ago"),
        (
            [event(Kind.ORDERED, 2 * DAY, item=item, order="9") for item in ("w1", "h1", "h1")],
            "purchase",
            "bought a washing machine and 1 more 2 days ago",
        ),
        (
            [event(Kind.ORDERED, MINUTE, item="w1", product={"name": "AquaWash"})],
            "purchase",
            "bought AquaWash 1 minute ago",
        ),
        ([event(Kind.REFUNDED, 3 * DAY, order="9", item="w1")], "return", "order 9 refunded 3 days ago"),
        ([event(Kind.CANCELLED, 3 * DAY, item="w1")], "return", "a washing machine cancelled 3 days ago"),
        (
            [event(Kind.SUBSCRIPTION_STARTED, 200 * DAY, ends_at=NOW + 12 * DAY, plan="Care")],
            "subscription",
            "term of Care ends in 12 days",
        ),
        (
            [event(Kind.SUBSCRIPTION_CHANGED, 200 * DAY, ends_at=NOW - 2 * HOUR, plan="Care")],
            "subscription",
            "term of Care ended 2 hours ago",
        ),
        (
            [event(Kind.SUBSCRIPTION_ENDED, 5 * DAY, order="s1", plan="Care")],
            "subscription",
            "subscription of Care ended 5 days ago",
        ),
        ([event(Kind.SUBSCRIPTION_STARTED, 200 * DAY, ends_at=NOW + 99 * DAY, plan="Care")], "subscription", None),
        (
            [event(Kind.CHECKOUT_STARTED, 12 * MINUTE)],
            "basket",
            "checkout started 12 minutes ago, nothing ordered since",
        ),
        ([event(Kind.CHECKOUT_STARTED, 12 * MINUTE), event(Kind.ORDERED, MINUTE, item="w1")], "basket", None),
        (
            [event(Kind.BASKET_ADDED, 8 * MINUTE, item="h1")],
            "basket",
            "put a hose into the basket 8 minutes ago",
        ),
        ([event(Kind.PAGE_SEEN, 5 * MINUTE, name="Returns")], "browsing", "saw the page 'Returns' 5 minutes ago"),
        ([event(Kind.PAGE_SEEN, 5 * MINUTE)], "browsing", None),
        ([event(Kind.SEARCHED, 5 * MINUTE, query="invoice\n")], "browsing", "searched for 'invoice' 5 minutes ago"),
        ([event(Kind.VIEWED, 2 * MINUTE, item="w1")], "browsing", "looked at a washing machine 2 minutes ago"),
        (
            [event(Kind.CALL_STARTED, 2 * DAY, reason="billing")],
            "contact",
            "called about 'billing' 2 days ago",
        ),
        (
            [event(Kind.CALL_TRANSFERRED, days * DAY + HOUR) for days in (3, 1)],
            "contact",
            "passed on 2 times in the last 4 days",
        ),
    ],
)
def test_words(events: list[Event], topic: str, words: str | None) -> None:
    assert told(*events).get(Topic(topic), (None,))[0] == words


@pytest.mark.parametrize(
    "properties", ["[]", "null", '{"case_id": {}}', '{"name": ["x"], "query": true, "reason": 1.5}']
)
@pytest.mark.parametrize("kind", sorted(EVIDENCE_KINDS))
def test_properties_of_any_shape_are_read_without_a_fault(kind: Kind, properties: str) -> None:
    found = told(Event("m", kind, "", NOW - HOUR, NOW - HOUR, properties=properties))
    assert all("None" not in fact and "{" not in fact for facts_ in found.values() for fact in facts_)


def test_a_long_text_is_cut_and_stays_on_one_line() -> None:
    (words,) = told(event(Kind.PAGE_SEEN, MINUTE, name="long\n" * 100))[Topic.BROWSING]
    assert len(words) < 130
    assert "\n" not in words


_UNITS = {"minute": MINUTE, "hour": HOUR, "day": DAY}
_AGE = r"(?P<count>\d+) (?P<unit>minute|hour|day)s?"
_AGED = re.compile(rf"{_AGE} ago|open for {_AGE.replace('P<', 'P<open_')}|just now")

_EVENTS = st.builds(
    event,
    st.sampled_from(sorted(EVIDENCE_KINDS)),
    st.one_of(st.integers(0, 3 * HOUR), st.integers(0, 40 * DAY)),
    st.sampled_from([0, 0, HOUR, 3 * DAY]),
    order=st.sampled_from([None, "1182", "9"]),
    item=st.sampled_from([None, "w1"]),
    case_id=st.sampled_from(["77", "78"]),
    name=st.sampled_from(["Returns", None]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_EVENTS, max_size=12))
def test_every_fact_is_one_of_the_log(events: list[Event]) -> None:
    """Some event of the topic, known by now, has the age that is told, and the order or case that is named."""
    known = [one for one in events if one.recorded_at <= NOW]
    for topic, found in told(*events).items():
        for fact in found:
            aged = _AGED.search(fact)
            assert aged or " times in the last " in fact or "passed on in the last" in fact, fact
            matching = [one for one in known if one.kind in KINDS[topic] and (not aged or _has_age(one, aged))]
            for named in re.findall(r"(?:order|case) (\d+)", fact):
                matching = [one for one in matching if named in (one.order, json.loads(one.properties)["case_id"])]
            assert matching, fact


def _has_age(one: Event, aged: re.Match[str]) -> bool:
    count, unit = (aged["count"] or aged["open_count"]), _UNITS[aged["unit"] or aged["open_unit"] or "minute"]
    least = int(count or 0) * unit
    return least <= NOW - one.occurred_at < least + unit


@settings(max_examples=100, deadline=None)
@given(st.lists(_EVENTS, max_size=10), st.lists(_EVENTS, max_size=5))
def test_what_is_recorded_later_is_not_seen(events: list[Event], later: list[Event]) -> None:
    unknown = [
        event(Kind(one.kind), NOW - one.occurred_at, NOW - one.occurred_at + 1, order=one.order) for one in later
    ]
    assert told(*events, *unknown) == told(*events)


@settings(max_examples=100, deadline=None)
@given(st.lists(_EVENTS, max_size=12))
def test_failed_payments_are_counted_right(events: list[Event]) -> None:
    failed = sorted(
        NOW - one.occurred_at for one in events if one.kind == Kind.PAYMENT_FAILED and one.recorded_at <= NOW
    )
    run = [age for age in failed if age < 28 * DAY and age - failed[0] < 7 * DAY]
    (fact,) = told(*events).get(Topic.PAYMENT, ("",))
    counted = re.fullmatch(r"payment failed (\d+) times in the last (\d+) (minute|hour|day)s?", fact)
    assert (int(counted[1]) if counted else len(re.findall("^payment failed", fact))) == len(run)
    if counted:
        assert run[-1] <= int(counted[2]) * _UNITS[counted[3]]


def test_a_column_tells_of_its_own_topic_only() -> None:
    assert topic_of_feature("customer.payment_failed.7d") is Topic.PAYMENT
    assert topic_of_feature("customer.cases.open") is Topic.CASE
    assert topic_of_feature("customer.subscription.term") is Topic.SUBSCRIPTION
    assert topic_of_feature("customer.severity.28d") is None  # cases, payments and deliveries together
    assert topic_of_feature("customer.events.7d") is None
    assert topic_of_feature("moment.hour") is None
    assert {topic_of_feature(name) for name in contact_reason_inputs()} == {None, *Topic}


def test_each_rule_is_about_what_its_feature_tells() -> None:
    assert {rule.feature for rule in RULES} <= set(names())
    for rule in RULES:
        assert topic_of_feature(rule.feature) is rule.about
        assert rule.at_least <= rule.at_most
        assert rule.weight > 0


def test_no_kind_is_of_two_topics() -> None:
    assert sum(map(len, KINDS.values())) == len(EVIDENCE_KINDS)


def test_the_rules_are_documented_as_they_are() -> None:
    rows = [line.split(" | ") for line in DOCUMENT.read_text().splitlines() if line.count(" | ") == 4]
    told_rules = [
        (row[0].removeprefix("| "), row[1].strip("`"), row[3].strip("`"), row[4].removesuffix(" |")) for row in rows
    ]
    assert told_rules[1:] == [(one.situation, one.feature, one.reason, f"{one.weight:g}") for one in RULES]


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (Kind.CALL_STARTED, "called"),
        (Kind.CALL_ENDED, "called"),
        (Kind.CHAT_STARTED, "chatted"),
        (Kind.CHAT_ENDED, "chatted"),
        (Kind.IVR_MENU_SELECTED, "chose from the menu"),
        (Kind.CASE_OPENED, "opened a case"),
        (Kind.CASE_UPDATED, "opened a case"),
    ],
)
def test_a_reason_is_told_by_what_told_it(kind: Kind, word: str) -> None:
    event = Event("m", kind, kind.name, 0, 0, properties='{"reason": "Invoice"}')
    assert telling(event, 60_000) == f"{word} about 'Invoice' 1 minute ago"
