"""What names a person on the wire: taken as a claim and kept out of the log, or left where it is nobody's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from features.event import Identifier, Kind
from features.stores import open_store
from features.stores.protocol import Append
from features.wire.identifiers import mentioned
from features.wire.names import EVENT_NAMES
from features.wire.segment import WireMessage, read
from tests.checks.store_examples import VAULT, user
from tests.features.test_wire_segment import NOON, RULES, refused, track

MAIL, PHONE = Identifier("email", "ada@example.org"), Identifier("phone", "+442079460018")
ADDRESSES = {"email": "Ada@Example.org", "phone": "020 7946 0018"}
REQUIRED = {
    **dict.fromkeys(("order_id", "product_id", "action_id", "case_id", "subscription_id", "plan", "topic"), "x"),
    "channel": "web",
    "status": "SUBSCRIBED",
}
"""What one shape or another cannot do without."""
OWN_TYPES = ("user_id", " User_ID ", "userId", "user-id", "USERID", "anonymous_id", "anonymousId")


def told(payload: dict[str, object]) -> tuple[WireMessage, str]:
    """The message and all that the log would keep of it."""
    message = read(payload, NOON, rules=RULES)
    return message, "".join(event.properties for event in message.events)


def with_external_id(type_: str, value: str, **more: object) -> dict[str, object]:
    return track(context={"externalIds": [{"id": value, "type": type_}]}, **more)


@pytest.mark.parametrize("name", sorted(EVENT_NAMES))
def test_no_address_stays_in_the_log_of_a_known_event(name: str) -> None:
    message, kept = told(track(name, properties=REQUIRED | ADDRESSES | {"note": "kept"}))
    assert (message.anchor, set(message.also), message.unusable) == (user("c"), {MAIL, PHONE}, ())
    assert "email" not in json.loads(message.events[0].properties)
    assert not any(text in kept for text in ADDRESSES.values())
    assert '"note":"kept"' in kept


@pytest.mark.parametrize("call", ["page", "screen", "identify", "alias"])
def test_nor_in_that_of_another_call(call: str) -> None:
    message, kept = told({"type": call, "userId": "c", "previousId": "b", "properties": ADDRESSES})
    assert (set(message.also), kept) == ({MAIL, PHONE}, "{}")


MAILS = ("Email", "EMAIL", "e-mail", "emailAddress", "email_address", "Email Address", "emails")
PHONES = ("Phone", "phoneNumber", "phone_number", "PHONE-NUMBER", "mobile", "Mobile_Phone", "mobileNumber", "telephone")
OTHERS = ("cell_phone", "homePhone", "work phone", "phones", "phoneNumbers")


@pytest.mark.parametrize(
    ("key", "value", "who"),
    [(key, "ada@example.org", MAIL) for key in MAILS] + [(key, PHONE.value, PHONE) for key in (*PHONES, *OTHERS)],
)
def test_an_address_is_one_whatever_a_sender_calls_it(key: str, value: str, who: Identifier) -> None:
    calls = (
        {"type": "identify", "userId": "c", "traits": {key: value, "city": "York"}},
        {"type": "identify", "userId": "c", "context": {"traits": {key: value}}},
        track("Call Started", properties={key: value, "queue": "q"}),
        track("Call Started", properties={key: [value, value]}),
    )
    for call in calls:
        message, kept = told(call)
        assert message.also == (who,)
        assert value not in kept + json.dumps(dict(message.traits))
        assert mentioned(call, None) == (user("c"), who)


def test_of_a_list_each_is_one_and_what_is_none_is_counted_under_a_name_of_ours() -> None:
    message, kept = told(track("Call Started", properties={"E_Mails": ["ada@example.org", "none"], "PHONES": [True]}))
    assert (message.also, message.unusable, kept) == ((MAIL,), ("properties.emails", "properties.phones"), "{}")


def test_what_only_begins_like_an_address_stays() -> None:
    traits = {"email_verified": True, "phone_model": "x", "mobileApp": "y", "e" * 2000: "z", "mailing": "weekly"}
    message, _ = told({"type": "identify", "userId": "c", "traits": traits})
    assert message.traits == traits


def test_what_is_no_address_is_counted_and_not_kept_either() -> None:
    message, kept = told(track("Call Started", properties={"email": "withheld", "phoneNumber": ["1"], "queue": "q"}))
    assert (message.also, message.unusable) == ((), ("properties.email", "properties.phoneNumber"))
    assert kept == '{"queue":"q"}'


def test_an_address_names_whom_nothing_else_names() -> None:
    message, _ = told(track("Call Started", userId=None, properties={"phone": PHONE.value}))
    assert (message.anchor, message.also) == (PHONE, ())


def test_in_an_event_of_an_unknown_name_it_may_be_anybodys() -> None:
    message, kept = told(track("Invited A Friend", properties=ADDRESSES))
    assert (message.also, json.loads(kept)) == ((), ADDRESSES)


def test_a_groups_addresses_are_nobodys_and_not_kept() -> None:
    group = {"type": "group", "userId": "c", "groupId": "g", "traits": ADDRESSES | {"name": "Smith"}}
    message, kept = told(group | {"properties": ADDRESSES})
    assert (message.also, message.unusable) == ((), ())
    assert json.loads(kept) == {"groupId": "g", "traits": {"name": "Smith"}}


def addressed(name: str, properties: dict[str, object], **more: object) -> tuple[tuple[Identifier, ...], ...]:
    return told(track(name, properties=properties, **more))[0].addressed


def test_a_users_withdrawal_is_addressed_to_what_it_names_of_its_channel() -> None:
    """A grant, what merely accompanies every call, and an objection to profiling are not."""
    assert addressed("SMS Unsubscribed", ADDRESSES) == ((PHONE,),)
    assert addressed("Email Unsubscribed", ADDRESSES) == addressed("Email Marked as Spam", ADDRESSES) == ((MAIL,),)
    assert addressed("Email Group Unsubscribed", ADDRESSES | {"topic": "news"}) == ((MAIL,),)
    off = {"channel": "sms", "status": "UNSUBSCRIBED"}
    assert addressed("Channel Subscription Updated", ADDRESSES | off) == ((PHONE,),)
    assert addressed("SMS Subscribed", ADDRESSES) == ((),)
    assert addressed("SMS Unsubscribed", {}, context={"traits": ADDRESSES}) == ((),)
    assert addressed("Profiling Objected", ADDRESSES) == ((),)
    entries = {"messaging_subscriptions": [{"type": "SMS", "status": "UNSUBSCRIBED"}]}
    assert addressed("Order Completed", {"order_id": "o"} | ADDRESSES, context=entries) == ((), ())


STOPS = ("STOP", "stop", " Stop. ", "STOPALL", "Stop all", "UNSUBSCRIBE", "cancel", "End", "QUIT!", "revoke", "opt-out")


@pytest.mark.parametrize("body", STOPS)
@pytest.mark.parametrize("who", [{"userId": None}, {"userId": None, "anonymousId": "a"}, {}])
def test_a_text_that_says_nothing_but_stop_is_a_withdrawal(body: str, who: dict[str, object]) -> None:
    message, kept = told(track("SMS Received", properties={"From": PHONE.value, "Body": body}, **who))
    assert [event.kind for event in message.events] == [Kind.OTHER, Kind.CONSENT_WITHDRAWN]
    assert ({event.channel for event in message.events}, message.addressed) == ({"sms"}, ((), (PHONE,)))
    assert PHONE in (message.anchor, *message.also)
    assert PHONE.value not in kept


@pytest.mark.parametrize("body", ["please stop by at six", "START", "YES", "", "the end", None, 7, ["STOP"]])
def test_any_other_text_is_none(body: object) -> None:
    message, _ = told(track("SMS Received", properties={"from": PHONE.value, "body": body}))
    assert [event.kind for event in message.events] == [Kind.OTHER]


@pytest.mark.parametrize("type_", OWN_TYPES)
def test_an_external_id_is_no_user_id(type_: str) -> None:
    """Nor is one that nothing else names the person by; but the call mentions whom it names."""
    message, _ = told(with_external_id(type_, "ann"))
    assert (message.also, message.unusable) == ((), ("context.externalIds[0].type",))
    refused(with_external_id(type_, "ann", userId=None), "context.externalIds[0].type")
    assert "ann" in {one.value for one in mentioned(with_external_id(type_, "ann"), None)}


@pytest.mark.parametrize("type_", OWN_TYPES)
def test_no_external_id_joins_two_users_through_one_browser(tmp_path: Path, type_: str) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db", vault=VAULT)
    for number, name in enumerate(("ann", "bob")):
        for place in ({"userId": name}, {"userId": None, "anonymousId": "shared"}):
            call = with_external_id(type_, name, messageId=f"{number}{len(place)}", **place)
            one = read(call, NOON, rules=RULES)
            store.append([Append(one.anchor, one.events, also=one.also, previous=one.previous)]).result(timeout=30)
    assert store.resolve(user("ann")) != store.resolve(user("bob"))
    assert store.read(Identifier("anonymous_id", "shared")).customer_id == "anon:shared"
    store.close()
