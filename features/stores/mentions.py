"""Whom a refused payload names, where its reader could not say: the text is searched, whole or cut short.

E-mail addresses and phone numbers speak for themselves wherever they stand. Any other identifier may look like a price
or a number of pieces, so it counts under a key that names people, or when it is long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress

from features.event import Identifier
from features.identity import IdentityError, normalise

LONG = 8
"""Characters from which a text is no accident."""

# One that was cut short goes to the end. Nothing is read twice, so that no payload costs the square of its length.
_TEXT = r'"((?:[^"\\]|\\(?s:.))*+)(?:"|\\?\Z)'
_VALUE = re.compile(rf"(?:{_TEXT}\s*:\s*)?(?:{_TEXT}|(-?\d+))")
_MEMBER = re.compile(r'\s*[{,]\s*"([^"\\]*)"\s*:\s*')
_ADDRESS = re.compile(r"(?<![^\s\"'<>,;:()\[\]])[^\s\"'<>,;:()\[\]]+@[^\s\"'<>,;:()\[\]]+")
_NUMBER = re.compile(r"[+(]?\d[\d\s()./-]{5,}\d")
_NAMING = re.compile(r"user|customer|person|profile|anonymous|previous|member|loyalty|card|device|contact|id$", re.I)


def user_of(payload: str) -> str | None:
    """The userId of a call that was cut short, where it stands before the cut. Nothing else says whose such a call is:
    a userId may have followed."""
    decoder, at = json.JSONDecoder(), 0
    with suppress(ValueError, RecursionError):
        while match := _MEMBER.match(payload, at):
            value, at = decoder.raw_decode(payload, match.end())
            if match[1] == "userId":
                return value if isinstance(value, str) else None
    return None


def named(payload: str, types: Collection[str]) -> Iterator[Identifier]:
    """Every identifier of these types that the payload may name, normalised."""
    for match in _VALUE.finditer(payload):
        key, quoted, digits = match.groups()
        text = digits if quoted is None else _unescaped(quoted)
        for type_ in types:
            yield from _readings(type_, key or "", text)


def _readings(type_: str, key: str, text: str) -> Iterator[Identifier]:
    found: Collection[str]
    if type_ == "email":
        found = _ADDRESS.findall(text)
    elif type_ == "phone":
        found = _NUMBER.findall(text)
    else:
        found = (text,) if len(text) >= LONG or _NAMING.search(key) else ()
    for one in found:
        try:
            yield normalise(type_, one)
        except IdentityError:
            continue


def _unescaped(quoted: str) -> str:
    if "\\" not in quoted:
        return quoted
    # The last escape may have been cut short.
    for text in (quoted, quoted[: quoted.rindex("\\")]):
        with suppress(ValueError):
            return str(json.loads(f'"{text}"', strict=False))
    return quoted
