"""The store in one SQLite file: durable group commits, microsecond reads, any number of processes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from features.event import Identifier
from features.history import CustomerRecord
from features.stores import sqlite_admin as admin
from features.stores import sqlite_reads as reads
from features.stores.acceptance import check_append, check_decision
from features.stores.protocol import (
    AccessKey,
    Append,
    Appended,
    BulkReceipt,
    CheckReport,
    DeadLetter,
    DecisionReceipt,
    LogDecision,
    LoggedDecision,
    PersonEvents,
    ServingModel,
    StoredCatalogue,
    StoreError,
)
from features.stores.sqlite_bulk import import_customers, import_events
from features.stores.sqlite_check import check
from features.stores.sqlite_decisions import select_decisions, select_decisions_of
from features.stores.sqlite_group import Appends, Decisions, Letters, write_group
from features.stores.sqlite_schema import Whereabouts, connect, prepare, speaking
from features.stores.sqlite_vocabulary import SharedVocabulary
from features.stores.sqlite_writer import FileLock, WriterThread

if TYPE_CHECKING:
    import pyarrow as pa

    from features.vocabulary import Vocabulary

PATIENCE = 5.0
"""Seconds to wait for another process's write."""

_READER_CACHE = 16
_WRITER_CACHE = 64
"""Megabytes."""


class SQLiteStore:
    """Implements features.stores.protocol.Store. Safe to use from any thread; not to be carried over a fork."""

    def __init__(self, path: Path, patience: float = PATIENCE) -> None:
        self._path = path
        self._patience = patience
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()
        self._closed = False
        self._shared = SharedVocabulary()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path.with_name(path.name + ".lock"), patience)
        except OSError as error:
            message = f"store is {path.name}; its folder must be writable ({error.strerror}); name another"
            raise StoreError(message) from error
        try:
            with self._lock.held():
                prepare(path, patience)
            self._whereabouts = Whereabouts(path)
            with speaking():
                self._writer = WriterThread(
                    lambda: connect(path, patience, _WRITER_CACHE),
                    self._lock,
                    self._whereabouts.require,
                    lambda connection, members: write_group(connection, self._shared, members),  # type: ignore[arg-type]
                )
        except StoreError:
            self._lock.close()
            raise
        except OSError as error:
            self._lock.close()
            raise StoreError(f"store is {path.name}; it cannot be created ({error.strerror}); name another") from error

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        with self._readers_lock:
            for connection in self._readers:
                connection.close()
        self._lock.close()

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if self._closed:
            raise StoreError("store is closed; nothing can be read; open it again")
        self._whereabouts.require()
        if connection is None:
            connection = connect(self._path, self._patience, _READER_CACHE)
            connection.execute("PRAGMA query_only = ON")
            self._local.connection = connection
            self._local.seen = -1
            with self._readers_lock:
                self._readers.append(connection)
        return connection

    # People and their history

    @property
    def vocabulary(self) -> Vocabulary:
        """This process's copy, brought up to every commit."""
        with speaking():
            connection = self._reader()
            seen = connection.execute("PRAGMA data_version").fetchone()[0]
            if seen != self._local.seen:
                self._shared.refresh(connection)
                self._local.seen = seen
        return self._shared.vocabulary

    def append(self, writes: Sequence[Append]) -> Future[tuple[Appended, ...]]:
        """Raises InvalidEvent at once; the future raises what only the database can know."""
        for write in writes:
            check_append(write)
        return self._writer.submit(Appends(tuple(writes)))

    def resolve(self, identifier: Identifier) -> int | None:
        with speaking():
            found = reads.find(self._reader(), identifier)
        return None if found is None else found[0]

    def read(self, identifier: Identifier) -> CustomerRecord:
        with speaking():
            return reads.present(self._reader(), identifier)

    def read_as_of(self, identifier: Identifier, moment: int) -> CustomerRecord:
        with speaking():
            return reads.earlier(self._reader(), identifier, moment)

    def people(self) -> int:
        with speaking():
            query = "SELECT count(*) FROM person WHERE merged_into IS NULL"
            return int(self._reader().execute(query).fetchone()[0])

    def scan(self, bucket: int, buckets: int) -> Iterator[PersonEvents]:
        with speaking():
            yield from reads.scan(self._reader(), bucket, buckets)

    def import_events(self, table: pa.Table, source: str) -> BulkReceipt:
        return self._writer.alone(lambda connection: import_events(connection, self._shared, table, source))

    def import_customers(self, table: pa.Table, source: str) -> BulkReceipt:  # noqa: ARG002
        return self._writer.alone(lambda connection: import_customers(connection, table))

    def check(self) -> CheckReport:
        with speaking():
            connection = connect(self._path, self._patience, _READER_CACHE)
            try:
                return check(connection)
            finally:
                connection.close()

    # Decisions

    def log_decisions(self, writes: Sequence[LogDecision]) -> Future[tuple[DecisionReceipt, ...]]:
        """Raises InvalidEvent at once; the future raises DecisionConflict."""
        for write in writes:
            check_decision(write)
        return self._writer.submit(Decisions(tuple(writes)))

    def decision(self, decision_id: str) -> LoggedDecision | None:
        with speaking():
            return next(iter(select_decisions(self._reader(), [decision_id])), None)

    def decisions_of(self, person: int, limit: int) -> tuple[LoggedDecision, ...]:
        with speaking():
            return tuple(select_decisions_of(self._reader(), person, limit))

    # Catalogue and bundles

    def publish_catalogue(
        self, document: str, items: bytes, expected_version: int | None, published_at: int, author: str, note: str
    ) -> StoredCatalogue:
        draft = admin.Draft(document, items, expected_version, published_at, author, note)
        return self._writer.alone(lambda connection: admin.publish(connection, self._shared, draft))

    def catalogue(self, version: int | None = None) -> StoredCatalogue | None:
        with speaking():
            return admin.catalogue(self._reader(), version)

    def catalogue_version(self) -> int:
        with speaking():
            return admin.catalogue_version(self._reader())

    def put_bundle(self, digest: str, files: Mapping[str, bytes]) -> None:
        self._writer.alone(lambda connection: admin.put_bundle(connection, digest, files))

    def bundle(self, digest: str) -> Mapping[str, bytes] | None:
        with speaking():
            return admin.bundle(self._reader(), digest)

    def set_serving(self, version: str, digest: str, run_id: str, since: int) -> None:
        model = ServingModel(version, digest, run_id, since)
        self._writer.alone(lambda connection: admin.set_serving(connection, model))

    def serving(self) -> ServingModel | None:
        with speaking():
            return admin.serving(self._reader())

    # Keys, settings, dead letters

    def add_key(self, key: AccessKey) -> None:
        self._writer.alone(lambda connection: admin.add_key(connection, key))

    def revoke_key(self, key_id: str) -> bool:
        return self._writer.alone(lambda connection: admin.revoke_key(connection, key_id))

    def keys(self) -> tuple[AccessKey, ...]:
        with speaking():
            return admin.keys(self._reader())

    def setting(self, name: str) -> str | None:
        with speaking():
            return admin.setting(self._reader(), name)

    def put_setting(self, name: str, value: str) -> None:
        self._writer.alone(lambda connection: admin.put_setting(connection, name, value))

    def put_setting_once(self, name: str, value: str) -> str:
        return self._writer.alone(lambda connection: admin.put_setting_once(connection, name, value))

    def advance_present(self, moment: int) -> int:
        """Writes only when time moves; the setting `present` holds it, in ms UTC."""
        stored = self.setting(admin.PRESENT)
        if stored is not None and int(stored) >= moment:
            return int(stored)
        return self._writer.alone(lambda connection: admin.advance_present(connection, moment))

    def bury(self, letters: Sequence[DeadLetter]) -> Future[None]:
        return self._writer.submit(Letters(tuple(letters)))

    def dead_letters(self, limit: int) -> tuple[DeadLetter, ...]:
        with speaking():
            return admin.dead_letters(self._reader(), limit)
