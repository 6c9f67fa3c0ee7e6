"""Which process may write to an SQLite file next.

The lock is taken before SQLite's own, because processes that meet inside SQLite starve one another by retrying.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from features.stores.protocol import StoreUnavailable

_POLL = 0.0002
_BREATH = 0.0004


class FileLock:
    """An exclusive lock between processes, on a file of its own beside the database."""

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._patience = patience
        self._released = 0.0
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raises StoreUnavailable when others hold it for longer than the patience."""
        self._acquire()
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self._released = time.monotonic()

    def _acquire(self) -> None:
        # Others poll: who has just let go gives them one look before coming back.
        pause = self._released + _BREATH - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        deadline = time.monotonic() + self._patience
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    message = f"write lock is held by another process; it frees within {self._patience} s; retry later"
                    raise StoreUnavailable(message) from None
                time.sleep(_POLL)
            else:
                return

    def close(self) -> None:
        os.close(self._descriptor)
