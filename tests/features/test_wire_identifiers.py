"""What names a person on the wire: taken as a claim and kept out of the log, or left where it is nobody's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from features.event import Identifier
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
