"""The customer's clock against UTC."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from functools import lru_cache

_SECOND = 1000


@lru_cache(maxsize=1024)
def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def utc_offset(time_zone: str | None, otherwise: str, moment: int) -> int:
    """How far, in ms, local time was ahead of UTC at `moment` (ms UTC). `otherwise`: the catalogue's zone, for a
    customer whose own is None or no IANA name. Raises ValueError when `otherwise` is no IANA name."""
    zone = zone_of(time_zone, otherwise)
    ahead = dt.datetime.fromtimestamp(moment // _SECOND, zone).utcoffset()
    return 0 if ahead is None else int(ahead.total_seconds() * _SECOND)


def zone_of(time_zone: str | None, otherwise: str) -> zoneinfo.ZoneInfo:
    """The customer's zone, else the catalogue's; as utc_offset reads them. Raises ValueError."""
    zone = (None if time_zone is None else _zone(time_zone)) or _zone(otherwise)
    if zone is None:
        raise ValueError(f"time zone is {otherwise!r}; it must be an IANA name; correct the catalogue")
    return zone
