"""Proof that the projections equal the log: everything is built again and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import numpy as np

from features import consent, ledger
from features.event import LOG_ONLY, NO_CODE
from features.history import EVENT, NO_CHANNEL, Records, page
from features.stores import packed
from features.stores.acceptance import LATEST
from features.stores.protocol import CheckReport
from features.stores.sql.reads import log_of, traits_as_of
from features.stores.sql.session import Session, value
from features.vocabulary import DOMAINS

_PEOPLE = """SELECT p.person, p.version, p.traits, p.tail, s.page, s.ledger, s.consents
             FROM person p LEFT JOIN sealed s ON s.person = p.person ORDER BY p.person"""
PersonRow = tuple[int, int, str, bytes, bytes | None, bytes | None, bytes | None]
_LOG_ONLY = [int(kind) for kind in LOG_ONLY]


def check(session: Session) -> CheckReport:
    """A snapshot of the store, compared."""
    people = events = 0
    faults: list[str] = []
    sizes = _vocabulary_sizes(session)
    for row in session.stream(_PEOPLE):
        log = log_of(session, row[0])
        people += 1
        events += len(log)
        faults.extend(f"person {row[0]}: {fault}" for fault in _compare(session, row, log))
        faults.extend(f"person {row[0]}: {fault}" for fault in _unknown_codes(log, sizes))
    faults.extend(_strays(session))
    return CheckReport(people, events, tuple(faults))


def _compare(session: Session, row: PersonRow, log: Records) -> Iterator[str]:
    person, version, traits_text, tail, sealed_page, sealed_ledger, sealed_consents = row
    sizes = (len(tail) % EVENT.itemsize, len(sealed_page or b"") % EVENT.itemsize)
    if any(sizes):
        yield "page or tail is cut short"
        return
    traits, trait_version = traits_as_of(session, person, LATEST)
    changing = log["sequence"][~np.isin(log["kind"], _LOG_ONLY)]
    expected_version = max(int(changing.max()) if len(changing) else 0, trait_version)
    if version != expected_version:
        yield f"version is {version}, the log ends at {expected_version}"
    if json.loads(traits_text) != traits:
        yield "traits differ from the changes that were recorded"
    yield from _differ("page", packed.read_page(sealed_page or b"", tail), page(log))
    yield from _differ("ledger", packed.read_ledger(sealed_ledger or b"", tail), ledger.entries(log))
    yield from _differ("consent list", packed.read_consents(sealed_consents or b"", tail), consent.entries(log))


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


def _strays(session: Session) -> Iterator[str]:
    """Rows that belong to nobody, and codes that name nothing."""
    for table in ("event", "message", "sealed", "trait_change", "identifier", "decision"):
        query = f"SELECT count(*) FROM {table} WHERE person NOT IN (SELECT person FROM person)"  # noqa: S608
        if count := value(session, query):
            yield f"{count} rows of {table} belong to no person"
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
