"""Fields and times as a catalogue writes them: shared by the parts of its document.

Unknown fields are refused. Times are RFC 3339 with an offset and are kept as UTC.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import zoneinfo
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from features.cases import LONGEST_REASON, spoken

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ID_LIMIT = 200


def moment_of(text: str) -> int:
    """RFC 3339 with an offset as ms UTC. Raises ValueError."""
    when = dt.datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("a time must have an offset; write e.g. 2026-01-31T09:00:00Z")
    return (when - _EPOCH) // dt.timedelta(milliseconds=1)


def text_of(moment: int) -> str:
    """ms UTC as RFC 3339 in UTC, with milliseconds only where there are any."""
    when = _EPOCH + dt.timedelta(milliseconds=moment)
    return when.isoformat(timespec="milliseconds" if moment % 1000 else "seconds").replace("+00:00", "Z")


def _utc(value: object) -> object:
    if not isinstance(value, str) or len(value) < len("2026-01-31T09:00Z"):
        raise ValueError("a time must be a date, a time of day and an offset; write e.g. 2026-01-31T09:00:00Z")
    try:
        return text_of(moment_of(value))
    except OverflowError as error:
        raise ValueError("a time must lie in the years 1 to 9999") from error


def _id(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError("an id must be a text; put it in quotes")  # noqa: TRY004 pydantic collects ValueError only
    if not 0 < len(value) <= _ID_LIMIT or _CONTROL.search(value) or value != value.strip():
        raise ValueError(
            f"an id must have 1 to {_ID_LIMIT} characters, none of them a control character, no blank at an end"
        )
    return value


def _zone(value: object) -> object:
    try:
        zoneinfo.ZoneInfo(str(value))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("a time zone must be an IANA name; write e.g. Europe/Berlin") from error
    return value


def _reason(value: str) -> str:
    if spoken(value) is None:
        raise ValueError(f"a reason must be words of 1 to {LONGEST_REASON} characters; write it as cases tell it")
    return value


Id = Annotated[str, BeforeValidator(_id), Field(description=f"1 to {_ID_LIMIT} characters, no control characters")]
Time = Annotated[str, BeforeValidator(_utc), Field(description="RFC 3339 with an offset")]
Money = Annotated[float, Field(ge=0, allow_inf_nan=False, description="in the catalogue's currency")]
Days = Annotated[float, Field(gt=0, le=36_500, allow_inf_nan=False)]
Minutes = Annotated[float, Field(gt=0, le=44_640, allow_inf_nan=False)]
Words = Annotated[str, Field(min_length=1, max_length=300, description="a sentence for people, 1 to 300 characters")]
Reason = Annotated[
    str, AfterValidator(_reason), Field(description=f"1 to {LONGEST_REASON} characters; capitals do not matter")
]
Zone = Annotated[str, BeforeValidator(_zone), Field(description="IANA name")]


def _finite(content: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    try:
        json.dumps(content, allow_nan=False)
    except ValueError as error:
        raise ValueError("a number must be finite and below 1e308") from error
    return content


Content = Annotated[Mapping[str, JsonValue], AfterValidator(_finite)]


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
