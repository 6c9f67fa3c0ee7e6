"""Message ids as short keys.

A wire message is (0, its id); row r of an import is (the source's code, "r"), which is the message id "<source>:<r>"
written small.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from features.stores.protocol import InvalidImport
from features.stores.sql.session import Session, value

MessageKey = tuple[int, str, int]
"""(source, message, line)."""

_ROW_OF_SOURCE = re.compile(r"(.+):(0|[1-9][0-9]{0,17})", re.DOTALL)


def message_keys(session: Session, message_ids: Iterable[str]) -> dict[str, tuple[int, str]]:
    """The (source, message) of every id."""
    keys: dict[str, tuple[int, str]] = {}
    sources: dict[str, int] | None = None
    for message_id in message_ids:
        keys[message_id] = (0, message_id)
        if match := _ROW_OF_SOURCE.fullmatch(message_id):
            if sources is None:
                sources = dict(session.rows("SELECT text, code FROM source"))
            if match[1] in sources:
                keys[message_id] = (sources[match[1]], match[2])
    return keys


def source_code(session: Session, source: str) -> tuple[int, bool]:
    """The source's code, and whether it was known before. Raises InvalidImport for a name that would contradict message
    ids that are already stored."""
    known = value(session, "SELECT code FROM source WHERE text = ?", (source,))
    if known is not None:
        return int(known), True
    query = "SELECT 1 FROM message WHERE source = 0 AND message >= ? AND message < ? LIMIT 1"
    if not source or session.rows(query, (f"{source}:", f"{source};")):
        message = f"source is {source!r}; it is a name of its own, no stored message id begins with it; choose another"
        raise InvalidImport(message)
    code = int(value(session, "SELECT coalesce(max(code), 0) + 1 FROM source"))
    session.execute("INSERT INTO source(code, text) VALUES (?, ?)", (code, source))
    return code, False
