"""What a decision was made from can be read again whatever has happened since; part of the store's contract."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace

from msgspec import structs

from features.event import Identifier, Kind
from features.history import CustomerRecord
from features.stores.protocol import AmbiguousIdentifier, Append, LogDecision, Store
from tests.checks.store_examples import NOON, append, customer_table, decision, event, import_table, log_decision, user
from tests.checks.store_people_examples import MAIL, PHONE, anonymous, granted, story_of, tell, viewed, withdrawn


class ReplayContract:
    """Takes the fixtures `store`, and `other`, a second handle on it."""

    def test_a_record_of_then_is_what_was_read_though_all_happens_in_one_millisecond(
        self, store: Store, other: Store
    ) -> None:
        append(store, "ann", viewed("before"), granted("yes"), traits={"city": "York"})
        read = decided(store, user("ann"), "d-1")
        append(other, "ann", viewed("after"), withdrawn("no"), traits={"city": "Leeds"})
        append(other, "ann", event("late", Kind.ORDERED, NOON - 9, item="i", order="o", recorded_at=NOON))
        tell(other, user("ann"), event("in"), also=[anonymous("x")])
        rows = [{"customer_id": "ann", "item": "long ago", "occurred_at": NOON - 99, "recorded_at": NOON - 99}]
        other.import_events(import_table(rows), "till")
        same(store.record_of("d-1"), read)

    def test_a_reservation_of_its_own_is_not_in_it(self, store: Store) -> None:
        read = decided(store, user("new"), "d-1", reserves=True)
        same(store.record_of("d-1"), read)
        second = decided(store, user("new"), "d-2", reserves=True)
        assert len(second.page) == 1
        same(store.record_of("d-2"), second)
        same(store.record_of("d-1"), read)

    def test_before_and_after_a_merge(self, store: Store, other: Store) -> None:
        tell(store, user("old"), withdrawn("no", NOON), viewed("mine"))
        tell(store, user("new"), granted("yes", NOON))
        reads = {name: decided(store, user(name), f"before {name}") for name in ("old", "new")}
        tell(store, user("new"), event("alias", at=NOON + 1), previous=[user("old")])
        reads["both"] = decided(store, user("old"), "before both")
        tell(store, user("old"), granted("again"))
        for name, read in reads.items():
            same(other.record_of(f"before {name}"), read)

    def test_somebody_who_was_nobody_then(self, store: Store) -> None:
        for number, who in enumerate((anonymous("x"), user("c"), MAIL)):
            read = decided(store, who, f"d-{number}")
            tell(store, user("known"), event(f"in-{number}"), also=[who])
            same(store.record_of(f"d-{number}"), read)

    def test_a_withdrawal_through_a_telephone_binds_only_whoever_had_it(self, store: Store) -> None:
        tell(store, user("ann"), granted("yes-ann", channel="sms"), also=[PHONE])
        tell(store, PHONE, withdrawn("stop", channel="sms"), addressed=[PHONE])
        tell(store, user("cat"), granted("yes-cat", channel="sms"))
        reads = {name: decided(store, user(name), name) for name in ("ann", "cat")}
        tell(store, user("cat"), event("in", at=NOON + 1), also=[PHONE])
        for name, read in reads.items():
            same(store.record_of(name), read)

    def test_who_was_split_since_is_not_made_up(self, store: Store) -> None:
        tell(store, user("ann"), viewed("a"))
        tell(store, user("bob"), viewed("b"))
        alone = decided(store, user("ann"), "alone")
        tell(store, user("ann"), event("alias", at=NOON + 5), previous=[user("bob")])
        decided(store, user("ann"), "together")
        store.split(user("ann"), user("bob"), NOON + 10, "operator")
        parted = decided(store, user("ann"), "parted")
        append(store, "ann", viewed("later"))
        assert store.record_of("together") is None
        same(store.record_of("alone"), alone)
        same(store.record_of("parted"), parted)

    def test_a_merge_in_the_millisecond_of_an_earlier_event_is_not_guessed(self, store: Store) -> None:
        for name in ("ann", "bob"):
            tell(store, user(name), viewed(name))
        decided(store, user("ann"), "d-1")
        tell(store, user("ann"), event("alias"), previous=[user("bob")])
        assert store.record_of("d-1") is None
        both = decided(store, user("ann"), "d-2")
        append(store, "ann", viewed("later"))
        same(store.record_of("d-2"), both)

    def test_imported_people(self, store: Store) -> None:
        ann = {"customer_id": "ann", "identifiers": f'[["email", "{MAIL.value}"]]'}
        store.import_customers(customer_table([ann]), "crm")
        read = decided(store, MAIL, "d-1")
        append(store, "ann", viewed("first"))
        second = decided(store, MAIL, "d-2")
        tell(store, user("ann"), event("in"), also=[anonymous("x")])
        same(store.record_of("d-1"), read)
        same(store.record_of("d-2"), second)

    def test_any_story(self, store: Store) -> None:
        """Of people who share this and that, a decision after each message."""
        reads: dict[str, CustomerRecord] = {}
        clock = NOON + 100
        for seed in range(4):
            rng = random.Random(seed)
            for number, write in enumerate(story_of(rng)):
                told = (structs.replace(write.events[0], message_id=f"{seed}-{number}", recorded_at=clock),)
                clock += 1
                store.append([structs.replace(write, events=told)]).result()
                name, who = f"{seed}-{number}", rng.choice([user("u1"), user("u2"), anonymous("x"), write.identifier])
                with suppress(AmbiguousIdentifier):
                    reads[name] = decided(store, who, name, reserves=rng.random() < 0.5)
        for name, read in reads.items():
            same(store.record_of(name), read)

    def test_none_is_made_up(self, store: Store) -> None:
        assert store.record_of("never") is None
        append(store, "ann", viewed("a"))
        decided(store, user("ann"), "d-1")
        store.erase(user("ann"), NOON, "operator")
        assert store.record_of("d-1") is None

    def test_the_newest_decisions_are_listed(self, store: Store) -> None:
        store.log_decisions([log_decision("ann", f"d-{number}") for number in range(4)]).result()
        assert store.newest_decisions(NOON, 3) == ("d-3", "d-2", "d-1")
        assert store.newest_decisions(NOON + 1, 3) == ()

    def test_what_was_told_of_a_time_zone_is_told_of_everybody(self, store: Store) -> None:
        """In the order in which it was told; of a profile that turned out to be somebody's from then on; what a file of
        customers says was always known."""
        said = [("ann", NOON, "Asia/Tokyo"), ("ann", NOON + 2, None), ("bob", NOON + 1, "Europe/Paris")]
        for name, at, zone in said:
            append(store, name, event(f"{name}-{at}", at=at), traits={"time_zone": zone, "city": "York"})
        append(store, "ann", event("moved", at=NOON + 3), traits={"city": "Leeds"})
        store.import_customers(customer_table([{"customer_id": "cid", "time_zone": "Asia/Seoul"}]), "crm")
        tell(store, user("ann"), event("joined", at=NOON + 9), also=[anonymous("x")])
        tell(store, anonymous("y"), event("unnamed", at=NOON))
        append_ = Append(anonymous("y"), (event("zoned", at=NOON + 1),), traits={"time_zone": "Asia/Dubai"})
        store.append([append_]).result()
        tell(store, user("ann"), event("it is me", at=NOON + 20), also=[anonymous("y")])
        found = {one.customer_id: one for one in store.scan(0, 1)}
        told = {name: [(one.recorded_at, one.zone) for one in each.zones] for name, each in found.items()}
        assert told["bob"] == [(NOON + 1, "Europe/Paris")]
        assert told["ann"] == [(NOON, "Asia/Tokyo"), (NOON + 2, None), (NOON + 20, "Asia/Dubai")]
        ((known_at, zone),) = told["cid"]
        assert (known_at <= 0, zone) == (True, "Asia/Seoul")
        for each in found.values():
            assert (each.zones[-1].zone if each.zones else None) == store.read(user(each.customer_id)).time_zone

    def test_those_by_earlier_catalogues_are_listed_by_whose_they_are(self, store: Store) -> None:
        """Somebody who turned out to be another is that other."""
        for name in ("ann", "bob", "cid"):
            append(store, name, viewed(name))
        tell(store, user("bob"), event("in"), also=[user("cid")])
        told = {("ann", "d-1"): 1, ("bob", "d-2"): 2, ("cid", "d-3"): 1, ("ann", "d-4"): 3, ("cid", "d-5"): 2}
        writes = [log_decision(*one) for one in told]
        made = [replace(one.decision, catalogue_version=by) for one, by in zip(writes, told.values(), strict=True)]
        store.log_decisions([replace(one, decision=by) for one, by in zip(writes, made, strict=True)]).result()
        everybody = {(0, 1): {(name, by) for (_, name), by in told.items() if by < 3}}
        ann, bob, cid = (store.resolve(user(name)) for name in ("ann", "bob", "cid"))
        assert ann is not None
        assert bob == cid != ann
        own = {(ann % 997, 997): {("d-1", 1)}, (bob % 997, 997): {("d-2", 2), ("d-3", 1), ("d-5", 2)}}
        for where, expected in (everybody | own).items():
            assert set(store.decided_by_earlier(3, *where)) == expected
        assert list(store.decided_by_earlier(1, 0, 1)) == []

    def test_who_turned_out_to_be_another_is_scanned_as_that_other_alone(self, store: Store) -> None:
        for name in ("ann", "bob", "cid"):
            append(store, name, viewed(name))
        before = [one.person for one in store.scan(0, 1)]
        tell(store, user("bob"), event("in"), also=[user("cid")])
        whole, some = list(store.scan(0, 1)), list(store.scan_of(before))
        assert (len(before), len(whole)) == (3, 2)
        assert [(one.person, one.records.tobytes()) for one in some] == [
            (one.person, one.records.tobytes()) for one in whole
        ]


def decided(store: Store, who: Identifier, decision_id: str, reserves: bool = False) -> CustomerRecord:
    """The record as it was read, a decision made from it logged."""
    read = store.read(who)
    fields = {"action": "a-1", "channel": "email", "decision": decision_id}
    events = [event(f"decided:{decision_id}", Kind.DECIDED, **fields)]
    if reserves:
        events.append(event(f"reserved:{decision_id}", Kind.RESERVED, ends_at=NOON + 1000, **fields))
    made = replace(decision(decision_id), person=read.person, history_version=read.version, subject=read.customer_id)
    store.log_decisions([LogDecision(who, made, tuple(events))]).result()
    return read


def same(found: CustomerRecord | None, read: CustomerRecord) -> None:
    assert found is not None
    for part in ("page", "ledger", "consents"):
        assert getattr(found, part).tobytes() == getattr(read, part).tobytes(), part
    for name in ("customer_id", "known", "version", "traits", "time_zone", "addresses"):
        assert getattr(found, name) == getattr(read, name), name
