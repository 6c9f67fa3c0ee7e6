"""The present, and times on the wire: RFC 3339 with an offset outside, ms UTC inside."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from serving.errors import invalid

NOW_HEADER = "nextbest-now"
CLOCK_SETTING = "clock"
DRIVEN = "driven"
PRESENT_SETTING = "present"
"""Where the store keeps the driven clock's present."""

EARLIEST = 946_684_800_000
"""2000-01-01T00:00:00Z: nothing that we are told happened before."""

TOLERATED_LEAD = 10 * 60 * 1000
"""How far ahead of the present (ms) a told moment may be: clocks of senders differ."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def parse_instant(text: str) -> int:
    """ms UTC of an RFC 3339 time. Raises ValueError with the rule when it is none or has no offset."""
    if not _RFC3339.fullmatch(text):
        raise ValueError("must be an RFC 3339 time with an offset, like 2026-01-31T09:00:00Z")
    try:
        # In UTC first: what no calendar there has, like a minute before the year 1, could be computed but not written.
        return (datetime.fromisoformat(text.upper()).astimezone(UTC) - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a time that exists") from error


def render_instant(moment: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return (_EPOCH + timedelta(milliseconds=moment)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
