"""What was published when decisions were made is kept, once, and never changes; part of the store's contract."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from features.published import NOTHING, Published
from features.spending import Spent
from features.stores import open_store
from features.stores.protocol import BudgetSpent, Store
from features.stores.shared import ItemState
from features.stores.sql.session import value
from tests.checks.store_examples import NOON, VAULT, log_decision, user
from tests.checks.store_spending_contract import TODAY, TWO_A_DAY, held, spending

SPENT = {"a-1": Spent(1, 2, 3, 4), "a-2": Spent(0, 2**40, 0, 2**53)}
BOTH = Published(TODAY, SPENT, frozenset({"f1", "f 2", "\u00fc\U0001f6d2"}))


def many(actions: int, items: int, moved: int = 0) -> Published:
    """SYNTHETIC. moved: contacts of the first action."""
    spent = {f"action-{one}": Spent(one % 7, one * 31, one * 1_000_003, one * 31_000_093) for one in range(actions)}
    spent["action-0"] = Spent(moved, moved, moved * 70_000, moved * 70_000)
    return Published(TODAY, spent, frozenset(f"item-{one:06d}" for one in range(items)))


def number_of(store: Store, decision_id: str, published: Published) -> int:
    """Of a decision, which is logged now, made from that."""
    write = replace(log_decision("ann", decision_id), published=published)
    (receipt,) = store.log_decisions([write]).result(30)
    stored = store.decision(decision_id)
    assert stored == receipt.decision
    assert stored is not None
    assert stored.snapshot is not None
    return stored.snapshot


class SnapshotContract:
    """Takes the fixtures `place`, where a store may be made, `store`, one there, and `other`, a second handle on it."""

    def test_what_a_decision_was_made_from_is_kept(self, store: Store, other: Store) -> None:
        told = [BOTH, replace(BOTH, day=TODAY + 1), replace(BOTH, spent={}), replace(BOTH, unavailable=frozenset())]
        numbers = [number_of(store, f"d-{at}", one) for at, one in enumerate(told)]
        assert numbers == sorted(set(numbers))
        assert [other.snapshot(one) for one in numbers] == told
        store.feed_items([ItemState("f1", 5)], NOON)
        store.log_decisions([spending(1, held())]).result()
        assert [other.snapshot(one) for one in numbers] == told
        assert store.snapshot(numbers[-1] + 1) is None
        assert store.check().faults == ()

    def test_a_snapshot_names_the_prices_that_it_knows(self, store: Store, other: Store) -> None:
        store.feed_items([ItemState("f1", price=2.5)], NOON)
        told = [replace(one, prices=store.price_version()) for one in (BOTH, NOTHING)]
        numbers = [number_of(store, f"p-{at}", one) for at, one in enumerate((*told, BOTH, told[0]))]
        assert numbers[3] == numbers[0]
        assert len(set(numbers)) == 3
        assert [other.snapshot(one) for one in numbers] == [*told, BOTH, told[0]]
        assert store.check().faults == ()
        altered(store, "UPDATE item_price SET number = number + ?", 1000)
        assert store.check().faults == ("2 snapshots name prices that are not there",)
        altered(store, "UPDATE item_price SET number = number - ?", 1000)

    def test_its_form_stays(self, store: Store) -> None:
        """Golden: what a store has kept under a number is found by its digest whatever program wrote it."""
        number_of(store, "d-1", BOTH)
        with store._engine.reading() as session:  # type: ignore[attr-defined]
            ((digest,),) = session.rows("SELECT digest FROM snapshot")
            contents = session.rows("SELECT content FROM snapshot_part ORDER BY digest")
        assert bytes(digest).hex() == "de08b872e03221c4f6265d797f316d65866bc8fde9b62f34c584d5086fa150f7"
        assert [zlib.decompress(content).decode() for (content,) in contents] == [
            '{"\u00fc\U0001f6d2":0}',
            '{"f 2":0,"f1":0}',
            '{"a-1":[1,2,3,4],"a-2":[0,1099511627776,0,9007199254740992]}',
        ]

    def test_of_nothing_there_is_nothing_to_keep(self, store: Store) -> None:
        assert number_of(store, "d-1", NOTHING) == 0
        assert number_of(store, "d-2", Published(TODAY)) == 0
        assert store.snapshot(0) == NOTHING
        assert store.snapshot(1) is None

    def test_equal_contents_have_one_number_whoever_brings_them(self, store: Store, other: Store) -> None:
        first, shuffled = many(50, 300), many(50, 300)
        shuffled = replace(shuffled, spent=dict(reversed(shuffled.spent.items())))
        assert number_of(store, "d-1", first) == number_of(other, "d-2", shuffled) == number_of(store, "d-3", first)

        def logged(at: int) -> int:
            return number_of((store, other)[at % 2], f"many-{at}", many(50, 300, 1 + at // 8))

        with ThreadPoolExecutor(8) as pool:
            numbers = list(pool.map(logged, range(32)))
        assert all(store.snapshot(one) == many(50, 300, 1 + at // 8) for at, one in enumerate(numbers))
        assert len(set(numbers)) == 4
        assert store.check().faults == ()

    def test_one_group_may_bring_several(self, store: Store) -> None:
        told = [many(20, 20, at % 3) for at in range(9)]
        writes = [replace(log_decision(f"c-{at}", f"d-{at}"), published=one) for at, one in enumerate(told)]
        made = [receipt.decision.snapshot for receipt in store.log_decisions(writes).result()]
        assert len(set(made)) == 3
        assert [store.snapshot(one or 0) for one in made] == told

    def test_a_decision_that_stands_keeps_its_own(self, store: Store) -> None:
        number = number_of(store, "d-1", BOTH)
        again = replace(log_decision("ann", "d-1"), published=many(3, 3))
        (receipt,) = store.log_decisions([again]).result()
        assert (receipt.replayed, receipt.decision.snapshot) == (True, number)
        assert store.snapshot(number + 1) is None

    def test_what_is_refused_leaves_nothing_and_is_kept_when_it_is_decided_again(self, store: Store) -> None:
        store.log_decisions([spending(1, held(TWO_A_DAY)), spending(2, held(TWO_A_DAY))]).result()
        stale = Published(TODAY, {"a-1": Spent(1, 1, 3, 3)})
        with pytest.raises(BudgetSpent):
            store.log_decisions([replace(spending(3, held(TWO_A_DAY)), published=stale)]).result()
        assert all(store.snapshot(number) is None for number in range(1, 9))
        number = number_of(store, "d-4", stale)
        assert store.snapshot(number) == stale

    def test_it_stays_when_people_are_erased(self, store: Store) -> None:
        number = number_of(store, "d-1", BOTH)
        store.erase(user("ann"), NOON, "test")
        assert store.snapshot(number) == BOTH
        assert store.check().faults == ()

    def test_what_is_not_as_it_was_kept_is_found(self, place: str) -> None:
        store = open_store(place, vault=VAULT)
        numbers = [number_of(store, f"d-{at}", many(3 + at, 3)) for at in range(4)]
        altered(store, "UPDATE snapshot_part SET content = digest WHERE snapshot = ?", numbers[0])
        altered(store, "UPDATE snapshot SET day = day + 1 WHERE number = ?", numbers[1])
        altered(store, "DELETE FROM snapshot_part WHERE snapshot = ?", numbers[2])
        altered(store, "DELETE FROM snapshot WHERE number = ?", numbers[3])
        faults = "\n".join(store.check().faults)
        for fault in ("of a snapshot is not what was kept", "1 decisions were made from", "belong to no snapshot"):
            assert fault in faults, faults
        assert f"snapshot {numbers[1]} is not what was kept" in faults
        assert f"snapshot {numbers[2]} has lost" in faults
        assert [store.snapshot(numbers[at]) for at in (0, 2, 3)] == [None] * 3
        store.close()

    def test_a_counter_that_moves_writes_little(self, store: Store) -> None:
        """Bytes, not time: what is written is the list and the parts that are new."""
        first = number_of(store, "d-1", many(200, 5000, 1))
        after = [number_of(store, f"d-{at}", many(200, 5000, at)) for at in range(2, 12)]
        parts = "SELECT coalesce(sum(length(content)), 0) FROM snapshot_part WHERE snapshot"
        assert looked_up(store, f"{parts} = ?", first) > 10_000
        assert looked_up(store, f"{parts} > ?", first) / len(after) < 500
        assert looked_up(store, "SELECT max(length(spent) + length(unavailable)) FROM snapshot") <= 16 * (16 + 64)


def altered(store: Store, statement: str, *values: object) -> None:
    store._writer.alone(lambda session: session.execute(statement, values))  # type: ignore[attr-defined]


def looked_up(store: Store, query: str, *values: object) -> int:
    with store._engine.reading() as session:  # type: ignore[attr-defined]
        return int(value(session, query, values))
