"""The reader of Segment payloads: golden payloads, the rules of time, channel and limits; it reads or refuses."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from features.event import Event, Identifier, Kind
from features.instants import EARLIEST, TOLERATED_LEAD
from features.wire import fields
from features.wire.errors import SHOWN, WireError
from features.wire.names import EVENT_NAMES, Shape, called
from features.wire.segment import CALLS, WireRules, read

GOLDEN = Path(__file__).parents[1] / "golden" / "wire_segment.json"
RULES = WireRules(frozenset({"email", "sms", "web", "app", "store", "agent", "mail"}), "USD", "GB", b"a key")
NOON = fields.moment("2026-01-31T12:00:00Z", "now")
MINUTE = 60_000


def described(payload: object, received_at: str) -> dict[str, Any]:
    """The message as plain JSON; what is unset or empty is left out."""
    message = read(payload, fields.moment(received_at, "received_at"), rules=RULES)
    told = {
        "call": message.call,
        "message_id": message.message_id,
        "anchor": _pair(message.anchor),
        "also": [_pair(one) for one in message.also],
        "previous": [_pair(one) for one in message.previous],
        "unusable": list(message.unusable),
        "traits": dict(message.traits),
        "events": [_plain(event) for event in message.events],
        "addressed": [[_pair(one) for one in each] for each in message.addressed] if any(message.addressed) else [],
    }
    return {key: value for key, value in told.items() if value}


def _pair(identifier: Identifier) -> list[str]:
    return [identifier.type, identifier.value]


def _plain(event: Event) -> dict[str, Any]:
    told = {key: value for key, value in asdict(event).items() if str(value) not in ("None", "nan")}
    return told | {"kind": event.kind.name, "properties": json.loads(event.properties)}


def track(event: str = "Store Visited", **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "messageId": "m",
        "userId": "c",
        "event": event,
        "timestamp": "2026-01-31T11:00:00Z",
    } | more


def refused(payload: object, field: str, received_at: int = NOON) -> WireError:
    with pytest.raises(WireError) as caught:
        read(payload, received_at, rules=RULES)
    found, value = caught.value, "null" if caught.value.value is None else caught.value.value
    assert found.field == field
    assert found.message.startswith(f"{field or 'payload'} is {value}; {found.rule}; ")
    assert len(value) <= SHOWN
    return found


@pytest.mark.parametrize("entry", json.loads(GOLDEN.read_text()), ids=lambda entry: entry["case"])
def test_golden_payload(entry: dict[str, Any]) -> None:
    assert described(entry["payload"], entry["received_at"]) == entry["message"]


def test_golden_payloads_cover_every_shape_and_call() -> None:
    payloads = [entry["payload"] for entry in json.loads(GOLDEN.read_text())]
    assert {payload["type"] for payload in payloads} == CALLS
    used = {EVENT_NAMES[p["event"]].shape for p in payloads if p.get("event") in EVENT_NAMES}
    assert used == set(Shape)


def test_every_name_of_ours_is_in_the_table() -> None:
    outcomes = {EVENT_NAMES[f"Action {word}"].kind for word in ("Clicked", "Accepted", "Rejected", "Converted")}
    assert outcomes == {Kind.CLICKED, Kind.ACCEPTED, Kind.REJECTED, Kind.CONVERTED}
    assert EVENT_NAMES["Email Machine Opened"].kind is Kind.MESSAGE_MACHINE_OPENED
    assert EVENT_NAMES["Email Marked as Spam"].kind is Kind.CONSENT_WITHDRAWN


@given(st.sampled_from(sorted(EVENT_NAMES)), st.sampled_from(["_", "-", " ", "  ", ""]), st.booleans())
def test_a_name_is_one_whatever_its_case_and_signs(name: str, sign: str, shout: bool) -> None:
    """A purchase told as "order_completed" was acknowledged and meant nothing."""
    loose = sign.join(name.split())
    loose = loose.upper() if shout else loose.lower()
    assert called(loose) == name
    assert called(f"{loose} x") not in EVENT_NAMES


def test_a_purchase_by_a_loose_name_or_without_a_list_is_one() -> None:
    order = {"order_id": "o", "product_id": "0042", "quantity": 2, "price": 3.5}
    for event in ("Order Completed", "order_completed", "ORDER COMPLETED"):
        (line,) = read(track(event=event, properties=order), NOON).events
        assert (line.kind, line.name, line.item, line.order) == (Kind.ORDERED, "Order Completed", "0042", "o")
        assert (line.quantity, line.amount) == (2.0, 7.0)
    (bare,) = read(track(event="Order Completed", properties={"order_id": "o", "total": 9}), NOON).events
    assert (bare.item, bare.amount) == (None, 9.0)


# Time


def occurred(received_at: int = NOON, sent_at: int | None = None, **told: Any) -> int:
    payload = {key: value for key, value in track().items() if key != "timestamp"} | told
    (event,) = read(payload, received_at, sent_at).events
    assert event.recorded_at == received_at
    return event.occurred_at


def test_without_a_time_it_occurred_when_it_came() -> None:
    assert occurred() == NOON
    assert occurred(sentAt="2026-01-31T11:00:00Z") == NOON


def test_without_sent_at_the_time_stands() -> None:
    assert occurred(timestamp="2026-01-31T11:00:00Z") == NOON - 60 * MINUTE
    assert occurred(timestamp="2026-01-31T12:00:00+01:00") == NOON - 60 * MINUTE


@given(skew=st.integers(-(10**10), 10**10), delay=st.integers(0, 10**9), transit=st.integers(0, 10**5))
@settings(max_examples=50, deadline=None)
def test_a_skewed_clock_is_corrected(skew: int, delay: int, transit: int) -> None:
    """Whatever the sender's clock says, the age of the event at sending is right."""
    happened = NOON - transit - delay
    told: dict[str, Any] = {"originalTimestamp": _rfc3339(happened + skew), "sentAt": _rfc3339(happened + delay + skew)}
    assert occurred(**told) == happened + transit


def _rfc3339(moment: int) -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)).isoformat(timespec="milliseconds")


def test_the_batch_may_bring_sent_at() -> None:
    assert occurred(sent_at=NOON + 60 * MINUTE, timestamp="2026-01-31T12:59:00Z") == NOON - MINUTE


def test_a_little_ahead_is_now_and_more_is_refused() -> None:
    assert occurred(timestamp="2026-01-31T12:09:00Z") == NOON
    refused(track(timestamp="2026-01-31T12:10:01Z"), "timestamp")
    assert occurred(timestamp=_rfc3339(NOON + TOLERATED_LEAD)) == NOON


def test_before_2000_is_refused() -> None:
    assert occurred(timestamp="2000-01-01T00:00:00Z") == EARLIEST
    refused(track(timestamp="1999-12-31T23:59:59Z"), "timestamp")


@pytest.mark.parametrize(
    "text", ["2026-01-31T11:00:00", "2026-01-31", "20260131T110000Z", "2026-02-30T11:00:00Z", "now", 17, True, [], ""]
)
def test_a_time_without_offset_or_sense_is_refused(text: object) -> None:
    refused(track(timestamp=text), "timestamp")


# Channel


def test_the_channel_follows_from_properties_then_family_then_call() -> None:
    order = {"order_id": "o"}
    assert read(track("Order Completed", properties=order), NOON).events[0].channel == "web"
    assert read(track("Order Completed", properties=order | {"channel": "store"}), NOON).events[0].channel == "store"
    assert read(track("Email Opened"), NOON).events[0].channel == "email"
    assert read(track("Email Unsubscribed", properties={"channel": "web"}), NOON).events[0].channel == "email"
    assert read(track("Quiz Finished"), NOON).events[0].channel is None
    assert read({"type": "screen", "userId": "c"}, NOON).events[0].channel == "app"
    assert read({"type": "page", "userId": "c"}, NOON).events[0].channel == "web"


def test_the_wires_own_channel_is_not_ours() -> None:
    assert read(track("Quiz Finished", channel="server"), NOON).events[0].channel is None


def test_an_unknown_channel_is_refused_but_not_in_a_foreign_event() -> None:
    refused(track("Order Completed", properties={"order_id": "o", "channel": "fax"}), "properties.channel")
    assert read(track("Quiz Finished", properties={"channel": "fax"}), NOON, rules=RULES).events[0].channel is None


# Limits


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e400])
def test_not_a_finite_number_is_refused_wherever_it_stands(number: float) -> None:
    refused(track(properties={"product_id": "1", "price": number}), "properties.price")
    refused(track(context={"deep": [{"x": number}]}), "context.deep[0].x")


@pytest.mark.parametrize("price", [-1, 1e13, "2.50", True, [], {}, 10**30])
def test_a_price_that_is_none_is_refused(price: object) -> None:
    refused(track("Product Viewed", properties={"product_id": "1", "price": price}), "properties.price")


@pytest.mark.parametrize("item", ["a\x00b", "a\nb", "\x7f", "", "  ", "x" * 257, 1.5, True, [], {"id": 1}, "\u2028"])
def test_an_id_that_is_none_is_refused(item: object) -> None:
    refused(track("Product Viewed", properties={"product_id": item}), "properties.product_id")
    refused(track("Product Viewed", messageId=item, properties={"product_id": "1"}), "messageId")
    refused(track(userId=item), "userId")


@pytest.mark.parametrize("whose", ["", "  ", 1.5, True, ["ada"], "a\nb", "x" * 300, None])
@pytest.mark.parametrize(("told", "name"), [({"promised": "a call"}, "agent_id"), ({"keeps": "n-1"}, "promised_by")])
def test_a_note_that_names_nobody_is_a_note_in_nobodys_list(told: dict[str, str], name: str, whose: object) -> None:
    (event,) = read(track("Note Written", properties={**told, name: whose}), NOON, rules=RULES).events
    assert event.decision is None
    (event,) = read(track("Note Written", properties={**told, name: "ada"}), NOON, rules=RULES).events
    assert event.decision == "ada"


def test_a_note_that_promises_nothing_is_nobodys() -> None:
    for promised in ("", "  ", None):
        told = {"told": "sorry", "promised": promised, "agent_id": "ada"}
        (event,) = read(track("Note Written", properties=told), NOON, rules=RULES).events
        assert event.decision is None


def test_a_lone_surrogate_is_refused() -> None:
    refused(track(properties={"note": "\ud800"}), "properties.note")


def test_nesting_has_an_end() -> None:
    deep: Any = {}
    for _ in range(2000):
        deep = {"x": deep}
    with pytest.raises(WireError, match="nest at most"):
        read(track(properties=deep), NOON)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ([], ""),
        (None, ""),
        ({"type": "delete"}, "type"),
        ({"type": ["track"]}, "type"),
        ({"type": "track", "userId": "c"}, "event"),
        ({"type": "track", "event": "x"}, "userId or anonymousId"),
        (track(userId="anon:7"), "userId"),
        (track("Order Completed"), "properties.order_id"),
        (track("Order Completed", properties=[]), "properties"),
        (track("Order Completed", properties={"order_id": "o", "products": {}}), "properties.products"),
        (track("Order Completed", properties={"order_id": "o", "products": [1]}), "properties.products[0]"),
        (track("Order Completed", properties={"order_id": "o", "products": [{}]}), "properties.products[0].product_id"),
        (track("Product Added", properties={"product_id": "1", "quantity": 0}), "properties.quantity"),
        (track("Product Added", properties={"product_id": "1", "quantity": 1e-9}), "properties.quantity"),
        (track("Product Added", properties={"product_id": "1", "currency": 5}), "properties.currency"),
        (track("Action Sent", properties={"action_id": "a"}), "properties.channel"),
        (track("Action Sent", properties={"channel": "email"}), "properties.action_id"),
        (track("Case Opened"), "properties.case_id"),
        (track("Case Opened", properties={"case_id": "1", "severity": "dire"}), "properties.severity"),
        (track("Channel Subscription Updated"), "properties.channel"),
        (track("Channel Subscription Updated", properties={"channel": "sms"}), "properties.status"),
        (
            track(context={"messaging_subscriptions": [{"type": "EMAIL", "status": ["x"]}]}),
            "context.messaging_subscriptions[0].status",
        ),
        (track(context=[]), "context"),
        (
            track("Order Completed", properties={"order_id": "o", "products": [{"product_id": "1"}] * 501}),
            "properties.products",
        ),
    ],
)
def test_what_is_missing_or_of_the_wrong_type_is_refused_by_its_place(payload: object, field: str) -> None:
    refused(payload, field)


def test_what_stood_there_is_shown_as_it_was_sent() -> None:
    told = {True: "true", 1.5: "1.5", "a\n": "a\\n", " ": " "}
    assert {value: refused(track(userId=value), "userId").value for value in told} == told
    assert refused(track(properties=[{"a": None}]), "properties").value == '[{"a": null}]'
    assert refused(track(event=None), "event").value is None


def test_the_address_and_the_type_agree() -> None:
    payload = {key: value for key, value in track().items() if key != "type"}
    assert read(payload, NOON, call="track").call == "track"
    with pytest.raises(WireError, match="address of page"):
        read(track(), NOON, call="page")


def test_nulls_are_as_good_as_missing() -> None:
    nulls = dict.fromkeys(("anonymousId", "messageId", "timestamp", "sentAt", "context", "properties", "traits"))
    message = read({"type": "track", "event": "x", "userId": "c"} | nulls, NOON)
    assert message.anchor == Identifier("user_id", "c")


def test_without_message_id_the_same_call_is_the_same_event() -> None:
    payload = {key: value for key, value in track().items() if key != "messageId"}
    first, again = read(payload, NOON), read(payload | {"sentAt": None}, NOON + 5)
    assert first.message_id == again.message_id
    assert first.message_id != read(payload | {"userId": "d"}, NOON).message_id
    untimed = payload | {"timestamp": None}
    assert read(untimed, NOON).message_id != read(untimed, NOON + 5).message_id


@pytest.mark.parametrize(
    ("traits", "context", "kept"),
    [
        ({"time_zone": "Europe/Paris"}, {"timezone": "America/New_York"}, "Europe/Paris"),
        ({"timeZone": "Europe/Paris"}, {"timezone": "America/New_York"}, "Europe/Paris"),
        ({}, {"timezone": "America/New_York"}, "America/New_York"),
        ({"timezone": "EST-5"}, {"timezone": "America/New_York"}, "America/New_York"),
        ({"timezone": "Mars/X"}, {"timezone": 5}, "missing"),
        ({"time_zone": None}, {"timezone": "America/New_York"}, None),
    ],
)
def test_a_person_has_the_clock_that_was_told(traits: dict[str, Any], context: dict[str, Any], kept: str) -> None:
    call = {"type": "identify", "userId": "c", "messageId": "m", "traits": traits, "context": context}
    assert read(call, NOON, rules=RULES).traits.get("time_zone", "missing") == kept


@pytest.mark.parametrize("zone", ["Mars/X", 5, ["Europe/Paris"]])
def test_a_clock_that_is_none_is_refused(zone: object) -> None:
    with pytest.raises(WireError, match="IANA"):
        read({"type": "identify", "userId": "c", "messageId": "m", "traits": {"time_zone": zone}}, NOON)
