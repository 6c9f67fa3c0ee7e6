"""What was done about people, without saying about whom."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from features.event import Identifier
from features.stores.people import AuditEntry
from features.stores.sql.session import Session, columns, table, value
from features.vault import Vault

_ROWS = table("audit", number="integer", at="integer", what="text", author="text", subject="text", counts="text")
_COLUMNS = "a.number, a.at, a.what, a.author, a.subject, a.counts"
_SUBJECT = columns(subject="text")


@dataclass(frozen=True, slots=True)
class Note:
    """An entry to be. customer_id: the person's outside name, of which only a keyed digest is stored. The rest as in
    AuditEntry; counts: rows by what they are."""

    at: int
    what: str
    author: str
    customer_id: str
    counts: Mapping[str, int]


def note(session: Session, vault: Vault, noted: Note) -> AuditEntry:
    # Nobody else writes meanwhile. Not from a counter, which may jump: a missing number would look like a taken entry.
    number = value(session, "SELECT coalesce(max(number), 0) + 1 FROM audit")
    subject, counts = subject_of(vault, noted.customer_id), json.dumps(noted.counts)
    entry = AuditEntry(number, noted.at, noted.what, noted.author, subject, counts)
    session.insert(_ROWS, [(entry.number, entry.at, entry.what, entry.author, entry.subject, entry.counts)])
    return entry


def subject_of(vault: Vault, customer_id: str) -> str:
    """Hex. Another digest than that of any identifier: types have no colon."""
    return vault.digest(Identifier("audit:subject", customer_id)).hex()


def newest(session: Session, limit: int) -> tuple[AuditEntry, ...]:
    query = f"SELECT {_COLUMNS} FROM audit a ORDER BY a.number DESC LIMIT ?"  # noqa: S608
    return tuple(AuditEntry(*row) for row in session.rows(query, (limit,)))


def about(session: Session, vault: Vault, names: Collection[str]) -> tuple[AuditEntry, ...]:
    """Whatever was noted about a person of one of these names, oldest first."""
    query = f"SELECT {_COLUMNS} FROM wanted w CROSS JOIN audit a WHERE a.subject = w.subject"  # noqa: S608
    found = session.wanted(_SUBJECT, query, [(subject_of(vault, name),) for name in names])
    return tuple(sorted((AuditEntry(*row) for row in found), key=lambda entry: entry.number))
