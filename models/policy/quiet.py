"""Quiet hours on the customer's own clock: whether it is quiet, and when that ends."""

from __future__ import annotations

import datetime as dt

from models.local_time import zone_of
from models.policy_rules import DAY, QuietHours

_SECOND = 1000
_LONGEST = 16
"""Steps from the beginning of a quiet time to its end: a closed day and a night are two."""


def quiet_until(rule: QuietHours, moment: int, time_zone: str | None, otherwise: str) -> int | None:
    """When it is quiet at `moment` (ms UTC): the first moment after it at which it is not, ms UTC; None when it is not
    quiet. time_zone, otherwise: as in models.local_time.utc_offset."""
    zone = zone_of(time_zone, otherwise)
    at = moment
    for _ in range(_LONGEST):
        ahead = _rest(rule, dt.datetime.fromtimestamp(at / _SECOND, zone))
        if ahead is None:
            return None if at == moment else at
        at = ahead
    raise ValueError(f"quiet hours are {rule}; they must end; leave a day of the week open")


def _rest(rule: QuietHours, local: dt.datetime) -> int | None:
    """When what makes this moment quiet ends, ms UTC; None when nothing does."""
    if local.weekday() in rule.closed:
        return _utc(local, 1, 0)
    clock = ((local.hour * 60 + local.minute) * 60 + local.second) * _SECOND + local.microsecond // 1000
    if rule.begin < rule.end:
        return _utc(local, 0, rule.end) if rule.begin <= clock < rule.end else None
    if clock >= rule.begin:
        return _utc(local, 1, rule.end)
    return _utc(local, 0, rule.end) if clock < rule.end else None


def _utc(local: dt.datetime, days: int, clock: int) -> int:
    """ms UTC of the clock (ms after midnight) so many local days later; a time that a change of clocks leaves out is
    taken as long after the change as it was before."""
    day = dt.datetime.combine(local.date() + dt.timedelta(days=days), dt.time(), local.tzinfo)
    hours, rest = divmod(clock % DAY, 3_600_000)
    there = day.replace(hour=hours, minute=rest // 60_000)
    return round(there.timestamp()) * _SECOND
