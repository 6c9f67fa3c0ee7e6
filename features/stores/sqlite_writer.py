"""One thread per process writes, in groups; one file lock decides which process writes next.

Everything submitted while a group is being written makes the next one, and groups begin at least PACE apart, so that
one durable commit serves all that arrived meanwhile. The file lock is taken before SQLite's own, because processes that
meet inside SQLite starve one another by retrying.
"""

from __future__ import annotations

import fcntl
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from features.stores.protocol import StoreError, StoreUnavailable
from features.stores.sqlite_schema import translated

T = TypeVar("T")

PACE = 0.002
"""Seconds between the beginnings of two groups."""
GROUP_LIMIT = 1024
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


@dataclass(frozen=True, slots=True)
class Submission(Generic[T]):
    """Work and where its result goes. work runs alone in a transaction of its own; a group member has None and is a
    value that the group writer understands."""

    future: Future[T]
    work: Callable[[sqlite3.Connection], T] | None
    member: object = None


Member = Submission[Any]
Written = tuple[Sequence[object], Callable[[], None]]
"""Each member's result, or the exception that refuses it; and what to do once all is durable."""
GroupWork = Callable[[sqlite3.Connection, Sequence[object]], Written]


class WriterThread:
    """Owns the process's one writing connection. Every future is settled after the commit, or with a StoreError.
    require: raises StoreUnavailable while nothing may be written."""

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], lock: FileLock, require: Callable[[], None], group: GroupWork
    ) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = connect()
        self._lock = lock
        self._require = require
        self._group = group
        self._queue: queue.SimpleQueue[Member | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._last = 0.0
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, member: object) -> Future[Any]:
        """Join the next group."""
        return self._put(Submission(Future(), None, member))

    def alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction of its own and wait; what it raises is raised and nothing of it stored."""
        return self._put(Submission(Future(), work)).result()

    def _put(self, submission: Submission[T]) -> Future[T]:
        with self._closing:
            if self._closed:
                raise StoreError("store is closed; nothing can be written; open it again")
            self._queue.put(submission)
        return submission.future

    def close(self) -> None:
        """Write what was submitted, then stop."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            members, alone, ending = self._gather(first)
            if members:
                self._attempt(members, partial(_grouped, self._group, [one.member for one in members]))
            if alone is not None and alone.work is not None:
                self._attempt([alone], partial(_lonely, alone.work))
            if ending:
                return

    def _gather(self, first: Member) -> tuple[list[Member], Member | None, bool]:
        """What arrives until the next group may begin; work of its own ends the group."""
        members: list[Member] = []
        following: Member | None = first
        while following is not None:
            if following.future.set_running_or_notify_cancel():
                if following.work is not None:
                    return members, following, False
                members.append(following)
            if len(members) >= GROUP_LIMIT:
                return members, None, False
            remaining = self._last + PACE - time.monotonic()
            try:
                following = self._queue.get(block=remaining > 0, timeout=max(remaining, 0.0))
            except queue.Empty:
                return members, None, False
        return members, None, True

    def _attempt(self, members: Sequence[Member], write: Callable[[sqlite3.Connection], Written]) -> None:
        """Never raises: this thread outlives a full disk."""
        self._last = time.monotonic()
        try:
            with self._lock.held():
                self._require()
                results = self._in_transaction(write)
        except sqlite3.Error as error:
            results = [translated(error)] * len(members)
        except Exception as error:  # noqa: BLE001
            results = [error] * len(members)
        for submission, result in zip(members, results, strict=True):
            if isinstance(result, Exception):
                submission.future.set_exception(result)
            else:
                submission.future.set_result(result)

    def _in_transaction(self, write: Callable[[sqlite3.Connection], Written]) -> Sequence[object]:
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            results, durable = write(connection)
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back(connection)
            raise
        durable()
        return results

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            # A connection that cannot even roll back is given up; its locks go with it.
            self._connection = None
            connection.close()


def _grouped(group: GroupWork, members: Sequence[object], connection: sqlite3.Connection) -> Written:
    return group(connection, members)


def _lonely(work: Callable[[sqlite3.Connection], object], connection: sqlite3.Connection) -> Written:
    return [work(connection)], _nothing


def _nothing() -> None:
    """What follows a commit that needs nothing."""
