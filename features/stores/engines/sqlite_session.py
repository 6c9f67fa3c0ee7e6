"""Statements on SQLite, many rows in one.

sqlite3 lets go of the interpreter's lock at every step of a statement and must win it back; beside a busy event loop
that is dear, so the writer speaks in few statements of many rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeVar

import numpy as np

from features.stores.sql.session import Column, Columns, Counter, Dialect, Row, Rows, Table

T = TypeVar("T")

SQLITE = Dialect("sqlite", "INTEGER", "BLOB", "TEXT", " WITHOUT ROWID", "INTEGER PRIMARY KEY")

_SIZES = tuple(1 << power for power in range(10, -1, -1))
"""Few sizes, so that few statements need to be prepared; and any number of rows is few of them."""

_CHUNK = 50_000
"""Rows of a bulk load whose values are Python objects at one time."""


class SQLiteSession:
    """Implements features.stores.sql.session.Session. Whoever writes holds the file lock, so it is always alone."""

    dialect = SQLITE
    alone = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        return self.connection.execute(query, values).fetchall()

    def stream(self, query: str, values: Sequence[object] = ()) -> Iterator[Row]:
        return self.connection.execute(query, values)

    def wanted(self, keys: Columns, query: str, rows: Rows) -> Iterator[Row]:
        names = ",".join(name for name, _ in keys)
        for piece in _pieces(rows):
            statement = f"WITH wanted({names}) AS (VALUES {_values(len(piece), len(keys))}) {query}"
            yield from self.connection.execute(statement, list(chain.from_iterable(piece)))

    def execute(self, statement: str, values: Sequence[object] = ()) -> int:
        return self.connection.execute(statement, values).rowcount

    def insert(self, into: Table, rows: Rows, conflict: str = "") -> None:
        head = _head(into)
        for piece in _pieces(rows):
            statement = f"{head} {_values(len(piece), len(into.columns))} {conflict}"
            self.connection.execute(statement, list(chain.from_iterable(piece)))

    def load(self, into: Table, values: Sequence[Column]) -> None:
        for start in range(0, len(values[0]), _CHUNK):
            part = [_listed(column[start : start + _CHUNK]) for column in values]
            self.insert(into, list(zip(*part, strict=True)))

    def locking(self, aliases: str) -> str:  # noqa: ARG002
        return ""

    def numbers(self, counter: Counter, count: int) -> Sequence[int]:
        if not count:
            return range(0)
        last = self.given(counter)
        self.connection.execute("UPDATE counter SET value = ? WHERE name = ?", (last + count, counter))
        return range(last + 1, last + 1 + count)

    def given(self, counter: Counter) -> int:
        return int(self.connection.execute("SELECT value FROM counter WHERE name = ?", (counter,)).fetchone()[0])

    def version(self) -> int:
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])


def _head(into: Table) -> str:
    return f"INSERT INTO {into.name}({','.join(name for name, _ in into.columns)}) VALUES"


def _listed(column: Column) -> Sequence[object]:
    if isinstance(column, np.ndarray) and column.dtype.kind == "V":
        blob, size = column.tobytes(), column.dtype.itemsize
        return [blob[at : at + size] for at in range(0, len(blob), size)]
    listed: list[object] = column.tolist()
    return listed


def _pieces(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    at = 0
    for size in _SIZES:
        while len(rows) - at >= size:
            yield rows[at : at + size]
            at += size


def _values(rows: int, columns: int) -> str:
    row = f"({','.join('?' * columns)})"
    return ",".join([row] * rows)
