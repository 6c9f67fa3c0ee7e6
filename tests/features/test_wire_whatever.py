"""Whatever is sent: a message comes of it or a WireError, and nothing else."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Kind
from features.identity import normalise
from features.instants import EARLIEST
from features.wire import fields
from features.wire.errors import WireError
from features.wire.identifiers import NAMING_TRAITS
from features.wire.names import EVENT_NAMES
from features.wire.segment import CALLS, WireMessage, WireRules, read
from tests.features.test_wire_segment import RULES

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_WORDS = st.sampled_from(
    ["1", "sms", "EMAIL", "SUBSCRIBED", "2026-01-31T11:00:00Z", "2026-01-31T11:00:00+99:99", "high"]
)
_ADDRESSES = st.sampled_from(["a@example.org", "A@Example.org", "nobody", "+442079460018", "020 7946 0018", "1-2"])
_TRAITS = st.fixed_dictionaries({}, optional=dict.fromkeys((*NAMING_TRAITS, "city"), _ADDRESSES | _JSON))
_PRODUCT = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("product_id", "sku", "price", "quantity", "x"), _JSON | _WORDS)
)
_PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "order_id": _JSON | _WORDS,
        "products": st.lists(_PRODUCT | _JSON, max_size=3) | _JSON,
        "product_id": _JSON | _WORDS,
        "price": _JSON,
        "channel": _JSON | _WORDS,
        "status": _JSON | _WORDS,
        "action_id": _WORDS | _JSON,
        "severity": _JSON | _WORDS,
        "case_id": _JSON | _WORDS,
        "currency": _JSON,
        "subscription_id": _WORDS | _JSON,
        "plan": _WORDS | _JSON,
        "ends_at": _WORDS | _JSON,
        "transactional": st.booleans() | _JSON,
        "email": _ADDRESSES | _JSON,
        "email_id": _WORDS | _JSON,
        "campaign": st.fixed_dictionaries({"name": _JSON}) | _JSON,
        "topic": _WORDS | _JSON,
    },
)
_SUBSCRIPTION = st.fixed_dictionaries(
    {},
    optional={
        "type": _JSON | _WORDS,
        "status": _JSON | _WORDS,
        "key": _JSON | _ADDRESSES,
        "topic": _JSON | _WORDS,
        "groups": st.lists(st.fixed_dictionaries({"name": _WORDS | _JSON, "status": _WORDS | _JSON}), max_size=2)
        | _JSON,
    },
)
_EXTERNAL_ID = st.fixed_dictionaries(
    {},
    optional={
        "id": _JSON | _ADDRESSES,
        "type": st.sampled_from(["email", "phone", "user_id", "loyalty_card", "crm", "digest", ":"]) | _JSON,
        "collection": st.just("users") | _JSON,
        "encoding": st.just("none") | _JSON,
    },
)
_CONTEXT = st.fixed_dictionaries(
    {},
    optional={
        "messaging_subscriptions": st.lists(_SUBSCRIPTION, max_size=2) | _JSON,
        "externalIds": st.lists(_EXTERNAL_ID | _JSON, max_size=3) | _JSON,
        "traits": _TRAITS | _JSON,
        "device": st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "token", "advertisingId"), _JSON)) | _JSON,
    },
)
_PAYLOAD = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(CALLS)) | _JSON},
    optional={
        "userId": st.just("c") | _JSON,
        "anonymousId": st.just("a") | _JSON,
        "previousId": st.sampled_from(["c", "b", "anon:b"]) | _JSON,
        "event": st.sampled_from(sorted(EVENT_NAMES)) | _JSON,
        "properties": _PROPERTIES | _JSON,
        "traits": _TRAITS | _JSON,
        "timestamp": _WORDS | _JSON,
        "originalTimestamp": _WORDS | _JSON,
        "sentAt": _WORDS | _JSON,
        "messageId": _JSON,
        "context": _CONTEXT | _JSON,
    },
)


_FAULTY = st.sampled_from([math.nan, math.inf, "\ud800", 2**64, {1: 2}, {"\udfff": 1}, (1,), object, b"x"])


def nested(value: object, depth: int) -> object:
    for number in range(depth):
        value = [value] if number % 2 else {"x": value}
    return value


@given(value=_JSON | _FAULTY | st.lists(_JSON | _FAULTY, max_size=3), depth=st.integers(0, fields.MAX_DEPTH + 1))
@settings(max_examples=300, deadline=None)
def test_the_quick_look_at_json_lets_nothing_through(value: object, depth: int) -> None:
    def verdict(look: Callable[[object], None]) -> str:
        try:
            look(nested(value, depth))
        except WireError as error:
            return error.message
        return ""

    assert verdict(fields.check_json) == verdict(fields._find_fault)


@given(payload=_PAYLOAD | _JSON, received_at=st.integers(EARLIEST, 4 * 10**12), ruled=st.booleans())
@settings(max_examples=400, deadline=None)
def test_a_message_or_a_wire_error_and_nothing_else(payload: object, received_at: int, ruled: bool) -> None:
    try:
        message = read(payload, received_at, rules=RULES if ruled else WireRules())
    except WireError:
        return
    _check(message, received_at)
    assert repr(read(payload, received_at, rules=RULES if ruled else WireRules())) == repr(message)


def _check(message: WireMessage, received_at: int) -> None:
    """What holds for everything that was read."""
    assert message.events
    assert len({(event.message_id, event.line) for event in message.events}) == len(message.events)
    assert len(message.addressed) == len(message.events)
    named = [message.anchor, *message.also, *message.previous, *(one for each in message.addressed for one in each)]
    assert all(normalise(one.type, one.value) == one for one in named)
    assert message.anchor not in message.also + message.previous
    assert len(set(message.also)) == len(message.also)
    for number, event in enumerate(message.events):
        contact = event.message_id.startswith("contact:")
        assert contact or (event.message_id, event.line) == (message.message_id, number)
        assert not contact or event.kind is Kind.SENT
        assert event.topic is None or event.order is None
        assert EARLIEST <= event.occurred_at <= event.recorded_at == received_at
        assert not math.isinf(event.amount)
        assert not event.quantity <= 0
        json.loads(event.properties, parse_constant=pytest.fail)
        for text in (event.channel, event.item, event.action, event.order, event.decision, event.properties):
            assert text is None or text.encode()
