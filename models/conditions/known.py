"""What is known of a customer, as conditions read it. What is unknown, or not of the declared type, is left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from google.protobuf.timestamp_pb2 import Timestamp

from features.declared_traits import TraitType
from features.instants import parse_instant

Known = str | float | bool | list[str] | Timestamp


def known_traits(told: Mapping[str, object], types: Mapping[str, TraitType]) -> dict[str, Known]:
    """Of the traits that were `told`, those in `types` that are of their type."""
    found = {name: _READERS[kind](told.get(name)) for name, kind in types.items()}
    return {name: value for name, value in found.items() if value is not None}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _yes_no(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _time(value: object) -> Timestamp | None:
    """RFC 3339 with an offset."""
    if not isinstance(value, str):
        return None
    try:
        moment = parse_instant(value)
    except ValueError:
        return None
    return Timestamp(seconds=moment // 1000, nanos=moment % 1000 * 1_000_000)


def _texts(value: object) -> list[str] | None:
    return value if isinstance(value, list) and all(isinstance(one, str) for one in value) else None


_READERS: Mapping[TraitType, Callable[[object], Known | None]] = {
    "text": _text,
    "number": _number,
    "yes_no": _yes_no,
    "time": _time,
    "texts": _texts,
}
