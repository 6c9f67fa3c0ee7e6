"""The SQLite file: its tables, its version, how a connection is set up, and what its errors mean.

The table `event` is the source of truth and is clustered by person, so that one person's log is one range of pages;
`person.tail` and `sealed` are projections of it, `trait_change` the log behind `person.traits`. Codes in `record` are
those of `vocabulary`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from features.stores.protocol import StoreCorrupt, StoreError, StoreUnavailable

SCHEMA_VERSION = 1
APPLICATION_ID = 0x6E626130
PAGE_BYTES = 4096

_SCHEMA = """
CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counter VALUES ('sequence', 0);

CREATE TABLE person(
    person INTEGER PRIMARY KEY,
    customer_id TEXT NOT NULL,
    version INTEGER NOT NULL,          -- newest sequence that changed the record, 0 none
    merged_into INTEGER,               -- the person who took this one over
    traits TEXT NOT NULL,              -- JSON object
    tail BLOB NOT NULL                 -- features.history.EVENT records
);
CREATE TABLE sealed(
    person INTEGER PRIMARY KEY,
    page BLOB NOT NULL,                -- EVENT
    ledger BLOB NOT NULL,              -- LEDGER_ENTRY
    consents BLOB NOT NULL             -- CONSENT_ENTRY
);
CREATE TABLE identifier(
    type TEXT NOT NULL, value TEXT NOT NULL, person INTEGER NOT NULL, PRIMARY KEY (type, value, person)
) WITHOUT ROWID;
CREATE INDEX identifier_of ON identifier(person);

CREATE TABLE source(code INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE event(
    person INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    record BLOB NOT NULL,              -- one EVENT record
    source INTEGER NOT NULL,           -- 0: message is the message id; else message is the row in that source
    message NOT NULL,
    line INTEGER NOT NULL,
    name TEXT,                         -- null: the kind says it all
    order_id TEXT,
    decision_id TEXT,
    properties TEXT NOT NULL,
    PRIMARY KEY (person, sequence)
) WITHOUT ROWID;
CREATE UNIQUE INDEX event_message ON event(source, message, line);
CREATE TABLE trait_change(
    person INTEGER NOT NULL, sequence INTEGER NOT NULL, recorded_at INTEGER NOT NULL, changes TEXT NOT NULL,
    PRIMARY KEY (person, sequence)
) WITHOUT ROWID;

CREATE TABLE vocabulary(
    domain TEXT NOT NULL, code INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (domain, code), UNIQUE (domain, text)
) WITHOUT ROWID;

CREATE TABLE decision(
    number INTEGER PRIMARY KEY,
    decision_id TEXT NOT NULL UNIQUE,
    person INTEGER NOT NULL,
    customer_id TEXT NOT NULL,
    decided_at INTEGER NOT NULL,
    request TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    response TEXT NOT NULL,
    seed TEXT NOT NULL,
    arm TEXT NOT NULL,
    history_version INTEGER NOT NULL,
    catalogue_version INTEGER NOT NULL,
    model_version TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    code_revision TEXT NOT NULL,
    feature_digest TEXT NOT NULL,
    feature_rows BLOB
);
CREATE INDEX decision_of ON decision(person, decided_at);

CREATE TABLE catalogue(
    version INTEGER PRIMARY KEY, digest TEXT NOT NULL, document TEXT NOT NULL, items_digest TEXT NOT NULL,
    published_at INTEGER NOT NULL, author TEXT NOT NULL, note TEXT NOT NULL
);
CREATE TABLE catalogue_items(digest TEXT PRIMARY KEY, items BLOB NOT NULL);
CREATE TABLE bundle(digest TEXT NOT NULL, name TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (digest, name));
CREATE TABLE serving(
    only INTEGER PRIMARY KEY CHECK (only = 1),
    version TEXT NOT NULL, digest TEXT NOT NULL, run_id TEXT NOT NULL, since INTEGER NOT NULL
);
CREATE TABLE access_key(
    key_id TEXT PRIMARY KEY, digest TEXT NOT NULL, rights TEXT NOT NULL, created_at INTEGER NOT NULL, note TEXT NOT NULL
);
CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE dead_letter(
    number INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, reason TEXT NOT NULL, payload TEXT NOT NULL
);
"""


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
        message = f"database is unavailable ({error}); nothing of this is stored; look at disk and locks, and retry"
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
        connection.execute(f"PRAGMA cache_size = {-1024 * cache_megabytes}")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class Whereabouts:
    """Which file a store was opened on. What is written to one that was deleted or replaced since would be lost."""

    def __init__(self, path: Path) -> None:
        self._path = path
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
        found = self._path.stat()
        return found.st_dev, found.st_ino


def prepare(path: Path, patience: float) -> None:
    """Create the file and its tables when they are missing; refuse what is not ours. Call under the file lock. Raises
    StoreError for a file of another program or of a newer version, OSError for one that cannot be created."""
    # It holds the signing secret and people's histories: its owner's alone. SQLite gives its side files the same mode.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with speaking():
        connection = sqlite3.connect(path, timeout=patience, isolation_level=None)
        try:
            _prepare(connection, path)
        finally:
            connection.close()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if version == SCHEMA_VERSION and owner == APPLICATION_ID:
        return
    if owner == APPLICATION_ID:
        message = (
            f"schema version is {version} in {path.name}; this program knows {SCHEMA_VERSION}; use a newer program"
        )
        raise StoreError(message)
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreError(f"store is {path.name}; it belongs to another program; name another file")
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL").fetchone()
    stamp = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {stamp} COMMIT;")
