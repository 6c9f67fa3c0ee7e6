"""What moves along when people become one, and what comes back when they are parted; part of the store's contract."""

from __future__ import annotations

import re

import pytest

from features import consent, ledger
from features.event import Kind
from features.history import NO_CHANNEL
from features.identity import customer_identifier
from features.stores.protocol import Append, Store, StoreError
from tests.checks.store_examples import NOON, event, user
from tests.checks.store_people_examples import (
    CARD,
    MAIL,
    PHONE,
    anonymous,
    granted,
    says_no,
    seen,
    tell,
    told,
    viewed,
    withdrawn,
)


class MergeContract:
    """Takes the fixtures `store`, and `other`, a second handle on it."""

    def test_everybody_comes_in_portions_under_a_name_that_leads_back(self, store: Store, other: Store) -> None:
        for number in range(5):
            tell(store, user(f"u{number}"), viewed(f"v{number}"))
        tell(store, anonymous("visitor"), viewed("a"))
        tell(store, user("u0"), viewed("b", NOON + 5), previous=[user("u1")])
        portions, after = [], -1
        while portion := other.names(after, 2):
            portions.append(portion)
            after = portion[-1][0]
        everybody = [one for portion in portions for one in portion]
        assert [len(portion) for portion in portions] == [2, 2, 1]
        assert everybody == sorted(everybody)
        assert len(everybody) == other.people() == 5
        assert all(other.resolve(customer_identifier(name)) == person for person, name in everybody)

    # What moves along

    def test_what_was_bought_is_owned_by_the_person(self, store: Store) -> None:
        bought = event("b", Kind.ORDERED, item="washer", order="o-1", quantity=1.0)
        tell(store, anonymous("x"), bought)
        tell(store, user("ann"), event("in"), also=[anonymous("x")])
        assert len(ledger.owned(store.read(user("ann")).ledger, NOON + 1)) == 1
        tell(store, user("ann"), event("r", Kind.REFUNDED, NOON + 2, order="o-1"))
        assert len(ledger.owned(store.read(anonymous("x")).ledger, NOON + 3)) == 0

    def test_traits_of_all_are_the_persons(self, store: Store) -> None:
        store.append([Append(anonymous("x"), (event("m"),), {"city": "York", "plan": "a"})]).result()
        store.append([Append(user("ann"), (event("n"),), {"plan": "b"}, also=(anonymous("x"),))]).result()
        assert store.read(anonymous("x")).traits == {"city": "York", "plan": "b"}

    def test_the_stricter_consent_holds_from_the_join_until_a_later_yes(self, store: Store) -> None:
        tell(store, user("old"), withdrawn("no", NOON))
        tell(store, user("new"), granted("yes", NOON + 5))
        assert not says_no(store, user("new"))
        tell(store, user("new"), event("alias", at=NOON + 10), previous=[user("old")])
        assert says_no(store, user("new"))
        assert says_no(store, user("new"), at=NOON + 10)
        tell(store, user("new"), granted("late yes", NOON + 7))
        assert says_no(store, user("new"))
        tell(store, user("old"), granted("new yes", NOON + 20))
        assert not says_no(store, user("new"))

    def test_an_old_yes_that_arrives_after_the_join_lifts_nothing(self, store: Store) -> None:
        tell(store, user("old"), withdrawn("no", NOON))
        tell(store, user("new"), event("alias", at=NOON + 10), previous=[user("old")])
        tell(store, user("new"), event("yes", Kind.CONSENT_GRANTED, NOON + 5, recorded_at=NOON + 30, channel="email"))
        assert says_no(store, user("new"))

    def test_a_withdrawal_through_a_familys_telephone_binds_everybody_now_and_later(
        self, store: Store, other: Store
    ) -> None:
        for name in ("ann", "bob"):
            tell(store, user(name), granted(f"yes-{name}", channel="sms"), also=[PHONE])
        before = store.read(user("bob")).version
        tell(store, PHONE, withdrawn("stop", NOON + 5, "sms"), addressed=[PHONE])
        assert store.read(user("bob")).version > before
        tell(store, user("cat"), granted("yes-cat", channel="sms"))
        assert not says_no(store, user("cat"), "sms")
        tell(store, user("cat"), event("in", at=NOON + 9), also=[PHONE])
        for name in ("ann", "bob", "cat"):
            assert says_no(other, user(name), "sms")
            assert not says_no(other, user(name), "email")
        tell(store, user("bob"), granted("again", NOON + 20, "sms"))
        assert not says_no(store, user("bob"), "sms")
        assert says_no(store, user("ann"), "sms")

    def test_a_withdrawal_of_a_user_through_a_shared_address_binds_them_and_its_holders(
        self, store: Store, other: Store
    ) -> None:
        for name in ("ann", "bob"):
            tell(store, user(name), granted(f"yes-{name}", channel="sms"), also=[PHONE])
        tell(store, user("cat"), withdrawn("stop", NOON + 5, "sms"), also=[PHONE], addressed=[PHONE])
        assert all(says_no(other, user(name), "sms") for name in ("ann", "bob", "cat"))
        store.split(user("cat"), PHONE, NOON + 9, "test")
        assert says_no(other, user("cat"), "sms")
        tell(store, user("ann"), granted("again", NOON + 20, "sms"), also=[PHONE], addressed=[PHONE])
        assert [says_no(other, user(name), "sms") for name in ("ann", "bob")] == [False, True]

    def test_a_withdrawal_under_one_identifier_is_the_persons(self, store: Store) -> None:
        tell(store, user("ann"), granted("yes"), also=[MAIL])
        tell(store, MAIL, withdrawn("no", NOON + 1), addressed=[MAIL])
        assert says_no(store, user("ann"))
        assert len(store.read(user("ann")).consents) == 2

    def test_objecting_to_profiling_is_the_persons(self, store: Store) -> None:
        objects = event("no", Kind.CONSENT_WITHDRAWN, topic="profiling")
        tell(store, user("old"), objects)
        tell(store, user("new"), event("yes", Kind.CONSENT_GRANTED, NOON + 5, topic="profiling"))
        tell(store, user("new"), event("alias", at=NOON + 10), previous=[user("old")])
        consents = store.read(user("new")).consents
        assert consent.objects_to_profiling(consents, NOON + 10)
        assert (consents["channel"][consents["topic"] != 0] == NO_CHANNEL).all()

    # Parting

    def test_a_split_gives_everybody_their_own_back(self, store: Store, other: Store) -> None:
        tell(store, user("ann"), event("o", Kind.ORDERED, item="washer", order="1"), granted("yes"))
        tell(store, user("bob"), viewed("b"), withdrawn("no", NOON + 1))
        before = [told(store, user(name)) for name in ("ann", "bob")]
        tell(store, user("ann"), event("alias", Kind.OTHER, NOON + 5), previous=[user("bob")])
        assert says_no(store, user("ann"))
        left = store.split(user("ann"), user("bob"), NOON + 9, "dpo")
        assert (left.customer_id, left.names) == ("ann", ("ann",))
        assert not says_no(other, user("ann"))
        assert seen(other, user("bob")) == {"b"}
        assert len(ledger.owned(other.read(user("bob")).ledger, NOON + 99)) == 0
        assert told(store, user("bob")) == before[1]
        assert store.people() == 2

    def test_a_split_is_for_good(self, store: Store) -> None:
        tell(store, user("ann"), event("alias"), previous=[user("bob")])
        tell(store, user("bob"), viewed("b"))
        assert store.may_split(user("ann"), user("bob"))
        assert store.people() == 1, "asking changes nothing"
        first = store.split(user("ann"), user("bob"), NOON + 9, "dpo")
        assert not store.may_split(user("ann"), user("bob"))
        assert store.split(user("ann"), user("bob"), NOON + 10, "dpo") == first
        tell(store, user("ann"), event("alias-again"), previous=[user("bob")], also=[user("bob")])
        tell(store, user("bob"), event("alias-back"), previous=[user("ann")])
        assert store.people() == 2
        assert seen(store, user("ann")) == set()

    def test_a_telephone_is_cut_off_with_what_came_by_it(self, store: Store) -> None:
        tell(store, user("ann"), viewed("a"), also=[PHONE, anonymous("x")])
        tell(store, anonymous("y"), viewed("b"), also=[PHONE])
        assert seen(store, user("ann")) == {"a", "b"}
        left = store.split(user("ann"), PHONE, NOON + 9, "dpo")
        assert [one.type for one in left.identifiers if one.severed] == ["phone"]
        assert seen(store, user("ann")) == {"a"}
        assert store.read(PHONE).customer_id == "anon:y"

    def test_who_is_split_off_keeps_their_own(self, store: Store) -> None:
        for name in ("ann", "bob"):
            tell(store, anonymous(f"x-{name}"), viewed(f"seen-{name}"))
            tell(store, user(name), viewed(name), also=[anonymous(f"x-{name}")])
        tell(store, user("ann"), event("wrong", at=NOON + 5), also=[CARD])
        tell(store, user("bob"), event("wrong too", at=NOON + 6), also=[CARD])
        assert len(seen(store, user("ann"))) == 4
        store.split(user("ann"), user("bob"), NOON + 9, "dpo")
        assert seen(store, user("ann")) == {"ann", "seen-ann"}
        assert seen(store, user("bob")) == {"bob", "seen-bob"}
        assert store.read(CARD).customer_id == "ann"

    def test_what_cannot_be_cut_is_refused(self, store: Store) -> None:
        tell(store, user("ann"), viewed("a"))
        for customer, identifier in ((user("ann"), PHONE), (user("ann"), user("ann")), (user("bob"), PHONE)):
            refusal = re.escape(f"{identifier.type} is {identifier.value}; it cannot be cut off")
            with pytest.raises(StoreError, match=refusal):
                store.may_split(customer, identifier)
            with pytest.raises(StoreError, match=refusal):
                store.split(customer, identifier, NOON, "dpo")

    def test_a_split_is_noted_without_naming_anybody(self, store: Store) -> None:
        tell(store, user("ann"), event("alias"), previous=[user("bob")])
        tell(store, user("bob"), viewed("b"))
        store.split(user("ann"), user("bob"), NOON + 9, "dpo")
        (entry,) = store.audit(5)
        assert (entry.what, entry.at, entry.author) == ("split", NOON + 9, "dpo")
        assert "ann" not in entry.subject + entry.counts
