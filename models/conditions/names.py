"""The names in the text of a condition: `customer.postcode`, `history.orders_28d`, `context.page`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

CUSTOMER, HISTORY, CONTEXT, NOW, LOCAL = "customer", "history", "context", "now", "local"
ROOTS = (CUSTOMER, HISTORY, CONTEXT, NOW, LOCAL)
"""Everything that a condition may read. now: a timestamp, the moment of delivery in UTC; local: what the customer's own
clock shows then, written as if it were UTC."""

_FIELDS = frozenset({CUSTOMER, HISTORY, CONTEXT})
_RAW = r"""(?:[bB][rR]|[rR][bB]?)(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"[^"\n]*"|'[^'\n]*')"""
_TEXT = (
    r"""[bB]?(?:\"{3}(?:\\[\s\S]|[^\\])*?\"{3}|'{3}(?:\\[\s\S]|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
)
_TOKEN = re.compile(rf"(?P<blank>\s+|//[^\n]*)|(?P<text>{_RAW}|{_TEXT})|(?P<name>[A-Za-z_]\w*)|\.?\d[\w.]*|[\s\S]")


@dataclass(frozen=True, slots=True)
class Name:
    """root: one of ROOTS that has fields. field: None where the root stands by itself."""

    root: str
    field: str | None

    def __str__(self) -> str:
        return self.root if self.field is None else f"{self.root}.{self.field}"


def names_in(text: str) -> tuple[Name, ...]:
    """The distinct names, in the order of the text; what stands in quotes or behind // is none."""
    return tuple(dict.fromkeys(_names(text)))


def asked_for(text: str) -> frozenset[Name]:
    """Those of the names that the text asks about with has(), somewhere."""
    words = [found[0] for found in _TOKEN.finditer(text) if found.lastgroup != "blank"]
    places = (place for place, word in enumerate(words) if word == "has")
    calls = (words[place + 1 : place + 6] for place in places)
    return frozenset(
        Name(call[1], call[3])
        for call in calls
        if len(call) == 5 and call[0::2] == ["(", ".", ")"] and call[1] in _FIELDS
    )


def reads_clock(text: str) -> bool:
    """Whether it may read `now` or `local`; what is called so inside of something else counts, too."""
    return any(found[0] in (NOW, LOCAL) for found in _TOKEN.finditer(text) if found.lastgroup == "name")


def _names(text: str) -> Iterator[Name]:
    tokens = [found for found in _TOKEN.finditer(text) if found.lastgroup != "blank"]
    words = [found[0] for found in tokens]
    for place, word in enumerate(words):
        if word in _FIELDS and not _is_member(tokens, place):
            selected = words[place + 1 : place + 2] == ["."] and place + 2 < len(words)
            field = words[place + 2] if selected and tokens[place + 2].lastgroup == "name" else None
            yield Name(word, field)


def _is_member(tokens: list[re.Match[str]], place: int) -> bool:
    """Whether the token is selected out of something, as in context.customer."""
    if place < 2 or tokens[place - 1][0] != ".":
        return False
    before = tokens[place - 2]
    return before.lastgroup in ("text", "name") or before[0] in (")", "]", "}")
