"""Proof that the projections equal the log: everything is built again and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from features import ledger
from features.event import NO_CODE
from features.history import EVENT, NO_CHANNEL, Records, page
from features.partition import Person, Strength
from features.stores import packed
from features.stores.protocol import CheckReport
from features.stores.sql import stock
from features.stores.sql.assembly import Assembled, assemble
from features.stores.sql.orders import lost_orders
from features.stores.sql.rebuild import everybody
from features.stores.sql.responses import uncounted
from features.stores.sql.session import Session, columns, value
from features.stores.sql.snapshots import damaged
from features.stores.sql.spending import miscounted
from features.vault import Vault
from features.vocabulary import DOMAINS

_ROWS = """SELECT p.person, p.root, p.linked_at, p.regrouped, p.derived, p.version, p.traits, p.tail, p.customer_id,
                  s.page, s.ledger, s.consents
           FROM wanted w CROSS JOIN person p LEFT JOIN sealed s ON s.person = p.person WHERE p.person = w.person"""
_PERSON = columns(person="integer")


@dataclass(frozen=True, slots=True)
class _Stored:
    """A row of person beside its sealed part, None when there is none."""

    person: int
    root: int
    linked_at: int
    regrouped: int
    derived: int
    version: int
    traits: str
    tail: bytes
    customer_id: bytes
    page: bytes | None
    ledger: bytes | None
    consents: bytes | None


def check(session: Session, vault: Vault) -> CheckReport:
    """A snapshot of the store, compared."""
    people = events = 0
    faults: list[str] = []
    sizes = _vocabulary_sizes(session)
    for portion in everybody(session, vault):
        wanted = [(profile,) for person in portion for profile in person.linked]
        stored = {row[0]: _Stored(*row) for row in session.wanted(_PERSON, _ROWS, wanted)}
        for made in assemble(session, portion):
            people += 1
            events += len(made.log.records)
            found = [*_compare(vault, made, stored), *_unknown_codes(made.log.records, sizes)]
            if count := lost_orders(session, vault, made.log.records, made.person.linked):
                found.append(f"{count} orders in the log are not found by their numbers")
            faults.extend(f"person {made.person.root}: {fault}" for fault in found)
    faults.extend(_strays(session))
    faults.extend(miscounted(session))
    faults.extend(uncounted(session))
    faults.extend(damaged(session))
    faults.extend(stock.damaged(session))
    return CheckReport(people, events, tuple(faults))


def _compare(vault: Vault, made: Assembled, stored: Mapping[int, _Stored]) -> Iterator[str]:
    yield from _compare_profiles(made.person, stored)
    row = stored[made.person.root]
    if len(row.tail) % EVENT.itemsize or len(row.page or b"") % EVENT.itemsize:
        yield "page or tail is cut short"
        return
    if (name := vault.open(row.customer_id)) != made.person.name:
        yield f"it is called by another name than its claims make ({len(name)} characters)"
    if row.version != (expected := max(made.version, row.regrouped)):
        yield f"version is {row.version}, the log ends at {expected}"
    if json.loads(row.traits) != made.traits:
        yield "traits differ from the changes that were recorded"
    if row.derived != made.derived:
        yield f"derived is {row.derived}, but its log says {int(made.derived)}"
    log, tail = made.log, row.tail
    yield from _differ("page", packed.read_page(row.page or b"", tail), page(log.records))
    yield from _differ("ledger", packed.read_ledger(row.ledger or b"", tail), ledger.entries(log.records))
    yield from _differ("consent list", packed.read_consents(row.consents or b"", tail), log.consents)


def _compare_profiles(person: Person, stored: Mapping[int, _Stored]) -> Iterator[str]:
    for profile, linked_at in person.linked.items():
        row = stored[profile]
        if (row.root, row.linked_at) != (person.root, linked_at):
            yield f"profile {profile} is at {row.root} since {row.linked_at}, its claims say since {linked_at}"
        if profile != person.root and (row.version or row.tail or row.page is not None):
            yield f"profile {profile} has projections of its own"


def _differ(what: str, stored: Records, rebuilt: Records) -> Iterator[str]:
    if stored.tobytes() == rebuilt.tobytes():
        return
    shared = range(min(len(stored), len(rebuilt)))
    at = next((row for row in shared if stored[row].tobytes() != rebuilt[row].tobytes()), None)
    where = "one is longer" if at is None else f"first at row {at}"
    yield f"{what} has {len(stored)} rows, the log makes {len(rebuilt)}; {where}"


def _vocabulary_sizes(session: Session) -> dict[str, int]:
    query = "SELECT domain, count(*) FROM vocabulary GROUP BY domain"
    return {**dict.fromkeys(DOMAINS, 0), **dict(session.rows(query))}


def _unknown_codes(log: Records, sizes: Mapping[str, int]) -> Iterator[str]:
    for domain, none in (("channel", NO_CHANNEL), ("item", NO_CODE), ("action", NO_CODE)):
        codes = log[domain][log[domain] != none]
        if len(codes) and not 0 <= int(codes.min()) <= int(codes.max()) < sizes[domain]:
            yield f"{domain} codes in the log go to {codes.max()}, the vocabulary has {sizes[domain]}"


_CLAIMS = f"""(SELECT o.profile FROM claim o WHERE NOT EXISTS
               (SELECT 1 FROM claim c JOIN identifier i ON i.digest = c.digest WHERE c.profile = o.profile
                AND c.anchor IS NOT NULL AND i.strength >= {Strength.NOBODY:d}))"""  # noqa: S608
_OWNED = (
    *((name, "person") for name in ("event", "message", "order_of", "sealed", "trait_change", "decision", "charge")),
    ("exposure", "person"),
    (_CLAIMS, "profile"),
)


def _strays(session: Session) -> Iterator[str]:
    """Rows that belong to nobody, profiles without an anchor, and codes that name nothing."""
    for table, column in _OWNED:
        query = f"""SELECT count(*) FROM {table} t
                    WHERE NOT EXISTS (SELECT 1 FROM person p WHERE p.person = t.{column})"""  # noqa: S608
        if count := value(session, query):
            yield f"{count} rows of {table} belong to no person"
    query = """SELECT count(*) FROM person p
               WHERE NOT EXISTS (SELECT 1 FROM claim c WHERE c.profile = p.person AND c.anchor IS NOT NULL)"""
    if count := value(session, query):
        yield f"{count} profiles have no anchor"
    query = """SELECT count(*) FROM claim c
               WHERE NOT EXISTS (SELECT 1 FROM identifier i WHERE i.digest = c.digest)"""
    if count := value(session, query):
        yield f"{count} claims are of no identifier"
    yield from _lost_keys(session)
    given, highest = session.given("sequence"), value(session, "SELECT coalesce(max(sequence), 0) FROM event")
    if highest > given:
        yield f"the counter stands at {given}, below sequence {highest}"


def _lost_keys(session: Session) -> Iterator[str]:
    """Every event has its message key, which leads to it, and every key its event."""
    query = """SELECT count(*) FROM event e JOIN message m
               ON m.source = e.source AND m.message = e.message AND m.line = e.line
               WHERE m.person = e.person AND m.sequence = e.sequence"""
    agreeing = value(session, query)
    for table in ("event", "message"):
        if (count := value(session, f"SELECT count(*) FROM {table}")) != agreeing:  # noqa: S608
            yield f"{count} rows of {table}, of which {agreeing} agree with their message keys"
