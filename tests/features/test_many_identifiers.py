"""One customer with five hundred identifiers: every one of them leads to the one person. SYNTHETIC."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from features.event import Identifier, Kind
from features.stores import open_store
from features.stores.protocol import Append, Store
from tests.checks.store_examples import NOON, VAULT, event, user

ANCHORS = {"anonymous_id": 200, "user_id": 49, "loyalty_card": 20}
"""Under these events are told before anybody knows whose they are."""
HELD = {"email": 100, "phone": 50, "device": 50, "order_number": 30}
"""These are only ever named beside another."""


@pytest.fixture
def store(fresh_url: str) -> Iterator[Store]:
    opened = open_store(fresh_url, vault=VAULT)
    yield opened
    assert opened.check().faults == ()
    opened.close()


def named(person: str, counts: dict[str, int]) -> list[Identifier]:
    return [
        Identifier(type_, f"+4420794{number:05}{person}" if type_ == "phone" else f"{person}-{type_}-{number}")
        for type_, count in counts.items()
        for number in range(count)
    ]


def calls(person: str) -> list[Append]:
    """A purchase under each anchor; then the customer's own calls, which claim everything, some of it twice."""
    rng = random.Random(8)
    anchors, held = named(person, ANCHORS), named(person, HELD)
    told = []
    for number, one in enumerate(anchors):
        order = {"item": f"i{number % 30}", "order": f"{person}-{number}", "quantity": 1.0, "channel": "web"}
        told.append(Append(one, (event(f"{person} order {number}", Kind.ORDERED, NOON + number, **order),)))
    for start in range(0, len(anchors), 5):
        claimed = anchors[start : start + 5]
        known = tuple(one for one in claimed if one.type == "user_id")
        also = (*(one for one in claimed if one.type != "user_id"), *rng.sample(held, 6))
        said = event(f"{person} says {start}", Kind.IDENTIFIED, NOON + 1_000 + start)
        told.append(Append(user(person), (said,), also=also, previous=known))
    rest = event(f"{person} says the rest", Kind.IDENTIFIED, NOON + 5_000)
    return [*told, Append(user(person), (rest,), also=tuple(held))]


def test_each_of_five_hundred_identifiers_leads_to_the_one_person(store: Store) -> None:
    told = calls("1")
    for start in range(0, len(told), 40):
        store.append(told[start : start + 40]).result(120)
    every = [user("1"), *named("1", ANCHORS), *named("1", HELD)]
    assert len(every) == 500
    record = store.read(user("1"))
    assert {store.resolve(one) for one in every} == {record.person}
    assert {(seen.person, seen.version, seen.page.tobytes()) for seen in map(store.read, every)} == {
        (record.person, record.version, record.page.tobytes())
    }
    assert len(record.page) == len(told)
    assert len(record.ledger) == sum(ANCHORS.values())
    identity = store.identity(user("1"))
    assert identity is not None
    assert {Identifier(one.type, str(one.value)) for one in identity.identifiers} == set(every)
    assert store.people() == 1


def test_the_order_in_which_five_hundred_are_told_changes_nothing(store: Store) -> None:
    """Two customers with the same story, one of them told backwards."""
    for person, order in (("1", 1), ("2", -1)):
        told = calls(person)[::order]
        for start in range(0, len(told), 40):
            store.append(told[start : start + 40]).result(120)
    assert store.people() == 2
    for person in ("1", "2"):
        every = [user(person), *named(person, ANCHORS), *named(person, HELD)]
        assert len({store.resolve(one) for one in every}) == 1
    one, two = store.read(user("1")), store.read(user("2"))
    for name in ("occurred_at", "kind", "item"):
        assert sorted(one.page[name].tolist()) == sorted(two.page[name].tolist())
    assert one.ledger["quantity"].sum() == two.ledger["quantity"].sum() == sum(ANCHORS.values())
    assert (one.customer_id, two.customer_id) == ("1", "2")


def test_one_of_five_hundred_is_cut_off_and_the_others_stay(store: Store) -> None:
    told = calls("1")
    store.append(told).result(120)
    lost = Identifier("anonymous_id", "1-anonymous_id-7")
    left = store.split(user("1"), lost, NOON + 9_000, "test")
    every = [one for one in (user("1"), *named("1", ANCHORS), *named("1", HELD)) if one != lost]
    assert {store.resolve(one) for one in every} == {left.person}
    assert store.resolve(lost) not in {None, left.person}
    assert len(store.read(lost).ledger) == 1
    assert len(store.read(user("1")).ledger) == sum(ANCHORS.values()) - 1
    store.append(told).result(120)
    assert store.resolve(lost) != left.person, "what was cut off stays cut off, whoever claims it again"
