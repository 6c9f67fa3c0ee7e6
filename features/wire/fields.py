"""Typed reading of untrusted JSON: each function returns what was asked for or raises WireError."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from features.instants import parse_instant
from features.wire.errors import WireError
from features.wire.names import FAMILY_CHANNELS

MAX_ID: Final = 256
MAX_DEPTH: Final = 24
MAX_BITS: Final = 64
MAX_NUMBER: Final = 1e12
MAX_PRODUCTS: Final = 500


def check_json(payload: object) -> None:
    """Raise WireError when something anywhere inside cannot be stored as JSON text in UTF-8: NaN, infinities, lone
    surrogates, nesting deeper than MAX_DEPTH, keys that are no text, values that JSON does not know."""
    if not _is_sound(payload, 0):
        _find_fault(payload)


def _is_sound(value: object, depth: int) -> bool:
    """Whether nothing is wrong. Quick; its no may be wrong, for _find_fault to see."""
    if isinstance(value, str):
        return value.isascii() or _is_encodable(value)
    if isinstance(value, dict):
        return depth < MAX_DEPTH and _is_object_sound(value, depth + 1)
    if isinstance(value, list):
        return depth < MAX_DEPTH and all(_is_sound(inner, depth + 1) for inner in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and value.bit_length() <= MAX_BITS)


def _is_object_sound(value: dict[object, object], depth: int) -> bool:
    for key, inner in value.items():
        if not isinstance(key, str) or not (key.isascii() or _is_encodable(key)):
            return False
        # Most values are short texts, and a call costs more than the look.
        if not (isinstance(inner, str) and inner.isascii()) and not _is_sound(inner, depth):
            return False
    return True


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _find_fault(payload: object) -> None:
    pending: list[tuple[str, object, int]] = [("", payload, 0)]
    while pending:
        path, value, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise WireError(path[:MAX_ID], "…", f"values nest at most {MAX_DEPTH} deep", "flatten them")
        if isinstance(value, dict):
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise WireError(path, key, "keys are text", "send text keys")
                _check_text(path, key)
                pending.append((f"{path}.{key}" if path else key, inner, depth + 1))
        elif isinstance(value, list | tuple):
            pending.extend((f"{path}[{i}]", inner, depth + 1) for i, inner in enumerate(value))
        else:
            _check_leaf(path, value)


def _check_leaf(path: str, value: object) -> None:
    if isinstance(value, str):
        _check_text(path, value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise WireError(path, value, "numbers are finite", "leave an unknown number out")
    elif isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise WireError(path, "an integer of more than 64 bits", "integers fit 64 bits", "send it as text")
    elif value is not None:
        raise WireError(path, value, "values are JSON values", "send JSON")


def _check_text(path: str, text: str) -> None:
    if not _is_encodable(text):
        raise WireError(path, text, "text is valid Unicode", "send whole characters")


def mapping(parent: Mapping[str, object], key: str, path: str = "") -> Mapping[str, object]:
    """The object under `key`, empty when it is missing or null."""
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WireError(path or key, value, "this is an object", "send a JSON object")
    return value


def objects(parent: Mapping[str, object], key: str, path: str) -> tuple[Mapping[str, object], ...]:
    """The list of objects under `key`, empty when it is missing or null."""
    value = parent.get(key)
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise WireError(path, value, "this is a list of objects", "send a JSON list")
    if len(value) > MAX_PRODUCTS:
        raise WireError(path, f"a list of {len(value)}", f"at most {MAX_PRODUCTS} entries", "send several events")
    for i, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise WireError(f"{path}[{i}]", entry, "each entry is an object", "send a JSON object")
    return tuple(value)


def identifier(parent: Mapping[str, object], key: str, path: str) -> str | None:
    """An outside id: text of 1 to MAX_ID characters, none of them a control character; an integer stands for its
    digits. None when it is missing or null."""
    value = parent.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise WireError(path, value, "an id is text", "send text")
    return checked_id(value, path)


def checked_id(value: str, path: str) -> str:
    if not value.strip():
        raise WireError(path, value, "an id is not blank", "send the id, or leave the field out")
    if len(value) > MAX_ID:
        raise WireError(path, value, f"an id has at most {MAX_ID} characters", "send a shorter id")
    if not value.isprintable() and any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in value):
        raise WireError(path, value, "an id holds no control characters", "clean it at its source")
    return value


def required(value: str | None, path: str) -> str:
    if value is None:
        raise WireError(path, None, "this field is required", "send it")
    return value


def known_channel(channel: str, path: str, channels: Collection[str] | None) -> str:
    """`channel`, when it is one of `channels` (None: any) or of those that names and subscriptions stand for."""
    if channels is not None and channel not in channels and channel not in FAMILY_CHANNELS:
        known = ", ".join(sorted(channels))
        raise WireError(path, channel, f"a channel is one of {known}", "correct it, or add it to the catalogue")
    return channel


def number(parent: Mapping[str, object], key: str, path: str) -> float:
    """A finite number of at least 0 and at most MAX_NUMBER; NaN when it is missing or null."""
    value = parent.get(key)
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WireError(path, value, "this is a number", "send a JSON number, not text")
    if not 0 <= value <= MAX_NUMBER:
        raise WireError(path, value, f"this is between 0 and {MAX_NUMBER:g}", "leave it out when it is unknown")
    return float(value)


def moment(text: object, path: str) -> int:
    """ms UTC of an RFC 3339 time with an offset."""
    try:
        if isinstance(text, str):
            return parse_instant(text)
        rule = "must be text"
    except ValueError as error:
        rule = str(error)
    raise WireError(path, text, rule, 'write it like "2026-01-31T09:00:00Z"')


def optional_moment(parent: Mapping[str, object], key: str) -> int | None:
    value = parent.get(key)
    return None if value is None else moment(value, key)
