"""The parts of a customer's context, each from the events that tell of it. Everything here is synthetic."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.event import Event, Kind
from features.history import EVENT, PAGE_LIMIT, CustomerRecord, Records, page
from features.ledger import entries
from features.stores.packed import record_of
from features.stores.people import LoggedEvent
from features.vocabulary import Vocabulary
from models.policy_rules import ServiceFirst
from serving.context import ASKED, questions
from serving.context_orders import basket, last_orders
from serving.context_parts import captured_fields, last_agent, notes, open_cases, preferred_store, subscriptions
from serving.know_answers import OrderAnswer
from tests.features.histories import crowd

NOW = 1_769_850_000_000
DAY = 86_400_000
ITEMS = ("washer-1", "vacuum-1", "plan-1")
RULE = ServiceFirst(
    severity=2,
    stale=6 * DAY,
    delivery=DAY,
    in_service=(),
    retention=frozenset(),
    cancelling=frozenset(),
    complaints=frozenset(),
)
_numbers = itertools.count(1)


def vocabulary() -> Vocabulary:
    made = Vocabulary()
    made.learn("item", list(enumerate(ITEMS)))
    made.learn("channel", list(enumerate(("web", "store"))))
    return made


def event(kind: Kind, age: float, **columns: object) -> Event:
    """`age` in days before NOW; `properties` as an object."""
    at = NOW - int(age * DAY)
    properties = json.dumps(columns.pop("properties", {}))
    columns = {"message_id": f"m-{next(_numbers)}", "occurred_at": at, "recorded_at": at, **columns}
    return Event(kind=kind, name=kind.name, properties=properties, **columns)  # type: ignore[arg-type]


def told(*events: Event) -> list[LoggedEvent]:
    """The newest first, as a timeline is."""
    logged = [LoggedEvent(sequence, "c-1", one) for sequence, one in enumerate(events)]
    return sorted(logged, key=lambda one: (one.event.occurred_at, one.sequence), reverse=True)


def records(events: Sequence[Event]) -> Records:
    words = vocabulary()
    made = [
        record_of(one, place, words.code("channel", one.channel), words.code("item", one.item), -1)
        for place, one in enumerate(events)
    ]
    found = np.frombuffer(b"".join(made), EVENT)
    return found[np.lexsort((found["sequence"], found["occurred_at"]))]


def orders_of(*events: Event) -> list[OrderAnswer]:
    record = CustomerRecord(1, "c-1", known=True, ledger=entries(records(events)))
    return last_orders(told(*events), record, vocabulary(), str.upper, NOW)


def bought(order: str, item: str, age: float, quantity: float = 1.0, **columns: object) -> Event:
    return event(Kind.ORDERED, age, order=order, item=item, quantity=quantity, **columns)


def case(kind: Kind, age: float, case_id: str, **properties: object) -> Event:
    severity = properties.pop("severity", 0)
    return event(kind, age, severity=severity, properties={"case_id": case_id, **properties})


def test_cases_are_open_until_closed_and_the_worst_comes_first() -> None:
    found = open_cases(
        told(
            case(Kind.CASE_OPENED, 9, "old", severity=1, reason="invoice"),
            case(Kind.CASE_OPENED, 5, "worse", severity=3, agent_id="ada"),
            case(Kind.CASE_UPDATED, 1, "worse", reason="late delivery", agent_id="bob"),
            case(Kind.CASE_OPENED, 4, "done"),
            case(Kind.CASE_CLOSED, 3, "done"),
            case(Kind.CASE_UPDATED, 2, "done", agent_id="afterwards"),
            case(Kind.CASE_OPENED, 8, "again"),
            case(Kind.CASE_CLOSED, 7, "again"),
            case(Kind.CASE_OPENED, 6, "again"),
            case(Kind.CASE_UPDATED, 3, "unopened"),
        ),
        RULE,
        NOW,
    )
    assert [one.case_id for one in found] == ["worse", "old", "again", "unopened"]
    worst = found[0]
    assert (worst.severity, worst.reason, worst.agent_id) == (3, "late delivery", "bob")
    assert (worst.opened_at, worst.updated_at, worst.age_seconds) == (NOW - 5 * DAY, NOW - DAY, 5 * DAY // 1000)
    assert found[2].opened_at == NOW - 6 * DAY
    assert [one.stale_since for one in found] == [None, NOW - 3 * DAY, NOW, None]


def test_without_a_rule_no_case_is_stale() -> None:
    (found,) = open_cases(told(case(Kind.CASE_OPENED, 999, "old")), None, NOW)
    assert found.stale_since is None


def captured(age: float, field: str, value: object) -> Event:
    return event(Kind.FORM_FIELD_CAPTURED, age, channel="web", properties={"field": field, "value": value})


def test_of_a_field_the_newest_value_counts_and_a_secret_is_withheld() -> None:
    found = captured_fields(
        told(
            captured(3, "meter", "A-12"),
            captured(2, "meter", "B-34"),
            captured(2, "rooms", 3),
            captured(2, "emptied", "x"),
            captured(1, "emptied", ""),
            captured(1, "password", "hunter2"),
            captured(1, "remark", "pay with 4111 1111 1111 1111"),
            event(Kind.FORM_FIELD_CAPTURED, 1, properties={"value": "of no field"}),
        )
    )
    assert [(one.field, one.value, one.withheld) for one in found] == [
        ("meter", "B-34", False),
        ("password", None, True),
        ("remark", None, True),
        ("rooms", 3, False),
    ]


def test_the_last_agent_is_of_the_newest_that_names_one() -> None:
    talks = told(
        event(Kind.CALL_STARTED, 3, channel="web", properties={"agent_id": "ada"}),
        event(Kind.CALL_TRANSFERRED, 2, channel="store", properties={"agent_id": "bob"}),
        event(Kind.CHAT_STARTED, 1, channel="web"),
    )
    agent = last_agent(talks)
    assert agent is not None
    assert (agent.agent_id, agent.at, agent.channel) == ("bob", NOW - 2 * DAY, "store")
    assert last_agent(told()) is None


def test_the_store_is_the_declared_one_else_the_most_used_else_none() -> None:
    def visit(age: float, store: str) -> Event:
        return event(Kind.STORE_VISITED, age, properties={"store_id": store})

    def purchase(age: float, order: str, store: str) -> Event:
        return bought(order, "washer-1", age, properties={"store_id": store})

    used = told(
        *(visit(9, "s-1"), visit(8, "s-1"), visit(7, "s-2")),
        *(purchase(6, "o-1", "s-2"), purchase(6, "o-1", "s-2"), purchase(6, "o-1", "s-2")),
        event(Kind.STORE_VISITED, 1),
    )
    found = preferred_store({}, used)
    assert found is not None
    assert (found.store_id, found.inferred_from) == ("s-2", "use")  # as much used as s-1, and later
    assert (found.purchases, found.visits, found.of) == (1, 1, 4)
    declared = preferred_store({"preferred_store": "s-9"}, used)
    assert declared is not None
    assert (declared.store_id, declared.inferred_from, declared.of) == ("s-9", "declared", 4)
    assert preferred_store({}, told(event(Kind.STORE_VISITED, 1))) is None


def test_subscriptions_run_until_ended_or_past_their_term() -> None:
    def statement(kind: Kind, age: float, subscription: str, item: str, ends_in: float | None = None) -> Event:
        ends_at = None if ends_in is None else NOW + int(ends_in * DAY)
        return event(kind, age, order=subscription, item=item, ends_at=ends_at)

    found = subscriptions(
        told(
            statement(Kind.SUBSCRIPTION_STARTED, 90, "runs", "plan-1"),
            statement(Kind.SUBSCRIPTION_CHANGED, 10, "runs", "washer-1", 30),
            statement(Kind.SUBSCRIPTION_STARTED, 90, "ended", "plan-1"),
            statement(Kind.SUBSCRIPTION_ENDED, 2, "ended", "plan-1"),
            statement(Kind.SUBSCRIPTION_STARTED, 90, "past", "plan-1", -1),
            statement(Kind.SUBSCRIPTION_ENDED, 5, "at once", "plan-1"),
            statement(Kind.SUBSCRIPTION_STARTED, 5, "at once", "plan-1"),
        ),
        NOW,
        str.upper,
    )
    assert [(one.subscription_id, one.name, one.since, one.ends_at) for one in found] == [
        ("runs", "WASHER-1", NOW - 90 * DAY, NOW + 30 * DAY)
    ]


def test_a_promise_is_open_until_somebody_says_that_it_was_kept() -> None:
    wrote = {"told": "late", "promised": "a call", "due": "Friday", "agent_id": "ada"}
    first = event(Kind.NOTE_WRITTEN, 3.0, message_id="n-1", properties=wrote)
    second = event(Kind.NOTE_WRITTEN, 2.0, message_id="n-2", properties={"promised": "a lid", "agent_id": "bo"})
    kept = event(Kind.NOTE_WRITTEN, 1.0, properties={"keeps": "n-1", "kept": "a call", "agent_id": "cy"})
    odd = event(Kind.NOTE_WRITTEN, 0.5, properties={"keeps": ["n-2"], "told": "x"})
    found = notes(told(first, second, kept, odd))
    assert [(one.told, one.promised, one.kept_by) for one in found] == [
        ("x", None, None),
        (None, "a lid", None),
        ("late", "a call", "cy"),
    ]
    assert [one.kept_at for one in found] == [None, None, kept.occurred_at]
    assert [one.note_id for one in found[1:]] == ["n-2", "n-1"]


@given(
    st.lists(st.tuples(st.sampled_from(["told", "promised", "keeps"]), st.integers(0, 12), st.booleans()), max_size=14),
    st.integers(0, 14),
)
def test_no_promise_that_is_open_is_too_old_to_be_told(said: list[tuple[str, int, bool]], newest: int) -> None:
    """And of what is told whatever is in it nothing is another than without an end."""
    events = [
        event(
            Kind.NOTE_WRITTEN,
            20.0 - place,
            message_id=f"n-{place}",
            properties={name: f"n-{other}" if name == "keeps" else "a call" if full else " ", "agent_id": "ada"},
        )
        for place, (name, other, full) in enumerate(said)
    ]
    whole = notes(told(*events))
    assert notes(told(*events), newest) == [
        one for place, one in enumerate(whole) if place < newest or (one.promised and one.kept_at is None)
    ]


def test_an_order_is_as_far_as_was_heard_last() -> None:
    found = orders_of(
        *(bought("shipped", "washer-1", 9), event(Kind.ORDER_SHIPPED, 8, order="shipped")),
        *(bought("late", "washer-1", 7), event(Kind.ORDER_SHIPPED, 6, order="late")),
        event(Kind.DELIVERY_DELAYED, 5, properties={"order_id": "late"}),
        *(bought("there", "washer-1", 5), event(Kind.ORDER_DELIVERED, 4, order="there")),
        bought("new", "washer-1", 1, channel="store", amount=499.0),
        event(Kind.ORDER_UPDATED, 0.5, order="new"),
        event(Kind.ORDER_SHIPPED, 0.5, order="never ordered"),
    )
    assert [(one.order_id, one.state) for one in found] == [
        *(("new", "ordered"), ("there", "delivered")),
        *(("late", "delayed"), ("shipped", "shipped")),
    ]
    assert found[0].since == NOW - DAY
    line = found[0].lines[0]
    assert (line.item, line.name, line.quantity, line.returned, line.amount) == ("washer-1", "WASHER-1", 1, 0, 499.0)
    assert found[2].lines[0].amount is None


def test_what_came_back_is_said_line_by_line() -> None:
    found = orders_of(
        *(bought("part", "washer-1", 9, 3, line=0), bought("part", "vacuum-1", 9, line=1)),
        event(Kind.REFUNDED, 8, order="part", item="washer-1", quantity=2.0),
        *(bought("all", "washer-1", 7, line=0), bought("all", "vacuum-1", 7, line=1)),
        event(Kind.REFUNDED, 6, order="all", item="washer-1"),
        event(Kind.REFUNDED, 5, order="all", item="vacuum-1"),
        *(bought("whole", "washer-1", 4), event(Kind.CANCELLED, 3, order="whole")),
        bought("twice", "washer-1", 2, 5, message_id="a"),
        bought("twice", "washer-1", 1, 4, message_id="b"),
    )
    lines = {one.order_id: [(line.item, line.quantity, line.returned) for line in one.lines] for one in found}
    assert lines["part"] == [("washer-1", 3, 2), ("vacuum-1", 1, 0)]
    assert lines["all"] == [("washer-1", 1, 1), ("vacuum-1", 1, 1)]
    assert lines["twice"] == [("washer-1", 4, 0)]
    states = {one.order_id: (one.state, one.since) for one in found}
    assert states["part"] == ("ordered", NOW - 9 * DAY)
    assert states["all"] == ("refunded", NOW - 5 * DAY)
    assert states["whole"] == ("cancelled", NOW - 3 * DAY)


def test_orders_without_an_id_stand_each_for_themselves() -> None:
    first, second = event(Kind.ORDERED, 2, item="washer-1"), event(Kind.ORDERED, 1, item="washer-1")
    found = orders_of(first, second)
    assert [(one.order_id, one.ordered_at) for one in found] == [(None, NOW - DAY), (None, NOW - 2 * DAY)]


_TOUCHES = st.lists(
    st.tuples(
        st.sampled_from([Kind.BASKET_ADDED, Kind.BASKET_REMOVED, Kind.ORDERED, Kind.VIEWED]),
        st.sampled_from(ITEMS[:2]),
        st.sampled_from([1.0, 2.0, math.nan]),
        st.integers(0, 40),
    ),
    max_size=12,
)


@given(_TOUCHES)
def test_the_basket_is_added_less_removed_less_ordered(touches: list[tuple[Kind, str, float, int]]) -> None:
    events = [event(kind, age, item=item, quantity=quantity) for kind, item, quantity, age in touches]
    expected: dict[str, float] = {}
    for one in sorted((one for one in events if NOW - one.occurred_at < 30 * DAY), key=lambda one: one.occurred_at):
        if one.kind == Kind.BASKET_ADDED:
            expected[one.item or ""] = expected.get(one.item or "", 0) + (
                1 if math.isnan(one.quantity) else one.quantity
            )
        elif one.kind != Kind.VIEWED:
            out = math.inf if math.isnan(one.quantity) else one.quantity
            expected[one.item or ""] = max(0, expected.get(one.item or "", 0) - out)
    found = basket(records(events), vocabulary(), str.upper, NOW)
    assert {line.item: line.quantity for line in found} == {item: units for item, units in expected.items() if units}
    assert [line.since for line in found] == sorted((line.since for line in found), reverse=True)


@pytest.mark.parametrize("common", [Kind.BASKET_ADDED, Kind.CONSENT_GRANTED])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("size", [0, 60, 700, 4000])
def test_the_log_is_asked_for_the_newest_of_each_group_whatever_the_page_holds(
    size: int, share: float, common: Kind
) -> None:
    log = crowd(3, size)
    rare = np.random.default_rng(5).random(size) >= share
    log["kind"][rare] = np.where(log["sequence"][rare] % 2, Kind.VIEWED, common)
    log["occurred_at"] += np.where(log["kind"] == Kind.VIEWED, 1000 * DAY, 0)  # the newest fill a page on their own
    log = np.sort(log, order=["occurred_at", "sequence"])[::-1]

    def newest(kinds: frozenset[Kind], limit: int) -> list[int]:
        return log["sequence"][np.isin(log["kind"], sorted(kinds))][:limit].tolist()

    held = page(log)
    asked = questions(held)
    found = {sequence for one in asked for sequence in newest(frozenset(one.kinds or ()), one.limit)}
    assert found >= {sequence for kinds, limit in ASKED for sequence in newest(kinds, limit)}
    assert sum(one.limit for one in asked) <= sum(limit for _, limit in ASKED)
    if len(held) < PAGE_LIMIT and share == 0.0 and common == Kind.BASKET_ADDED:
        assert asked == []
