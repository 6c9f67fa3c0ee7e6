"""What any store must do about who is who; part of the store's contract."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from features.event import Identifier, Kind
from features.identity import customer_identifier
from features.partition import COMMON
from features.stores import open_store
from features.stores.protocol import AmbiguousIdentifier, Append, InvalidEvent, Store
from tests.checks.store_examples import NOON, VAULT, customer_table, event, import_table, log_decision, user
from tests.checks.store_people_examples import CARD, MAIL, PHONE, anonymous, says_no, seen, story_of, tell, told, viewed


def decide(store: Store, decision_id: str, by: Identifier) -> None:
    """The receipt says whose the decision is."""
    write = dataclasses.replace(log_decision("?", decision_id), identifier=by)
    (receipt,) = store.log_decisions([write]).result(timeout=30)
    assert (receipt.decision.person, receipt.replayed) == (store.resolve(by), False)


def decided(store: Store, by: Identifier) -> set[str]:
    person = store.resolve(by)
    return set() if person is None else {one.decision_id for one in store.decisions_of(person, 99)}


class IdentityContract:
    """Takes the fixtures `store`, and `other`, a second handle on it. The fixture `store` checks itself at the end: who
    is who, and every projection, are made again from claims and log and compared."""

    @pytest.fixture
    def apart(self, tmp_path: Path) -> Iterator[Store]:
        """Another store, empty, on SQLite."""
        opened = open_store(f"sqlite:///{tmp_path}/apart/store.db", vault=VAULT)
        yield opened
        opened.close()

    def test_the_kinds_of_address_are_the_persons(self, store: Store, other: Store) -> None:
        tell(store, user("ann"), viewed("a"), also=[MAIL])
        tell(store, user("ann"), viewed("b", NOON + 5), also=[PHONE])
        assert other.addresses(user("ann")) == other.addresses(PHONE) == {"user_id", "email", "phone"}
        assert other.addresses(user("ann"), NOON) == {"user_id", "email"}
        assert other.addresses(user("ann"), NOON - 1) == other.addresses(user("nobody")) == frozenset()
        store.split(user("ann"), MAIL, NOON + 9, "test")
        assert other.addresses(user("ann")) == {"user_id", "phone"}

    # What makes one person

    def test_an_alias_makes_one_person_with_everything_of_both(self, store: Store, other: Store) -> None:
        tell(store, user("old"), viewed("a"))
        appended = tell(store, user("new"), viewed("b", NOON + 5), previous=[user("old")])
        for name in ("old", "new"):
            record = other.read(user(name))
            assert (record.customer_id, record.version) == ("new", appended.version)
            assert seen(other, user(name)) == {"a", "b"}
        assert other.people() == 1
        assert other.resolve(user("old")) == other.resolve(user("new")) == appended.person

    def test_a_shared_strong_identifier_makes_one_person(self, store: Store) -> None:
        tell(store, user("ann"), viewed("a"), also=[CARD])
        assert seen(store, CARD) == {"a"}
        tell(store, user("ann2"), viewed("b"), also=[CARD])
        assert seen(store, CARD) == seen(store, user("ann")) == seen(store, user("ann2")) == {"a", "b"}

    def test_signing_in_brings_what_was_seen_before(self, store: Store) -> None:
        tell(store, anonymous("x"), viewed("a"))
        assert store.read(anonymous("x")).customer_id == "anon:x"
        tell(store, user("ann"), viewed("b"), also=[anonymous("x")])
        tell(store, anonymous("x"), viewed("c"))
        for who in (anonymous("x"), user("ann")):
            assert store.read(who).customer_id == "ann"
            assert seen(store, who) == {"a", "b", "c"}

    def test_a_claim_waits_for_whom_it_names(self, store: Store) -> None:
        tell(store, user("ann"), viewed("a"), also=[anonymous("x")])
        assert store.read(anonymous("x")).customer_id == "ann"
        tell(store, anonymous("x"), viewed("b"))
        assert seen(store, user("ann")) == {"a", "b"}
        tell(store, user("bob"), viewed("c"), previous=[user("rob")])
        tell(store, user("rob"), viewed("d"))
        assert seen(store, user("bob")) == {"c", "d"}

    def test_a_call_from_a_telephone_is_its_only_holders(self, store: Store) -> None:
        tell(store, user("ann"), viewed("a"), also=[PHONE])
        tell(store, PHONE, viewed("b"))
        assert seen(store, user("ann")) == {"a", "b"}

    def test_somebody_known_by_a_telephone_alone_has_a_name_that_leads_back(self, store: Store) -> None:
        tell(store, PHONE, viewed("a"))
        name = store.read(PHONE).customer_id
        assert name == "phone:+442079460018"
        assert seen(store, customer_identifier(name)) == {"a"}

    # What never does

    def test_a_familys_telephone_makes_nobody_one(self, store: Store, other: Store) -> None:
        tell(store, user("ann"), viewed("a"), also=[PHONE])
        assert store.read(PHONE).customer_id == "ann"
        tell(store, user("bob"), viewed("b"), also=[PHONE])
        for asking in (other.read, other.resolve, other.identity, lambda one: other.read_as_of(one, NOON + 9)):
            with pytest.raises(AmbiguousIdentifier) as refusal:
                asking(PHONE)
            assert refusal.value.customer_ids == ("ann", "bob")
        assert (seen(store, user("ann")), seen(store, user("bob")), store.people()) == ({"a"}, {"b"}, 2)

    def test_what_is_told_under_a_shared_telephone_is_shown_to_neither(self, store: Store) -> None:
        for name in ("ann", "bob"):
            tell(store, user(name), viewed(name), also=[PHONE])
        tell(store, PHONE, viewed("c"))
        assert (seen(store, user("ann")), seen(store, user("bob"))) == ({"ann"}, {"bob"})
        with pytest.raises(AmbiguousIdentifier) as refusal:
            store.read(PHONE)
        assert refusal.value.customer_ids == ("ann", "bob")

    def test_a_shared_computer_is_nobodys(self, store: Store) -> None:
        tell(store, anonymous("x"), viewed("a"))
        for name in ("ann", "bob"):
            tell(store, user(name), viewed(name), also=[anonymous("x")])
            tell(store, user(name), event(f"alias-{name}"), previous=[anonymous("x"), user("x")])
        assert seen(store, user("ann")) == {"ann"}
        assert seen(store, anonymous("x")) == {"a"}
        assert store.read(anonymous("x")).customer_id == "anon:x"

    def test_a_shared_browser_that_told_nothing_is_nobody(self, store: Store) -> None:
        for name in ("ann", "bob"):
            tell(store, user(name), viewed(name), also=[anonymous("x")])
        assert store.resolve(anonymous("x")) is None
        assert not store.read(anonymous("x")).known

    def test_an_identifier_that_too_many_have_makes_nobody_one(self, store: Store) -> None:
        for number in range(COMMON + 2):
            tell(store, user(f"u{number:02}"), viewed(f"i{number}"), also=[CARD])
            expected = 1 if number < COMMON else number + 1
            assert store.people() == expected
        assert seen(store, user("u00")) == {"i0"}
        with pytest.raises(AmbiguousIdentifier):
            store.read(CARD)

    # Whatever the order, however often

    @pytest.mark.parametrize("seed", range(6))
    def test_the_order_of_the_messages_is_all_the_same(self, store: Store, apart: Store, seed: int) -> None:
        rng = random.Random(seed)
        story = story_of(rng)
        for teller, messages in ((store, story), (apart, rng.sample(story, len(story)))):
            for message in (*messages, *rng.sample(messages, 3)):
                teller.append([message]).result(timeout=30)
        names = sorted({message.identifier for message in story}, key=str)
        assert [told(store, one) for one in names] == [told(apart, one) for one in names]
        assert (store.people(), apart.check().faults) == (apart.people(), ())

    def test_one_group_or_many_are_all_the_same(self, store: Store, apart: Store) -> None:
        story = story_of(random.Random(99))
        for message in story:
            store.append([message]).result(timeout=30)
        apart.append(story).result(timeout=30)
        for who in {message.identifier for message in story}:
            assert told(store, who) == told(apart, who)
        assert apart.check().faults == ()

    def test_a_retried_alias_changes_nothing(self, store: Store, other: Store) -> None:
        tell(store, user("old"), viewed("a"))
        first = tell(store, user("new"), event("alias"), previous=[user("old")])
        again = tell(other, user("new"), event("alias"), previous=[user("old")])
        assert (again.person, again.stored, again.version) == (first.person, 0, first.version)

    def test_chains_and_cycles_of_aliases_end(self, store: Store) -> None:
        names = [f"u{number}" for number in range(12)]
        for at, (one, older) in enumerate(itertools.pairwise([*names, names[0]])):
            tell(store, user(one), viewed(f"i{at}"), previous=[user(older)])
        assert store.people() == 1
        assert len(seen(store, user("u7"))) == 12
        assert store.read(user("u7")).customer_id == "u0"

    def test_five_hundred_identifiers_of_one_person(self, store: Store) -> None:
        writes = [Append(anonymous(f"x{number}"), (viewed(f"i{number}"),)) for number in range(250)]
        writes += [
            Append(
                user("ann"), (event(f"in-{number}"),), also=(anonymous(f"x{number}"), Identifier("crm", f"{number}"))
            )
            for number in range(250)
        ]
        store.append(writes).result(timeout=60)
        assert store.people() == 1
        assert len(seen(store, anonymous("x137"))) == 250
        assert seen(store, Identifier("crm", "249")) == seen(store, user("ann"))
        identity = store.identity(user("ann"))
        assert identity is not None
        assert (len(identity.identifiers), len(identity.names)) == (751, 251)

    # As of, and offline

    def test_an_earlier_moment_knows_nothing_of_a_later_alias(self, store: Store) -> None:
        tell(store, user("old"), viewed("a", NOON))
        tell(store, user("new"), viewed("b", NOON + 1))
        before = store.read_as_of(user("new"), NOON + 5)
        tell(store, user("new"), event("alias", at=NOON + 10), previous=[user("old")])
        after = store.read_as_of(user("new"), NOON + 5)
        assert after.page.tobytes() == before.page.tobytes()
        assert (after.person, after.version, after.customer_id) == (before.person, before.version, before.customer_id)
        assert len(store.read_as_of(user("old"), NOON + 5).page) == 1
        assert len(store.read_as_of(user("new"), NOON + 10).page) == 3
        assert store.read_as_of(user("old"), NOON + 10).page.tobytes() == store.read(user("old")).page.tobytes()

    def test_a_scan_shows_the_other_history_since_it_was_the_persons(self, store: Store) -> None:
        tell(store, user("old"), viewed("a", NOON))
        tell(store, user("new"), viewed("b", NOON + 1))
        tell(store, user("new"), event("alias", at=NOON + 10), previous=[user("old")])
        (person,) = store.scan(0, 1)
        assert person.customer_id == "new"
        assert person.person == store.resolve(user("new"))
        by_moment = sorted(person.records["recorded_at"].tolist())
        assert by_moment == [NOON, NOON + 10, NOON + 10]

    # Decisions

    def test_a_decision_by_any_identifier_is_the_persons(self, store: Store) -> None:
        tell(store, user("ann"), viewed("a"), also=[MAIL])
        by_mail = dataclasses.replace(log_decision("ann", "d-1"), identifier=MAIL)
        (receipt,) = store.log_decisions([by_mail]).result()
        assert receipt.decision.person == store.resolve(user("ann"))
        assert store.people() == 1
        tell(store, user("ann2"), event("alias"), previous=[user("ann")])
        person = store.resolve(user("ann2"))
        assert person is not None
        assert [one.decision_id for one in store.decisions_of(person, 5)] == ["d-1"]

    def test_a_decision_stays_with_the_one_whose_identifier_asked(self, store: Store, other: Store) -> None:
        batch = [
            Append(user("nu-1"), (event("in"),), also=(MAIL,)),
            Append(user("nu-1"), (event("alias"),), previous=(user("nu-0"), user("nu-2"))),
            Append(user("nu-0"), (viewed("a"),), also=(PHONE,)),
        ]
        store.append(batch).result(timeout=30)
        asked = {"by-mail": MAIL, "by-phone": PHONE, "by-name": user("nu-0"), "by-unheard": user("nu-2")}
        for decision_id, by in asked.items():
            decide(other, decision_id, by)
            answer = event(f"{decision_id}-clicked", Kind.CLICKED, NOON + 1, item=decision_id, decision=decision_id)
            store.append([Append(by, (answer,), decision=decision_id)]).result(timeout=30)
        assert store.people() == 1
        assert set(asked) <= seen(store, user("nu-1")) == seen(store, user("nu-0"))
        store.split(user("nu-1"), user("nu-0"), NOON + 8, "dpo")
        store.split(user("nu-1"), user("nu-2"), NOON + 9, "dpo")
        theirs = {"nu-1": {"by-mail"}, "nu-0": {"by-phone", "by-name"}, "nu-2": {"by-unheard"}}
        assert {name: decided(other, user(name)) for name in theirs} == theirs
        assert {name: seen(other, user(name)) & set(asked) for name in theirs} == theirs
        store.erase(user("nu-1"), NOON + 10, "dpo")
        assert other.decision("by-mail") is None
        assert other.erased("by-mail")
        assert {name: decided(other, user(name)) for name in ("nu-0", "nu-2")} == {
            name: theirs[name] for name in ("nu-0", "nu-2")
        }

    @pytest.mark.parametrize(("first", "whose"), [("a-old", "b-new"), ("b-new", "b-new")])
    def test_a_decision_by_what_several_names_of_one_person_claim_is_the_names_they_go_by(
        self, store: Store, first: str, whose: str
    ) -> None:
        """And its answers lie with it, although the address is then nobody's alone."""
        for at, name in enumerate(sorted(("a-old", "b-new"), key=lambda one: one != first)):
            tell(store, user(name), event(f"in-{name}", at=NOON + at), also=[MAIL])
        tell(store, user("b-new"), event("alias", at=NOON + 5), previous=[user("a-old")])
        decide(store, "d-1", MAIL)
        answer = event("clicked", Kind.CLICKED, NOON + 6, item="answered", decision="d-1")
        store.append([Append(MAIL, (answer,), decision="d-1")]).result(timeout=30)
        store.split(user("b-new"), user("a-old"), NOON + 9, "dpo")
        assert decided(store, user(whose)) == {"d-1"}
        assert seen(store, user(whose)) == {"answered"}
        store.erase(user(whose), NOON + 10, "dpo")
        assert store.erased("d-1")

    def test_a_decision_by_what_two_visits_claim_is_the_first_ones(self, store: Store) -> None:
        tell(store, user("ann"), viewed("in"), also=[anonymous("x"), anonymous("y")])
        tell(store, anonymous("y"), event("y", at=NOON + 1), also=[MAIL])
        tell(store, anonymous("x"), event("x", at=NOON + 2), also=[MAIL])
        decide(store, "d-1", MAIL)
        store.split(user("ann"), anonymous("y"), NOON + 9, "dpo")
        assert (decided(store, user("ann")), decided(store, anonymous("y"))) == (set(), {"d-1"})

    def test_a_decision_by_an_address_that_events_are_told_under_goes_with_it(self, store: Store) -> None:
        tell(store, MAIL, viewed("letter"))
        tell(store, user("ann"), viewed("in"), also=[MAIL])
        decide(store, "d-1", MAIL)
        assert decided(store, user("ann")) == {"d-1"}
        store.split(user("ann"), MAIL, NOON + 9, "dpo")
        assert (decided(store, user("ann")), decided(store, MAIL)) == (set(), {"d-1"})
        store.erase(MAIL, NOON + 10, "dpo")
        assert store.erased("d-1")

    def test_a_decision_on_a_shared_identifier_is_refused(self, store: Store) -> None:
        for name in ("ann", "bob"):
            tell(store, user(name), viewed(name), also=[PHONE])
        by_phone = dataclasses.replace(log_decision("x", "d-1"), identifier=PHONE)
        with pytest.raises(AmbiguousIdentifier):
            store.log_decisions([by_phone]).result()
        assert store.decision("d-1") is None

    def test_a_merge_in_the_middle_of_decisions_loses_and_doubles_nothing(self, store: Store, other: Store) -> None:
        tell(store, user("old"), viewed("a"))

        def decide(number: int) -> None:
            name = "old" if number % 2 else "new"
            (store if number % 3 else other).log_decisions([log_decision(name, f"d-{number}")]).result(timeout=30)

        def alias(_: int) -> None:
            tell(other, user("new"), event("alias"), previous=[user("old")])

        with ThreadPoolExecutor(6) as pool:
            jobs = [pool.submit(alias if number == 20 else decide, number) for number in range(40)]
            for job in jobs:
                job.result(timeout=60)
        person = store.resolve(user("new"))
        assert person is not None
        assert {one.decision_id for one in store.decisions_of(person, 99)} == {f"d-{n}" for n in range(40) if n != 20}
        (history,) = store.scan(0, 1)
        assert len(history.records) == 41

    def test_two_merges_at_once_lose_and_double_nothing(self, store: Store, other: Store) -> None:
        names = [f"u{number}" for number in range(16)]
        pairs = list(itertools.pairwise(names))

        def merge(at: int) -> None:
            one, older = pairs[at]
            tell((store, other)[at % 2], user(one), viewed(f"i{at}"), previous=[user(older)])

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(merge, random.Random(3).sample(range(15), 15)))
        tell(store, user("u15"), viewed("last"))
        assert store.people() == 1
        assert len(seen(other, user("u3"))) == 16

    # Identity in words, imports

    def test_identity_in_words(self, store: Store) -> None:
        tell(store, anonymous("x"), viewed("a"))
        tell(store, user("ann"), event("in", at=NOON + 3), also=[anonymous("x"), MAIL])
        identity = store.identity(MAIL)
        assert identity is not None
        assert (identity.customer_id, identity.names) == ("ann", ("ann", "anon:x"))
        held = {(one.type, one.value, one.profile, one.since - NOON, one.anchor) for one in identity.identifiers}
        assert held == {
            ("user_id", "ann", "ann", 3, True),
            ("anonymous_id", "x", "ann", 3, False),
            ("email", "ann@example.com", "ann", 3, False),
            ("anonymous_id", "x", "anon:x", 0, True),
        }
        assert store.identity(PHONE) is None

    def test_imported_identifiers_are_claims(self, store: Store) -> None:
        tell(store, anonymous("x"), viewed("a"))
        tell(store, MAIL, viewed("b"))
        row = {"customer_id": "ann", "identifiers": '[["anonymous_id","x"],["email","ann@example.com"]]'}
        receipt = store.import_customers(customer_table([row]), "crm")
        assert (receipt.stored, receipt.people) == (1, 1)
        assert seen(store, user("ann")) == {"a", "b"}
        store.import_events(import_table([{"customer_id": name, "item": name} for name in ("ann", "anon:x")]), "file")
        assert seen(store, user("ann")) == {"a", "b", "ann", "anon:x"}
        assert store.people() == 1

    def test_imported_consents_of_people_who_are_one_are_weighed_together(self, store: Store) -> None:
        tell(store, user("old"), event("m"))
        tell(store, user("new"), event("alias", at=NOON + 10), previous=[user("old")])
        said = {"channel": "email", "occurred_at": NOON}
        rows = [
            {**said, "customer_id": "old", "kind": int(Kind.CONSENT_WITHDRAWN)},
            {**said, "customer_id": "new", "kind": int(Kind.CONSENT_GRANTED), "occurred_at": NOON + 1},
        ]
        store.import_events(import_table([{**row, "recorded_at": NOON + 20} for row in rows]), "file")
        assert says_no(store, user("new"))

    @pytest.mark.parametrize("where", ["also", "previous", "addressed"])
    def test_nothing_is_claimed_without_an_event_that_dates_it(self, store: Store, where: str) -> None:
        with pytest.raises(InvalidEvent, match=r"^events is \(\); "):
            store.append([Append(user("ann"), (), **{where: (MAIL,)})]).result(timeout=30)  # type: ignore[arg-type]
        assert (store.people(), store.resolve(MAIL)) == (0, None)

    @pytest.mark.parametrize("where", ["also", "previous", "addressed"])
    def test_an_identifier_that_is_no_text_is_refused_at_once_and_hinders_nobody(
        self, store: Store, where: str
    ) -> None:
        for value in ("\ud800", "a\x00"):
            with pytest.raises(InvalidEvent):
                tell(store, user("ann"), viewed("a"), **{where: [Identifier("email", value)]})
        tell(store, user("bob"), viewed("b"))
        assert store.people() == 1
