"""Many rows in one statement.

sqlite3 lets go of the interpreter's lock at every step of a statement and must win it back; beside a busy event loop
that is dear, so the writer speaks in few statements of many rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeVar

T = TypeVar("T")

_SIZES = (128, 32, 8, 2, 1)
"""Few sizes, so that few statements need to be prepared."""


def _pieces(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    at = 0
    for size in _SIZES:
        while len(rows) - at >= size:
            yield rows[at : at + size]
            at += size


def _values(rows: int, columns: int) -> str:
    row = f"({','.join('?' * columns)})"
    return ",".join([row] * rows)


def insert_rows(connection: sqlite3.Connection, head: str, rows: Sequence[tuple[object, ...]], tail: str = "") -> None:
    """`head` ends in VALUES; `tail` is what follows the values."""
    for piece in _pieces(rows):
        statement = f"{head} {_values(len(piece), len(piece[0]))} {tail}"
        connection.execute(statement, list(chain.from_iterable(piece)))


def select_rows(
    connection: sqlite3.Connection, columns: str, query: str, rows: Sequence[tuple[object, ...]]
) -> Iterator[tuple[object, ...]]:
    """`query` reads from a table `wanted` with the given columns, which holds the rows."""
    for piece in _pieces(rows):
        statement = f"WITH wanted({columns}) AS (VALUES {_values(len(piece), len(piece[0]))}) {query}"
        yield from connection.execute(statement, list(chain.from_iterable(piece)))
