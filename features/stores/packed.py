"""A person's projections as bytes: the sealed part, and the short tail that is rewritten with every event.

Sealed are the page, the ledger and the consent list; the tail is at most TAIL_LIMIT records in one blob, sorted like a
page. When the tail would grow past its limit it is merged into the sealed part.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from features import consent, ledger
from features.event import Event, Kind
from features.history import CONSENT_ENTRY, EVENT, LEDGER_ENTRY, PAGE_LIMIT, Records, page, text_code

TAIL_LIMIT = 32
RECORD = struct.Struct("<qqqqqdfiiBBh")
"""The bytes of one EVENT record, its fields in their order."""


_KIND_AT = EVENT.fields["kind"][1] if EVENT.fields else 0
_LEDGER_KINDS = frozenset(map(int, ledger.LEDGER_KINDS))
_CONSENT_KINDS = frozenset(map(int, consent.CONSENT_KINDS))


@dataclass(frozen=True, slots=True)
class Sealed:
    """The bytes of a page (EVENT), a ledger (LEDGER_ENTRY) and a consent list (CONSENT_ENTRY)."""

    page: bytes = b""
    ledger: bytes = b""
    consents: bytes = b""


NOTHING = Sealed()


def record_of(event: Event, sequence: int, channel: int, item: int, action: int) -> bytes:
    """One EVENT record. A statement of consent has no order and no decision: its topic takes the order's place, as
    why a case is open or somebody calls does; the end of a subscription's term takes the decision's, that of a
    reservation the order's.
    """
    order, decision = text_code(event.order if event.topic is None else event.topic), text_code(event.decision)
    if event.ends_at is not None and event.kind == Kind.RESERVED:
        order = event.ends_at
    elif event.ends_at is not None:
        decision = event.ends_at
    return RECORD.pack(
        event.occurred_at,
        event.recorded_at,
        sequence,
        order,
        decision,
        event.amount,
        event.quantity,
        item,
        action,
        event.kind,
        channel,
        event.severity,
    )


def events(blob: bytes) -> Records:
    return np.frombuffer(blob, dtype=EVENT)


def add_to_tail(tail: bytes, fresh: bytes) -> bytes:
    """The tail with records of later sequences added, still sorted by (occurred_at, sequence)."""
    if len(fresh) == RECORD.size:
        return _with_one(tail, fresh)
    joined = tail + fresh
    moments = np.frombuffer(joined, dtype=EVENT)["occurred_at"]
    if len(moments) > 1 and (moments[1:] < moments[:-1]).any():
        return events(joined)[np.argsort(moments, kind="stable")].tobytes()
    return joined


def _with_one(tail: bytes, record: bytes) -> bytes:
    """Nearly always it comes last, or nearly so."""
    moment, at = _moment(record), len(tail)
    while at and _moment(tail[at - RECORD.size : at]) > moment:
        at -= RECORD.size
    return b"".join((tail[:at], record, tail[at:]))


def seal(sealed: Sealed, fresh: bytes) -> Sealed:
    """The sealed part with records of later sequences merged in."""
    return Sealed(
        page=page(events(sealed.page + fresh)).tobytes(),
        ledger=sealed.ledger + _ledger_lines(fresh),
        consents=sealed.consents + _consent_lines(fresh),
    )


def read_page(sealed: bytes, tail: bytes) -> Records:
    """The page that sealed part and tail make together; no copy of records when the tail simply follows."""
    if not tail:
        return events(sealed)
    follows = not sealed or _moment(tail) >= _moment(sealed[-EVENT.itemsize :])
    if follows and len(sealed) + len(tail) <= PAGE_LIMIT * EVENT.itemsize:
        return events(sealed + tail)
    return page(events(sealed + tail))


def read_ledger(sealed: bytes, tail: bytes) -> Records:
    return np.frombuffer(sealed + _ledger_lines(tail), dtype=LEDGER_ENTRY)


def read_consents(sealed: bytes, tail: bytes) -> Records:
    return np.frombuffer(sealed + _consent_lines(tail), dtype=CONSENT_ENTRY)


def _ledger_lines(records: bytes) -> bytes:
    if _LEDGER_KINDS.isdisjoint(records[_KIND_AT :: EVENT.itemsize]):
        return b""
    return ledger.entries(events(records)).tobytes()


def _consent_lines(records: bytes) -> bytes:
    if _CONSENT_KINDS.isdisjoint(records[_KIND_AT :: EVENT.itemsize]):
        return b""
    return consent.entries(events(records)).tobytes()


def _moment(record: bytes) -> int:
    return int.from_bytes(record[:8], "little", signed=True)
