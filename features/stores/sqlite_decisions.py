"""Decisions as rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

from features.stores.protocol import LoggedDecision
from features.stores.sqlite_rows import insert_rows, select_rows

_NAMES = tuple(one.name for one in fields(LoggedDecision))
_COLUMNS = ", ".join(_NAMES)
_SEED = _NAMES.index("seed")


def insert_decisions(connection: sqlite3.Connection, decisions: Sequence[LoggedDecision]) -> None:
    rows = [tuple(str(one.seed) if name == "seed" else getattr(one, name) for name in _NAMES) for one in decisions]
    insert_rows(connection, f"INSERT INTO decision({_COLUMNS}) VALUES", rows)


def select_decisions(connection: sqlite3.Connection, decision_ids: Collection[str]) -> list[LoggedDecision]:
    columns = ", ".join(f"d.{name}" for name in _NAMES)
    query = f"SELECT {columns} FROM wanted w CROSS JOIN decision d ON d.decision_id = w.id"  # noqa: S608
    return [_decision(row) for row in select_rows(connection, "id", query, [(one,) for one in decision_ids])]


def select_decisions_of(connection: sqlite3.Connection, person: int, limit: int) -> list[LoggedDecision]:
    query = f"SELECT {_COLUMNS} FROM decision WHERE person = ? ORDER BY decided_at DESC, number DESC LIMIT ?"  # noqa: S608
    return [_decision(row) for row in connection.execute(query, (person, limit))]


def _decision(row: tuple[Any, ...]) -> LoggedDecision:
    named = dict(zip(_NAMES, row, strict=True))
    return LoggedDecision(**{**named, "seed": int(row[_SEED])})
