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


def zone_of(time_zone: str | None, otherwise: str) -> zoneinfo.ZoneInfo:
    """The customer's zone, else the catalogue's; as utc_offset reads them. Raises ValueError."""
    zone = (None if time_zone is None else _zone(time_zone)) or _zone(otherwise)
    if zone is None:
        raise ValueError(f"time zone is {otherwise!r}; it must be an IANA name; correct the catalogue")
    return zone


def start_of_day(time_zone: str | None, otherwise: str, moment: int, days: int) -> int:
    """ms UTC at which the local day begins that is `days` after (below 0: before) that of `moment` (ms UTC); days have
    23 or 25 hours where the clock is changed. time_zone, otherwise: as below."""
    zone = zone_of(time_zone, otherwise)
    today = dt.datetime.fromtimestamp(moment // _SECOND, zone).date().toordinal()
    begins = dt.date.fromordinal(max(1, today + days))
    # Where the clock is put forward at midnight, the day begins at the moment that was to be midnight: fold 0 means it.
    midnight = dt.datetime(begins.year, begins.month, begins.day, tzinfo=zone)
    return int(midnight.timestamp()) * _SECOND


@lru_cache(maxsize=4096)
def _offset_at(zone: zoneinfo.ZoneInfo, second: int) -> int:
    """ms; a decision asks several times, and others of the same second ask the same."""
    ahead = dt.datetime.fromtimestamp(second, zone).utcoffset()
    return 0 if ahead is None else int(ahead.total_seconds() * _SECOND)


def utc_offset(time_zone: str | None, otherwise: str, moment: int) -> int:
    """How far, in ms, local time was ahead of UTC at `moment` (ms UTC). `otherwise`: the catalogue's zone, for a
    customer whose own is None or no IANA name. Raises ValueError when `otherwise` is no IANA name."""
    return _offset_at(zone_of(time_zone, otherwise), moment // _SECOND)
