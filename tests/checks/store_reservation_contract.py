"""A write that was made from what was known of somebody stands only while that is all; part of the store's contract."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from features.event import Kind
from features.stores.protocol import Append, HistoryMoved, Store
from tests.checks.store_examples import NOON, append, event, log_decision, reserving, user
from tests.checks.store_people_examples import anonymous, tell


class ReservationContract:
    """Takes the fixtures `store`, and `other`, a second handle on it."""

    def test_a_reservation_is_on_the_page_and_makes_nobody_known(self, store: Store) -> None:
        store.log_decisions([reserving("new", "d-1", 0)]).result()
        record = store.read(user("new"))
        assert (record.known, record.version > 0) == (False, True)
        (row,) = record.page
        assert (row["kind"], row["order"], row["occurred_at"]) == (Kind.RESERVED, NOON + 1000, NOON)
        assert store.read_as_of(user("new"), NOON).known is False
        (told, _) = store.timeline(user("new"), None, 5)
        assert (told.event.kind, told.event.ends_at, told.event.order) == (Kind.RESERVED, NOON + 1000, None)
        append(store, "new", event("m"))
        assert store.read(user("new")).known

    def test_a_reservation_made_from_an_older_version_is_refused_and_leaves_nothing(
        self, store: Store, other: Store
    ) -> None:
        seen = append(store, "c", event("m")).version
        moved = append(other, "c", event("n")).version
        with pytest.raises(HistoryMoved):
            store.log_decisions([reserving("c", "d-1", seen)]).result()
        assert store.decision("d-1") is None
        assert store.read(user("c")).version == moved
        store.log_decisions([reserving("c", "d-1", moved)]).result()
        with pytest.raises(HistoryMoved):
            other.log_decisions([reserving("c", "d-2", moved)]).result()
        store.log_decisions([log_decision("c", "d-3")]).result()
        assert [one.decision_id for one in store.decisions_of(store.resolve(user("c")) or 0, 9)] == ["d-3", "d-1"]

    def test_somebody_who_came_to_be_known_meanwhile_has_moved(self, store: Store, other: Store) -> None:
        append(other, "new", event("m"))
        with pytest.raises(HistoryMoved):
            store.log_decisions([reserving("new", "d-1", 0)]).result()

    def test_the_same_reservation_again_is_the_first(self, store: Store, other: Store) -> None:
        store.log_decisions([reserving("c", "d-1", 0)]).result()
        (again,) = other.log_decisions([reserving("c", "d-1", 0)]).result()
        assert again.replayed
        assert len(store.read(user("c")).page) == 1

    def test_of_those_made_from_one_version_one_stands(self, store: Store, other: Store) -> None:
        seen = append(store, "c", event("m")).version

        def tried(number: int) -> bool:
            try:
                (store, other)[number % 2].log_decisions([reserving("c", f"d-{number}", seen)]).result()
            except HistoryMoved:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(tried, range(40))) == 1
        assert np.count_nonzero(store.read(user("c")).page["kind"] == Kind.RESERVED) == 1

    def test_one_write_does_not_reserve_twice_for_one_person(self, store: Store) -> None:
        for name in ("new", "known"):
            seen = 0 if name == "new" else append(store, name, event("m")).version
            with pytest.raises(HistoryMoved):
                store.log_decisions([reserving(name, f"{name}-{number}", seen) for number in range(2)]).result()
        assert store.resolve(user("new")) is None
        store.log_decisions([reserving("a", "d-a", 0), reserving("b", "d-b", 0)]).result()

    def test_a_person_of_several_names_is_one(self, store: Store, other: Store) -> None:
        tell(store, anonymous("x"), event("on the web"))
        tell(store, user("ann"), event("in"), also=[anonymous("x")])
        seen = store.read(anonymous("x")).version
        assert store.read(user("ann")).version == seen
        store.log_decisions([reserving("ann", "d-1", seen)]).result()
        late = Append(anonymous("x"), (event("n", Kind.NOT_SENT, decision="d-1"),), seen=seen)
        with pytest.raises(HistoryMoved):
            other.append([late]).result()
        assert np.count_nonzero(store.read(anonymous("x")).page["kind"] == Kind.RESERVED) == 1

    def test_an_append_may_be_true_of_one_version_only(self, store: Store) -> None:
        seen = append(store, "c", event("m")).version
        store.append([Append(user("c"), (event("n"),), seen=seen)]).result()
        with pytest.raises(HistoryMoved):
            store.append([Append(user("other"), (event("p"),)), Append(user("c"), (event("o"),), seen=seen)]).result()
        assert store.resolve(user("other")) is None
        assert len(store.read(user("c")).page) == 2
