"""A server that takes a question and does not answer it: nobody waits for ever, and nothing that needs long is cut."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
import pytest

from features.event import Kind
from features.stores import open_store
from features.stores.protocol import StoreUnavailable
from tests.checks.postgres import Server, binaries_or_skip, cluster
from tests.checks.store_examples import NOON, VAULT, append, event, import_table, user
from tests.features.test_store_outage import until

OURS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'nextbest'"

SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3); RETURN NULL; END';
CREATE TRIGGER slow AFTER INSERT OR DELETE ON event FOR EACH STATEMENT EXECUTE FUNCTION slow();
"""
"""Longer than a small write may take with the patience below."""
PATIENCE = 0.5


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A cluster of its own: its processes are stopped."""
    with cluster(binaries_or_skip()) as started:
        yield started


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    with server.schema() as url:
        open_store(url, vault=VAULT).close()
        yield url


def said(url: str, statements: str) -> list[int]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statements.encode())
        return [row[0] for row in cursor] if cursor.description else []


@contextmanager
def silent(url: str) -> Iterator[None]:
    """Inside, the processes that answer stand still."""
    stopped = said(url, OURS)
    assert stopped
    for one in stopped:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in stopped:
            os.kill(one, signal.SIGCONT)


def test_a_server_that_falls_silent_is_given_up_and_heard_again(url: str) -> None:
    store = open_store(url, patience=1.5, vault=VAULT)
    append(store, "c", event("m1"))
    store.read(user("c"))
    with silent(url):
        with pytest.raises(StoreUnavailable, match="the server does not answer"):
            store.read(user("c"))
        with pytest.raises(StoreUnavailable, match="did not answer a moment ago"):
            store.read(user("c"))
        with pytest.raises(StoreUnavailable, match="the server does not answer"):
            append(store, "c", event("m2"))
        # Others of its processes answer: what is asked now is asked of them.
        until(lambda: len(store.read(user("c")).page) == 1)
        assert append(store, "c", event("m3")).stored == 1
    assert append(store, "c", event("m2")).stored == 1
    assert store.check().faults == ()
    store.close()


def test_a_read_that_takes_too_long_is_cut_and_its_connection_kept(url: str) -> None:
    store = open_store(url, patience=PATIENCE, vault=VAULT)
    store.put_setting("motto", "x")
    assert store.setting("motto") == "x"
    before = said(url, OURS)
    said(url, "ALTER TABLE setting RENAME TO kept")
    said(url, "CREATE VIEW setting AS SELECT k.* FROM kept k, pg_sleep(60)")
    with pytest.raises(StoreUnavailable, match="nothing was changed"):
        store.setting("motto")
    said(url, "DROP VIEW setting")
    said(url, "ALTER TABLE kept RENAME TO setting")
    assert store.setting("motto") == "x"
    assert said(url, OURS) == before
    store.close()


def test_what_needs_long_is_not_cut_whatever_the_server_allows(url: str) -> None:
    said(url, SLOW)
    strict = url + quote(" -c statement_timeout=1000")
    store = open_store(strict, patience=PATIENCE, vault=VAULT)
    table = import_table([{"customer_id": "c", "item": f"i{row}"} for row in range(3)])
    assert store.import_events(table, "file").stored == 3
    with pytest.raises(StoreUnavailable, match="nothing was changed"):
        append(store, "c", event("m1", Kind.VIEWED))
    assert store.erase(user("c"), NOON, "dpo") is not None
    said(url, "DROP TRIGGER slow ON event")
    assert append(store, "c", event("m1")).stored == 1
    assert len(store.read(user("c")).page) == 1
    store.close()
