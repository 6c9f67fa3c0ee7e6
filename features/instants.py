"""Moments as the world writes them: RFC 3339 with an offset outside, ms UTC inside."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EARLIEST = 946_684_800_000
"""2000-01-01T00:00:00Z: nothing that we are told happened before."""

TOLERATED_LEAD = 10 * 60 * 1000
"""How far ahead of the present (ms) a told moment may be: clocks of senders differ."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def parse_instant(text: str) -> int:
    """ms UTC of an RFC 3339 time. Raises ValueError with the rule when it is none or has no offset."""
    if not _RFC3339.fullmatch(text):
        raise ValueError("must be an RFC 3339 time with an offset, like 2026-01-31T09:00:00Z")
    try:
        # In UTC first: what no calendar there has, like a minute before the year 1, could be computed but not written.
        return instant_of(datetime.fromisoformat(text.upper()).astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a time that exists") from error


def instant_of(when: datetime) -> int:
    """ms UTC, the begun one. when: with a time zone."""
    return (when - _EPOCH) // _MILLISECOND


def render_instant(moment: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return (_EPOCH + timedelta(milliseconds=moment)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
