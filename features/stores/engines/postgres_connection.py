"""Connections to PostgreSQL: how they are set up, whether they still live, and what the server's errors mean."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.numeric import Int8BinaryDumper

from features.stores.engines.postgres_arrays import register
from features.stores.engines.postgres_waiting import MARGIN, Connection
from features.stores.protocol import StoreCorrupt, StoreError, StoreUnavailable
from features.stores.sql.migrations import numbers

_LOOKUPS = ("enable_seqscan = off", "enable_hashjoin = off", "enable_mergejoin = off", "jit = off", "work_mem = '64MB'")
"""Look-ups go by their index: of a table that has just grown a thousandfold the planner's statistics know nothing, and
a portion of people is few among many however often a table is gone through. Memory is for `check`, which weighs all
who share an identifier."""

_ENDURANCE: Final[dict[str, Any]] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Seconds and milliseconds after which a server that says nothing is gone; the URL may say otherwise."""

_ALWAYS: Final[dict[str, Any]] = {"autocommit": True, "application_name": "nextbest", "client_encoding": "UTF8"}

_THIS_STORE = "1851941168, (SELECT oid::int FROM pg_namespace WHERE nspname = current_schema())"
ALONE = f"SELECT pg_advisory_xact_lock({_THIS_STORE})".encode()
SHARED = f"SELECT pg_advisory_xact_lock_shared({_THIS_STORE})".encode()
"""The store's lock, until the transaction ends: one that writes alone, or those that write beside one another. The
first number is ours, the second the schema's."""

AGAIN = (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)
"""Two wrote the same at once: who comes second looks again and finds what the first wrote."""


def connect(url: str, patience: float, limit: float | None = None) -> Connection:
    """In autocommit mode. patience: seconds to wait for the server, and for another's lock. limit: seconds that one
    statement may take; None: however long, also where the server's own setting says otherwise. A commit is on disk
    before it is acknowledged, whatever the server's settings say. Raises StoreError for what is no URL."""
    try:
        asked = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # The driver's words repeat the URL, which may hold a password.
        raise StoreError("store is no valid URL; it is postgresql://user@host/database; correct it") from None
    connection = Connection.connect(**{**_ENDURANCE, "connect_timeout": max(2, round(patience)), **asked, **_ALWAYS})
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    register(connection.adapters)
    timeouts = [f"lock_timeout = {round(1000 * patience)}", f"statement_timeout = {round(1000 * (limit or 0))}"]
    connection.endurance = patience + MARGIN
    try:
        settings = ["synchronous_commit = on", *timeouts, *_LOOKUPS]
        connection.execute("; ".join(f"SET {one}" for one in settings).encode())
    except psycopg.Error:
        connection.close()
        raise
    connection.endurance = None if limit is None else limit + MARGIN
    return connection


def alive(connection: Connection) -> bool:
    """False for a connection that the server has ended since it was last used: an idle one has nothing to say."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    if not poll.poll(0):
        return True
    try:
        connection.pgconn.consume_input()
    except psycopg.Error:
        return False
    # A notice, or a setting that the server was told to read anew, is no farewell.
    return not poll.poll(0) and connection.pgconn.status == psycopg.pq.ConnStatus.OK


def end(connection: Connection) -> None:
    try:
        connection.close()
    except psycopg.Error:
        return


@contextmanager
def speaking() -> Iterator[None]:
    """Inside, psycopg's errors become the store's."""
    try:
        yield
    except psycopg.Error as error:
        raise translated(error) from error


def translated(error: psycopg.Error, committing: bool = False) -> StoreError:
    """Away, full, locked, read-only: StoreUnavailable. Damaged pages: StoreCorrupt. All else: StoreError. committing:
    the commit had been sent, and nobody knows whether it was done."""
    words = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, errors.DataCorrupted | errors.IndexCorrupted):
        return StoreCorrupt(f"database is damaged ({words}); it must be intact; restore a copy")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | errors.ReadOnlySqlTransaction):
        if committing:
            rule = "what was sent may or may not be stored; send the same again"
            return StoreUnavailable(f"database went away ({words}); {rule}")
        return StoreUnavailable(f"database is unavailable ({words}); nothing was changed; try again in a few seconds")
    return StoreError(f"database refused ({words}); see the cause")


def schema_number(connection: Connection) -> int:
    """The number of the revision that the schema is at; 0 where there is nothing yet. Raises StoreError for what is not
    ours."""
    query = """SELECT current_schema(), current_setting('server_encoding'),
                      (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                       WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')),
                      to_regclass(quote_ident(current_schema()) || '.alembic_version') IS NOT NULL,
                      to_regclass(quote_ident(current_schema()) || '.trait_change') IS NOT NULL"""
    ((schema, encoding, tables, versioned, ours),) = connection.execute(query.encode()).fetchall()
    if schema is None:
        raise StoreError("schema is missing; the search path names one that is not there; create it")
    if encoding != "UTF8":
        raise StoreError(f"database encoding is {encoding}; a store needs UTF8; create the database with it")
    if not tables:
        return 0
    if not (versioned and ours):
        raise StoreError(f"schema is {schema}; it belongs to another program; name another database or schema")
    return int(connection.execute(b"SELECT version_num FROM alembic_version").fetchall()[0][0])


def is_current(connection: Connection) -> bool:
    """Raises StoreError for a newer schema."""
    number, newest = schema_number(connection), numbers.newest()
    if number > newest:
        message = f"schema version is {number} on the server; this program knows {newest}; use a newer program"
        raise StoreError(message)
    return number == newest
