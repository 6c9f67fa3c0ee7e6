"""What is true of everybody together: what actions have spent, and which items can be had; part of the store's
contract."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from features.event import Kind
from features.spending import Charge, Most, Spent
from features.stores.protocol import Append, BudgetSpent, InvalidEvent, LogDecision, Store
from features.stores.shared import ItemState
from tests.checks.store_examples import NOON, append, event, log_decision, reserving, user

TODAY = 738_000
TWO_A_DAY = Most(daily=True, contacts=2, money=None)


def held(*most: Most, channel: str = "email", day: int = TODAY, money: int = 3) -> Charge:
    return Charge("a-1", channel, day, money, reserves=True, most=most)


def spending(number: int | str, *charges: Charge) -> LogDecision:
    """A decision that reserves, for a person of its own."""
    return replace(reserving(f"c-{number}", f"d-{number}", 0), charges=charges)


def told(store: Store, number: int | str, kind: Kind, message: str, channel: str = "email") -> None:
    one = event(message, kind, action="a-1", channel=channel, decision=f"d-{number}")
    store.append([Append(user(f"c-{number}"), (one,), decision=f"d-{number}")]).result()


def spent(store: Store, day: int = TODAY) -> Spent:
    return store.spent(["a-1"], day).get("a-1", Spent())


class SpendingContract:
    """Takes the fixtures `store`, and `other`, a second handle on it."""

    def test_a_reservation_counts_at_once_and_once(self, store: Store, other: Store) -> None:
        assert store.spent(["a-1"], TODAY) == {}
        store.log_decisions([spending(1, held())]).result()
        assert other.spent(["a-1", "a-2"], TODAY) == {"a-1": Spent(1, 1, 3, 3)}
        assert spent(store, TODAY + 1) == Spent(0, 1, 0, 3)
        (again,) = other.log_decisions([spending(1, held())]).result()
        assert again.replayed
        told(store, 1, Kind.SENT, "sent")
        told(store, 1, Kind.DISPLAYED, "seen")
        told(store, 1, Kind.NOT_SENT, "late")
        assert spent(store) == Spent(1, 1, 3, 3)

    def test_what_is_not_sent_gives_back_what_it_took_on_its_day(self, store: Store, other: Store) -> None:
        store.log_decisions([spending(1, held()), spending(2, held(day=TODAY + 1))]).result()
        for message in ("no", "still no"):
            told(other, 1, Kind.NOT_SENT, message)
        assert (spent(store), spent(store, TODAY + 1)) == (Spent(0, 1, 0, 3), Spent(1, 1, 3, 3))
        told(store, 1, Kind.SENT, "it was after all")
        told(store, 1, Kind.NOT_SENT, "no again")
        assert spent(store) == Spent(1, 2, 3, 6)

    def test_what_reserves_nothing_counts_from_its_first_display(self, store: Store) -> None:
        shown = replace(held(TWO_A_DAY, channel="web"), reserves=False)
        for number in range(3):
            store.log_decisions([replace(log_decision(f"c-{number}", f"d-{number}"), charges=(shown,))]).result()
        assert spent(store) == Spent()
        told(store, 0, Kind.NOT_SENT, "nothing to take back", channel="web")
        for number in range(3):
            for time in range(2):
                told(store, number, Kind.DISPLAYED, f"shown {number} {time}", channel="web")
        assert spent(store) == Spent(3, 3, 9, 9)

    def test_only_what_was_decided_is_counted(self, store: Store) -> None:
        store.log_decisions([spending(1, held())]).result()
        told(store, 1, Kind.SENT, "elsewhere", channel="mail")
        append(store, "c-9", event("of none", Kind.SENT, action="a-1", channel="email"))
        append(store, "c-9", event("of another", Kind.SENT, action="a-1", channel="email", decision="unknown"))
        assert spent(store) == Spent(1, 1, 3, 3)

    @pytest.mark.parametrize(
        "most",
        [
            TWO_A_DAY,
            Most(daily=False, contacts=2, money=None),
            Most(daily=True, contacts=None, money=8),
            Most(daily=False, contacts=None, money=6),
            Most(daily=True, contacts=2, money=None, until=3),
        ],
    )
    def test_what_exceeds_is_refused_and_leaves_nothing(self, store: Store, other: Store, most: Most) -> None:
        for number in range(2):
            store.log_decisions([spending(number, held(most))]).result()
        with pytest.raises(BudgetSpent, match="budget of a-1 is spent"):
            other.log_decisions([spending(2, held(most))]).result()
        assert store.decision("d-2") is None
        assert store.resolve(user("c-2")) is None
        assert spent(store) == Spent(2, 2, 6, 6)
        tomorrow = spending(2, held(most, day=TODAY + 1))
        if most.daily:
            store.log_decisions([tomorrow]).result()
        else:
            told(store, 0, Kind.NOT_SENT, "room again")
            store.log_decisions([tomorrow]).result()
            assert spent(store, TODAY + 1) == Spent(1, 2, 3, 6)

    def test_a_ceiling_binds_until_so_many_contacts(self, store: Store) -> None:
        slow = Most(daily=True, contacts=1, money=None, until=2)
        store.log_decisions([spending(0, held(slow))]).result()
        with pytest.raises(BudgetSpent):
            store.log_decisions([spending(1, held(slow))]).result()
        store.log_decisions([spending(1, held(slow, day=TODAY + 1))]).result()
        store.log_decisions([spending(2, held(slow, day=TODAY + 1))]).result()

    def test_one_write_is_counted_as_one(self, store: Store) -> None:
        with pytest.raises(BudgetSpent):
            store.log_decisions([spending(number, held(TWO_A_DAY)) for number in range(3)]).result()
        channels = [held(TWO_A_DAY, channel=one) for one in ("email", "mail", "sms")]
        with pytest.raises(BudgetSpent):
            store.log_decisions([spending(1, *channels)]).result()
        assert spent(store) == Spent()
        store.log_decisions([spending(1, *channels[:2])]).result()
        assert spent(store).contacts_today == 2

    def test_however_many_at_once_never_spend_more(self, store: Store, other: Store) -> None:
        def tried(number: int) -> bool:
            try:
                (store, other)[number % 2].log_decisions([spending(number, held(TWO_A_DAY))]).result()
            except BudgetSpent:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(tried, range(40))) == 2
        assert spent(store) == Spent(2, 2, 6, 6)

    def test_what_an_erased_person_had_stays_counted(self, store: Store) -> None:
        store.log_decisions([spending(1, held())]).result()
        store.erase(user("c-1"), NOON, "test")
        append(store, "c-1", event("late", Kind.NOT_SENT, action="a-1", channel="email", decision="d-1"))
        assert spent(store) == Spent(1, 1, 3, 3)

    def test_an_item_is_as_it_was_told_last(self, store: Store, other: Store) -> None:
        assert (store.stock_version(), store.unavailable_items()) == (0, frozenset())
        told_now = [
            ItemState("f1", 0),
            ItemState("f2", 7),
            ItemState("f3", None),
            ItemState("f4", 3),
            ItemState("f4", 0),
        ]
        assert store.feed_items(told_now, NOON) == 4
        assert other.unavailable_items() == {"f1", "f4"}
        version = other.stock_version()
        assert other.feed_items(told_now, NOON + 1) == 0
        assert store.stock_version() == version
        assert store.feed_items([ItemState("f1", 1), ItemState("f2", 0)], NOON + 2) == 2
        assert other.stock_version() > version
        assert other.unavailable_items() == {"f2", "f4"}

    def test_a_state_that_cannot_be_is_refused(self, store: Store) -> None:
        for state in (ItemState("", 1), ItemState("f1", -1), ItemState("a\0b", 1)):
            with pytest.raises(InvalidEvent):
                store.feed_items([ItemState("f2", 0), state], NOON)
        assert store.unavailable_items() == frozenset()

    def test_a_price_is_as_it_was_told_and_so_stays_what_was_told_before(self, store: Store, other: Store) -> None:
        assert (store.price_version(), list(store.price_changes(0))) == (0, [])
        first = [ItemState("f1", price=429.99), ItemState("f2", 3, 0.0), ItemState("f3", price=None)]
        assert store.feed_items([ItemState("f1", price=7.0), *first], NOON) == 2
        version = other.price_version()
        assert other.stock_version() == version
        assert store.feed_items(first, NOON + 1) == 0
        assert store.feed_items([ItemState("f2", 0), ItemState("f1")], NOON + 2) == 1
        assert (other.price_version(), other.unavailable_items()) == (version, {"f2"})
        assert other.feed_items([ItemState("f1", price=None), ItemState("f2", 0, 0.1)], NOON + 3) == 2
        later = store.price_version()
        assert other.price_changes(0) == [
            (version, NOON, "f1", 429.99),
            (version, NOON, "f2", 0.0),
            (later, NOON + 3, "f1", None),
            (later, NOON + 3, "f2", 0.1),
        ]
        assert other.price_changes(version) == other.price_changes(0)[2:]
        assert store.unavailable_items() == {"f2"}
        assert store.check().faults == ()

    @pytest.mark.parametrize("price", [-0.01, math.nan, math.inf, 1e10])
    def test_a_price_that_cannot_be_is_refused_with_all_beside_it(self, store: Store, price: float) -> None:
        with pytest.raises(InvalidEvent, match=r"^price is "):
            store.feed_items([ItemState("f2", 0, 1.0), ItemState("f1", 0, price)], NOON)
        assert (store.price_version(), store.unavailable_items()) == (0, frozenset())
