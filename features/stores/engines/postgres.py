"""A store in one schema of a PostgreSQL database: as many processes on as many machines as may reach it.

Writers hold a lock of the store until they commit: groups of small writes share it, so that they commit beside one
another; whatever changes who somebody is, imports, migrates or sets has it to itself. Between groups the rows of people
are locked in order of their numbers, and two that give the same name, code or message at once meet in a unique index:
the second runs again and finds what the first wrote.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeVar

import psycopg

from features.stores.engines.postgres_connection import (
    AGAIN,
    ALONE,
    SHARED,
    alive,
    connect,
    end,
    is_current,
    speaking,
    translated,
)
from features.stores.engines.postgres_session import PostgresSession
from features.stores.engines.postgres_waiting import Connection
from features.stores.protocol import StoreError, StoreUnavailable
from features.stores.sql.migrations import numbers
from features.stores.sql.rights import DELETED_FROM
from features.stores.sql.session import MustBeAlone, Session
from features.vault import Vault

T = TypeVar("T")

_ATTEMPTS = 6
"""Runs of one piece of work beside others; the last is alone, where nobody can come first."""

_WRITING = 4
"""Times the patience that one statement of a small write may take: its locks alone may take the patience."""

_NO_WAIT = 0.5
"""Seconds that a refusal may take without being a silence."""

_ONE_MOMENT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_VERSION = b"SELECT version_num FROM alembic_version"


class PostgresEngine:
    """Implements features.stores.sql.session.Engine. Safe to read from any thread; not to be carried over a fork.

    url: as libpq understands it. patience: seconds to wait for the server and for another process's write."""

    def __init__(self, url: str, patience: float, vault: Vault) -> None:
        self._url = url
        self._patience = patience
        self._local = threading.local()
        self._readers: weakref.WeakSet[PostgresSession] = weakref.WeakSet()
        self._readers_lock = threading.Lock()
        self._closed = False
        self._silent_until = 0.0
        self._revision = numbers.revision(numbers.newest())
        with speaking():
            self._connection: Connection | None = connect(url, patience, _WRITING * patience)
            try:
                self._prepare(self._connection, vault)
            except BaseException:
                end(self._connection)
                raise

    def _prepare(self, connection: Connection, vault: Vault) -> None:
        if not is_current(connection):
            from features.stores.engines.postgres_upgrade import upgrade  # noqa: PLC0415

            upgrade(self._url, self._patience, vault)

    # Reading

    @contextmanager
    def reading(self) -> Iterator[Session]:
        session = None
        try:
            session = self._reader()
            yield session
        except psycopg.Error as error:
            if session is not None:
                self._heed(session.connection)
            raise translated(error) from error

    @contextmanager
    def moment(self) -> Iterator[Session]:
        with self.reading() as session:
            session.execute(_ONE_MOMENT)
            try:
                yield session
            finally:
                if alive(self._local.session.connection):
                    session.execute("ROLLBACK")

    def _heed(self, connection: Connection) -> None:
        """Whoever has waited in vain for an answer spares the next a wait for a connection."""
        if connection.silent:
            self._silent_until = time.monotonic() + self._patience

    def _reader(self) -> PostgresSession:
        if self._closed:
            raise StoreError("store is closed; nothing can be read; open it again")
        session: PostgresSession | None = getattr(self._local, "session", None)
        if session is not None and alive(session.connection):
            return session
        self._local.session = session = PostgresSession(self._connected(self._patience))
        # A server has few connections to give: one goes with its thread.
        weakref.finalize(session, end, session.connection)
        with self._readers_lock:
            self._readers.add(session)
        return session

    def _connected(self, limit: float | None = None) -> Connection:
        """limit: seconds that one statement may take, None however long. A server that lets callers wait is left alone
        for as long as it did: they are refused at once instead."""
        began = time.monotonic()
        if began < self._silent_until:
            rule = "nothing was changed; try again in a few seconds"
            raise StoreUnavailable(f"database is unavailable (it did not answer a moment ago); {rule}")
        try:
            return connect(self._url, self._patience, limit)
        except psycopg.OperationalError:
            if (waited := time.monotonic() - began) > _NO_WAIT:
                self._silent_until = time.monotonic() + waited
            raise

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        with speaking():
            connection = self._connected()
            try:
                connection.execute(_ONE_MOMENT.encode())
                yield PostgresSession(connection)
            finally:
                end(connection)

    # Writing

    def write(self, work: Callable[[Session], T], alone: bool = True) -> T:
        """What is to be alone from the first may take as long as it needs; no statement of a group may."""
        endless = alone
        for attempt in range(_ATTEMPTS):
            try:
                return self._attempt(work, alone or attempt == _ATTEMPTS - 1, endless)
            except MustBeAlone:
                alone = True
            except AGAIN as error:
                refusal = error
        raise translated(refusal) from refusal

    def _attempt(self, work: Callable[[Session], T], alone: bool, endless: bool) -> T:
        try:
            connection = self._begun(alone)
            try:
                with connection.however_long() if endless else nullcontext():
                    if endless:
                        connection.execute(b"SET LOCAL statement_timeout = 0")
                    result = work(PostgresSession(connection, alone))
                    self._commit(connection)
            except BaseException:
                self._roll_back(connection)
                raise
        except AGAIN:
            raise
        except psycopg.Error as error:
            raise translated(error) from error
        return result

    def _commit(self, connection: Connection) -> None:
        try:
            connection.execute(b"COMMIT")
        except AGAIN:
            raise
        except psycopg.Error as error:
            raise translated(error, committing=True) from error

    def _begun(self, alone: bool) -> Connection:
        """The writing connection inside a transaction that holds the store's lock. Raises StoreUnavailable when the
        schema was changed under this program."""
        connection = self._connection
        if connection is None or not alive(connection):
            if connection is not None:
                end(connection)
            self._connection = None
            self._connection = connection = self._connected(_WRITING * self._patience)
        try:
            with connection.pipeline():
                connection.execute(b"BEGIN")
                connection.execute(ALONE if alone else SHARED)
                revision = connection.execute(_VERSION)
            ((found,),) = revision.fetchall()
        except BaseException:
            self._roll_back(connection)
            raise
        if found != self._revision:
            self._roll_back(connection)
            message = f"schema version is {found}; it was {self._revision} when this program started; start it again"
            raise StoreUnavailable(message)
        return connection

    def _roll_back(self, connection: Connection) -> None:
        try:
            connection.rollback()
        except psycopg.Error:
            # Its locks go with it.
            self._connection = None
            end(connection)

    def wipe(self) -> None:
        """Deleted rows go with the server's own vacuum; write-ahead log and backups are its operator's."""

    def compact(self) -> None:
        with speaking():
            connection = connect(self._url, self._patience)
            try:
                for name in DELETED_FROM:
                    connection.execute(b"VACUUM (FULL) " + name.encode())
            finally:
                end(connection)

    def close(self) -> None:
        """Call after the writer has stopped."""
        self._closed = True
        if self._connection is not None:
            end(self._connection)
            self._connection = None
        with self._readers_lock:
            for session in self._readers:
                end(session.connection)
