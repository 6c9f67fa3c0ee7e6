"""Messages that other tools deliver are contacts, one message once, in the features that count contacts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import build
from features.definitions import names
from features.event import CONTACTS, Identifier, Kind
from features.instants import parse_instant, render_instant
from features.stores import Store, open_store
from features.stores.protocol import Append
from features.wire.messages import PROVIDER_IDS
from features.wire.names import EVENT_NAMES, Shape
from features.wire.segment import WireMessage, read
from tests.features.histories import crowded_world

NOON = parse_instant("2026-01-31T12:00:00Z")
DAY = 86_400_000
FAMILIES: Mapping[str, list[str]] = {
    channel: [name for name, one in EVENT_NAMES.items() if one.shape is Shape.DELIVERY and one.channel == channel]
    for channel in ("email", "sms", "whatsapp", "push")
}
_people = itertools.count()
_calls = itertools.count()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path_factory.mktemp('deliveries') / 'store.db'}")
    yield opened
    opened.close()


def told(event: str, person: str, minute: int = 0, **properties: Any) -> WireMessage:
    at = render_instant(NOON + minute * 60_000)
    call = {"type": "track", "userId": person, "messageId": f"call-{next(_calls)}", "event": event, "timestamp": at}
    return read(call | {"properties": properties}, NOON + DAY)


def counted(store: Store, person: str, messages: list[WireMessage]) -> tuple[float, dict[str, float]]:
    """What the features of the person's contacts in the last seven days say: altogether, and by channel."""
    for message in messages:
        store.append([Append(message.anchor, message.events)]).result()
    page = store.read(Identifier("user_id", person)).page
    world = crowded_world(3, 8, 3)
    column = np.array([names().index("customer.contacts.7d")], np.intp)
    altogether = build.rows(page, NOON + 2 * DAY, 0, world.candidates, world.facts, column)[0, 0]
    kinds = [int(kind) for kind in CONTACTS]
    codes, counts = np.unique(page["channel"][np.isin(page["kind"], kinds)], return_counts=True)
    by_channel = {
        store.vocabulary.text("channel", int(code)) or "": float(n) for code, n in zip(codes, counts, strict=True)
    }
    return float(altogether), by_channel


tellings = st.lists(
    st.tuples(st.sampled_from(sorted(FAMILIES)), st.integers(0, 2), st.integers(0, 3), st.booleans()), max_size=8
)


@settings(max_examples=60, deadline=None)
@given(drawn=tellings, data=st.data())
def test_one_message_is_one_contact_whoever_tells_of_it_in_whatever_order(
    store: Store, drawn: list[tuple[str, int, int, bool]], data: st.DataObject
) -> None:
    person = f"p-{next(_people)}"
    messages, expected = [], set()
    for minute, (channel, number, stage, transactional) in enumerate(drawn):
        name = FAMILIES[channel][stage % len(FAMILIES[channel])]
        kind = {"transactional": True} if transactional else {}
        message_id = f"{'receipt' if transactional else 'offer'}-{number}"
        messages.append(told(name, person, minute, message_id=message_id, **kind))
        if not transactional:
            expected.add((channel, number))
    messages = data.draw(st.permutations(messages))
    altogether, by_channel = counted(store, person, messages)
    assert altogether == len(expected)
    assert by_channel == {
        channel: sum(1.0 for one, _ in expected if one == channel) for channel in {one for one, _ in expected}
    }


@pytest.mark.parametrize(
    "told_so",
    [{"transactional": "true"}, {"message_type": "Transactional"}, {"category": ["receipts", "transactional"]}],
)
def test_a_transactional_message_is_no_contact_however_that_is_told(store: Store, told_so: dict[str, object]) -> None:
    person = f"p-{next(_people)}"
    told_otherwise = told("Email Sent", person, 1, email_id="b", category=["receipts"], transactional=False)
    assert counted(store, person, [told("Email Sent", person, email_id="a", **told_so), told_otherwise])[0] == 1.0


def test_the_log_keeps_every_call(store: Store) -> None:
    person = f"p-{next(_people)}"
    messages = [told(name, person, minute, email_id="e") for minute, name in enumerate(FAMILIES["email"])]
    counted(store, person, messages)
    logged = store.timeline(Identifier("user_id", person), None, 50)
    assert sorted(one.event.name for one in logged if one.event.kind is Kind.OTHER) == sorted(FAMILIES["email"])
    assert [one.event.kind for one in logged].count(Kind.SENT) == 1


@pytest.mark.parametrize("key", PROVIDER_IDS)
def test_tools_name_a_message_in_their_own_words(store: Store, key: str) -> None:
    person = f"p-{next(_people)}"
    messages = [told(name, person, minute, **{key: 17}) for minute, name in enumerate(FAMILIES["sms"])]
    assert counted(store, person, messages)[0] == 1.0


def test_all_recipients_of_one_mailing_are_contacted(store: Store) -> None:
    """Some tools give all of them the same id."""
    for _ in range(2):
        person = f"p-{next(_people)}"
        assert counted(store, person, [told("Email Delivered", person, dispatch_id="mailing-1")])[0] == 1.0


def test_without_an_id_a_campaign_counts_once_a_day_and_other_calls_each(store: Store) -> None:
    person = f"p-{next(_people)}"
    campaign = [told(name, person, minute, campaign_id="k") for minute, name in enumerate(FAMILIES["push"])]
    assert counted(store, person, campaign)[0] == 1.0
    assert counted(store, person, [told("Push Notification Sent", person, -24 * 60, campaign_id="k")])[0] == 2.0
    assert counted(store, person, [told("SMS Sent", person, minute) for minute in (40, 41)])[0] == 4.0


def test_a_message_that_we_decided_is_one_contact_by_its_decision(store: Store) -> None:
    person = f"p-{next(_people)}"
    ours = {"action_id": "a-1", "decision_id": "d-1"}
    messages = [
        told("Email Sent", person, 0, email_id="by the first tool", **ours),
        told("Email Delivered", person, 1, email_id="by the second", **ours),
        told("Email Delivered", person, 2, email_id="by the second", action_id="a-2", decision_id="d-1"),
    ]
    assert counted(store, person, messages)[0] == 2.0


@pytest.mark.parametrize("event", ["SMS Received", "WhatsApp Message Received", "Live Chat Message Received"])
def test_what_the_person_sends_us_is_no_contact(store: Store, event: str) -> None:
    person = f"p-{next(_people)}"
    assert counted(store, person, [told(event, person, message_id="m")])[0] == 0.0
