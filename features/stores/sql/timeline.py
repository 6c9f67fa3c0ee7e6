"""Events of the log in words again."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from features.cases import REASONED
from features.consent import CONSENT_KINDS
from features.event import Event, Identifier, Kind
from features.history import EVENT, Records
from features.stores import packed
from features.stores.people import LoggedEvent
from features.stores.sql.reads import find
from features.stores.sql.session import Row, Session, columns
from features.stores.sql.vocabulary import SharedVocabulary
from features.vault import Vault

_STATED = CONSENT_KINDS | REASONED
"""Kinds whose topic stands where an order would (features.stores.packed)."""
_KINDS = {kind.value: kind for kind in Kind}
"""Looked up a thousand times for one page."""
_TERMS = frozenset({Kind.SUBSCRIPTION_STARTED, Kind.SUBSCRIPTION_CHANGED, Kind.SUBSCRIPTION_ENDED})
KIND_AT = 1 + (EVENT.fields["kind"][1] if EVENT.fields else 0)
_TEXTS = "e.sequence, e.record, e.source, e.message, e.line, e.name, e.order_id, e.decision_id, e.properties"
_PLACE = columns(person="integer", sequence="integer")

Before = tuple[int, int] | None
"""(occurred_at, sequence)."""


def timeline(
    session: Session,
    shared: SharedVocabulary,
    vault: Vault,
    identifier: Identifier,
    before: Before,
    limit: int,
    kinds: Collection[Kind] | None,
) -> tuple[LoggedEvent, ...]:
    """See features.stores.people.Timeline."""
    found = find(session, vault, identifier)
    if found is None:
        return ()
    profiles, log = _log(session, found[0], kinds)
    chosen = _newest(log, before, limit)
    query = f"""SELECT p.name, {_TEXTS} FROM wanted w CROSS JOIN event e CROSS JOIN person p
                WHERE e.person = w.person AND e.sequence = w.sequence AND p.person = e.person"""  # noqa: S608
    places = [(profiles[place], int(log["sequence"][place])) for place in chosen]
    words = _Words(session, shared, vault)
    rows = list(session.wanted(_PLACE, query, places))
    logged = {row[1]: words.logged(row[0], row[1:]) for row in rows}
    return tuple(logged[sequence] for _, sequence in places if sequence in logged)


def _log(session: Session, root: int, kinds: Collection[Kind] | None) -> tuple[list[int], Records]:
    """The EVENT records of these kinds of everybody who belongs to the root, and the profile of each. Chosen by the
    database: of a long log a few rare kinds are wanted."""
    query = "SELECT e.person, e.record FROM person p CROSS JOIN event e WHERE p.root = ? AND e.person = p.person"
    values: list[object] = [root]
    if kinds is not None:
        query += f" AND substr(e.record, {KIND_AT}, 1) IN ({', '.join('?' * len(kinds))})"
        values += [bytes([kind]) for kind in kinds]
    rows = session.rows(query, values) if kinds is None or kinds else []
    return [row[0] for row in rows], packed.events(b"".join([row[1] for row in rows]))


def _newest(log: Records, before: Before, limit: int) -> list[int]:
    """Where the newest stand in the log, the newest first."""
    places = np.arange(len(log))
    if before is not None:
        earlier, same = log["occurred_at"] < before[0], log["occurred_at"] == before[0]
        places = places[earlier | (same & (log["sequence"] < before[1]))]
    order = np.lexsort((log["sequence"][places], log["occurred_at"][places]))[::-1]
    newest: list[int] = places[order[: max(0, limit)]].tolist()
    return newest


def logged(
    session: Session, shared: SharedVocabulary, vault: Vault, kinds: Collection[Kind]
) -> Iterator[tuple[int, LoggedEvent]]:
    """(person, event) of these kinds, by person and sequence; the session is a snapshot."""
    if not kinds:
        return
    marks = ", ".join("?" * len(kinds))
    query = f"""SELECT p.root, p.name, {_TEXTS} FROM event e JOIN person p ON p.person = e.person
                WHERE substr(e.record, {KIND_AT}, 1) IN ({marks}) ORDER BY p.root, e.sequence"""  # noqa: S608
    words = _Words(session, shared, vault)
    for person, name, *row in session.stream(query, [bytes([kind]) for kind in kinds]):
        yield person, words.logged(name, tuple(row))


class _Words:
    """What codes and short keys stand for; knows all that rows read before it was made can hold."""

    def __init__(self, session: Session, shared: SharedVocabulary, vault: Vault) -> None:
        shared.refresh(session)
        self._vault = vault
        self._names: tuple[bytes, str] = (b"", "")
        self._vocabulary = shared.vocabulary
        self._sources: dict[int, str] = dict(session.rows("SELECT code, text FROM source"))

    def logged(self, profile: bytes, row: Row) -> LoggedEvent:
        """profile: its name, sealed."""
        if profile != self._names[0]:
            self._names = (profile, self._vault.open(profile))
        sequence, record, source, message, line, name, order_id, decision_id, properties = row
        told = packed.Fields(*packed.RECORD.unpack(record))
        kind, text = _KINDS[told.kind], self._vocabulary.text
        stated = kind in _STATED
        event = Event(
            message_id=str(message) if source == 0 else f"{self._sources[source]}:{message}",
            kind=kind,
            name=name if name is not None else kind.name.replace("_", " ").capitalize(),
            occurred_at=told.occurred_at,
            recorded_at=told.recorded_at,
            line=line,
            channel=text("channel", told.channel),
            item=text("item", told.item),
            action=text("action", told.action),
            order=None if stated else order_id,
            decision=decision_id,
            quantity=told.quantity,
            amount=told.amount,
            severity=told.severity,
            properties=properties,
            topic=order_id if stated else None,
            ends_at=_end(told, kind, decision_id),
        )
        return LoggedEvent(sequence, self._names[1], event)


def _end(told: packed.Fields, kind: Kind, decision_id: str | None) -> int | None:
    """Of a subscription's term or of a reservation (features.stores.packed.record_of)."""
    if kind == Kind.RESERVED:
        return told.order or None
    return told.decision if kind in _TERMS and decision_id is None and told.decision != 0 else None
