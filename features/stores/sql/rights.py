"""Erasure: everything held on a person goes in one transaction; what stays says nothing of them (docs/rights.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from features.event import Identifier
from features.history import Records
from features.stores.people import AuditEntry
from features.stores.sql.audit import Note, note
from features.stores.sql.boundaries import keep_withdrawals, leave_boundary
from features.stores.sql.claims import Claims
from features.stores.sql.letters import naming, unbury
from features.stores.sql.names import delete_names
from features.stores.sql.orders import delete_orders
from features.stores.sql.reads import members
from features.stores.sql.responses import delete_exposures
from features.stores.sql.session import Session, columns, table, value
from features.stores.sql.spending import delete_charges
from features.stores.withdrawals import in_force
from features.vault import Vault

HELD: Final = {
    "event": "events",
    "message": "message_ids",
    "trait_change": "trait_changes",
    "sealed": "projections",
    "decision": "decisions",
}
"""Tables whose rows belong to the profile in their column `person`, and what their rows are called outside."""

DELETED_FROM: Final = (
    *HELD,
    "order_of",
    "charge",
    "exposure",
    "name_of",
    "person",
    "claim",
    "identifier",
    "addressed",
    "dead_letter",
    "dead_letter_about",
)

_ERASED = table("erased_decision", digest="bytes")
_DIGEST = columns(digest="bytes")
_PROFILE = columns(profile="integer")


@dataclass(frozen=True, slots=True)
class Search:
    """Dead letters found beforehand, so that the transaction has few to read. types: of the identifiers looked for, by
    digest. numbers: the letters. looked_to: the highest letter that was looked at."""

    types: Mapping[bytes, str]
    numbers: frozenset[int]
    looked_to: int


@dataclass(frozen=True, slots=True)
class Subject:
    """The person an erasure is about. profiles: all that are theirs. types: of their identifiers, by digest. others:
    how many other profiles hold each of them."""

    root: int
    customer_id: str
    profiles: tuple[int, ...]
    types: Mapping[bytes, str]
    others: Mapping[bytes, int]

    @property
    def own(self) -> frozenset[bytes]:
        """The identifiers that nobody else holds."""
        return frozenset(one for one in self.types if not self.others.get(one))


def subject(session: Session, root: int, customer_id: str) -> Subject:
    profiles = tuple(members(session, root))
    query = """SELECT c.digest, i.type, c.severed, c.anchor FROM wanted w CROSS JOIN claim c CROSS JOIN identifier i
               WHERE c.profile = w.profile AND i.digest = c.digest"""
    rows = list(session.wanted(_PROFILE, query, [(one,) for one in profiles]))
    mine = Counter(bytes(digest) for digest, _, severed, anchor in rows if anchor is not None or not severed)
    types = {bytes(digest): str(type_) for digest, type_, *_ in rows}
    query = """SELECT w.digest, count(*) FROM wanted w CROSS JOIN claim c
               WHERE c.digest = w.digest AND (c.severed = 0 OR c.anchor IS NOT NULL) GROUP BY w.digest"""
    holding = session.wanted(_DIGEST, query, [(one,) for one in types])
    others = {bytes(digest): int(count) - mine[digest] for digest, count in holding}
    return Subject(root, customer_id, profiles, types, others)


def search(session: Session, vault: Vault, types: Mapping[bytes, str]) -> Search:
    looked_to = session.given("dead_letter")
    return Search(types, frozenset(naming(session, vault, types)), looked_to)


def erase(
    session: Session, vault: Vault, gone: Subject, consents: Records, found: Search, at: int, author: str
) -> AuditEntry:
    """consents: the person's list of them. found: of a moment before; what came since is looked at here."""
    letters = _letters(session, vault, gone.types, found)
    claims = list(Claims(session, vault).of_profiles(gone.profiles))
    counts = {"profiles": len(gone.profiles), "identifiers": len(gone.types)}
    _leave_tombstones(session, vault, gone)
    delete_orders(session, vault, gone.profiles)
    delete_charges(session, gone.profiles)
    delete_exposures(session, gone.profiles)
    delete_names(session, gone.profiles)
    counts[HELD["message"]] = _delete_messages(session, gone.profiles)
    counts |= {called: _delete(session, name, gone.profiles) for name, called in HELD.items() if name != "message"}
    _delete_claims(session, gone)
    _delete(session, "person", gone.profiles)
    counts["dead_letters"] = unbury(session, letters)
    counts["withdrawals_kept"] = keep_withdrawals(session, in_force(consents), gone.types, gone.own)
    counts["boundaries_left"] = leave_boundary(session, claims, gone.others)
    return note(session, vault, Note(at, "erased", author, gone.customer_id, counts))


def _delete_claims(session: Session, gone: Subject) -> None:
    for profile in gone.profiles:
        session.execute("DELETE FROM claim WHERE profile = ?", (profile,))
    query = "DELETE FROM identifier WHERE digest = ? AND NOT EXISTS (SELECT 1 FROM claim c WHERE c.digest = ?)"
    for digest in gone.types:
        session.execute(query, (digest, digest))


def _delete_messages(session: Session, profiles: Collection[int]) -> int:
    """Found by their events: nothing else leads from a profile to them but a look at everybody's."""
    sources = "SELECT DISTINCT source FROM event WHERE person = ?"
    # With the source in the row value SQLite would look for the source alone.
    query = """DELETE FROM message WHERE source = ? AND (message, line) IN
               (SELECT e.message, e.line FROM event e WHERE e.person = ? AND e.source = ?)"""
    by_source = [(one, source) for one in profiles for (source,) in session.rows(sources, (one,))]
    return sum(session.execute(query, (source, one, source)) for one, source in by_source)


def _delete(session: Session, name: str, profiles: Collection[int]) -> int:
    return sum(session.execute(f"DELETE FROM {name} WHERE person = ?", (one,)) for one in profiles)  # noqa: S608


def _letters(session: Session, vault: Vault, types: Mapping[bytes, str], found: Search) -> frozenset[int]:
    """Everything again when the person has been given another identifier since the search."""
    if types.keys() <= found.types.keys():
        return found.numbers | frozenset(naming(session, vault, types, above=found.looked_to))
    return found.numbers | frozenset(naming(session, vault, types))


def _leave_tombstones(session: Session, vault: Vault, gone: Subject) -> None:
    """So that whoever asks for one of the decisions hears that it was there."""
    for profile in gone.profiles:
        ids = session.rows("SELECT decision_id FROM decision WHERE person = ?", (profile,))
        session.insert(_ERASED, [(_tombstone(vault, one),) for (one,) in ids], "ON CONFLICT DO NOTHING")


def erased(session: Session, vault: Vault, decision_id: str) -> bool:
    query = "SELECT 1 FROM erased_decision WHERE digest = ?"
    return value(session, query, (_tombstone(vault, decision_id),)) is not None


def _tombstone(vault: Vault, decision_id: str) -> bytes:
    """Another digest than that of any identifier: types have no colon."""
    return vault.digest(Identifier("erased:decision", decision_id))
