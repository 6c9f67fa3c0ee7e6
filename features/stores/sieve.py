"""Which refused payloads cannot name somebody, seen at a glance: without it every text in them would be read in every
way in which an identifier can be written.

An identifier and a text that means it have the same letters and digits in the same order, whatever stands between them
and in whatever case; of a telephone number that holds for its last digits. Where that is not certain (an escape, other
scripts, an identifier that is not kept in clear) a payload may name anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNCERTAIN = re.compile(r"[^\x00-\x7f\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u2013\u2014\u2018-\u201e\u20ac]|\\")
_BETWEEN = {code: None for code in range(128) if not chr(code).isalnum()}
_LAST_DIGITS = 6


class Sieve:
    """Of the identifiers (type, value in clear or None) of one person."""

    def __init__(self, identifiers: Iterable[tuple[str, str | None]]) -> None:
        held = [_needle(type_, value) for type_, value in identifiers]
        self._needles = frozenset(one for one in held if one)
        self._open = len(self._needles) == 0 or not all(held)

    def lets_through(self, payload: str) -> bool:
        """Whether the payload may name one of them; False is certain."""
        if self._open or _UNCERTAIN.search(payload):
            return True
        squeezed = _squeezed(payload)
        return any(needle in squeezed for needle in self._needles)


def _needle(type_: str, value: str | None) -> str:
    """Empty where nothing is certain."""
    if value is None or not value.isascii():
        return ""
    return _squeezed(value)[-_LAST_DIGITS if type_ == "phone" else 0 :]


def _squeezed(text: str) -> str:
    return text.casefold().translate(_BETWEEN)
