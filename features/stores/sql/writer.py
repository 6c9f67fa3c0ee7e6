"""One thread per process writes, in groups.

Everything submitted while a group is being written makes the next one, and groups begin at least PACE apart, so that
one durable commit serves all that arrived meanwhile; as long as more is known to come, LONG_PACE.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from features.stores.protocol import StoreError
from features.stores.sql.session import Engine, Session

T = TypeVar("T")

PACE = 0.002
"""Seconds between the beginnings of two groups."""
LONG_PACE = 0.020
"""The same while others wait for their turn to be worked out: a group of one costs nearly as much as one of five, and
each of its steps takes the interpreter's lock from them."""
_LOOK = 0.004
"""Seconds between two looks whether others still wait."""
GROUP_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Submission(Generic[T]):
    """Work and where its result goes. work runs by itself in a transaction of its own; a group member has None and is a
    value that the group writer understands."""

    future: Future[T]
    work: Callable[[Session], T] | None
    member: object = None
    durable: Callable[[], None] | None = None


Member = Submission[Any]
Written = tuple[Sequence[object], Callable[[], None]]
"""Each member's result, or the exception that refuses it; and what to do once all is durable."""
GroupWork = Callable[[Session, Sequence[Any]], Written]


class WriterThread:
    """Owns the engine's writing side. Every future is settled after the commit, or with a StoreError."""

    def __init__(self, engine: Engine, group: GroupWork) -> None:
        self._engine = engine
        self._group = group
        self._queue: queue.SimpleQueue[Member | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._last = 0.0
        self._coming: Callable[[], bool] = _never
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def foresee(self, coming: Callable[[], bool]) -> None:
        """coming: whether more is about to be submitted; asked from this thread."""
        self._coming = coming

    def submit(self, member: object) -> Future[Any]:
        """Join the next group."""
        return self._put(Submission(Future(), None, member))

    def alone(self, work: Callable[[Session], T], durable: Callable[[], None] | None = None) -> T:
        """Run `work` in a transaction of its own and wait; what it raises is raised and nothing of it stored. durable:
        what to do once it is committed, before anything else is written."""
        return self._put(Submission(Future(), work, durable=durable)).result()

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

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            members, alone, ending = self._gather(first)
            if members:
                self._attempt(members, partial(_grouped, self._group, [one.member for one in members]), alone=False)
            if alone is not None and alone.work is not None:
                self._attempt([alone], partial(_by_itself, alone.work, alone.durable or _nothing), alone=True)
            if ending:
                return

    def _gather(self, first: Member) -> tuple[list[Member], Member | None, bool]:
        """What arrives until the next group may begin; work of its own ends the group."""
        if first.work is None:
            self._pause()
        members: list[Member] = []
        following: Member | None = first
        while following is not None:
            if following.future.set_running_or_notify_cancel():
                if following.work is not None:
                    return members, following, False
                members.append(following)
            if len(members) >= GROUP_LIMIT:
                return members, None, False
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                return members, None, False
        return members, None, True

    def _pause(self) -> None:
        """Not woken by each arrival: that would take the interpreter's lock from those who submit."""
        left = self._last + PACE - time.monotonic()
        if left > 0:
            time.sleep(left)
        while time.monotonic() < self._last + LONG_PACE and self._coming():
            time.sleep(_LOOK)

    def _attempt(self, members: Sequence[Member], write: Callable[[Session], Written], alone: bool) -> None:
        """Never raises: this thread outlives a full disk and a lost server."""
        self._last = time.monotonic()
        try:
            results, durable = self._engine.write(write, alone)
            durable()
        except Exception as error:  # noqa: BLE001
            results = [error] * len(members)
        for submission, result in zip(members, results, strict=True):
            if isinstance(result, Exception):
                submission.future.set_exception(result)
            else:
                submission.future.set_result(result)


def _grouped(group: GroupWork, members: Sequence[Any], session: Session) -> Written:
    return group(session, members)


def _by_itself(work: Callable[[Session], object], durable: Callable[[], None], session: Session) -> Written:
    return [work(session)], durable


def _never() -> bool:
    """Nobody has told what is to come."""
    return False


def _nothing() -> None:
    """What follows a commit that needs nothing."""
