"""Which requests a worker takes on, and when each has its turn on the event loop.

A decision is worked out in one go, and while it is, whoever asks meanwhile would wait unread in a socket, where no
limit sees them. So each request only stands in line at first, and between two turns the loop reads everything that has
arrived: a request that would have to wait for longer than it may is refused within that moment, at the cost of reading
its head.

There are two lines, so that events and batches, for which nobody waits, hold up nobody who does: each line that is not
empty gets its share of the loop's time.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from serving import metrics
from serving.errors import Refusal, too_many_requests

T = TypeVar("T")

_SHARE = 0.05
"""Of the newest turn in what a turn is expected to take."""
_QUIET_PASSES, _MOST_PASSES = 3, 64
"""Of the event loop, between two turns: so many without anybody new end it, and so many in any case."""
_LEAST_READING = 0.001
"""Seconds. Else reading ends when it has taken as long as the turn before: who is refused and asks again at once may
not have more of the loop than who is answered."""


class Line(StrEnum):
    """ANSWERS: somebody waits for it. BACKGROUND: what is told to us, and batches."""

    ANSWERS = "answers"
    BACKGROUND = "background"


class Why(StrEnum):
    """Why a request was refused: too many in flight, too long to wait, or its time was over before its turn."""

    PLACES = "places"
    WAIT = "wait"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class Limits:
    """places: requests in flight. waits: seconds that a request may expect to wait, by line."""

    places: int
    waits: Mapping[Line, float]


_QUEUED = {line: metrics.QUEUE_SECONDS.labels(line.value) for line in Line}
_TURNED_AWAY = {(line, why): metrics.TURNED_AWAY.labels(line.value, why.value) for line in Line for why in Why}


@dataclass(slots=True)
class _Waiting:
    """expected: seconds that its turn will probably take. since, deadline: seconds of the clock."""

    turn: asyncio.Future[None]
    kind: str
    expected: float
    since: float
    deadline: float


@dataclass(slots=True)
class _Queue:
    """expected: seconds that the turns of all who wait will probably take. used: seconds of the loop that the line has
    had, or would have had if it had not been empty."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    expected: float = 0.0
    used: float = 0.0


class Admission:
    """Of one worker, and for its event loop alone."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds, that only move forward."""
        self._limits: Final = limits
        self._clock: Final = clock
        self._queues: Final = {line: _Queue() for line in Line}
        self._took: Final = dict[str, float]()
        self._in_flight = 0
        self._running: tuple[_Queue, str, float] | None = None
        self._lately = 0.0
        """What the line had had that had the last turn."""
        self._arrived = False
        self._quiet = self._passes = 0
        """Passes of the loop since somebody arrived, and since the turn began."""
        self._reads_until = 0.0
        """Seconds of the clock."""

    @property
    def in_flight(self) -> int:
        return self._in_flight

    def length(self, line: Line) -> int:
        """How many stand in it."""
        return len(self._queues[line].waiting)

    def somebody_waits(self) -> bool:
        """In any line. Other threads may ask."""
        return any(queue.waiting for queue in self._queues.values())

    def turned_away(self, line: Line) -> Why | None:
        """None where one more may come in. Whoever finds the line empty may, unless every place is taken."""
        self._arrived, why = True, None
        if self._in_flight >= self._limits.places:
            why = Why.PLACES
        elif self._expected(line) > self._limits.waits[line]:
            why = Why.WAIT
        if why is not None:
            _TURNED_AWAY[line, why].inc()
        return why

    def refusal(self, line: Line, why: Why) -> Refusal:
        """What is answered then."""
        rules = {
            Why.PLACES: f"a worker takes at most {self._limits.places} at a time",
            Why.WAIT: f"its turn would not come within {self._limits.waits[line]:g} s",
            Why.DEADLINE: "its time was over before its turn came",
        }
        return too_many_requests("one too many", rules[why])

    def _expected(self, line: Line) -> float:
        """Seconds until whoever joins the line now would have their turn."""
        shared = any(queue.waiting for other, queue in self._queues.items() if other is not line)
        return self._queues[line].expected * (2 if shared else 1)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Holds one of the places."""
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    async def turn(self, line: Line, kind: str, patience: float) -> float:
        """Returns when it is the caller's turn, which ends when they next wait for something: the seconds until then.
        kind: of work, by which it is known how long a turn takes. Raises Refusal when the turn comes after so many
        seconds of patience."""
        now = self._clock()
        queue = self._queues[line]
        if not queue.waiting:
            queue.used = max(queue.used, self._lately)  # who was away saves nothing up
        if self._running is None:
            self._begin(line, kind, now, now)
            return 0.0
        future = asyncio.get_running_loop().create_future()
        one = _Waiting(future, kind, self._took.get(kind, 0.0), now, now + patience)
        queue.waiting.append(one)
        queue.expected += one.expected
        await future
        return self._clock() - now

    async def admitted(self, line: Line, kind: str, patience: float, work: Coroutine[object, object, T]) -> T:
        """What `work` comes to, in its turn and within so many seconds. Raises Refusal, TimeoutError."""
        why = self.turned_away(line)
        if why is not None:
            work.close()
            raise self.refusal(line, why)
        try:
            with self.place():
                patience -= await self.turn(line, kind, patience)
                async with asyncio.timeout(patience):
                    return await work
        finally:
            work.close()  # of what never had its turn

    def _begin(self, line: Line, kind: str, since: float, now: float) -> None:
        queue = self._queues[line]
        self._running, self._lately = (queue, kind, now), queue.used
        self._quiet = self._passes = 0
        asyncio.get_running_loop().call_soon(self._next)
        _QUEUED[line].observe(now - since)

    def _next(self) -> None:
        """Runs when the turn is over. While others wait, the loop first reads until nothing more arrives: it takes no
        more than one new connection in a pass, and what that sends is read in the one after."""
        waiting = self.somebody_waits()
        now = self._clock()
        if self._passes == 0 and self._running is not None:
            self._reads_until = now + max(now - self._running[2], _LEAST_READING)
        self._quiet = 0 if self._arrived else self._quiet + 1
        self._passes, self._arrived = self._passes + 1, False
        more = self._quiet < _QUIET_PASSES and self._passes < _MOST_PASSES and now < self._reads_until
        if waiting and more:
            asyncio.get_running_loop().call_soon(self._next)
            return
        self._note(now)
        self._give(now)

    def _give(self, now: float) -> None:
        """The turn to whoever is first."""
        while (line := self._due()) is not None:
            one = self._taken(self._queues[line])
            if one.turn.done():  # cancelled
                continue
            if now > one.deadline:
                _TURNED_AWAY[line, Why.DEADLINE].inc()
                one.turn.set_exception(self.refusal(line, Why.DEADLINE))
                continue
            one.turn.set_result(None)
            self._begin(line, one.kind, one.since, now)
            return
        self._running = None

    def _note(self, now: float) -> None:
        if self._running is None:
            return
        queue, kind, since = self._running
        took = now - since
        queue.used += took
        self._took[kind] = took if kind not in self._took else self._took[kind] + _SHARE * (took - self._took[kind])

    def _due(self) -> Line | None:
        """The line that has had least of the loop."""
        some = [line for line, queue in self._queues.items() if queue.waiting]
        return min(some, key=lambda line: self._queues[line].used, default=None)

    @staticmethod
    def _taken(queue: _Queue) -> _Waiting:
        one = queue.waiting.popleft()
        queue.expected = queue.expected - one.expected if queue.waiting else 0.0
        return one
