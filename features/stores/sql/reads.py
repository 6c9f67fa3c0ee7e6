"""Reading: one prepared statement for the present, claims and log for any earlier moment."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from features import ledger
from features.event import INTENTS, Identifier
from features.history import CustomerRecord, Records, page
from features.identity import outside_name
from features.partition import Person
from features.stores import packed
from features.stores.people import PersonEvents
from features.stores.region import person_of
from features.stores.sql.assembly import Until, assemble, logs_of
from features.stores.sql.claims import CANDIDATES, Claims, ambiguous, answering, customer_ids
from features.stores.sql.session import Row, Session, columns
from features.stores.together import shown
from features.vault import Vault
from features.zone_history import ZoneTold

_COLUMNS = "p.person, p.customer_id, p.version, p.traits, p.tail, s.page, s.ledger, s.consents"
_CALLED = f"""SELECT {_COLUMNS} FROM claim c JOIN person m ON m.person = c.profile JOIN person p ON p.person = m.root
              LEFT JOIN sealed s ON s.person = p.person WHERE c.digest = ? AND c.anchor IS NOT NULL"""  # noqa: S608
_BY_NUMBER = f"""SELECT {_COLUMNS} FROM person m JOIN person p ON p.person = m.root
                 LEFT JOIN sealed s ON s.person = p.person WHERE m.person = ?"""  # noqa: S608
_SCANNED = "p.person, p.customer_id, p.traits, p.tail, s.consents"
_ADDRESSED_BY = frozenset({"user_id", "anonymous_id"})
_TYPES = """SELECT DISTINCT i.type FROM person m JOIN claim c ON c.profile = m.person
            JOIN identifier i ON i.digest = c.digest
            WHERE m.root = ? AND (c.severed = 0 OR c.anchor IS NOT NULL)"""
_DIGEST = columns(digest="bytes")
_ROOT = columns(root="integer")
_PERSON = columns(person="integer")
_ZONE = "time_zone"

_INTENT = np.isin(np.arange(256), sorted(INTENTS))

_PORTION = 128
"""People whose logs are in memory together."""


def find(session: Session, vault: Vault, identifier: Identifier) -> tuple[int, str] | None:
    """(person, customer_id); raises AmbiguousIdentifier."""
    roots = {root for _, root in answering(session, vault, identifier)}
    names = customer_ids(session, roots)
    if len(roots) > 1:
        raise ambiguous(vault, identifier, names)
    # Without a name: erased since the statement before.
    return (roots.pop(), vault.open(names[0])) if names else None


def present(session: Session, vault: Vault, identifier: Identifier) -> CustomerRecord:
    """The record as it is."""
    rows: list[Row] = []
    if identifier.type in _ADDRESSED_BY:
        rows = session.rows(_CALLED, (vault.digest(identifier),))
    if not rows:
        found = find(session, vault, identifier)
        rows = session.rows(_BY_NUMBER, (found[0],)) if found else rows
    return _record(vault, rows[0]) if rows else CustomerRecord(-1, outside_name(identifier), known=False)


def of_number(session: Session, vault: Vault, person: int) -> CustomerRecord | None:
    """None of somebody erased."""
    rows = session.rows(_BY_NUMBER, (person,))
    return _record(vault, rows[0]) if rows else None


def _record(vault: Vault, row: Row) -> CustomerRecord:
    person, customer_id, version, traits_text, tail, sealed_page, sealed_ledger, sealed_consents = row
    traits = json.loads(traits_text) if traits_text != "{}" else {}
    events = packed.read_page(sealed_page or b"", tail)
    lines = packed.read_ledger(sealed_ledger or b"", tail)
    consents = packed.read_consents(sealed_consents or b"", tail)
    return CustomerRecord(
        person=person,
        customer_id=vault.open(customer_id),
        known=is_known(version, events, traits, lines, consents),
        version=version,
        page=events,
        ledger=lines,
        consents=consents,
        traits=traits,
        time_zone=time_zone(traits),
    )


def earlier(session: Session, vault: Vault, identifier: Identifier, moment: int) -> CustomerRecord:
    """The record as it was known at `moment`, of whom the identifier named then."""
    person = _person_then(session, vault, identifier, moment)
    if person is None:
        return CustomerRecord(-1, outside_name(identifier), known=False)
    (made,) = assemble(session, [person], Until(moment))
    events, lines = page(made.log.records), ledger.entries(made.log.records)
    return CustomerRecord(
        person=person.root,
        customer_id=person.name,
        known=is_known(made.version, events, made.traits, lines, made.log.consents),
        version=made.version,
        page=frozen(events),
        ledger=frozen(lines),
        consents=frozen(made.log.consents),
        traits=made.traits,
        time_zone=time_zone(made.traits),
    )


def addresses(session: Session, vault: Vault, identifier: Identifier, moment: int | None) -> frozenset[str]:
    if moment is None:
        found = find(session, vault, identifier)
        return frozenset() if found is None else frozenset(one for (one,) in session.rows(_TYPES, (found[0],)))
    person = _person_then(session, vault, identifier, moment)
    if person is None:
        return frozenset()
    claims = Claims(session, vault, moment).of_profiles(person.linked)
    digests = [(claim.identifier,) for claim in claims if not claim.severed]
    query = "SELECT i.type FROM wanted w CROSS JOIN identifier i WHERE i.digest = w.digest"
    return frozenset(one for (one,) in session.wanted(_DIGEST, query, digests))


def _person_then(session: Session, vault: Vault, identifier: Identifier, moment: int) -> Person | None:
    source = Claims(session, vault, moment)
    people: dict[int, Person] = {}
    for profile, _ in answering(session, vault, identifier, moment):
        if not any(profile in person.linked for person in people.values()):
            person = person_of(source, profile)
            people[person.root] = person
        if len(people) > CANDIDATES:
            break
    if len(people) > 1:
        raise ambiguous(vault, identifier, [vault.seal(person.name) for person in people.values()])
    return next(iter(people.values()), None)


def frozen(records: Records) -> Records:
    records.flags.writeable = False
    return records


def names(session: Session, vault: Vault, after: int, limit: int) -> tuple[tuple[int, str], ...]:
    query = "SELECT person, customer_id FROM person WHERE person > ? AND root = person ORDER BY person LIMIT ?"
    return tuple((person, vault.open(customer_id)) for person, customer_id in session.rows(query, (after, limit)))


def members(session: Session, root: int) -> dict[int, int]:
    """linked_at of the profiles that belong to the root, itself among them."""
    return dict(session.rows("SELECT person, linked_at FROM person WHERE root = ? ORDER BY person", (root,)))


def scan(session: Session, vault: Vault, bucket: int, buckets: int) -> Iterator[PersonEvents]:
    """The session is a snapshot."""
    query = f"""SELECT {_SCANNED} FROM person p LEFT JOIN sealed s ON s.person = p.person
                WHERE p.person % ? = ? AND p.root = p.person ORDER BY p.person"""  # noqa: S608
    yield from _whole(session, vault, session.stream(query, (buckets, bucket)))


def scan_of(session: Session, vault: Vault, people: Collection[int]) -> Iterator[PersonEvents]:
    """The session is a snapshot."""
    query = f"""SELECT {_SCANNED} FROM wanted w CROSS JOIN person p LEFT JOIN sealed s ON s.person = p.person
                WHERE p.person = w.root AND p.root = p.person"""  # noqa: S608
    found = session.wanted(_ROOT, query, [(one,) for one in sorted(set(people))])
    yield from _whole(session, vault, iter(sorted(found, key=lambda row: int(row[0]))))


def _whole(session: Session, vault: Vault, people: Iterator[Row]) -> Iterator[PersonEvents]:
    """people: rows of _SCANNED."""
    while portion := list(islice(people, _PORTION)):
        linked = _linked(session, [person for person, *_ in portion])
        everybody = [profile for person, *_ in portion for profile in linked[person]]
        logs, zones = logs_of(session, everybody), _zones_told(session, everybody)
        for person, customer_id, traits, tail, sealed in portion:
            log = _joined(logs, linked[person])
            said = packed.read_consents(sealed or b"", tail)
            told = _zones(zones, linked[person])
            yield PersonEvents(person, vault.open(customer_id), log, json.loads(traits), said, told)


def _zones_told(session: Session, profiles: Sequence[int]) -> dict[int, list[ZoneTold]]:
    query = """SELECT t.person, t.recorded_at, t.sequence, t.changes FROM wanted w CROSS JOIN trait_change t
               WHERE t.person = w.person"""
    found: dict[int, list[ZoneTold]] = {}
    for profile, recorded_at, sequence, told in session.wanted(_PERSON, query, [(one,) for one in profiles]):
        if _ZONE in told and _ZONE in (changes := json.loads(told)):
            found.setdefault(profile, []).append(ZoneTold(recorded_at, sequence, time_zone(changes)))
    return found


def _zones(told: Mapping[int, Sequence[ZoneTold]], linked: Mapping[int, int]) -> tuple[ZoneTold, ...]:
    """By sequence, none shown as recorded before its profile was linked."""
    if not any(one in told for one in linked):
        return ()
    every = [
        one._replace(recorded_at=max(one.recorded_at, at)) for own, at in linked.items() for one in told.get(own, ())
    ]
    return tuple(sorted(every, key=lambda one: one.sequence))


def _linked(session: Session, roots: Sequence[int]) -> dict[int, dict[int, int]]:
    """linked_at of the profiles that belong to each root."""
    query = "SELECT p.root, p.person, p.linked_at FROM wanted w CROSS JOIN person p WHERE p.root = w.root"
    found: dict[int, dict[int, int]] = {root: {} for root in roots}
    for root, profile, linked_at in session.wanted(_ROOT, query, [(root,) for root in roots]):
        found[root][profile] = linked_at
    return found


def _joined(logs: Mapping[int, Records], linked: Mapping[int, int]) -> Records:
    """All EVENT records of the profiles by sequence, none shown as recorded before its profile was linked."""
    if len(linked) == 1:
        return logs[next(iter(linked))]
    joined = np.concatenate([shown(logs[profile], at) for profile, at in linked.items()])
    return joined[np.argsort(joined["sequence"], kind="stable")]


def is_known(version: int, events: Records, traits: Mapping[str, object], *others: Records) -> bool:
    """Whether anything but our own intents has been recorded. others: ledger and consents. Whose page is empty was told
    of by traits."""
    if version == 0 or traits or not len(events) or any(len(one) for one in others):
        return version > 0
    return not bool(_INTENT[events["kind"]].all())


def time_zone(traits: dict[str, Any]) -> str | None:
    zone = traits.get(_ZONE)
    return zone if isinstance(zone, str) else None
