"""What any store must do about the numbers of orders, which lead to people and join nobody; part of its contract."""

from __future__ import annotations

import dataclasses
import re

import pytest

from features.consent import CONSENT_KINDS
from features.event import ORDERS, Event, Identifier, Kind
from features.stores.protocol import AmbiguousIdentifier, Append, Store, StoreError
from tests.checks.store_examples import NOON, event, import_table, log_decision, user
from tests.checks.store_people_examples import anonymous, seen, tell, viewed

NUMBER = Identifier("order_number", "1182")
ELSEWHERE = sorted(set(Kind) - ORDERS - CONSENT_KINDS - {Kind.DECIDED})


def ordered(message_id: str, at: int = NOON, kind: Kind = Kind.ORDERED, number: str = "1182", **more: object) -> Event:
    return event(message_id, kind, at, order=number, item=f"i-{message_id}", quantity=1.0, **more)


def decided_by_number(store: Store, decision_id: str) -> None:
    write = dataclasses.replace(log_decision("?", decision_id), identifier=NUMBER)
    (receipt,) = store.log_decisions([write]).result(timeout=30)
    assert receipt.decision.person == store.resolve(NUMBER)


def filed(store: Store, who: Identifier) -> list[str]:
    person = store.resolve(who)
    return [] if person is None else [one.decision_id for one in store.decisions_of(person, 9)]


class OrderContract:
    """Takes the fixtures `store`, and `other`, a second handle on it."""

    def test_the_number_of_an_order_leads_to_whoever_has_it(self, store: Store, other: Store) -> None:
        tell(store, user("ann"), ordered("a", line=0), ordered("a", line=1))
        tell(store, user("bob"), ordered("b", number="1183"))
        assert other.resolve(NUMBER) == other.resolve(user("ann"))
        assert other.read(NUMBER).customer_id == "ann"
        assert {one.event.order for one in other.timeline(NUMBER, None, 9)} == {"1182"}
        identity = other.identity(NUMBER)
        assert identity is not None
        assert (identity.customer_id, len(identity.identifiers)) == ("ann", 1)
        assert other.resolve(Identifier("order_number", "118")) is None
        assert not other.read(Identifier("order_number", "11820")).known
        assert other.resolve(Identifier("external_order", "1182")) is None

    @pytest.mark.parametrize("kind", sorted(ORDERS))
    def test_whatever_is_told_of_an_order_leads_by_its_number(self, store: Store, kind: Kind) -> None:
        tell(store, user("ann"), ordered("a", kind=kind))
        assert store.read(NUMBER).customer_id == "ann"

    @pytest.mark.parametrize("kind", ELSEWHERE)
    def test_what_is_no_order_does_not(self, store: Store, kind: Kind) -> None:
        tell(store, user("ann"), ordered("a", kind=kind))
        assert store.resolve(NUMBER) is None

    def test_nor_does_a_topic_of_consent(self, store: Store) -> None:
        said = [event(f"m-{kind}", kind, channel="email", topic="1182") for kind in CONSENT_KINDS]
        tell(store, user("ann"), *said)
        assert store.resolve(NUMBER) is None

    def test_an_imported_order_is_found_like_any_other(self, store: Store) -> None:
        rows = [{"customer_id": "ann", "order": "1182", "item": f"i{row}"} for row in range(3)]
        rows += [{"customer_id": "bob", "order": "1182", "kind": int(Kind.SUBSCRIPTION_STARTED)}]
        store.import_events(import_table([*rows, {"customer_id": "bob"}]), "till")
        tell(store, user("ann"), ordered("told again"))
        store.import_events(import_table(rows), "till again")
        assert store.read(NUMBER).customer_id == "ann"

    def test_several_people_with_one_number_are_told_apart_by_whoever_asks(self, store: Store, other: Store) -> None:
        tell(store, user("ann"), ordered("a"))
        tell(store, user("bob"), ordered("b"))
        assert store.people() == 2
        for asking in (other.read, other.resolve, other.identity, lambda one: other.read_as_of(one, NOON + 9)):
            with pytest.raises(AmbiguousIdentifier) as refusal:
                asking(NUMBER)
            assert refusal.value.customer_ids == ("ann", "bob")
        with pytest.raises(AmbiguousIdentifier):
            decided_by_number(store, "d-1")

    def test_a_number_joins_nobody(self, store: Store) -> None:
        """A forged or mistyped one must show no history to anybody."""
        tell(store, user("ann"), ordered("a"))
        tell(store, anonymous("x"), ordered("b"))
        assert (store.people(), seen(store, anonymous("x"))) == (2, {"i-b"})
        with pytest.raises(AmbiguousIdentifier) as refusal:
            store.read(NUMBER)
        assert refusal.value.customer_ids == ("ann", "anon:x")

    def test_the_number_leads_to_whoever_the_name_belongs_to(self, store: Store) -> None:
        tell(store, anonymous("x"), ordered("a"))
        assert store.read(NUMBER).customer_id == "anon:x"
        tell(store, user("ann"), event("in", at=NOON + 5), also=[anonymous("x")])
        assert store.read(NUMBER).customer_id == "ann"
        assert store.read_as_of(NUMBER, NOON + 4).customer_id == "anon:x"
        store.split(user("ann"), anonymous("x"), NOON + 9, "dpo")
        assert store.read(NUMBER).customer_id == "anon:x"

    def test_an_earlier_moment_knows_nothing_of_a_later_order(self, store: Store) -> None:
        tell(store, user("ann"), viewed("a"), ordered("other", number="7"))
        tell(store, user("ann"), ordered("b", at=NOON + 5))
        assert not store.read_as_of(NUMBER, NOON + 4).known
        assert store.read_as_of(NUMBER, NOON + 5).customer_id == "ann"

    def test_nobody_has_the_order_of_somebody_erased(self, store: Store, other: Store) -> None:
        tell(store, user("ann"), ordered("a"), ordered("c", number="7"))
        tell(store, user("bob"), ordered("b"))
        store.erase(user("ann"), NOON + 9, "dpo")
        assert other.read(NUMBER).customer_id == "bob"
        assert other.resolve(Identifier("order_number", "7")) is None
        tell(store, user("ann"), viewed("again"))
        assert other.read(NUMBER).customer_id == "bob"

    def test_a_decision_by_a_number_is_filed_under_the_name_that_ordered(self, store: Store) -> None:
        tell(store, user("ann"), viewed("in"), also=[anonymous("x")])
        tell(store, anonymous("x"), ordered("a"))
        decided_by_number(store, "d-1")
        answer = event("clicked", Kind.CLICKED, NOON + 1, item="answered", decision="d-1")
        store.append([Append(NUMBER, (answer,), decision="d-1")]).result(timeout=30)
        assert filed(store, user("ann")) == ["d-1"]
        store.split(user("ann"), anonymous("x"), NOON + 9, "dpo")
        assert (filed(store, user("ann")), filed(store, anonymous("x"))) == ([], ["d-1"])
        assert seen(store, anonymous("x")) == {"i-a", "answered"}
        store.erase(anonymous("x"), NOON + 10, "dpo")
        assert store.erased("d-1")

    def test_a_number_that_nobody_has_is_a_strangers(self, store: Store) -> None:
        decided_by_number(store, "d-1")
        assert filed(store, NUMBER) == ["d-1"]
        tell(store, user("ann"), ordered("a"))
        assert store.read(NUMBER).customer_id == "ann"
        decided_by_number(store, "d-2")
        assert filed(store, user("ann")) == ["d-2"]

    # Numbers that are told as identifiers

    def test_who_claims_a_number_and_who_has_the_order_stand_beside_one_another(self, store: Store) -> None:
        tell(store, user("ann"), viewed("a"), also=[NUMBER])
        assert store.read(NUMBER).customer_id == "ann"
        tell(store, user("ann"), ordered("b", at=NOON + 5))
        decided_by_number(store, "d-1")
        assert store.read(NUMBER).customer_id == store.read_as_of(NUMBER, NOON + 1).customer_id == "ann"
        tell(store, user("bob"), ordered("c"))
        with pytest.raises(AmbiguousIdentifier) as refusal:
            store.resolve(NUMBER)
        assert refusal.value.customer_ids == ("ann", "bob")

    def test_what_was_told_under_a_number_alone_stands_beside_no_order(self, store: Store) -> None:
        tell(store, NUMBER, viewed("call"))
        assert store.read(NUMBER).customer_id == "order_number:1182"
        tell(store, user("ann"), ordered("a"))
        assert store.read(NUMBER).customer_id == "ann"
        assert seen(store, user("ann")) == {"i-a"}

    def test_an_order_told_under_its_number_alone_is_found(self, store: Store) -> None:
        tell(store, NUMBER, ordered("a"))
        assert store.read(NUMBER).customer_id == "order_number:1182"
        assert seen(store, NUMBER) == {"i-a"}
        tell(store, user("ann"), ordered("b"))
        with pytest.raises(AmbiguousIdentifier) as refusal:
            store.resolve(NUMBER)
        assert refusal.value.customer_ids == ("ann", "order_number:1182")

    def test_a_number_that_was_cut_off_leads_there_no_more(self, store: Store) -> None:
        tell(store, user("ann"), ordered("a"), also=[NUMBER])
        store.split(user("ann"), NUMBER, NOON + 9, "dpo")
        assert store.resolve(NUMBER) is None
        assert seen(store, user("ann")) == {"i-a"}

    def test_an_order_itself_is_not_cut_off(self, store: Store) -> None:
        tell(store, user("ann"), ordered("a"))
        with pytest.raises(StoreError, match=re.escape("order_number is 1182; it cannot be cut off")):
            store.split(user("ann"), NUMBER, NOON + 9, "dpo")
