"""The SQLite file: how a connection is set up, which file it is and at which schema, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from features.stores.protocol import StoreCorrupt, StoreError, StoreUnavailable
from features.stores.sql.migrations import numbers
from features.vault import Vault

APPLICATION_ID = 0x6E626130
PAGE_BYTES = 4096
LONGEST_LOG = 16_000
"""Pages of the write-ahead log at which a commit moves them into the file itself; by then
features.stores.engines.sqlite_checkpoint has, as a rule."""


@contextmanager
def speaking() -> Iterator[None]:
    """Inside, sqlite3's errors become the store's."""
    try:
        yield
    except sqlite3.Error as error:
        raise translated(error) from error


def translated(error: sqlite3.Error) -> StoreError:
    """Locked, full, unreadable: StoreUnavailable. Malformed or another format: StoreCorrupt. All else: StoreError."""
    if isinstance(error, sqlite3.OperationalError):
        message = f"database is unavailable ({error}); nothing was changed; look at disk and locks, and retry"
        return StoreUnavailable(message)
    if type(error) is sqlite3.DatabaseError:
        return StoreCorrupt(f"database is unreadable ({error}); it must be an intact store; restore a copy")
    return StoreError(f"database refused ({error}); see the cause")


def connect(path: Path, patience: float, cache_megabytes: int) -> sqlite3.Connection:
    """A connection in autocommit mode with durability on, to a file that is there: one that went away while it was in
    use is not begun anew. patience: seconds to wait for another program's lock."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON").fetchone()  # an erasure reaches copies that are older than it
        connection.execute(f"PRAGMA cache_size = {-1024 * cache_megabytes}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_LOG}")
        connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class Whereabouts:
    """Which file a store was opened on. What is written to one that was deleted or replaced since would be lost."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = os.fspath(path)
        self._opened = self._file()

    def require(self) -> None:
        """Raises StoreUnavailable while the path does not lead to the file that was opened."""
        try:
            there = self._file()
        except OSError as error:
            message = f"store is {self._path.name}; its file is out of reach ({error.strerror}); put it back"
            raise StoreUnavailable(message) from error
        if there != self._opened:
            message = f"store is {self._path.name}; its file was replaced while it was open; start the program again"
            raise StoreUnavailable(message)

    def _file(self) -> tuple[int, int]:
        found = os.stat(self._text)  # noqa: PTH116 - before every read; a Path takes as long again
        return found.st_dev, found.st_ino


def prepare(path: Path, patience: float, vault: Vault) -> None:
    """Create the file when it is missing and bring it up to the newest schema; refuse what is not ours. Call under the
    file lock. Raises StoreError for a file of another program or of a newer version, OSError for one that cannot be
    created."""
    # It holds the signing secret and people's histories: its owner's alone. SQLite gives its side files the same mode.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with speaking():
        connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, path, vault)
        finally:
            connection.close()


def schema_number(connection: sqlite3.Connection) -> int:
    """The number of the revision that the file is at."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _prepare(connection: sqlite3.Connection, path: Path, vault: Vault) -> None:
    number, newest = schema_number(connection), numbers.newest()
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if number == newest and owner == APPLICATION_ID:
        return
    if owner == APPLICATION_ID and number > newest:
        message = f"schema version is {number} in {path.name}; this program knows {newest}; use a newer program"
        raise StoreError(message)
    if owner != APPLICATION_ID:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(f"store is {path.name}; it belongs to another program; name another file")
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
    # SQLAlchemy and Alembic, a third of a second, only when there is something to do.
    from features.stores.engines.sqlite_upgrade import upgrade  # noqa: PLC0415

    connection.execute("PRAGMA secure_delete = ON").fetchone()
    upgrade(connection, vault)
    if owner == APPLICATION_ID:
        # Earlier versions did not overwrite what they deleted.
        connection.execute("VACUUM")
