"""Traits as the types that a catalogue declares, from whatever a file or a call says."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final, Literal

from features.instants import parse_instant

DO_NOT_CONTACT: Final = "do_not_contact"
"""The trait of somebody who must not be contacted. Files and forms say it in many ways, so whatever does not plainly
say no closes, and none is refused for its type."""

TraitType = Literal["text", "number", "yes_no", "time", "texts"]

SAID: Final[Mapping[TraitType, str]] = {
    "text": "a text",
    "number": "a number",
    "yes_no": "true or false",
    "time": "a time with its offset from UTC",
    "texts": "a list of texts",
}
TRUTHS: Final[Mapping[str, bool]] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
"""In lower case."""
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LARGEST: Final = 2**63


class NotOfType(ValueError):
    """What was told cannot be read as the declared type in one way only."""


def as_declared(told: object, kind: TraitType) -> object:
    """`told` as JSON knows it. What is of the type already stays as it is; an empty text is None for all but texts,
    for forms send one of what was not filled in. Raises NotOfType."""
    if told is None or (isinstance(told, str) and kind != "text" and not told.strip()):
        return None
    return _READERS[kind](told)


def _text(told: object) -> str:
    if isinstance(told, int) and not isinstance(told, bool):
        return str(told)
    if not isinstance(told, str):
        raise NotOfType
    return told


def _number(told: object) -> float:
    if isinstance(told, int | float) and not isinstance(told, bool):
        return told
    if not isinstance(told, str) or not _NUMBER.fullmatch(told.strip()):
        raise NotOfType
    number = float(told)
    if not math.isfinite(number):
        raise NotOfType
    whole = re.fullmatch(r"[+-]?[0-9]+", told.strip()) and abs(number) < _LARGEST
    return int(told) if whole else number


def _yes_no(told: object) -> bool:
    found = TRUTHS.get(str(told).strip().lower()) if isinstance(told, str | int) else None
    if found is None:
        raise NotOfType
    return found


def _time(told: object) -> str:
    if not isinstance(told, str):
        raise NotOfType
    try:
        parse_instant(told.strip())
    except ValueError as error:
        raise NotOfType from error
    return told.strip()


def _texts(told: object) -> list[object]:
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        raise NotOfType
    return told


_READERS: Final[Mapping[TraitType, Callable[[object], object]]] = {
    "text": _text,
    "number": _number,
    "yes_no": _yes_no,
    "time": _time,
    "texts": _texts,
}
