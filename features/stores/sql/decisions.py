"""Decisions as rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

from features.stores.protocol import LoggedDecision
from features.stores.sql.session import Row, Session, Table, Type, columns

_NAMES = tuple(one.name for one in fields(LoggedDecision))
_COLUMNS = ", ".join(_NAMES)
_SEED = _NAMES.index("seed")
_INTEGERS = frozenset({"person", "decided_at", "history_version", "catalogue_version"})
_ID = columns(id="text")


def _type(name: str) -> Type:
    return "bytes" if name == "feature_rows" else "integer" if name in _INTEGERS else "text"


_DECISION = Table("decision", tuple((name, _type(name)) for name in _NAMES))


def insert_decisions(session: Session, decisions: Sequence[LoggedDecision]) -> None:
    session.insert(_DECISION, [_row(one) for one in decisions])


def _row(decision: LoggedDecision) -> Row:
    return tuple(str(decision.seed) if name == "seed" else getattr(decision, name) for name in _NAMES)


def select_decisions(session: Session, decision_ids: Collection[str]) -> list[LoggedDecision]:
    columns = ", ".join(f"d.{name}" for name in _NAMES)
    query = f"SELECT {columns} FROM wanted w CROSS JOIN decision d WHERE d.decision_id = w.id"  # noqa: S608
    return [_decision(row) for row in session.wanted(_ID, query, [(one,) for one in decision_ids])]


def select_decisions_of(session: Session, person: int, limit: int) -> list[LoggedDecision]:
    query = f"SELECT {_COLUMNS} FROM decision WHERE person = ? ORDER BY decided_at DESC, number DESC LIMIT ?"  # noqa: S608
    return [_decision(row) for row in session.rows(query, (person, limit))]


def _decision(row: tuple[Any, ...]) -> LoggedDecision:
    named = dict(zip(_NAMES, row, strict=True))
    return LoggedDecision(**{**named, "seed": int(row[_SEED])})
