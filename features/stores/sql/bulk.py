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

from features.consent import CONSENT_KINDS
from features.event import LOG_ONLY, Identifier
from features.history import EVENT, Records, text_code
from features.identity import IdentityError, customer_identifier
from features.links import ALWAYS
from features.partition import Role
from features.stores.acceptance import LATEST, json_text
from features.stores.import_columns import checked_customers, checked_events, filled
from features.stores.protocol import Append, BulkReceipt, InvalidImport
from features.stores.sql.group import EVENT_ROWS, MESSAGE_ROWS, TRAIT_ROWS
from features.stores.sql.messages import source_code
from features.stores.sql.names import Name, insert_names, name_of
from features.stores.sql.orders import import_orders
from features.stores.sql.people import PersonState, ProfileState, store_people
from features.stores.sql.profiles import Profiles, Rules
from features.stores.sql.session import Column, MustBeAlone, Session, columns
from features.stores.sql.vocabulary import Interning, SharedVocabulary
from features.stores.together import shown

Columns = dict[str, pa.Array]
Integers = NDArray[np.int64]

CHUNK = 50_000
"""Rows whose texts are Python objects at one time."""

PEOPLE = 256
"""People whose projections are in memory at one time."""

_CONSENT_KINDS = [int(kind) for kind in CONSENT_KINDS]
_TOLD = columns(code="integer", message="text")


def import_events(
    session: Session, shared: SharedVocabulary, rules: Rules, table: pa.Table, source: str
) -> BulkReceipt:
    """Raises InvalidImport; the caller's transaction is then rolled back."""
    if not session.alone:
        raise MustBeAlone
    columns = checked_events(table)
    rows = table.num_rows
    code, seen_before = source_code(session, source)
    keys = _Keys.made(columns, code)
    fresh = np.flatnonzero(~keys.repeated(session, seen_before))
    if len(fresh) == 0:
        return BulkReceipt(rows, 0, rows, 0)
    profiles = Profiles(session, rules)
    named = _named(profiles, columns, fresh)
    interning = Interning(session, shared)
    by_profile = np.lexsort((fresh, filled(columns["occurred_at"], 0)[fresh], named.number))
    order, numbers = fresh[by_profile], named.number[by_profile]
    records = _records(columns, interning)[order]
    records["sequence"] = session.numbers("sequence", len(order))
    interning.store()
    profiles.store()
    _insert_events(session, columns, keys, order, numbers, records)
    import_orders(session, rules.vault, records, numbers)
    _project(profiles, named.states, numbers, records)
    profiles.settle()
    return BulkReceipt(rows, len(order), rows - len(order), len({one.person.person for one in named.states.values()}))


@dataclass(frozen=True, slots=True)
class _Named:
    """number: the profile of every fresh row. states: by profile."""

    number: Integers
    states: dict[int, ProfileState]


def _named(profiles: Profiles, columns: Columns, fresh: Integers) -> _Named:
    encoded = columns["customer_id"].take(pa.array(fresh)).dictionary_encode()
    identifiers = [_identifier(name, "customer_id") for name in encoded.dictionary.to_pylist()]
    indices = filled(encoded.indices, 0)
    first = np.full(len(identifiers), LATEST, dtype=np.int64)
    np.minimum.at(first, indices, filled(columns["recorded_at"], 0)[fresh])
    profiles.load([Append(one, ()) for one in identifiers])
    states = []
    for identifier, since in zip(identifiers, first.tolist(), strict=True):
        state = profiles.of(identifier, since)
        profiles.known_since(state, identifier, since)
        states.append(state)
    number = np.array([state.profile for state in states], dtype=np.int64)
    return _Named(number[indices], {state.profile: state for state in states})


def _identifier(name: str, column: str) -> Identifier:
    try:
        return customer_identifier(name)
    except IdentityError as error:
        raise InvalidImport(f"{column} is {name[:40]!r}; {error}") from error


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


def _project(profiles: Profiles, states: dict[int, ProfileState], numbers: Integers, records: Records) -> None:
    """Bring every touched person's tail and sealed part up to the new records, which are sorted by profile."""
    kept = ~np.isin(records["kind"], [int(kind) for kind in LOG_ONLY])
    starts = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]]).tolist()
    bounds = list(zip(starts, [*starts[1:], len(numbers)], strict=True))
    for at in range(0, len(bounds), PEOPLE):
        touched = {}
        for start, end in bounds[at : at + PEOPLE]:
            own = records[start:end][kept[start:end]]
            if len(own):
                person = _add(states[int(numbers[start])], own)
                touched[person.person] = person
        store_people(profiles.session, touched.values())
        for person in touched.values():
            person.settled()


def _add(state: ProfileState, own: Records) -> PersonState:
    person = state.person
    own = shown(own, state.linked_at)
    person.fresh.append(own.tobytes())
    person.version, person.changed = max(person.version, int(own["sequence"][-1])), True
    person.stale |= person.derived and bool(np.isin(own["kind"], _CONSENT_KINDS).any())
    return person


def import_customers(session: Session, rules: Rules, table: pa.Table) -> BulkReceipt:
    """Raises InvalidImport. A row that changes nothing is a duplicate. What a row says counts as always known."""
    if not session.alone:
        raise MustBeAlone
    customers = checked_customers(table)
    profiles = Profiles(session, rules)
    profiles.load([Append(one.identifier, (), also=one.others) for one in customers])
    sequences = iter(session.numbers("sequence", len(customers)))
    changes: list[tuple[object, ...]] = []
    touched: dict[int, ProfileState] = {}
    names: list[Name] = []
    for customer in customers:
        state = profiles.of(customer.identifier, ALWAYS)
        profiles.known_since(state, customer.identifier, ALWAYS)
        for other in customer.others:
            if other != customer.identifier:
                profiles.claim(state, other, Role.HELD, ALWAYS)
        touched[state.profile] = state
        before = json.loads(state.person.traits)
        differing = {name: value for name, value in customer.traits.items() if before.get(name) != value}
        if differing or state.person.version == 0:
            sequence = next(sequences)
            changes.append((state.profile, sequence, 0, json_text(differing)))
            state.person.merge_traits(differing, sequence)
            names.extend(name_of(profiles.rules.vault, state.profile, differing, state.person.traits))
    profiles.store()
    session.insert(TRAIT_ROWS, changes)
    insert_names(session, names)
    store_people(session, profiles.people.values())
    profiles.settle()
    people = len({one.person.person for one in touched.values()})
    return BulkReceipt(len(customers), len(changes), len(customers) - len(changes), people)
