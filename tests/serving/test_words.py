"""What happened in words, and what is never shown. Every person and number here is synthetic; card numbers are those
that issuers publish for tests."""

from __future__ import annotations

import json
import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.discretion import discreet, is_secret
from features.event import Event, Kind
from serving.item_names import NamedItems
from serving.words import _WORDS, LONGEST, label, words_of

CARDS = [
    "4111 1111 1111 1111",
    "5555555555554444",
    "3782-822463-10005",
    "6011.0009.9013.9424",
    "4111111111111111 12/28",
]


def told(kind: Kind, channel: str | None = None, *, properties: object = None, **columns: object) -> Event:
    return Event(
        message_id="m-1",
        kind=kind,
        name="Signed Up",
        occurred_at=1,
        recorded_at=1,
        channel=channel,
        properties=json.dumps(properties or {}),
        **columns,  # type: ignore[arg-type]
    )


NAMES = {"washer-1": "Washing machine"}


def named(item: str) -> str:
    return NAMES.get(item, item)


SENTENCES = [
    (told(Kind.ORDERED, "store", item="washer-1", quantity=2.0), "bought 2 \u00d7 Washing machine in the store"),
    (told(Kind.ORDERED, "web", item="washer-1"), "bought Washing machine on the website"),
    (told(Kind.ORDERED, "web", order="o-9"), "placed order o-9 on the website"),
    (told(Kind.REFUNDED, "web", order="o-9", item="washer-1"), "Washing machine of order o-9 was refunded"),
    (told(Kind.CANCELLED, "web", order="o-9"), "order o-9 was cancelled"),
    (told(Kind.BASKET_ADDED, "app", item="vacuum-1"), "put vacuum-1 into the basket in the app"),
    (told(Kind.SEARCHED, "web", properties={"query": "quiet washer"}), "searched for “quiet washer” on the website"),
    (told(Kind.PAGE_SEEN, "kiosk"), "saw a page on kiosk"),
    (told(Kind.DELIVERY_DELAYED, properties={"order_id": "o-9"}), "delivery of order o-9 was delayed"),
    (told(Kind.PAYMENT_FAILED, "web", order="o-9"), "payment failed for order o-9 on the website"),
    (told(Kind.IVR_MENU_SELECTED, "ivr", properties={"option": "billing"}), "chose billing in the telephone menu"),
    (told(Kind.ORDERED, "store", order="o-9"), "bought something in the store"),
    (told(Kind.CALL_STARTED, "agent", properties={"reason": "late"}), "called about “late”"),
    (told(Kind.CALL_STARTED, "agent", properties={"reason": "late_delivery"}), "called about “late delivery”"),
    (told(Kind.CALL_ENDED, "agent", properties={"reason": "bill"}), "call about “bill” ended"),
    (told(Kind.CALL_ENDED, "agent"), "call ended"),
    (told(Kind.CASE_OPENED, properties={"case_id": "k-3", "reason": "x"}, severity=3), "case k-3 was opened (high): x"),
    (told(Kind.CASE_CLOSED, properties={"case_id": "k-3", "about": "late_van", "outcome": "paid", "agent_id": "ada"}),
     "case k-3 about “late van” was closed by ada: paid"),
    (told(Kind.CASE_CLOSED, properties={"case_id": "k-3", "reason": "x", "outcome": "paid"}),
     "case k-3 about “x” was closed: paid"),
    (told(Kind.CASE_CLOSED, properties={"case_id": "k-3", "reason": "x"}), "case k-3 was closed: x"),
    (told(Kind.CASE_CLOSED, properties={"case_id": "k-3"}), "case k-3 was closed"),
    (told(Kind.CONSENT_WITHDRAWN, "email", topic="offers"), "asked not to be contacted by e-mail about offers"),
    (told(Kind.CONSENT_WITHDRAWN), "asked not to be contacted on any channel"),
    (told(Kind.HANDED_OFF, "agent", properties={"inquiry": "late"}), "was passed on to the telephone: late"),
    (told(Kind.HANDOFF_TAKEN, "agent", properties={"agent_id": "ada"}), "was taken over on the telephone by agent ada"),
    (told(Kind.NOTE_WRITTEN, "agent", properties={"told": "late", "promised": "a call", "agent_id": "ada"}),
     "a note was written by ada: late; promised: a call"),
    (told(Kind.NOTE_WRITTEN, "agent"), "a note was written"),
    (told(Kind.NOTE_WRITTEN, "agent", properties={"keeps": "n-1", "kept": "a call", "agent_id": "bo"}),
     "a promise was kept by bo: “a call”"),
    (told(Kind.NOTE_WRITTEN, "agent", properties={"keeps": "n-1"}), "a promise was kept"),
    (told(Kind.FORM_FIELD_CAPTURED, properties={"field": "pin", "value": "1234"}), "filled in the field “pin”"),
    (told(Kind.OTHER, "web"), "Signed Up on the website"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "sentence"), SENTENCES, ids=[sentence for _, sentence in SENTENCES])
def test_an_event_is_one_line(event: Event, sentence: str) -> None:
    assert words_of(event, named) == sentence


@pytest.mark.parametrize(
    ("channel", "shown"),
    [("agent", "Telephone"), ("email", "E-mail"), ("store", "Store"), ("whatsapp", "WhatsApp"), ("kiosk_2", "Kiosk 2")],
)
def test_a_channel_is_called_in_plain_words(channel: str, shown: str) -> None:
    assert label(channel) == shown


_PROPERTIES = st.dictionaries(
    st.sampled_from(["query", "name", "reason", "case_id", "field", "value", "agent_id", "inquiry", "option", "plan"]),
    st.none() | st.booleans() | st.text(max_size=300) | st.integers() | st.lists(st.integers(), max_size=2),
)


@given(st.sampled_from(list(Kind)), st.none() | st.sampled_from(["web", "fax"]), _PROPERTIES, st.booleans())
def test_every_kind_has_words_whatever_was_told(
    kind: Kind, channel: str | None, properties: object, full: bool
) -> None:
    more = {"item": "washer-1", "order": "o", "action": "a", "quantity": 2.5} if full else {"quantity": math.nan}
    sentence = words_of(told(kind, channel, properties=properties, **more), named)
    assert sentence
    assert sentence == " ".join(sentence.split())
    assert len(sentence) < 4 * LONGEST


@pytest.mark.parametrize("card", CARDS)
def test_a_card_number_is_never_shown(card: str) -> None:
    digits = "".join(letter for letter in card if letter.isdigit())[:15]
    text = f"my card is {card}, thanks"
    assert digits[:12] not in "".join(letter for letter in discreet(text) if letter.isdigit())
    assert is_secret("remark", text)
    sentence = words_of(told(Kind.CHAT_STARTED, "chat", properties={"reason": text}), named)
    assert "card number ending in" in sentence


@pytest.mark.parametrize(
    "field",
    ["password", "userPassword", "PIN", "card_number", "creditCard", "CVV2", "cvc", "security-code", "cardNumber2"],
)
def test_a_secret_field_is_withheld_whatever_it_holds(field: str) -> None:
    assert is_secret(field, "x")


@pytest.mark.parametrize("field", ["shipping", "meter_number", "email", "card_colour", "opinion", "postcode"])
def test_other_fields_are_not(field: str) -> None:
    assert not is_secret(field, "A-12")
    assert not is_secret(field, "+44 20 7946 0018")
    assert not is_secret(field, 1769850000000)
    assert not is_secret(field, None)


@given(st.text())
def test_text_without_a_card_number_is_left_as_it_is(text: str) -> None:
    assert discreet(text) == text or "card number ending in" in discreet(text)
    assert discreet(discreet(text)) == discreet(text)


@given(st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=30), st.data())
def test_items_are_called_by_their_names(ids: list[str], data: st.DataObject) -> None:
    names = [data.draw(st.none() | st.text(max_size=5)) for _ in ids]
    called = NamedItems(pa.table({"id": pa.array(ids, pa.string()), "name": pa.array(names, pa.string())}))
    for item, name in zip(ids, names, strict=True):
        assert called(item) == (item if name is None else name)
    assert called("none of them") == "none of them"


@pytest.mark.parametrize("kind", Kind)
def test_no_kind_is_without_words(kind: Kind) -> None:
    """Each by name: dice need not throw them all."""
    assert kind in _WORDS
