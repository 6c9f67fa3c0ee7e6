"""Nothing that is done while people wait looks through a table that grows with the store."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.event import Identifier, Kind
from features.partition import COMMON
from features.stores import open_store
from features.stores.engines import sqlite, sqlite_file
from features.stores.protocol import AmbiguousIdentifier, Append, DeadLetter, LetterLimits, LogDecision, Store
from features.stores.sql import claims
from tests.checks.store_examples import NOON, VAULT, append, decision, event, log_decision, user
from tests.checks.store_people_examples import MAIL, PHONE, anonymous, tell, viewed, withdrawn

GROWING = {
    "addressed",
    "claim",
    "dead_letter",
    "dead_letter_about",
    "decision",
    "erased_decision",
    "event",
    "identifier",
    "message",
    "order_of",
    "person",
    "sealed",
    "trait_change",
}

_FIRST = re.compile(r"SELECT 1 FROM \w+ LIMIT 1")
"""Whether there is anything at all: one row is looked at."""


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Whatever a store that is opened from now on says to its database."""
    said: set[str] = set()

    def traced(path: Path, patience: float, cache_megabytes: int) -> sqlite3.Connection:
        connection = sqlite_file.connect(path, patience, cache_megabytes)
        connection.set_trace_callback(said.add)
        return connection

    monkeypatch.setattr(sqlite, "connect", traced)
    return said


def through(connection: sqlite3.Connection, statement: str) -> Iterator[str]:
    """The tables that the statement goes through, whole or all of one source's messages."""
    named = {alias: name for name, alias in re.findall(r"(?:FROM|JOIN) (\w+) (\w+)", statement)}
    for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}"):
        if found := re.match(r"(?:SCAN|SEARCH(?=.*\(source=\?\)$)) (\w+)", step):
            yield named.get(found[1], str(found[1]))


def everyday(store: Store) -> None:
    """What services and callers do, and what a privacy officer does."""
    ann, browser = user("ann"), anonymous("x")
    tell(store, ann, viewed("one"), event("bought", Kind.ORDERED, order="7"), also=(PHONE, MAIL))
    tell(store, browser, viewed("two"), withdrawn("no"), addressed=(MAIL,))
    tell(store, ann, viewed("three"), also=(browser,))
    tell(store, user("bob"), viewed("four"), previous=(ann,))
    append(store, "ann", event("five"), traits={"motto": "x"})
    store.log_decisions([log_decision("ann", "d1"), LogDecision(PHONE, decision("d2"), ())]).result(30)
    store.bury([DeadLetter(NOON, "r", '{"userId": "ann"}', (ann,))] * 3).result(30)
    assert store.resolve(PHONE) == store.read(ann).person == store.read_as_of(ann, NOON).person
    number = Identifier("order_number", "7")
    assert store.resolve(number) == store.read(number).person == store.read_as_of(number, NOON).person
    store.log_decisions([LogDecision(number, decision("d3"), ())]).result(30)
    assert store.timeline(ann, None, 5, [Kind.VIEWED])
    assert store.promises("ada", 5) == ()
    assert store.decision("d1")
    assert store.decisions_of(store.read(ann).person, 5)
    store.unbury([one.number for one in store.buried(1)])
    store.append([Append(user("carl"), (event("six"),))]).result(30)
    store.split(ann, browser, NOON, "test")
    assert store.export(ann, NOON, "test")
    assert store.erase(ann, NOON, "test")
    assert store.erased("d1")


def test_nothing_goes_through_a_table_that_grows(statements: set[str], tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}", vault=VAULT, letters=LetterLimits(2))
    everyday(store)
    store.close()
    asked = {one for one in statements if re.match("SELECT|WITH|UPDATE|DELETE", one) and not _FIRST.fullmatch(one)}
    assert len(asked) > 50
    connection = sqlite3.connect(tmp_path / "store.db")
    slow = {statement: found for statement in asked if (found := set(through(connection, statement)) & GROWING)}
    connection.close()
    assert slow == {}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}", vault=VAULT)
    yield opened
    assert opened.check().faults == ()
    opened.close()


def answer(store: Store, who: Identifier) -> object:
    """Who it is; that it is several."""
    try:
        return store.resolve(who)
    except AmbiguousIdentifier:
        return "several"


def test_of_many_holders_some_are_enough(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever they are: one person of many browsers, two people, a shared telephone that told something itself."""
    shared = [Identifier("phone", f"+4420794600{number}") for number in range(10, 15)]
    alone, pair, crowd, told_pair, told_crowd = shared
    for number in range(8):
        browser = anonymous(f"x{number}")
        tell(store, browser, viewed(f"a{number}"), also=(alone,))
        tell(store, user("ann"), viewed(f"b{number}"), also=(browser, alone, pair, told_pair))
        tell(store, user(f"u{number}"), viewed(f"c{number}"), also=(crowd, told_crowd))
    tell(store, user("bob"), viewed("d"), also=(pair, told_pair))
    tell(store, told_pair, viewed("e"))
    tell(store, told_crowd, viewed("f"))
    whole = [answer(store, one) for one in shared]
    assert whole == [store.resolve(user("ann")), *["several"] * 4]
    for few in (1, 2, 3, 5):
        monkeypatch.setattr(claims, "_MANY", few)
        assert [answer(store, one) for one in shared] == whole


def test_what_is_common_now_was_not_always(store: Store) -> None:
    for number in range(COMMON + 2):
        tell(store, anonymous(f"x{number}"), viewed(f"i{number}", NOON + number), also=(PHONE,))
    assert len(store.read(anonymous("x0")).page) == 1
    for number in (0, 9, COMMON - 1):
        assert len(store.read_as_of(anonymous("x0"), NOON + number).page) == number + 1
    assert len(store.read_as_of(anonymous("x0"), NOON + COMMON).page) == 1
