"""What reading the log in words must give; part of every store's contract."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from features.event import Event, Identifier, Kind
from features.stores.people import LoggedEvent, Stretch
from features.stores.protocol import AmbiguousIdentifier, InvalidEvent, Store
from tests.checks.store_examples import NOON, append, customer_table, event, import_table, log_decision, user

EVERYTHING: dict[str, object] = {
    "line": 3,
    "channel": "store",
    "item": "007",
    "action": "a",
    "order": "o-1",
    "decision": "d-1",
    "quantity": 2.0,
    "amount": 9.5,
    "severity": -3,
    "properties": '{"till":4}',
}


def told(logged: Iterable[LoggedEvent]) -> list[Event]:
    return [one.event for one in logged]


class TimelineContract:
    """Takes the fixtures `store`, and `other`, a second handle on it."""

    def test_an_event_is_logged_as_it_was_told(self, store: Store, other: Store) -> None:
        sent = [
            event("m1", Kind.ORDERED, recorded_at=NOON + 5, **EVERYTHING),
            event("m2", Kind.CONSENT_WITHDRAWN, NOON + 1, channel="email", topic="news", quantity=1.0, amount=1.0),
            event("m3", Kind.SUBSCRIPTION_STARTED, NOON + 2, order="s", ends_at=NOON + 9, quantity=1.0, amount=1.0),
            event("m4", Kind.SUBSCRIPTION_STARTED, NOON + 3, order="s", decision="d", quantity=1.0, amount=1.0),
        ]
        append(store, "c", *sent)
        logged = other.timeline(user("c"), None, 10)
        assert told(logged) == sent[::-1]
        assert {one.profile for one in logged} == {"c"}
        assert list(other.logged(Kind)) == [(other.resolve(user("c")), one) for one in logged[::-1]]

    def test_an_import_is_logged_under_its_rows(self, store: Store) -> None:
        store.import_events(import_table([{"customer_id": "c"}, {"customer_id": "c", "message_id": "x"}]), "file")
        messages = {one.message_id: one.name for one in told(store.timeline(user("c"), None, 10))}
        assert messages == {"file:0": "Ordered", "x": "Ordered"}

    def test_pages_of_a_timeline_are_the_whole_newest_first(self, store: Store) -> None:
        moments = [5, 1, 3, 3, 3, 2, 8, 0, 3, 5]
        append(store, "c", *(event(f"m{number}", at=NOON + moment) for number, moment in enumerate(moments)))
        whole = store.timeline(user("c"), None, 100)
        places = [(one.event.occurred_at, one.sequence) for one in whole]
        assert len(places) == 10
        assert places == sorted(places, reverse=True)
        paged: list[LoggedEvent] = []
        before = None
        while part := store.timeline(user("c"), before, 3):
            assert len(part) <= 3
            paged.extend(part)
            before = (part[-1].event.occurred_at, part[-1].sequence)
        assert [one.sequence for one in paged] == [sequence for _, sequence in places]
        assert store.timeline(user("c"), None, 0) == ()

    def test_kinds_are_chosen_and_decisions_are_told(self, store: Store) -> None:
        append(store, "b", event("n1", Kind.ORDERED), event("n2"))
        append(store, "a", event("m1"), event("m2", Kind.ORDERED), event("m3", Kind.REFUNDED))
        store.log_decisions([log_decision("a", "d-1")]).result()
        chosen = {Kind.ORDERED, Kind.DECIDED}
        assert [one.kind for one in told(store.timeline(user("a"), None, 9, chosen))] == [Kind.DECIDED, Kind.ORDERED]
        everybody = [(person, one.event.message_id) for person, one in store.logged(chosen)]
        first, second = store.resolve(user("b")), store.resolve(user("a"))
        assert everybody == [(first, "n1"), (second, "m2"), (second, "d-1:decided")]
        assert list(store.logged(set())) == []
        assert store.timeline(user("a"), None, 9, set()) == ()

    def test_stretches_are_the_timelines_that_they_ask_for(self, store: Store) -> None:
        kinds = [Kind.VIEWED, Kind.ORDERED, Kind.NOTE_WRITTEN]
        told = [event(f"m{at}", kinds[at % 3], NOON + at // 2, topic="late" if at == 5 else None) for at in range(11)]
        append(store, "c", *told)
        asked = [
            Stretch(4),
            Stretch(3, {Kind.ORDERED, Kind.VIEWED}, (NOON + 3, 2**40)),
            Stretch(9, {Kind.NOTE_WRITTEN}),
            Stretch(9, set()),
            Stretch(0),
        ]
        single = tuple(store.timeline(user("c"), one.before, one.limit, one.kinds) for one in asked)
        assert repr(store.stretches(user("c"), asked)) == repr(single)  # an unknown quantity is not equal to itself
        assert [len(one) for one in single] == [4, 3, 3, 0, 0]
        assert repr(store.stretches(user("c"), asked[2:4])) == repr(single[2:4])
        assert store.stretches(user("c"), []) == ()
        assert store.stretches(user("nobody"), asked) == ((),) * 5

    def test_nobody_has_no_timeline_and_several_have_none(self, store: Store) -> None:
        assert store.timeline(user("nobody"), None, 10) == ()
        rows = [{"customer_id": name, "identifiers": '[["phone","+442079460018"]]'} for name in ("ann", "bob")]
        store.import_customers(customer_table(rows), "crm")
        with pytest.raises(AmbiguousIdentifier):
            store.timeline(Identifier("phone", "+442079460018"), None, 10)

    def test_a_walk_through_the_log_sees_one_moment_of_it(self, store: Store) -> None:
        append(store, "a", event("m1"))
        walk = store.logged({Kind.VIEWED})
        assert next(walk)[1].event.message_id == "m1"
        append(store, "z", event("m2"))
        assert list(walk) == []

    @pytest.mark.parametrize("broken", [{"topic": "\ud800"}, {"topic": "a\x00"}, {"ends_at": 2**62}, {"item": "\x00"}])
    def test_what_no_log_can_say_is_refused(self, store: Store, broken: dict[str, object]) -> None:
        with pytest.raises(InvalidEvent):
            append(store, "c", event("m", Kind.OTHER, **broken))
