"""People within a write transaction: their rows as they were, and as the transaction leaves them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from features.event import Identifier
from features.history import EVENT
from features.stores import packed
from features.stores.acceptance import json_text
from features.stores.packed import TAIL_LIMIT, Sealed
from features.stores.sql.session import Session, columns, table

PERSON_ROWS = table("person", person="integer", customer_id="text", version="integer", traits="text", tail="bytes")
SEALED_ROWS = table("sealed", person="integer", page="bytes", ledger="bytes", consents="bytes")
_IDENTIFIER = table("identifier", type="text", value="text", person="integer")
_NAMES = columns(type="text", value="text")
_NUMBERS = columns(person="integer")
PERSON_STANDS = """ON CONFLICT(person) DO UPDATE SET version = excluded.version, traits = excluded.traits,
                  tail = excluded.tail"""
_SEALED_STANDS = """ON CONFLICT(person) DO UPDATE SET page = excluded.page, ledger = excluded.ledger,
                  consents = excluded.consents"""


@dataclass(slots=True)
class PersonState:
    """created_by: the identifier of a person who is new in this transaction, else None. fresh: records to add."""

    person: int
    customer_id: str
    created_by: Identifier | None
    version: int = 0
    traits: str = "{}"
    tail: bytes = b""
    fresh: list[bytes] = field(default_factory=list)
    changed: bool = False

    def add_record(self, record: bytes, sequence: int) -> None:
        self.fresh.append(record)
        self.version = sequence
        self.changed = True

    def merge_traits(self, changes: Mapping[str, object], sequence: int) -> None:
        self.traits = json_text(merged_traits(json.loads(self.traits), changes))
        self.version = sequence
        self.changed = True


def merged_traits(traits: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """The traits with the changes over them; None removes."""
    return {name: value for name, value in {**traits, **changes}.items() if value is not None}


def select_people(session: Session, identifiers: Collection[Identifier]) -> dict[Identifier, list[PersonState]]:
    """Everyone who has one of the identifiers; one person is one object however found."""
    query = """SELECT w.type, w.value, p.person, p.customer_id, p.version, p.traits, p.tail
               FROM wanted w CROSS JOIN identifier i CROSS JOIN person p
               WHERE i.type = w.type AND i.value = w.value AND p.person = i.person ORDER BY p.person"""
    found: dict[Identifier, list[PersonState]] = {}
    states: dict[int, PersonState] = {}
    rows = [(one.type, one.value) for one in identifiers]
    for type_, value, person, name, version, traits, tail in session.wanted(_NAMES, query, rows):
        state = states.setdefault(person, PersonState(person, name, None, version, traits, tail))
        found.setdefault(Identifier(type_, value), []).append(state)
    return found


def insert_people(session: Session, created: Iterable[PersonState]) -> None:
    people = list(created)
    session.insert(PERSON_ROWS, [(one.person, one.customer_id, 0, "{}", b"") for one in people])
    names = [(one.created_by.type, one.created_by.value, one.person) for one in people if one.created_by is not None]
    session.insert(_IDENTIFIER, names)


def store_people(session: Session, states: Iterable[PersonState]) -> None:
    """Write every changed person's row, and seal the tails that would grow too long."""
    changed = [state for state in states if state.changed]
    full: list[tuple[PersonState, bytes]] = []
    rows: list[tuple[object, ...]] = []
    for state in changed:
        tail = packed.add_to_tail(state.tail, b"".join(state.fresh)) if state.fresh else state.tail
        if len(tail) > TAIL_LIMIT * EVENT.itemsize:
            full.append((state, tail))
            tail = b""
        rows.append((state.person, state.customer_id, state.version, state.traits, tail))
    session.insert(PERSON_ROWS, rows, PERSON_STANDS)
    store_sealed(session, [(state.person, tail) for state, tail in full])


def store_sealed(session: Session, additions: list[tuple[int, bytes]]) -> None:
    """Merge (person, tail) into the sealed parts."""
    query = "SELECT s.person, s.page, s.ledger, s.consents FROM wanted w CROSS JOIN sealed s WHERE s.person = w.person"
    sealed: dict[int, Sealed] = {}
    for person, page, ledger, consents in session.wanted(_NUMBERS, query, [(one[0],) for one in additions]):
        sealed[person] = Sealed(page, ledger, consents)
    rows = []
    for person, tail in additions:
        made = packed.seal(sealed.get(person, packed.NOTHING), packed.events(tail))
        rows.append((person, made.page, made.ledger, made.consents))
    session.insert(SEALED_ROWS, rows, _SEALED_STANDS)
