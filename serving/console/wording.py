"""How values are written on pages. Moments are ms UTC inside; a page writes them by one time zone (Visit.zone)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from features.instants import parse_instant
from models.local_time import zone_of
from serving.words import label, noun, place

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_DATE = len("2026-02-12")


def _there(moment: int, zone: str) -> dt.datetime:
    return dt.datetime.fromtimestamp(moment / 1000, zone_of(None, zone))


def clock(moment: int, zone: str) -> str:
    """ "4 Mar 2026, 14:05"."""
    at = _there(moment, zone)
    return f"{at.day} {at:%b %Y, %H:%M}"


def day(moment: int, zone: str) -> str:
    at = _there(moment, zone)
    return f"{at.day} {at:%b %Y}"


def date_at(moment: int, zone: str) -> dt.date:
    return _there(moment, zone).date()


def month(moment: int, zone: str) -> str:
    """ "March 2026"."""
    return f"{_there(moment, zone):%B %Y}"


def month_told(told: str, zone: str) -> str:
    """The same of a moment or a day as it was told; whatever else somebody wrote as it is."""
    try:
        return month(parse_instant(told), zone)
    except ValueError:
        pass
    try:
        return f"{dt.date.fromisoformat(told):%B %Y}"
    except ValueError:
        return told


def due(told: str) -> str:
    """ "by 12 Feb 2026" of the day that a form gives; whatever else somebody wrote as it is."""
    on = day_of(told) if len(told.strip()) == _DATE else None
    return told if on is None else f"by {on.day} {on:%b %Y}"


def day_of(told: str) -> dt.date | None:
    """The day, where it is written as 2026-02-12, alone or with a time of day."""
    try:
        return dt.date.fromisoformat(told.strip()[:10])
    except ValueError:
        return None


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


INSTANT: Final = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z")


def humane(words: str, zone: str) -> str:
    """The moments that stand in it as people write them."""
    return INSTANT.sub(lambda found: clock(parse_instant(found[0]), zone), words)


def listed(words: Sequence[str], joined: str = "and") -> str:
    """ "a, b and c"; "" of none."""
    *before, last = words or [""]
    return f"{', '.join(before)} {joined} {last}" if before else last


_QUOTED = re.compile(r"“([^”]+)”")


def named_within(words: str, names: Mapping[str, str]) -> str:
    """Words with the names of actions in the place of their ids, wherever one stands in quotation marks."""
    return _QUOTED.sub(lambda found: f"“{names.get(found[1], found[1])}”", words)


def named(words: str, action: str | None, names: Mapping[str, str]) -> str:
    """Words about an action, with its name in the place of its id. names: by id."""
    return words if action is None else words.replace(f"“{action}”", f"“{names.get(action, action)}”")


_COME_OF: Final = {"converted": "buy with it", "accepted": "say yes", "clicked": "click on it"}


def come_of(success: str) -> str:
    """What people do of whom it is a success, after their share. success: as models.catalogue.Action has it; "" where
    the catalogue has the action no more."""
    return _COME_OF.get(success, "respond")


FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "clock": clock,
    "day": day,
    "due": due,
    "span": span,
    "ago": ago,
    "percent": percent,
    "money": money,
    "number": number,
    "come_of": come_of,
    "sentence": sentence,
    "humane": humane,
    "named": named,
    "named_within": named_within,
    "place": place,
    "label": label,
    "noun": noun,
}
