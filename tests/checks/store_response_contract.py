"""What came of contacts against what the model expected; part of the store's contract."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import permutations, product

import numpy as np
import pytest
from msgspec.structs import replace as replace_

from features.event import CONTACTS, Event, Kind
from features.live_response import Contact, Expectation, Lift, Lifts, expected_text, tally_of
from features.published import Published
from features.stores.protocol import Append, LogDecision, Store
from tests.checks.store_examples import NOON, append, event, log_decision, user

HOUR = 3_600_000
WINDOW = 24 * HOUR
LATER = NOON + 48 * HOUR


def expecting(name: str, decision_id: str, *expected: Expectation, model: str = "m") -> LogDecision:
    made = log_decision(name, decision_id)
    return replace(made, decision=replace(made.decision, model_version=model, expected=expected_text(expected)))


def offer(probability: float = 0.25, channel: str = "web", action: str = "a-1") -> Expectation:
    return Expectation(action, channel, probability, int(Kind.CLICKED), WINDOW)


@dataclass(frozen=True, slots=True)
class Said:
    """An event of one person. decision None: it names none. at: hours after noon."""

    name: str
    kind: Kind
    at: float
    decision: str | None
    channel: str | None = "web"
    action: str = "a-1"

    def told(self, store: Store, message: str) -> None:
        fields = {"action": self.action, "channel": self.channel, "decision": self.decision}
        one = event(message, self.kind, NOON + round(self.at * HOUR), recorded_at=LATER, **fields)
        store.append([Append(user(self.name), (one,), decision=self.decision)]).result(timeout=30)


def sums(store: Store, action: str = "a-1", channel: str = "web", model: str = "m") -> Sequence[float]:
    """Contacts, expected and succeeded, as they were at noon, without their ages."""
    found = store.tallies(model).get((action, channel))
    return [] if found is None else [round(float(one), 9) for one in found.aged(LATER)[:3]]


def of(*contacts: Contact) -> Sequence[float]:
    return [round(float(one), 9) for one in tally_of(contacts).aged(LATER)[:3]]


class ResponseContract:
    """Takes the fixtures `store`, and `other`, a second handle on it."""

    def test_a_contact_counts_once_whoever_tells_it_however_often(self, store: Store, other: Store) -> None:
        store.log_decisions([expecting("c-1", "d-1", offer())]).result()
        assert sums(store) == []
        Said("c-1", Kind.SENT, 1, "d-1").told(store, "sent")
        Said("c-1", Kind.SENT, 1, "d-1").told(other, "sent")
        Said("c-1", Kind.DISPLAYED, 2, "d-1").told(other, "seen")
        once = Contact(NOON + HOUR, 0.25, False)
        assert sums(store) == sums(other) == of(once)
        for message in ("click", "again"):
            Said("c-1", Kind.CLICKED, 3, "d-1").told(store, message)
        assert sums(store) == of(once._replace(succeeded=True))
        np.testing.assert_allclose(
            store.tallies("m")["a-1", "web"].aged(LATER), tally_of([once._replace(succeeded=True)]).aged(LATER)
        )

    def test_only_the_declared_success_within_its_window_is_one(self, store: Store) -> None:
        store.log_decisions([expecting("c-1", "d-1", offer())]).result()
        Said("c-1", Kind.DISPLAYED, 1, "d-1").told(store, "seen")
        for number, (kind, at) in enumerate(
            [(Kind.CONVERTED, 2), (Kind.MESSAGE_MACHINE_OPENED, 2), (Kind.REJECTED, 2), (Kind.CLICKED, 26)]
        ):
            Said("c-1", kind, at, "d-1").told(store, f"no success {number}")
        Said("c-1", Kind.CLICKED, 0.5, "d-1").told(store, "before it")
        assert sums(store) == of(Contact(NOON + HOUR, 0.25, False))
        Said("c-1", Kind.CLICKED, 25, "d-1").told(store, "at the last moment")
        assert sums(store) == of(Contact(NOON + HOUR, 0.25, True))

    def test_an_outcome_is_credited_to_its_decision_else_to_the_latest_contact(self, store: Store) -> None:
        for number in (1, 2):
            store.log_decisions([expecting("c-1", f"d-{number}", offer(number / 10))]).result()
            Said("c-1", Kind.DISPLAYED, number, f"d-{number}").told(store, f"seen {number}")
        Said("c-1", Kind.CLICKED, 3, None).told(store, "of no decision")
        first, second = Contact(NOON + HOUR, 0.1, False), Contact(NOON + 2 * HOUR, 0.2, True)
        assert sums(store) == of(first, second)
        Said("c-1", Kind.CLICKED, 4, None).told(store, "and another")
        assert sums(store) == of(first, second)
        Said("c-1", Kind.CLICKED, 3, "d-1").told(store, "of its own")
        assert sums(store) == of(first._replace(succeeded=True), second)
        Said("c-2", Kind.CLICKED, 3, None).told(store, "of somebody else")
        assert sums(store) == of(first._replace(succeeded=True), second)

    def test_an_outcome_is_credited_to_the_channel_that_it_names(self, store: Store) -> None:
        """One decision may choose an action on several channels; what came on one is no success of another."""
        store.log_decisions([expecting("c-1", "d-1", *(offer(0.1, one) for one in ("web", "email", "app")))]).result()
        contacts = {"web": 1, "email": 2, "app": 3}
        for channel, at in contacts.items():
            Said("c-1", Kind.DISPLAYED, at, "d-1", channel).told(store, f"seen {channel}")
        came = dict.fromkeys(contacts, False)
        for channel in ("email", "web"):
            Said("c-1", Kind.CLICKED, 4, "d-1", channel).told(store, f"clicked {channel}")
            came[channel] = True
            for one, at in contacts.items():
                assert sums(store, channel=one) == of(Contact(NOON + at * HOUR, 0.1, came[one]))
        Said("c-1", Kind.CLICKED, 5, "d-1", "store").told(store, "where nothing was chosen")
        assert sums(store, channel="app") == of(Contact(NOON + 3 * HOUR, 0.1, True))

    def test_an_outcome_is_of_the_channel_that_it_names_in_whatever_order_all_is_told(self, store: Store) -> None:
        """Every way in which two channels are contacted before, after or never, against an oracle that sees all at
        once: to the channel it names where that was contacted before it, else to the other where that was."""
        every = product((None, 1, 5), (None, 2, 6), ("web", "email"), (Kind.CLICKED, Kind.CONVERTED))
        number = 0
        for web, email, named, success in every:
            contacts = {"web": web, "email": email}
            said = [(one, at) for one, at in contacts.items() if at is not None]
            came = _credited(contacts, named)
            for order in permutations([*said, (None, 4)]):
                number += 1
                who, decision, model = f"c-{number}", f"d-{number}", f"m-{number}"
                both = [replace_(offer(0.5, one), success=int(success)) for one in contacts]
                store.log_decisions([expecting(who, decision, *both, model=model)]).result()
                for place, (channel, at) in enumerate(order):
                    kind = success if channel is None else Kind.DISPLAYED
                    Said(who, kind, at, decision, channel or named).told(store, f"{number}-{place}")
                expected = {
                    one: of(Contact(NOON + at * HOUR, 0.5, one == came))
                    for one, at in contacts.items()
                    if at is not None
                }
                found = {one: sums(store, channel=one, model=model) for one in expected}
                assert found == expected, (contacts, named, order)

    def test_an_outcome_waits_for_the_contact_of_its_own_decision(self, store: Store) -> None:
        """It is no success of an earlier decision, of which somebody was shown the same."""
        for number in (1, 2):
            store.log_decisions([expecting("c-1", f"d-{number}", offer(number / 10))]).result()
        Said("c-1", Kind.DISPLAYED, 1, "d-1").told(store, "seen first")
        Said("c-1", Kind.CLICKED, 3, "d-2").told(store, "clicked")
        first = Contact(NOON + HOUR, 0.1, False)
        assert sums(store) == of(first)
        Said("c-1", Kind.DISPLAYED, 2, "d-2").told(store, "seen again")
        assert sums(store) == of(first, Contact(NOON + 2 * HOUR, 0.2, True))

    def test_it_is_of_the_person_whichever_name_they_were_told_under(self, store: Store) -> None:
        store.log_decisions([expecting("c-1", "d-1", offer())]).result()
        Said("c-1", Kind.DISPLAYED, 1, "d-1").told(store, "seen")
        append(store, "old", event("of an earlier name"))
        joined = Append(user("c-1"), (event("joined", Kind.IDENTIFIED),), previous=(user("old"),))
        store.append([joined]).result(timeout=30)
        assert store.resolve(user("old")) == store.resolve(user("c-1"))
        Said("old", Kind.CLICKED, 2, None).told(store, "by the older name")
        assert sums(store) == of(Contact(NOON + HOUR, 0.25, True))

    @pytest.mark.parametrize("seed", range(6))
    def test_the_order_in_which_it_is_told_changes_nothing(self, store: Store, other: Store, seed: int) -> None:
        """Against an oracle that sees all at once; every outcome names its decision."""
        dice = random.Random(seed)
        expected = {f"d-{number}": offer(dice.choice([0.1, 0.5])) for number in range(4)}
        for decision, one in expected.items():
            store.log_decisions([expecting(f"c-{decision}", decision, one)]).result()
        said = [
            Said(
                f"c-{decision}", dice.choice([Kind.SENT, Kind.DISPLAYED, Kind.CLICKED]), dice.randrange(1, 40), decision
            )
            for decision in expected
            for _ in range(3)
        ]
        for number, one in enumerate(said):
            one.told(dice.choice([store, other]), f"m-{number}")
        assert sums(store) == pytest.approx(_oracle(expected, said), abs=1e-9)

    def test_what_was_decided_and_told_in_one_group_is_counted(self, store: Store) -> None:
        made = [store.log_decisions([expecting(f"c-{one}", f"d-{one}", offer())]) for one in range(20)]
        seen = [
            store.append([Append(user(f"c-{one}"), (_seen(f"d-{one}"),), decision=f"d-{one}")]) for one in range(20)
        ]
        for pending in (*made, *seen):
            pending.result(timeout=30)
        assert sums(store) == of(*[Contact(NOON + HOUR, 0.25, False)] * 20)

    def test_two_handles_at_once_lose_nothing(self, store: Store, other: Store) -> None:
        def told(number: int) -> None:
            handle = (store, other)[number % 2]
            handle.log_decisions([expecting(f"c-{number}", f"d-{number}", offer())]).result()
            Said(f"c-{number}", Kind.DISPLAYED, 1, f"d-{number}").told(handle, f"seen {number}")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(told, range(40)))
        assert sums(store) == of(*[Contact(NOON + HOUR, 0.25, False)] * 40)
        assert store.check().faults == ()

    def test_models_and_channels_are_counted_apart_and_what_was_not_decided_not_at_all(self, store: Store) -> None:
        both = (offer(0.1), offer(0.3, "email"))
        store.log_decisions([expecting("c-1", "d-1", *both), expecting("c-2", "d-2", offer(0.5), model="n")]).result()
        for number in (1, 2):
            Said(f"c-{number}", Kind.SENT, 1, f"d-{number}").told(store, f"sent {number}")
        Said("c-1", Kind.SENT, 2, "d-1", "email").told(store, "mailed")
        assert sums(store) == of(Contact(NOON + HOUR, 0.1, False))
        assert sums(store, channel="email") == of(Contact(NOON + 2 * HOUR, 0.3, False))
        assert sums(store, model="n") == of(Contact(NOON + HOUR, 0.5, False))
        Said("c-1", Kind.CLICKED, 3, "d-1", None).told(store, "to the latest of its decision")
        assert sums(store, channel="email") == of(Contact(NOON + 2 * HOUR, 0.3, True))
        store.log_decisions([log_decision("c-3", "d-3")]).result()
        for number, decision in enumerate(("d-3", "unknown", None)):
            Said("c-3", Kind.SENT, 1, decision).told(store, f"uncounted {number}")
        Said("c-1", Kind.SENT, 1, "d-1", action="a-2").told(store, "another action")
        assert set(store.tallies("m")) == {("a-1", "web"), ("a-1", "email")}

    def test_what_came_of_an_erased_person_stays_counted_and_says_nothing_of_them(self, store: Store) -> None:
        store.log_decisions([expecting("c-1", "d-1", offer())]).result()
        Said("c-1", Kind.DISPLAYED, 1, "d-1").told(store, "seen")
        store.erase(user("c-1"), LATER, "test")
        append(store, "c-1", event("late", Kind.CLICKED, action="a-1", channel="web", decision="d-1"))
        assert sums(store) == of(Contact(NOON + HOUR, 0.25, False))
        assert store.check().faults == ()

    def test_what_was_published_of_it_is_kept(self, store: Store, other: Store) -> None:
        by = {("a-1", "web"): Lift(47, 420, "action"), ("\u00fc 1", "email"): Lift(-208, 12, "group")}
        numbers = []
        for number, published in enumerate(
            [Published(lifts=Lifts("7", by)), Published(lifts=Lifts("8", by)), Published(lifts=Lifts("7", dict(by)))]
        ):
            made = replace(log_decision(f"c-{number}", f"d-{number}"), published=published)
            (receipt,) = store.log_decisions([made]).result()
            numbers.append(receipt.decision.snapshot)
            assert other.snapshot(numbers[-1] or 0) == published
        assert numbers[0] == numbers[2] != numbers[1]
        assert store.check().faults == ()


def _seen(decision: str) -> Event:
    fields = {"action": "a-1", "channel": "web", "decision": decision}
    return event(f"seen {decision}", Kind.DISPLAYED, NOON + HOUR, recorded_at=LATER, **fields)


def _credited(contacts: Mapping[str, int | None], named: str) -> str | None:
    """The channel, of one outcome at 4 o'clock."""
    before = {one: at for one, at in contacts.items() if at is not None and at <= 4}
    return named if named in before else next(iter(before), None)


def _oracle(expected: dict[str, Expectation], said: Iterable[Said]) -> Sequence[float]:
    contacts = []
    for decision, one in expected.items():
        own = [each for each in said if each.decision == decision]
        at = min((each.at for each in own if each.kind in CONTACTS), default=None)
        if at is not None:
            came = [each.at for each in own if each.kind is Kind.CLICKED]
            fits = any(0 <= outcome - at <= WINDOW / HOUR for outcome in came)
            contacts.append(Contact(NOON + round(at * HOUR), one.probability, fits))
    return list(of(*contacts)) if contacts else []
