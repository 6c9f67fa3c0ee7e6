"""The present: the system's, or for a demo the store's own."""

from __future__ import annotations

import time
from typing import Protocol

from features.instants import EARLIEST, TOLERATED_LEAD, parse_instant, render_instant
from features.stores.keeping import CLOCK_SETTING, DRIVEN
from serving.errors import invalid

NOW_HEADER = "nextbest-now"
PRESENT_SETTING = "present"
"""Where the store keeps the driven clock's present."""


def occurred_at(field: str, told: int, received_at: int) -> int:
    """When it happened, given when the sender says so: never after we heard of it. Raises Refusal when implausible."""
    if told > received_at + TOLERATED_LEAD:
        raise invalid(field, render_instant(told), "at most 10 minutes ahead of the present", "mend the sender's clock")
    if told < EARLIEST:
        raise invalid(field, told, "not before 2000-01-01", "send when it happened")
    return min(told, received_at)


class PresentStore(Protocol):
    def setting(self, name: str) -> str | None: ...

    def advance_present(self, moment: int) -> int: ...


class Clock(Protocol):
    def present(self, header: str | None) -> int:
        """ms UTC. header: the request's Nextbest-Now, None when absent. Raises Refusal."""


class SystemClock:
    def present(self, header: str | None) -> int:
        if header is not None:
            raise invalid(
                NOW_HEADER,
                header,
                "only a store marked as driven (demo or simulation) lets a request set the present",
                "leave the header out",
            )
        return time.time_ns() // 1_000_000


class DrivenClock:
    """The store keeps the present; the header moves it forward, for every worker."""

    def __init__(self, store: PresentStore) -> None:
        self._store = store

    def present(self, header: str | None) -> int:
        present = int(self._store.setting(PRESENT_SETTING) or 0)
        if header is None:
            return present
        try:
            moment = parse_instant(header)
        except ValueError as error:
            raise invalid(NOW_HEADER, header, str(error)) from error
        return present if moment <= present else self._store.advance_present(moment)


def clock_of(store: PresentStore) -> Clock:
    """The clock that the store is marked for."""
    return DrivenClock(store) if store.setting(CLOCK_SETTING) == DRIVEN else SystemClock()
