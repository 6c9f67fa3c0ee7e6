"""Whole histories at once: columns in, one transaction, everything or nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.event import LOG_ONLY, Identifier
from features.history import EVENT, Records, text_code
from features.identity import IdentityError, customer_identifier, outside_name
from features.stores.acceptance import json_text
from features.stores.import_columns import checked_customers, checked_events, filled
from features.stores.protocol import BulkReceipt, InvalidImport
from features.stores.sql.group import EVENT_ROWS, MESSAGE_ROWS, TRAIT_ROWS
from features.stores.sql.messages import source_code
from features.stores.sql.people import PersonState, insert_people, select_people, store_people
from features.stores.sql.session import Column, Session, columns
from features.stores.sql.vocabulary import Interning, SharedVocabulary

Columns = dict[str, pa.Array]
Integers = NDArray[np.int64]

CHUNK = 50_000
"""Rows whose texts are Python objects at one time."""

PEOPLE = 256
"""People whose projections are in memory at one time."""

_TOLD = columns(code="integer", message="text")


def import_events(session: Session, shared: SharedVocabulary, table: pa.Table, source: str) -> BulkReceipt:
    """Raises InvalidImport; the caller's transaction is then rolled back."""
    columns = checked_events(table)
    rows = table.num_rows
    code, seen_before = source_code(session, source)
    keys = _Keys.made(columns, code)
    fresh = np.flatnonzero(~keys.repeated(session, seen_before))
    if len(fresh) == 0:
        return BulkReceipt(rows, 0, rows, 0)
    people = _people(session, columns["customer_id"].take(pa.array(fresh)))
    interning = Interning(session, shared)
    by_person = np.lexsort((fresh, filled(columns["occurred_at"], 0)[fresh], people.number))
    order, numbers = fresh[by_person], people.number[by_person]
    records = _records(columns, interning)[order]
    records["sequence"] = session.numbers("sequence", len(order))
    interning.store()
    touched = len(people.states)
    _insert_events(session, columns, keys, order, numbers, records)
    _project(session, people.states, numbers, records)
    return BulkReceipt(rows, len(order), rows - len(order), touched)


@dataclass(frozen=True, slots=True)
class _People:
    """number: the person of every name that was asked for. states: by person."""

    number: Integers
    states: dict[int, PersonState]


def _people(session: Session, names: pa.Array) -> _People:
    encoded = names.dictionary_encode()
    identifiers = [_identifier(name, "customer_id") for name in encoded.dictionary.to_pylist()]
    found = find_or_create(session, identifiers)
    number = np.array([state.person for state in found], dtype=np.int64)
    states = {state.person: state for state in found}
    return _People(number[filled(encoded.indices, 0)], states)


def _identifier(name: str, column: str) -> Identifier:
    try:
        return customer_identifier(name)
    except IdentityError as error:
        raise InvalidImport(f"{column} is {name[:40]!r}; {error}") from error


def find_or_create(session: Session, identifiers: Sequence[Identifier]) -> list[PersonState]:
    """The person of each identifier, new ones inserted. Raises InvalidImport for one that several people have."""
    known = select_people(session, set(identifiers))
    numbers = iter(session.numbers("person", sum(one not in known for one in set(identifiers))))
    created: list[PersonState] = []
    for identifier in identifiers:
        states = known.setdefault(identifier, [])
        if not states:
            states.append(PersonState(next(numbers), outside_name(identifier), identifier))
            created.append(states[0])
        if len(states) > 1:
            message = f"{identifier.type} is {identifier.value}; several people have it; use their customer ids"
            raise InvalidImport(message)
    insert_people(session, created)
    return [known[identifier][0] for identifier in identifiers]


@dataclass(frozen=True, slots=True)
class _Keys:
    """Message keys by row: source 0 where the file gives an id (text: its code in texts, -1 none), else the
    import's."""

    source: int
    given: NDArray[np.bool_]
    text: Integers
    texts: pa.Array
    line: Integers

    @classmethod
    def made(cls, columns: Columns, source: int) -> _Keys:
        encoded = columns["message_id"].dictionary_encode()
        given = np.asarray(encoded.indices.is_valid())
        text = filled(encoded.indices, -1).astype(np.int64)
        return cls(source, given, text, encoded.dictionary, filled(columns["line"], 0).astype(np.int64))

    def repeated(self, session: Session, seen_before: bool) -> NDArray[np.bool_]:
        """Rows whose key is stored, or stands in an earlier row."""
        repeated = np.zeros(len(self.given), dtype=np.bool_)
        if seen_before:
            repeated |= ~self.given & self._rows_stored(session)
        if self.given.any():
            repeated |= self._told_twice()
            repeated |= self.given & self._texts_stored(session)
        return repeated

    def _rows_stored(self, session: Session) -> NDArray[np.bool_]:
        rows = session.rows("SELECT CAST(message AS BIGINT), line FROM message WHERE source = ?", (self.source,))
        stored = np.array(rows, dtype=np.int64).reshape(-1, 2)
        mine = np.arange(len(self.given), dtype=np.int64) << 32 | self.line
        return np.isin(mine, stored[:, 0] << 32 | stored[:, 1])

    def _told_twice(self) -> NDArray[np.bool_]:
        rows = np.flatnonzero(self.given)
        _, first = np.unique(self.text[rows] << 32 | self.line[rows], return_index=True)
        twice = self.given.copy()
        twice[rows[first]] = False
        return twice

    def _texts_stored(self, session: Session) -> NDArray[np.bool_]:
        stored = np.zeros(len(self.given), dtype=np.bool_)
        if not session.rows("SELECT 1 FROM message WHERE source = 0 LIMIT 1"):
            return stored
        query = "SELECT w.code, m.line FROM wanted w CROSS JOIN message m WHERE m.source = 0 AND m.message = w.message"
        told = list(enumerate(self.texts.to_pylist()))
        found = np.array(list(session.wanted(_TOLD, query, told)), dtype=np.int64).reshape(-1, 2)
        return np.isin(self.text << 32 | self.line, found[:, 0] << 32 | found[:, 1])

    def of(self, rows: Integers) -> list[Column]:
        """Source, message and line of each of the rows."""
        texts = self.texts.take(pa.array(self.text[rows], mask=~self.given[rows]))
        messages = pc.coalesce(texts, pa.array(rows).cast(pa.string()))
        return [np.where(self.given[rows], 0, self.source), messages, self.line[rows]]


def _records(columns: Columns, interning: Interning) -> Records:
    """EVENT records in the order of the table, sequences still zero."""
    records = np.zeros(len(columns["kind"]), dtype=EVENT)
    for name in ("occurred_at", "recorded_at", "kind", "severity"):
        records[name] = filled(columns[name], 0)
    for name in ("quantity", "amount"):
        records[name] = filled(columns[name], np.nan)
    for name in ("channel", "item", "action"):
        encoded = columns[name].dictionary_encode()
        codes = [interning.code(name, text) for text in encoded.dictionary.to_pylist()]
        records[name] = _looked_up(encoded, codes, interning.code(name, None))
    for name in ("order", "decision"):
        encoded = columns[name].dictionary_encode()
        records[name] = _looked_up(encoded, [text_code(text) for text in encoded.dictionary.to_pylist()], 0)
    return records


def _looked_up(encoded: Any, codes: Sequence[int], none: int) -> Integers:
    by_code: Integers = np.array([*codes, none], dtype=np.int64)
    rows: Integers = by_code[filled(encoded.indices, -1)]
    return rows


def _insert_events(
    session: Session, columns: Columns, keys: _Keys, order: Integers, numbers: Integers, records: Records
) -> None:
    """order: rows of the table in the order in which they are put in; the others follow it."""
    for start in range(0, len(order), CHUNK):
        part = slice(start, start + CHUNK)
        session.load(EVENT_ROWS, _event_columns(columns, keys, order[part], numbers[part], records[part]))
    # Keys in their own order, or nearly, because an index takes neighbours faster than strangers.
    by_row = np.argsort(order)
    for start in range(0, len(order), CHUNK):
        rows = by_row[start : start + CHUNK]
        session.load(MESSAGE_ROWS, [*keys.of(order[rows]), numbers[rows], records["sequence"][rows]])


def _event_columns(columns: Columns, keys: _Keys, rows: Integers, numbers: Integers, records: Records) -> list[Column]:
    taken = pa.array(rows)
    texts = [columns[name].take(taken) for name in ("name", "order", "decision")]
    properties = pc.fill_null(columns["properties"].take(taken), "{}")
    return [numbers, records["sequence"], records, *keys.of(rows), *texts, properties]


def _project(session: Session, states: dict[int, PersonState], numbers: Integers, records: Records) -> None:
    """Bring every touched person's tail and sealed part up to the new records, which are sorted by person. Empties
    `states` as it goes."""
    kept = ~np.isin(records["kind"], [int(kind) for kind in LOG_ONLY])
    starts = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]]).tolist()
    bounds = list(zip(starts, [*starts[1:], len(numbers)], strict=True))
    for at in range(0, len(bounds), PEOPLE):
        touched = []
        for start, end in bounds[at : at + PEOPLE]:
            own = records[start:end][kept[start:end]]
            if len(own):
                state = states.pop(int(numbers[start]))
                state.fresh.append(own.tobytes())
                state.version, state.changed = int(own["sequence"][-1]), True
                touched.append(state)
        store_people(session, touched)


def import_customers(session: Session, table: pa.Table) -> BulkReceipt:
    """Raises InvalidImport. A row that changes nothing is a duplicate. What a row says counts as always known."""
    customers = checked_customers(table)
    states = find_or_create(session, [one.identifier for one in customers])
    sequences = iter(session.numbers("sequence", len(customers)))
    changes: list[tuple[object, ...]] = []
    for customer, state in zip(customers, states, strict=True):
        for other in customer.others:
            _link(session, state.person, other)
        before = json.loads(state.traits)
        differing = {name: value for name, value in customer.traits.items() if before.get(name) != value}
        if differing or state.version == 0:
            sequence = next(sequences)
            changes.append((state.person, sequence, 0, json_text(differing)))
            state.merge_traits(differing, sequence)
    session.insert(TRAIT_ROWS, changes)
    store_people(session, {state.person: state for state in states}.values())
    return BulkReceipt(len(customers), len(changes), len(customers) - len(changes), len({s.person for s in states}))


def _link(session: Session, person: int, identifier: Identifier) -> None:
    row = (identifier.type, identifier.value, person)
    session.execute("INSERT INTO identifier(type, value, person) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row)
