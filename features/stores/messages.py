"""Message ids as short keys.

A wire message is (0, its id); row r of an import is (the source's code, r), which is the message id "<source>:<r>"
written small.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable

from features.stores.protocol import InvalidImport

MessageKey = tuple[int, object, int]
"""(source, message, line)."""

_ROW_OF_SOURCE = re.compile(r"(.+):(0|[1-9][0-9]{0,17})", re.DOTALL)


def message_keys(connection: sqlite3.Connection, message_ids: Iterable[str]) -> dict[str, tuple[int, object]]:
    """The (source, message) of every id."""
    keys: dict[str, tuple[int, object]] = {}
    sources: dict[str, int] | None = None
    for message_id in message_ids:
        keys[message_id] = (0, message_id)
        if match := _ROW_OF_SOURCE.fullmatch(message_id):
            if sources is None:
                sources = dict(connection.execute("SELECT text, code FROM source").fetchall())
            if match[1] in sources:
                keys[message_id] = (sources[match[1]], int(match[2]))
    return keys


def source_code(connection: sqlite3.Connection, source: str) -> tuple[int, bool]:
    """The source's code, and whether it was known before. Raises InvalidImport for a name that would contradict message
    ids that are already stored."""
    row = connection.execute("SELECT code FROM source WHERE text = ?", (source,)).fetchone()
    if row is not None:
        return int(row[0]), True
    query = "SELECT 1 FROM event WHERE source = 0 AND message >= ? AND message < ? LIMIT 1"
    if not source or connection.execute(query, (f"{source}:", f"{source};")).fetchone():
        message = f"source is {source!r}; it is a name of its own, no stored message id begins with it; choose another"
        raise InvalidImport(message)
    code = connection.execute("INSERT INTO source(text) VALUES (?) RETURNING code", (source,)).fetchone()[0]
    return int(code), False
