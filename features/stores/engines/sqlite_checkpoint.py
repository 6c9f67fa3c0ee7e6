"""Moving what was committed from the write-ahead log into the SQLite file, beside the writer.

SQLite itself does it within the commit that makes the log long enough, which all that is in that commit then waits
for: tens of milliseconds of writing, and as long as the disk takes. A connection of its own does it without holding up
readers, nor writers either where the SQLite is one that may be written to meanwhile (MENDED).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from features.stores.engines.sqlite_file import Whereabouts, connect
from features.stores.engines.sqlite_lock import FileLock
from features.stores.protocol import StoreError, StoreUnavailable

logger = logging.getLogger("nextbest.store")

PACE = 1.0
"""Seconds between two looks, so that a page that changes often is written once for many commits."""
_PASSES = 4
"""What is committed meanwhile is left over. The log begins anew once nothing is; the writer moves the rest itself when
it never comes to that, see features.stores.engines.sqlite_file."""
_CACHE = 1
"""Megabytes."""
MENDED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The versions of SQLite from which on, on their branches, a commit that begins the log anew while it is being moved
loses nothing (sqlite.org/wal.html, "the WAL-reset bug"). With others nobody may commit meanwhile."""


_NOT_MOVED = "%s-wal is not moved into its file (%s); nothing in it is lost, but it grows; look at the disk; told once"


def commits_meanwhile(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite may be written to while its log is moved."""
    return version >= MENDED[0] or any(one <= version < (*one[:1], one[1] + 1, 0) for one in MENDED[1:])


class Checkpoints:
    """A thread of one engine. Never raises: the writer moves what this does not."""

    def __init__(self, path: Path, patience: float, whereabouts: Whereabouts, lock: Path) -> None:
        """lock: the file of the writers' lock."""
        self._path = path
        self._patience = patience
        self._lock = FileLock(lock, patience)
        self._whereabouts = whereabouts
        self._busy = threading.Lock()
        self._committed = threading.Event()
        self._closing = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="store-checkpoints", daemon=True)
        self._thread.start()

    def committed(self) -> None:
        """Tells that there is something to move."""
        self._committed.set()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside, this process moves nothing: two who do at once get into one another's way."""
        with self._busy:
            yield

    def close(self) -> None:
        self._closing.set()
        self._committed.set()
        self._thread.join()
        self._lock.close()

    def _run(self) -> None:
        while not self._closing.wait(PACE):
            self._committed.wait()
            if not self._closing.is_set():
                self._committed.clear()
                self._look()

    def _look(self) -> None:
        try:
            with self._busy, self._alone() as alone:
                if alone:
                    self._whereabouts.require()
                    self._move()
        except (sqlite3.Error, StoreError) as error:
            if not self._failing:
                logger.warning(_NOT_MOVED, self._path, error)
            self._failing = True
        else:
            self._failing = False

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether nobody commits meanwhile, or may. Not while somebody writes for long, as an import does: then it is
        looked again."""
        with ExitStack() as held:
            try:
                if not commits_meanwhile(sqlite3.sqlite_version_info):
                    held.enter_context(self._lock.held())
            except StoreUnavailable:
                self._committed.set()
                yield False
            else:
                yield True

    def _move(self) -> None:
        connection = connect(self._path, self._patience, _CACHE)
        try:
            for _ in range(_PASSES):
                busy, logged, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if busy or moved == logged:
                    return
        finally:
            connection.close()
