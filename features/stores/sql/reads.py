"""Reading: one prepared statement for the present, the log for any earlier moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from features import consent, ledger
from features.event import LOG_ONLY, Identifier
from features.history import CustomerRecord, Records, as_of, page
from features.identity import outside_name
from features.stores import packed
from features.stores.protocol import AmbiguousIdentifier, PersonEvents
from features.stores.sql.people import merged_traits
from features.stores.sql.session import Session

_RECORD = """SELECT p.person, p.customer_id, p.version, p.traits, p.tail, s.page, s.ledger, s.consents
             FROM identifier i JOIN person p ON p.person = i.person LEFT JOIN sealed s ON s.person = p.person
             WHERE i.type = ? AND i.value = ? LIMIT 2"""
_PEOPLE = """SELECT p.person, p.customer_id FROM identifier i JOIN person p ON p.person = i.person
             WHERE i.type = ? AND i.value = ? ORDER BY p.person LIMIT 20"""
_LOG_ONLY = [int(kind) for kind in LOG_ONLY]


def find(session: Session, identifier: Identifier) -> tuple[int, str] | None:
    """(person, customer_id); raises AmbiguousIdentifier."""
    rows = session.rows(_PEOPLE, (identifier.type, identifier.value))
    if len(rows) > 1:
        names = tuple(str(name) for _, name in rows)
        message = f"{identifier.type} belongs to {len(names)} people; a decision needs one; name the customer id"
        raise AmbiguousIdentifier(message, names)
    return (int(rows[0][0]), str(rows[0][1])) if rows else None


def present(session: Session, identifier: Identifier) -> CustomerRecord:
    """The record as it is."""
    rows = session.rows(_RECORD, (identifier.type, identifier.value))
    if len(rows) != 1:
        find(session, identifier)
        return CustomerRecord(-1, outside_name(identifier), known=False)
    person, customer_id, version, traits_text, tail, sealed_page, sealed_ledger, sealed_consents = rows[0]
    traits = json.loads(traits_text) if traits_text != "{}" else {}
    return CustomerRecord(
        person=person,
        customer_id=customer_id,
        known=version > 0,
        version=version,
        page=packed.read_page(sealed_page or b"", tail),
        ledger=packed.read_ledger(sealed_ledger or b"", tail),
        consents=packed.read_consents(sealed_consents or b"", tail),
        traits=traits,
        time_zone=_time_zone(traits),
    )


def earlier(session: Session, identifier: Identifier, moment: int) -> CustomerRecord:
    """The record as it was known at `moment`."""
    found = find(session, identifier)
    if found is None:
        return CustomerRecord(-1, outside_name(identifier), known=False)
    person, customer_id = found
    known = as_of(log_of(session, person), moment)
    changing = known["sequence"][~np.isin(known["kind"], _LOG_ONLY)]
    traits, trait_version = traits_as_of(session, person, moment)
    version = max(int(changing.max()) if len(changing) else 0, trait_version)
    return CustomerRecord(
        person=person,
        customer_id=customer_id,
        known=version > 0,
        version=version,
        page=_frozen(page(known)),
        ledger=_frozen(ledger.entries(known)),
        consents=_frozen(consent.entries(known)),
        traits=traits,
        time_zone=_time_zone(traits),
    )


def _frozen(records: Records) -> Records:
    records.flags.writeable = False
    return records


def log_of(session: Session, person: int) -> Records:
    """All EVENT records of the person, by sequence."""
    rows = session.rows("SELECT record FROM event WHERE person = ? ORDER BY sequence", (person,))
    return packed.events(b"".join([row[0] for row in rows]))


def scan(session: Session, bucket: int, buckets: int) -> Iterator[PersonEvents]:
    query = """SELECT person, customer_id, traits FROM person
               WHERE person % ? = ? AND merged_into IS NULL ORDER BY person"""
    for person, customer_id, traits in session.rows(query, (buckets, bucket)):
        yield PersonEvents(person, customer_id, log_of(session, person), json.loads(traits))


def traits_as_of(session: Session, person: int, moment: int) -> tuple[dict[str, object], int]:
    """The traits known at the moment, and the sequence of the last change to them (0 none)."""
    query = "SELECT sequence, changes FROM trait_change WHERE person = ? AND recorded_at <= ? ORDER BY sequence"
    traits: dict[str, object] = {}
    version = 0
    for sequence, changes in session.rows(query, (person, moment)):
        traits = merged_traits(traits, json.loads(changes))
        version = sequence
    return traits, version


def _time_zone(traits: dict[str, Any]) -> str | None:
    zone = traits.get("time_zone")
    return zone if isinstance(zone, str) else None
