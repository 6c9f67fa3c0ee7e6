"""Events of the log in words again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from features.cases import REASONED
from features.consent import CONSENT_KINDS
from features.event import Event, Identifier, Kind
from features.history import EVENT, Records
from features.stores import packed
from features.stores.people import LoggedEvent, Stretch
from features.stores.sql.reads import find
from features.stores.sql.session import Dialect, Row, Session, columns
from features.stores.sql.vocabulary import SharedVocabulary
from features.vault import Vault

_STATED = frozenset(kind.value for kind in CONSENT_KINDS | REASONED)
"""Codes of kinds whose topic stands where an order would (features.stores.packed)."""
_KINDS = {kind.value: kind for kind in Kind}
_CALLED = {kind.value: kind.name.replace("_", " ").capitalize() for kind in Kind}
"""What an event without a name of its own is called."""
_TERMS = frozenset({Kind.SUBSCRIPTION_STARTED, Kind.SUBSCRIPTION_CHANGED, Kind.SUBSCRIPTION_ENDED})
_ENDING = frozenset(kind.value for kind in _TERMS | {Kind.RESERVED})
"""Codes of kinds that may say until when."""
_unpack = packed.RECORD.unpack
KIND_AT = 1 + (EVENT.fields["kind"][1] if EVENT.fields else 0)
_TEXTS = "e.sequence, e.record, e.source, e.message, e.line, e.name, e.order_id, e.decision_id, e.properties"
_PLACE = columns(person="integer", sequence="integer")


def stretches(
    session: Session, shared: SharedVocabulary, vault: Vault, identifier: Identifier, asked: Sequence[Stretch]
) -> tuple[tuple[LoggedEvent, ...], ...]:
    """See features.stores.people.Timeline."""
    found = find(session, vault, identifier)
    if found is None:
        return ((),) * len(asked)
    profiles, log = _log(session, found[0], _kinds_of(asked))
    chosen = [_newest(log, one) for one in asked]
    places = list(dict.fromkeys(chain.from_iterable(chosen)))
    sequences = log["sequence"][places].tolist()
    query = f"""SELECT p.name, {_TEXTS} FROM wanted w CROSS JOIN event e CROSS JOIN person p
                WHERE e.person = w.person AND e.sequence = w.sequence AND p.person = e.person"""  # noqa: S608
    keys = [(profiles[place], sequence) for place, sequence in zip(places, sequences, strict=True)]
    words = _Words(session, shared, vault)
    logged = {row[1]: words.logged(row[0], row[1:]) for row in list(session.wanted(_PLACE, query, keys))}
    told = {place: logged.get(sequence) for place, sequence in zip(places, sequences, strict=True)}
    return tuple(tuple(event for place in one if (event := told[place]) is not None) for one in chosen)


def _kinds_of(asked: Sequence[Stretch]) -> frozenset[Kind] | None:
    """None: of every kind."""
    kinds = [one.kinds for one in asked]
    return None if None in kinds else frozenset(chain.from_iterable(one or () for one in kinds))


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


def _newest(log: Records, asked: Stretch) -> list[int]:
    """Where they stand in the log, the newest first."""
    wanted = np.ones(len(log), np.bool_) if asked.kinds is None else _is_of(asked.kinds)[log["kind"]]
    if asked.before is not None:
        at, sequence = asked.before
        wanted &= (log["occurred_at"] < at) | ((log["occurred_at"] == at) & (log["sequence"] < sequence))
    places = np.flatnonzero(wanted)
    order = np.lexsort((log["sequence"][places], log["occurred_at"][places]))[::-1]
    newest: list[int] = places[order[: max(0, asked.limit)]].tolist()
    return newest


def _is_of(kinds: Collection[Kind]) -> NDArray[np.bool_]:
    """By the kind's code."""
    chosen = np.zeros(256, np.bool_)
    chosen[list(kinds)] = True
    return chosen


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


def is_note(dialect: Dialect, record: str) -> str:
    """What an index of notes is made for, and what a question must say in the same words to be answered from it."""
    code = f"{Kind.NOTE_WRITTEN.value:02x}"
    literal = f"x'{code}'" if dialect.name == "sqlite" else f"'\\x{code}'::bytea"
    return f"substr({record}, {KIND_AT}, 1) = {literal}"


def promises(
    session: Session, shared: SharedVocabulary, vault: Vault, account: str | None, limit: int
) -> tuple[tuple[str, LoggedEvent], ...]:
    """See features.stores.desk.DeskStore."""
    whose = "IS NOT NULL" if account is None else "= ?"
    query = f"""SELECT q.customer_id, p.name, {_TEXTS} FROM event e CROSS JOIN person p CROSS JOIN person q
                WHERE {is_note(session.dialect, "e.record")} AND e.decision_id {whose}
                AND p.person = e.person AND q.person = p.root
                ORDER BY e.sequence DESC LIMIT ?"""  # noqa: S608
    words = _Words(session, shared, vault)
    rows = session.rows(query, (limit,) if account is None else (account, limit))
    names = {about: vault.open(about) for about in {row[0] for row in rows}}
    return tuple((names[about], words.logged(name, tuple(row))) for about, name, *row in rows)


def promises_to(
    session: Session, shared: SharedVocabulary, vault: Vault, identifier: Identifier, limit: int
) -> tuple[LoggedEvent, ...]:
    """See features.stores.desk.DeskStore."""
    found = find(session, vault, identifier)
    query = f"""SELECT p.name, {_TEXTS} FROM person p CROSS JOIN event e
                WHERE p.root = ? AND e.person = p.person AND {is_note(session.dialect, "e.record")}
                AND e.decision_id IS NOT NULL ORDER BY e.sequence DESC LIMIT ?"""  # noqa: S608
    words = _Words(session, shared, vault)
    rows = () if found is None else session.rows(query, (found[0], limit))
    return tuple(words.logged(name, tuple(row)) for name, *row in rows)


class _Words:
    """What codes and short keys stand for; knows all that rows read before it was made can hold."""

    def __init__(self, session: Session, shared: SharedVocabulary, vault: Vault) -> None:
        shared.refresh(session)
        self._vault = vault
        self._names: tuple[bytes, str] = (b"", "")
        self._text = shared.vocabulary.text
        self._sources: dict[int, str] = dict(session.rows("SELECT code, text FROM source"))

    def logged(self, profile: bytes, row: Row) -> LoggedEvent:
        """profile: its name, sealed."""
        if profile != self._names[0]:
            self._names = (profile, self._vault.open(profile))
        sequence, record, source, message, line, name, order_id, decision_id, properties = row
        # Some hundred for one page: by place, without a tuple of names between.
        at, recorded_at, _, order, until, amount, quantity, item, action, code, channel, severity = _unpack(record)
        kind, text = _KINDS[code], self._text
        stated = code in _STATED
        event = Event(
            str(message) if source == 0 else f"{self._sources[source]}:{message}",
            kind,
            name if name is not None else _CALLED[code],
            at,
            recorded_at,
            line,
            text("channel", channel),
            None if item < 0 else text("item", item),
            None if action < 0 else text("action", action),
            None if stated else order_id,
            decision_id,
            quantity,
            amount,
            severity,
            properties,
            order_id if stated else None,
            _end(code, order, until, decision_id) if code in _ENDING else None,
        )
        return LoggedEvent(sequence, self._names[1], event)


def _end(code: int, order: int, decision: int, decision_id: str | None) -> int | None:
    """Of a subscription's term or of a reservation (features.stores.packed.record_of)."""
    if code == Kind.RESERVED:
        return order or None
    return decision if decision_id is None and decision != 0 else None
