"""A store in one SQLite file: durable commits, microsecond reads, any number of processes."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from features.stores.engines.sqlite_checkpoint import Checkpoints
from features.stores.engines.sqlite_file import Whereabouts, connect, prepare, speaking, translated
from features.stores.engines.sqlite_lock import FileLock
from features.stores.engines.sqlite_session import SQLiteSession
from features.stores.protocol import StoreError, StoreUnavailable
from features.stores.sql.session import Session
from features.vault import Vault

logger = logging.getLogger("nextbest.store")
T = TypeVar("T")

COMPACTED_AT_ONCE = 64 << 20
"""Bytes of a file that is written anew after each erasure: a few tenths of a second."""

_POLL = 0.01
"""Seconds between two tries to empty the log."""
_READER_CACHE = 16
_WRITER_CACHE = 64
"""Megabytes."""


class SQLiteEngine:
    """Implements features.stores.sql.session.Engine. Safe to read from any thread; not to be carried over a fork.

    vault: for what an earlier schema kept in clear. patience: seconds to wait for another process's write."""

    def __init__(self, path: Path, patience: float, vault: Vault) -> None:
        self._path = path
        self._patience = patience
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()
        self._closed = False
        lock = path.with_name(path.name + ".lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(lock, patience)
        except OSError as error:
            message = f"store is {path.name}; its folder must be writable ({error.strerror}); name another"
            raise StoreError(message) from error
        try:
            with self._lock.held():
                prepare(path, patience, vault)
            self._whereabouts = Whereabouts(path)
            with speaking():
                self._connection: sqlite3.Connection | None = connect(path, patience, _WRITER_CACHE)
        except StoreError:
            self._lock.close()
            raise
        except OSError as error:
            self._lock.close()
            raise StoreError(f"store is {path.name}; it cannot be created ({error.strerror}); name another") from error
        self._checkpoints = Checkpoints(path, patience, self._whereabouts, lock)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        try:
            yield self._reader()
        except sqlite3.Error as error:
            raise translated(error) from error

    @contextmanager
    def moment(self) -> Iterator[Session]:
        with self.reading() as session:
            session.execute("BEGIN")
            try:
                yield session
            finally:
                session.execute("ROLLBACK")

    def _reader(self) -> SQLiteSession:
        session: SQLiteSession | None = getattr(self._local, "session", None)
        if self._closed:
            raise StoreError("store is closed; nothing can be read; open it again")
        self._whereabouts.require()
        if session is None:
            connection = connect(self._path, self._patience, _READER_CACHE)
            connection.execute("PRAGMA query_only = ON")
            self._local.session = session = SQLiteSession(connection)
            with self._readers_lock:
                self._readers.append(connection)
        return session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        with speaking():
            connection = connect(self._path, self._patience, _READER_CACHE)
            try:
                connection.execute("BEGIN")
                yield SQLiteSession(connection)
            finally:
                connection.close()

    def write(self, work: Callable[[Session], T], alone: bool) -> T:  # noqa: ARG002
        with speaking(), self._lock.held():
            self._whereabouts.require()
            if self._connection is None:
                self._connection = connect(self._path, self._patience, _WRITER_CACHE)
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(SQLiteSession(connection))
                connection.execute("COMMIT")
            except BaseException:
                self._roll_back(connection)
                raise
            self._checkpoints.committed()
            return result

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            # A connection that cannot even roll back is given up; its locks go with it.
            self._connection = None
            connection.close()

    def wipe(self) -> None:
        """What is deleted was overwritten in its place, but pages that were split may hold a copy in their unused part,
        and the write-ahead log the pages as they were. A small file is written anew. While another process reads, the
        log stays until a later checkpoint."""
        try:
            if self._path.stat().st_size <= COMPACTED_AT_ONCE:
                self.compact()
            else:
                with self._checkpoints.paused(), self._lock.held():
                    self._empty_log()
        except (sqlite3.Error, StoreError, OSError) as error:
            logger.warning("the store's files may still hold what was erased", extra={"reason": str(error)})

    def compact(self) -> None:
        with self._checkpoints.paused(), speaking(), self._lock.held():
            if self._connection is not None:
                self._connection.execute("VACUUM")
            self._empty_log()

    def _empty_log(self) -> None:
        if self._connection is None:
            return
        deadline = time.monotonic() + self._patience
        while self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > deadline:
                message = "write-ahead log is in use by another process; it must be free to be emptied; try later"
                raise StoreUnavailable(message)
            time.sleep(_POLL)

    def close(self) -> None:
        """Call after the writer has stopped."""
        self._closed = True
        self._checkpoints.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        with self._readers_lock:
            for connection in self._readers:
                connection.close()
        self._lock.close()
