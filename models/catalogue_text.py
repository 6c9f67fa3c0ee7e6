"""A catalogue's text as values with the line of each: JSON at the speed of JSON, everything else as YAML.

JSON is YAML too, but for two things that programs write: characters beyond the sixteen-bit ones as two escapes, and
deletes. Reading it as JSON takes a tenth of the time, of which a hundred thousand items make seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property

from pydantic import JsonValue
from pydantic_core import from_json

from models.catalogue import CatalogueInvalid
from models.finding import Path
from models.yaml_lines import DEPTH_LIMIT
from models.yaml_lines import load as load_yaml

_PAIR = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


def load(text: str) -> tuple[JsonValue, Mapping[Path, int]]:
    """The value, and the line of every path in it. Raises CatalogueInvalid."""
    if not text.lstrip().startswith("{"):
        return load_yaml(text)
    value = _as_json(text)
    return load_yaml(_written_out(text)) if value is None else (value, _Lines(text))


class _Lines(Mapping[Path, int]):
    """The lines of a JSON text, looked for when the first one is wanted; none where YAML cannot read it."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _found(self) -> Mapping[Path, int]:
        try:
            return load_yaml(_written_out(self._text))[1]
        except CatalogueInvalid:
            return {}

    def __getitem__(self, path: Path) -> int:
        return self._found[path]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class _Repeated(ValueError):
    """A key is given twice; reading it as YAML says which and where."""


def _as_json(text: str) -> dict[str, JsonValue] | None:
    """The value; None when it is not the JSON of the RFC, gives a key twice or is nested too deeply."""
    try:
        from_json(text, allow_inf_nan=False)  # refuses halves of a character, which the standard library takes
        value: dict[str, JsonValue] = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    flat = {"items"}  # whose entries hold no collections; were they to, their shape would be a fault
    return None if _deeper([part for name, part in value.items() if name not in flat], DEPTH_LIMIT - 1) else value


def _once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _Repeated
    return values


def _deeper(level: list[JsonValue], limit: int) -> bool:
    """Whether there are more than `limit` collections inside one another."""
    for _ in range(limit + 1):
        level = [child for part in level for child in _children(part)]
        if not level:
            return False
    return True


def _children(part: JsonValue) -> list[JsonValue]:
    if isinstance(part, dict):
        return list(part.values())
    return part if isinstance(part, list) else []


def _written_out(text: str) -> str:
    """With characters that JSON escapes in two halves as themselves; no line moves."""
    return _PAIR.sub(lambda found: found[1] + _joined(found[2], found[3]), text)


def _joined(high: str, low: str) -> str:
    return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00))
