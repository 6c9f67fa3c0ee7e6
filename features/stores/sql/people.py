"""Profiles and people within a write transaction: their rows as they were, and as the transaction leaves them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from features.history import EVENT
from features.links import ALWAYS
from features.stores import packed
from features.stores.acceptance import json_text
from features.stores.packed import TAIL_LIMIT, Sealed
from features.stores.sql.session import Session, columns, table
from features.stores.together import shown

PERSON_ROWS = table(
    "person",
    person="integer",
    root="integer",
    linked_at="integer",
    regrouped="integer",
    derived="integer",
    version="integer",
    traits="text",
    tail="bytes",
    name="bytes",
    customer_id="bytes",
)
SEALED_ROWS = table("sealed", person="integer", page="bytes", ledger="bytes", consents="bytes")
_DIGEST = columns(digest="bytes")
_NUMBERS = columns(person="integer")
_RECORD_STANDS = """ON CONFLICT(person) DO UPDATE SET version = excluded.version, traits = excluded.traits,
                    tail = excluded.tail"""
PERSON_STANDS = """ON CONFLICT(person) DO UPDATE SET root = excluded.root, linked_at = excluded.linked_at,
                   regrouped = excluded.regrouped, derived = excluded.derived, version = excluded.version,
                   traits = excluded.traits, tail = excluded.tail, customer_id = excluded.customer_id"""
SEALED_STANDS = """ON CONFLICT(person) DO UPDATE SET page = excluded.page, ledger = excluded.ledger,
                   consents = excluded.consents"""


@dataclass(slots=True)
class PersonState:
    """A person as a whole, in the row of the root. name, customer_id: sealed. derived: the consents are made of more
    than one log. fresh: records to add, as the person's. stale: the projections must be made again from the log."""

    person: int
    name: bytes
    customer_id: bytes
    derived: bool = False
    version: int = 0
    traits: str = "{}"
    tail: bytes = b""
    fresh: list[bytes] = field(default_factory=list)
    changed: bool = False
    stale: bool = False

    def add_record(self, record: bytes, sequence: int) -> None:
        self.fresh.append(record)
        self.version = sequence
        self.changed = True

    def merge_traits(self, changes: Mapping[str, object], sequence: int) -> None:
        self.traits = json_text(merged_traits(json.loads(self.traits), changes))
        self.version = sequence
        self.changed = True

    def settled(self) -> None:
        """Forget what has been written, that a large import need not keep it. A person of one profile comes once."""
        self.fresh, self.changed = [], False
        self.tail = self.tail if self.derived else b""

    def row(self, tail: bytes) -> tuple[object, ...]:
        number, derived = self.person, int(self.derived)
        return number, number, ALWAYS, 0, derived, self.version, self.traits, tail, self.name, self.customer_id


@dataclass(slots=True)
class ProfileState:
    """since: ms UTC of recording when it was first told of. linked_at: since when it belongs to its person. created: it
    is new in this transaction."""

    profile: int
    digest: bytes
    since: int
    linked_at: int
    person: PersonState
    created: bool = False

    @property
    def since_before(self) -> int | None:
        """As it is stored: None for one that is new."""
        return None if self.created else self.since

    def add_record(self, record: bytes, sequence: int, recorded_at: int) -> None:
        """recorded_at: the record's."""
        if recorded_at < self.linked_at:
            record = shown(packed.events(record), self.linked_at).tobytes()
        self.person.add_record(record, sequence)


def merged_traits(traits: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """The traits with the changes over them; None removes."""
    return {name: value for name, value in {**traits, **changes}.items() if value is not None}


def select_profiles(
    session: Session, digests: Collection[bytes], people: dict[int, PersonState]
) -> dict[bytes, ProfileState]:
    """The profiles that the digests anchor. people: by number, those who are known already and those found now; one
    person is one object however many of the profiles are theirs."""
    query = f"""SELECT w.digest, c.profile, c.anchor, m.linked_at,
                      p.person, p.name, p.customer_id, p.derived, p.version, p.traits, p.tail
               FROM wanted w CROSS JOIN claim c CROSS JOIN person m CROSS JOIN person p
               WHERE c.digest = w.digest AND c.anchor IS NOT NULL AND m.person = c.profile AND p.person = m.root
               ORDER BY p.person {session.locking("p, c")}"""  # noqa: S608
    found: dict[bytes, ProfileState] = {}
    for digest, profile, since, linked_at, *row in session.wanted(_DIGEST, query, [(one,) for one in digests]):
        number, name, customer_id, derived, version, traits, tail = row
        person = people.get(number)
        if person is None:
            person = PersonState(number, name, customer_id, bool(derived), version, traits, tail)
            people[number] = person
        found[digest] = ProfileState(profile, digest, since, linked_at, person)
    return found


def insert_profiles(session: Session, created: Iterable[ProfileState]) -> None:
    session.insert(PERSON_ROWS, [one.person.row(b"") for one in created])


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
        state.tail = tail
        rows.append(state.row(tail))
    session.insert(PERSON_ROWS, rows, _RECORD_STANDS)
    store_sealed(session, [(state.person, tail) for state, tail in full])


def store_sealed(session: Session, additions: list[tuple[int, bytes]]) -> None:
    """Merge (person, tail) into the sealed parts."""
    query = "SELECT s.person, s.page, s.ledger, s.consents FROM wanted w CROSS JOIN sealed s WHERE s.person = w.person"
    sealed: dict[int, Sealed] = {}
    for person, page, ledger, consents in session.wanted(_NUMBERS, query, [(one[0],) for one in additions]):
        sealed[person] = Sealed(page, ledger, consents)
    rows = []
    for person, tail in additions:
        made = packed.seal(sealed.get(person, packed.NOTHING), tail)
        rows.append((person, made.page, made.ledger, made.consents))
    session.insert(SEALED_ROWS, rows, SEALED_STANDS)
