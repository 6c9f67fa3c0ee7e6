"""Moving what was committed from the write-ahead log into the SQLite file, beside the writer.

SQLite itself does it within the commit that makes the log long enough, which all that is in that commit then waits
for: tens of milliseconds of writing, and as long as the disk takes. A connection of its own does it without holding up
readers or writers.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from features.stores.engines.sqlite_file import Whereabouts, connect
from features.stores.protocol import StoreError

logger = logging.getLogger("nextbest.store")

PACE = 1.0
"""Seconds between two looks, so that a page that changes often is written once for many commits."""
_PASSES = 4
"""What is committed meanwhile is left over. The log begins anew once nothing is; the writer moves the rest itself when
it never comes to that, see features.stores.engines.sqlite_file."""
_CACHE = 1
"""Megabytes."""


class Checkpoints:
    """A thread of one engine. Never raises: the writer moves what this does not."""

    def __init__(self, path: Path, patience: float, whereabouts: Whereabouts) -> None:
        self._path = path
        self._patience = patience
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

    def _run(self) -> None:
        while not self._closing.wait(PACE):
            self._committed.wait()
            if not self._closing.is_set():
                self._committed.clear()
                self._look()

    def _look(self) -> None:
        try:
            self._whereabouts.require()
            with self._busy:
                self._move()
        except (sqlite3.Error, StoreError) as error:
            if not self._failing:
                logger.warning("the write-ahead log grows; told once", extra={"reason": str(error)})
            self._failing = True
        else:
            self._failing = False

    def _move(self) -> None:
        connection = connect(self._path, self._patience, _CACHE)
        try:
            for _ in range(_PASSES):
                busy, logged, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if busy or moved == logged:
                    return
        finally:
            connection.close()
