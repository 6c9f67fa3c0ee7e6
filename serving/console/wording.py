"""How values are written on pages. Moments are ms UTC inside; people read them by one time zone, that of the
catalogue."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Final

from features.instants import parse_instant
from models.local_time import zone_of
from serving.words import place

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def clock(moment: int, zone: str) -> str:
    """ "4 Mar 2026, 14:05"."""
    at = dt.datetime.fromtimestamp(moment / 1000, zone_of(None, zone))
    return f"{at.day} {at:%b %Y, %H:%M}"


def day(moment: int, zone: str) -> str:
    at = dt.datetime.fromtimestamp(moment / 1000, zone_of(None, zone))
    return f"{at.day} {at:%b %Y}"


def month(moment: int, zone: str) -> str:
    """ "March 2026"."""
    return f"{dt.datetime.fromtimestamp(moment / 1000, zone_of(None, zone)):%B %Y}"


def span(seconds: float) -> str:
    """ "3 minutes", "2 hours", "5 days": the largest unit that it fills twice, so that nothing is rounded much."""
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= 2 * unit:
            return f"{int(seconds // unit)} {name}s"
    if seconds >= _MINUTE:
        return f"{int(seconds // _MINUTE)} minute{'' if seconds < 2 * _MINUTE else 's'}"
    return "less than a minute"


def ago(moment: int, present: int) -> str:
    seconds = (present - moment) / 1000
    return "just now" if seconds < _MINUTE else f"{span(seconds)} ago"


def percent(share: float) -> str:
    """Of a probability: as many digits as tell it from nothing."""
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}" if share >= 0.001 or share == 0 else "below 0.1%"


def money(amount: float, currency: str) -> str:
    return f"{amount:,.2f} {currency}"


def number(value: float) -> str:
    return f"{value:,.6g}" if isinstance(value, float) and value % 1 else f"{value:,.0f}"


def masked(value: str) -> str:
    """Enough to compare what somebody says with, too little to write down: the first and the last two characters."""
    letters = [at for at, character in enumerate(value) if character.isalnum()]
    shown = {*letters[:1], *letters[-2:]} if len(letters) > 5 else set(letters[:1])
    return "".join(one if at in shown or not one.isalnum() else "•" for at, one in enumerate(value))


def sentence(words: str) -> str:
    """With a capital and a full stop."""
    return f"{words[:1].upper()}{words[1:]}" + ("" if words.endswith((".", "!", "?")) else ".")


_INSTANT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z")


def humane(words: str, zone: str) -> str:
    """The moments that stand in it as people write them."""
    return _INSTANT.sub(lambda found: clock(parse_instant(found[0]), zone), words)


def named(words: str, action: str | None, names: Mapping[str, str]) -> str:
    """Words about an action, with its name in the place of its id. names: by id."""
    return words if action is None else words.replace(f"“{action}”", f"“{names.get(action, action)}”")


FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "clock": clock,
    "day": day,
    "span": span,
    "ago": ago,
    "percent": percent,
    "money": money,
    "number": number,
    "sentence": sentence,
    "humane": humane,
    "named": named,
    "place": place,
}
