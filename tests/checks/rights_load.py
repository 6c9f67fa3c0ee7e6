"""SYNTHETIC people who are erased, or of whom a visit is cut off, one after another; and what must then be true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from features.event import Identifier, Kind
from features.stores.people import LoggedEvent
from features.stores.protocol import Append, DeadLetter, Store
from tests.checks.store_examples import NOON, event, log_decision, user

CLERK = "clerk"
PEOPLE = 60
_EVENTS = 6
"""Of each person: five, and that of a decision."""


def visit(number: int) -> Identifier:
    return Identifier("anonymous_id", f"visit-{number}")


def fill(store: Store) -> None:
    """Everybody with a visit before they were known, purchases, traits, an address, a decision and a refused call."""
    for number in range(PEOPLE):
        name = f"p{number}"
        seen = event(f"{name}-0", item="i1", channel="web")
        bought = tuple(
            event(f"{name}-1", Kind.ORDERED, NOON + 1, line=line, item=f"i{line}", order=name, quantity=1.0)
            for line in range(3)
        )
        said = event(f"{name}-2", Kind.IDENTIFIED, NOON + 2)
        also = (visit(number), Identifier("email", f"{name}@example.org"))
        store.append([Append(visit(number), (seen,)), Append(user(name), bought)]).result(60)
        store.append([Append(user(name), (said,), {"city": name}, also=also)]).result(60)
        store.log_decisions([log_decision(name, f"{name}-decision")]).result(60)
        store.bury([DeadLetter(NOON, "synthetic", f"letter of {name};", (user(name),))]).result(60)


def demand(store: Store, number: int) -> None:
    """The even ones are erased, of the odd ones the visit is cut off."""
    name = user(f"p{number}")
    if number % 2:
        store.split(name, visit(number), NOON + 100, "test")
    else:
        store.erase(name, NOON + 100, "test")


def faults_of(store: Store, done: Collection[int]) -> Iterator[str]:
    """done: the numbers of the demands that were acknowledged."""
    events = Counter(one.event.message_id.partition("-")[0].removeprefix("decided:") for one in _logged(store))
    letters = " ".join(letter.payload for letter in store.dead_letters(10_000))
    gone = 0
    for number in range(PEOPLE):
        name = f"p{number}"
        held = (events[name], store.decision(f"{name}-decision") is not None, f"letter of {name};" in letters)
        if number % 2:
            yield from _split_faults(store, number, number in done)
            if held != (_EVENTS, True, True):
                yield f"{name} was to be split and has {held}"
            continue
        known = store.resolve(user(name)) is not None, store.resolve(visit(number)) is not None
        if held + known not in {(0, False, False, False, False), (_EVENTS, True, True, True, True)}:
            yield f"{name} is erased in part: {held}, {known}"
        if number in done and events[name]:
            yield f"{name} was erased and is still there"
        gone += not events[name]
    entries = Counter(entry.what for entry in store.audit(10_000))
    if entries["erased"] != gone:
        yield f"{entries['erased']} erasures are on record, {gone} people are gone"
    yield from (f"check: {fault}" for fault in store.check().faults)


def _split_faults(store: Store, number: int, done: bool) -> Iterator[str]:
    person, visitor = store.resolve(user(f"p{number}")), store.resolve(visit(number))
    pages = len(store.read(user(f"p{number}")).page), len(store.read(visit(number)).page)
    apart = person != visitor
    if None in {person, visitor} or (done and not apart):
        yield f"p{number} is {person} and its visit {visitor}; the split was {'' if done else 'not '}acknowledged"
    if pages != ((4, 1) if apart else (5, 5)):
        yield f"p{number} and its visit have pages of {pages}; they are {'two' if apart else 'one'}"


def _logged(store: Store) -> Iterator[LoggedEvent]:
    yield from (one for _, one in store.logged(frozenset(Kind)))
