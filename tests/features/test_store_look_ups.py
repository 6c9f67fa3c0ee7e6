"""Nothing that is done while people wait looks through a table that grows with the store."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.event import Kind
from features.stores import open_store
from features.stores.engines import sqlite, sqlite_file
from features.stores.protocol import Append, DeadLetter, LogDecision, Store
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
    tell(store, ann, viewed("one"), also=(PHONE, MAIL))
    tell(store, browser, viewed("two"), withdrawn("no"), addressed=(MAIL,))
    tell(store, ann, viewed("three"), also=(browser,))
    tell(store, user("bob"), viewed("four"), previous=(ann,))
    append(store, "ann", event("five"), traits={"motto": "x"})
    store.log_decisions([log_decision("ann", "d1"), LogDecision(PHONE, decision("d2"), ())]).result(30)
    store.bury([DeadLetter(NOON, "r", '{"userId": "ann"}', (ann,))] * 3).result(30)
    assert store.resolve(PHONE) == store.read(ann).person == store.read_as_of(ann, NOON).person
    assert store.timeline(ann, None, 5, [Kind.VIEWED])
    assert store.decision("d1")
    assert store.decisions_of(store.read(ann).person, 5)
    store.unbury([one.number for one in store.buried(1)])
    store.append([Append(user("carl"), (event("six"),))]).result(30)
    store.split(ann, browser, NOON, "test")
    assert store.export(ann, NOON, "test")
    assert store.erase(ann, NOON, "test")
    assert store.erased("d1")


def test_nothing_goes_through_a_table_that_grows(statements: set[str], tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}", vault=VAULT)
    everyday(store)
    store.close()
    asked = {one for one in statements if re.match("SELECT|WITH|UPDATE|DELETE", one) and not _FIRST.fullmatch(one)}
    assert len(asked) > 50
    connection = sqlite3.connect(tmp_path / "store.db")
    slow = {statement: found for statement in asked if (found := set(through(connection, statement)) & GROWING)}
    connection.close()
    assert slow == {}
