"""Decisions as rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields
from operator import attrgetter

from features.stores.protocol import LoggedDecision
from features.stores.sql.session import Row, Session, Table, Type, columns
from features.vault import Vault

_NAMES = tuple(one.name for one in fields(LoggedDecision))
_SEED = _NAMES.index("seed")
_INTEGERS = frozenset({"person", "decided_at", "history_version", "catalogue_version", "snapshot"})
_SEALED = frozenset({"customer_id", "request", "request_digest", "response", "subject"})
_SEALED_PLACES = tuple(_NAMES.index(name) for name in sorted(_SEALED))
_values = attrgetter(*_NAMES)
_CHOSEN = ", ".join("m.root" if name == "person" else f"d.{name}" for name in _NAMES)
_ID = columns(id="text")


def _type(name: str) -> Type:
    return "bytes" if name in _SEALED | {"feature_rows"} else "integer" if name in _INTEGERS else "text"


_DECISION = Table("decision", tuple((name, _type(name)) for name in _NAMES))


def insert_decisions(session: Session, vault: Vault, decisions: Sequence[LoggedDecision]) -> None:
    """person: the profile for which each was made."""
    session.insert(_DECISION, [_row(vault, one) for one in decisions])


def _row(vault: Vault, decision: LoggedDecision) -> Row:
    values = list(_values(decision))
    values[_SEED] = str(decision.seed)
    for place in _SEALED_PLACES:
        values[place] = _sealed(vault, values[place])
    return tuple(values)


def _sealed(vault: Vault, text: str | None) -> bytes | None:
    return None if text is None else vault.seal(text)


def select_decisions(session: Session, vault: Vault, decision_ids: Collection[str]) -> list[LoggedDecision]:
    query = f"""SELECT {_CHOSEN} FROM wanted w CROSS JOIN decision d CROSS JOIN person m
                WHERE d.decision_id = w.id AND m.person = d.person"""  # noqa: S608
    return [_decision(vault, row) for row in session.wanted(_ID, query, [(one,) for one in decision_ids])]


def newest_decisions(session: Session, since: int, limit: int) -> tuple[str, ...]:
    """The ids of at most `limit` decisions of `since` (ms UTC) or later, the newest first."""
    query = "SELECT d.decision_id FROM decision d WHERE d.decided_at >= ? ORDER BY d.number DESC LIMIT ?"
    return tuple(str(one) for (one,) in session.rows(query, (since, limit)))


def decided_by_earlier(session: Session, version: int, bucket: int, buckets: int) -> Iterator[tuple[str, int]]:
    """(id, version) of those by an earlier version of the catalogue; the session is a snapshot."""
    query = """SELECT d.decision_id, d.catalogue_version FROM decision d CROSS JOIN person m
               WHERE d.catalogue_version < ? AND m.person = d.person AND m.root % ? = ?"""
    return ((str(name), int(by)) for name, by in session.stream(query, (version, buckets, bucket)))


def decided_for(session: Session, decision_ids: Collection[str]) -> dict[str, bytes]:
    """The digest that anchors the profile for which each was made."""
    query = """SELECT d.decision_id, c.digest FROM wanted w CROSS JOIN decision d CROSS JOIN claim c
               WHERE d.decision_id = w.id AND c.profile = d.person AND c.anchor IS NOT NULL"""
    found = session.wanted(_ID, query, [(one,) for one in sorted(decision_ids)])
    return {str(decision_id): bytes(digest) for decision_id, digest in found}


def select_decisions_of(session: Session, vault: Vault, person: int, limit: int) -> list[LoggedDecision]:
    """Of the person to whom the profile belongs, whichever of its profiles they were made for."""
    query = f"""SELECT {_CHOSEN} FROM person own JOIN person m ON m.root = own.root
                JOIN decision d ON d.person = m.person WHERE own.person = ?
                ORDER BY d.decided_at DESC, d.number DESC LIMIT ?"""  # noqa: S608
    return [_decision(vault, row) for row in session.rows(query, (person, limit))]


def _decision(vault: Vault, row: Row) -> LoggedDecision:
    named = dict(zip(_NAMES, row, strict=True))
    opened = {name: None if named[name] is None else vault.open(named[name]) for name in _SEALED}
    return LoggedDecision(**{**named, **opened, "seed": int(row[_SEED])})
