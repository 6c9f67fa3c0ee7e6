"""What every store owes the people it holds: a whole copy, and an erasure after which there is nothing left of them."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from features import consent
from features.event import Identifier, Kind
from features.instants import render_instant
from features.stores.people import AuditEntry
from features.stores.protocol import AmbiguousIdentifier, Append, DeadLetter, HistoryGone, LogDecision, Store
from tests.checks.store_examples import NOON, append, event, import_table, log_decision, user

LATER = NOON + 1_000_000
AUTHOR = "operator test"
ANN_MAIL = Identifier("email", "ann@example.org")
PHONE = Identifier("phone", "+442079460018")
BROWSER = Identifier("anonymous_id", "browser-1")
_numbers = itertools.count()


def fill(store: Store, name: str) -> None:
    """A person with something of everything."""
    lines = (
        event(f"{name}-bought", Kind.ORDERED, item="vacuum-1", order=f"{name}-o1", quantity=1.0, channel="web"),
        event(f"{name}-yes", Kind.CONSENT_GRANTED, channel="email"),
        event(f"{name}-seen", properties=json.dumps({"words": f"said by {name}"})),
    )
    append(store, name, *lines, traits={"city": f"city of {name}"})
    append(store, name, event(f"{name}-moved", at=NOON + 5), traits={"city": f"new city of {name}"})
    store.log_decisions([log_decision(name, f"decided-{name}", json.dumps({"customer_id": name}))]).result(30)
    about = (user(name),)
    store.bury(
        [
            DeadLetter(NOON, "quantity is 0; above 0", json.dumps({"userId": name, "n": 1}), about),
            DeadLetter(NOON, "nothing could be read", f'{{"customer": "{name}", "cut'),
        ]
    ).result(30)


def copy_of(store: Store, name: str) -> dict[str, Any]:
    """The copy without what every copy changes."""
    text = store.export(user(name), LATER, AUTHOR)
    assert text is not None
    made: dict[str, Any] = json.loads(text)
    del made["audit"]
    return made


def erase(store: Store, name: str) -> dict[str, int]:
    counts: dict[str, int] = json.loads(erase_entry(store, name).counts)
    return counts


def erase_entry(store: Store, name: str) -> AuditEntry:
    entry = store.erase(user(name), LATER, AUTHOR)
    assert entry is not None
    return entry


def tell(
    store: Store, who: Identifier, *also: Identifier, previous: tuple[Identifier, ...] = (), at: int = NOON
) -> None:
    """Something happened to `who`, who is also called otherwise."""
    store.append([Append(who, (event(f"m{next(_numbers)}", at=at),), {}, also, previous)]).result(30)


def granted(store: Store, name: str) -> dict[str, bool | None]:
    """What holds on each channel much later; None: nothing was said."""
    consents, codes = store.read(user(name)).consents, store.vocabulary.codes["channel"]
    unknown = len(codes)
    states = {
        on: consent.state(consents, codes.get(on, unknown), consent.EVERYTHING, 2 * LATER)
        for on in ("email", "sms", "push")
    }
    return {on: None if state is None else state.granted for on, state in states.items()}


class RightsContract:
    """Mixed into StoreContract, which has the fixtures."""

    # Erasure

    def test_an_erased_person_is_unknown_everywhere(self, store: Store, other: Store) -> None:
        fill(store, "ann-17")
        counts = erase(store, "ann-17")
        assert (counts["events"], counts["decisions"], counts["trait_changes"]) == (5, 1, 2)
        assert (counts["dead_letters"], counts["profiles"]) == (2, 1)
        for reader in (store, other):
            assert reader.resolve(user("ann-17")) is None
            assert not reader.read(user("ann-17")).known
            assert not reader.read_as_of(user("ann-17"), LATER).known
            assert reader.timeline(user("ann-17"), None, 100) == ()
            assert reader.decision("decided-ann-17") is None
            assert reader.dead_letters(100) == ()
            assert reader.export(user("ann-17"), LATER, AUTHOR) is None
            assert reader.people() == 0
        assert list(store.scan(0, 1)) == []
        assert list(store.logged(list(Kind))) == []

    def test_others_stay_as_they_were(self, store: Store) -> None:
        fill(store, "ann-17")
        fill(store, "bob-18")
        before = copy_of(store, "bob-18"), store.read(user("bob-18")).page.tobytes()
        erase(store, "ann-17")
        assert (copy_of(store, "bob-18"), store.read(user("bob-18")).page.tobytes()) == before
        assert store.decision("decided-bob-18") is not None

    def test_again_finds_nobody(self, store: Store, other: Store) -> None:
        fill(store, "ann-17")
        erase(store, "ann-17")
        assert store.erase(user("ann-17"), LATER, AUTHOR) is None
        assert other.erase(user("ann-17"), LATER, AUTHOR) is None
        assert other.erase(user("nobody"), LATER, AUTHOR) is None
        assert [entry.what for entry in store.audit(10)] == ["erased"]

    def test_who_asks_for_an_erased_decision_hears_that_it_was_there(self, store: Store, other: Store) -> None:
        fill(store, "ann-17")
        assert not store.erased("decided-ann-17")
        erase(store, "ann-17")
        assert other.erased("decided-ann-17")
        assert not other.erased("decided-nobody")

    def test_what_is_told_afterwards_begins_anew(self, store: Store) -> None:
        """Nothing is remembered: not the number, not the messages that were told before."""
        fill(store, "ann-17")
        before = store.read(user("ann-17"))
        erase(store, "ann-17")
        again = append(store, "ann-17", event("ann-17-seen"))
        assert (again.stored, again.person > before.person, again.version > before.version) == (1, True, True)
        record = store.read(user("ann-17"))
        assert (len(record.page), len(record.ledger), dict(record.traits)) == (1, 0, {})

    def test_an_import_of_an_erased_row_can_be_repeated(self, store: Store) -> None:
        rows = import_table([{"customer_id": "ann-17", "item": "i"}, {"customer_id": "bob-18", "item": "i"}])
        store.import_events(rows, "file")
        erase(store, "ann-17")
        assert store.import_events(rows, "file").stored == 1
        assert store.import_events(rows, "file").stored == 0

    def test_a_decision_in_flight_brings_nothing_back(self, store: Store, other: Store) -> None:
        fill(store, "ann-17")
        record = store.read(user("ann-17"))
        write = log_decision("ann-17", "in-flight")
        made = LogDecision(write.identifier, replace(write.decision, person=record.person), write.events)
        erase(other, "ann-17")
        with pytest.raises(HistoryGone):
            store.log_decisions([made]).result(30)
        assert store.decision("in-flight") is None
        assert store.people() == 0
        append(store, "ann-17", event("back"))
        with pytest.raises(HistoryGone):
            store.log_decisions([made]).result(30)

    def test_traffic_and_erasures_at_once(self, store: Store, other: Store) -> None:
        """Each is done whole or refused whole, and nobody waits for ever."""

        def work(number: int) -> None:
            handle, name = (store, other)[number % 2], f"person-{number % 4:02d}"
            if number % 5 == 4:
                handle.erase(user(name), LATER + number, AUTHOR)
            elif number % 5 == 3:
                decided = log_decision(name, f"decision-{number}")
                read = replace(decided.decision, person=handle.read(user(name)).person)
                try:
                    handle.log_decisions([LogDecision(decided.identifier, read, decided.events)]).result(30)
                except HistoryGone:
                    return
            else:
                append(handle, name, event(f"m-{number}"), traits={"number": number})

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(120)))
        for number in range(4):
            store.erase(user(f"person-{number:02d}"), LATER, AUTHOR)
        assert (store.people(), store.check().events, store.check().faults) == (0, 0, ())

    def test_a_refused_event_of_somebody_else_stays(self, store: Store) -> None:
        fill(store, "ann-17")
        letters = [
            DeadLetter(NOON, "r", '{"userId": "ann-171", "note": "ann-17 is my sister", "price": 17}'),
            DeadLetter(NOON, "r", '{"userId": "bob-18"}', (user("bob-18"),)),
        ]
        store.bury(letters).result(30)
        erase(store, "ann-17")
        assert [one.payload for one in store.dead_letters(10)] == [one.payload for one in letters[::-1]]

    # What others hold too

    def test_whichever_name_is_given_the_whole_person_is_erased(self, store: Store) -> None:
        tell(store, user("ann-17"), ANN_MAIL, previous=(user("ann-old"), BROWSER))
        for name in (user("ann-old"), BROWSER, user("ann-17")):
            tell(store, name)
        assert store.people() == 1
        entry = store.erase(ANN_MAIL, LATER, AUTHOR)
        assert entry is not None
        assert json.loads(entry.counts)["profiles"] == 3
        for name in (user("ann-old"), BROWSER, user("ann-17"), ANN_MAIL):
            assert store.identity(name) is None
        assert store.people() == 0

    def test_a_shared_computer_does_not_become_the_other_ones(self, store: Store) -> None:
        for name in ("ann-17", "bob-18"):
            tell(store, user(name), BROWSER)
        tell(store, BROWSER)
        before = [store.read(one).page.tobytes() for one in (user("bob-18"), BROWSER)]
        assert erase(store, "ann-17")["boundaries_left"] == 1
        assert [store.read(one).page.tobytes() for one in (user("bob-18"), BROWSER)] == before
        tell(store, user("bob-18"), BROWSER)
        tell(store, BROWSER)
        assert store.resolve(BROWSER) != store.resolve(user("bob-18"))
        assert store.people() == 2

    def test_a_shared_telephone_is_then_the_other_ones(self, store: Store) -> None:
        for name in ("ann-17", "bob-18"):
            tell(store, user(name), PHONE)
        with pytest.raises(AmbiguousIdentifier):
            store.resolve(PHONE)
        erase(store, "ann-17")
        assert store.resolve(PHONE) == store.resolve(user("bob-18"))
        erase(store, "bob-18")
        assert store.resolve(PHONE) is None
        assert store.people() == 0

    def test_two_known_people_erased_leave_no_person(self, store: Store) -> None:
        """Whoever comes later with what only boundaries hold is somebody of their own."""
        for name in ("ann-17", "bob-18"):
            tell(store, user(name), PHONE)
        for name in ("ann-17", "bob-18"):
            erase(store, name)
        tell(store, BROWSER, PHONE)
        assert store.resolve(PHONE) == store.resolve(BROWSER)
        assert store.people() == 1

    def test_a_withdrawal_in_force_outlives_the_person(self, store: Store, other: Store) -> None:
        tell(store, user("ann-17"), ANN_MAIL)
        said = (
            ("email", Kind.CONSENT_WITHDRAWN, NOON),
            ("sms", Kind.CONSENT_WITHDRAWN, NOON),
            ("sms", Kind.CONSENT_GRANTED, NOON + 1),
            ("push", Kind.CONSENT_GRANTED, NOON + 1),
        )
        append(store, "ann-17", *(event(f"s{n}", kind, at, channel=on) for n, (on, kind, at) in enumerate(said)))
        assert erase(store, "ann-17")["withdrawals_kept"] == 1
        tell(store, user("ann-99"), ANN_MAIL, at=LATER)
        tell(store, user("bob-18"), at=LATER)
        assert granted(store, "ann-99") == {"email": False, "sms": None, "push": None}
        assert granted(other, "bob-18") == {"email": None, "sms": None, "push": None}
        append(store, "ann-99", event("again", Kind.CONSENT_GRANTED, LATER + 1, channel="email"))
        assert granted(other, "ann-99")["email"] is True

    def test_a_withdrawal_binds_whoever_comes_back_under_the_same_name(self, store: Store) -> None:
        append(store, "ann-17", event("no", Kind.CONSENT_WITHDRAWN, channel="email"))
        append(store, "ann-17", event("object", Kind.CONSENT_WITHDRAWN, topic=consent.PROFILING_TOPIC))
        assert erase(store, "ann-17")["withdrawals_kept"] == 2
        append(store, "ann-17", event("back", at=LATER))
        assert granted(store, "ann-17")["email"] is False
        assert consent.objects_to_profiling(store.read(user("ann-17")).consents, LATER + 1)
        (scanned,) = [one for one in store.scan(0, 1) if one.customer_id == "ann-17"]
        assert scanned.consents.tobytes() == store.read(user("ann-17")).consents.tobytes()

    def test_a_withdrawal_is_not_kept_where_it_would_silence_others(self, store: Store) -> None:
        for name in ("ann-17", "bob-18"):
            tell(store, user(name), PHONE)
        append(store, "ann-17", event("no", Kind.CONSENT_WITHDRAWN, channel="sms"))
        before = store.read(user("bob-18")).consents.tobytes()
        erase(store, "ann-17")
        assert store.read(user("bob-18")).consents.tobytes() == before
        tell(store, user("eve-19"), PHONE, at=LATER)
        assert granted(store, "eve-19")["sms"] is None

    def test_compacting_changes_nothing(self, store: Store, other: Store) -> None:
        fill(store, "ann-17")
        before = copy_of(store, "ann-17")
        store.compact()
        assert copy_of(other, "ann-17") == before

    # Letters

    def test_letters_are_read_and_dropped_by_number(self, store: Store, other: Store) -> None:
        store.bury([DeadLetter(NOON + number, "r", f'"{number}"') for number in range(5)]).result(30)
        newest = other.buried(2)
        assert [one.letter.payload for one in newest] == ['"4"', '"3"']
        rest = other.buried(10, before=newest[-1].number)
        assert [one.letter.payload for one in rest] == ['"2"', '"1"', '"0"']
        assert store.unbury([newest[0].number, rest[0].number, 10_000]) == 2
        assert [one.payload for one in other.dead_letters(10)] == ['"3"', '"1"', '"0"']

    # The copy

    def test_the_copy_holds_everything(self, store: Store) -> None:
        fill(store, "ann-17")
        fill(store, "bob-18")
        made = copy_of(store, "ann-17")
        assert [one["message_id"] for one in made["events"]] == [
            "ann-17-bought",
            "ann-17-yes",
            "ann-17-seen",
            "ann-17-moved",
            "decided-ann-17:decided",
        ]
        assert made["events"][2]["properties"] == {"words": "said by ann-17"}
        assert made["traits"] == {"city": "new city of ann-17"}
        assert [one["changes"]["city"] for one in made["trait_changes"]] == ["city of ann-17", "new city of ann-17"]
        assert [(one["item"], one["quantity"]) for one in made["owned"]] == [("vacuum-1", 1.0)]
        assert [(one["channel"], one["granted"]) for one in made["consents"]] == [("email", True)]
        assert [one["decision_id"] for one in made["decisions"]] == ["decided-ann-17"]
        assert len(made["dead_letters"]) == 2
        assert [(one["type"], one["value"]) for one in made["identifiers"]] == [("user_id", "ann-17")]
        assert "bob-18" not in json.dumps(made)

    def test_the_copy_says_under_which_name_each_thing_was_told(self, store: Store) -> None:
        tell(store, user("ann-17"), BROWSER, ANN_MAIL)
        store.append([Append(BROWSER, (event("browsed"),), {"size": 38})]).result(30)
        store.split(user("ann-17"), ANN_MAIL, NOON, AUTHOR)
        made = json.loads(str(store.export(BROWSER, LATER, AUTHOR)))
        assert made["names"] == ["ann-17", "anon:browser-1"]
        assert [one["profile"] for one in made["events"]] == ["ann-17", "anon:browser-1"]
        assert [one["profile"] for one in made["trait_changes"]] == ["anon:browser-1"]
        assert {one["value"] for one in made["identifiers"]} == {"ann-17", "browser-1", "ann@example.org"}
        assert [one["what"] for one in made["audit"]] == ["split", "exported"]

    def test_a_refused_event_that_names_a_shared_telephone_is_in_nobodys_copy(self, store: Store) -> None:
        for name in ("ann-17", "bob-18"):
            tell(store, user(name), PHONE)
        store.bury([DeadLetter(NOON, "r", json.dumps({"phone": PHONE.value, "said": "a secret"}), (PHONE,))]).result(30)
        assert copy_of(store, "ann-17")["dead_letters"] == []

    def test_of_somebody_elses_refused_event_the_copy_says_that_it_is_there_and_no_more(self, store: Store) -> None:
        """Each is in the copy of whom it was to be told of; whom it only mentions hears that it does."""
        for name in ("ann-17", "bob-18"):
            tell(store, user(name))
        tell(store, user("ann-17"), ANN_MAIL)
        payloads = (
            {"userId": "bob-18", "properties": {"gift_for": "ann-17", "note": "a secret"}},
            {"userId": "bob-18", "properties": {"email": ANN_MAIL.value, "note": "a secret"}},
            {"type": "identify", "traits": {"Email": ANN_MAIL.value, "note": "her own"}},
            {"type": "track", "event": "Email Opened", "properties": {"email": ANN_MAIL.value, "note": "her own"}},
            {"type": "track", "event": "Invited A Friend", "properties": {"email": ANN_MAIL.value, "note": "a secret"}},
            {"userId": 17.5, "properties": {"email": ANN_MAIL.value, "note": "a secret"}},
        )
        reason = "note is a secret; it is a number; send one"
        store.bury([DeadLetter(NOON, reason, json.dumps(one), (user("ann-17"),)) for one in payloads]).result(30)
        letters = copy_of(store, "ann-17")["dead_letters"]
        assert [one["payload"] for one in letters if one["own"]] == list(payloads[2:4])
        others = [one for one in letters if not one["own"]]
        assert [(one["reason"], one["payload"]) for one in others] == [("it is a number; send one", None)] * 4
        assert {one["received_at"] for one in letters} == {render_instant(NOON)}
        assert [one["payload"] for one in copy_of(store, "bob-18")["dead_letters"]] == list(payloads[:2])

    @pytest.mark.parametrize(
        ("payload", "own"),
        [
            ('{"type":"track","context":{"userId":"bob-18"},"userId":"ann-17","properties":{"a":"', True),
            ('{"anonymousId":"browser-1","properties":{"userId":"ann-17","a":"', False),
            ('{"userId":"bob-18","properties":{"userId":"ann-17","a":"', False),
            ('{"userId":"ann-17', False),
            ('[{"userId":"ann-17"', False),
        ],
    )
    def test_of_one_that_was_cut_short_the_user_id_before_the_cut_says_whose_it_is(
        self, store: Store, payload: str, own: bool
    ) -> None:
        tell(store, user("ann-17"), BROWSER)
        store.bury([DeadLetter(NOON, "payload is too large; a rule; advice", payload, (user("ann-17"),))]).result(30)
        (letter,) = copy_of(store, "ann-17")["dead_letters"]
        assert (letter["own"], letter["payload"]) == (own, payload if own else None)

    def test_the_copy_is_the_same_from_every_worker(self, store: Store, other: Store) -> None:
        fill(store, "ann-17")
        assert copy_of(store, "ann-17") == copy_of(other, "ann-17")

    def test_copies_and_erasures_are_on_record_without_saying_of_whom(self, store: Store) -> None:
        fill(store, "ann-17")
        first, second = (json.loads(str(store.export(user("ann-17"), LATER, AUTHOR)))["audit"] for _ in range(2))
        assert [len(first), len(second)] == [1, 2]
        erase(store, "ann-17")
        erased, *copies = store.audit(10)
        assert [(erased.what, erased.at, erased.author)] == [("erased", LATER, AUTHOR)]
        assert [one.what for one in copies] == ["exported", "exported"]
        assert len({entry.subject for entry in store.audit(10)}) == 1
        assert "ann-17" not in "".join(map(str, store.audit(10)))
        assert store.audit(1) == (erased,)
