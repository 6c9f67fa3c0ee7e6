"""A group of small writes as one transaction: look up everything at once, decide in memory, write everything at once.

A member that is refused (an ambiguous person, a decision id used for something else) leaves nothing behind and does not
hinder the others, because nothing is written before every member has been judged.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from features.event import LOG_ONLY, Event, Identifier
from features.identity import outside_name
from features.stores import packed
from features.stores.acceptance import json_text
from features.stores.protocol import (
    AmbiguousIdentifier,
    Append,
    Appended,
    DeadLetter,
    DecisionConflict,
    DecisionReceipt,
    HistoryGone,
    LogDecision,
    LoggedDecision,
    StoreError,
)
from features.stores.sql.decisions import insert_decisions, select_decisions
from features.stores.sql.messages import MessageKey, message_keys
from features.stores.sql.people import PersonState, insert_people, select_people, store_people
from features.stores.sql.session import Row, Session, columns, table
from features.stores.sql.vocabulary import Interning, SharedVocabulary
from features.stores.sql.writer import Written

DEAD_LETTER_CHARACTERS = 32 * 1024

EVENT_ROWS = table(
    "event",
    person="integer",
    sequence="integer",
    record="bytes",
    source="integer",
    message="text",
    line="integer",
    name="text",
    order_id="text",
    decision_id="text",
    properties="text",
)
MESSAGE_ROWS = table("message", source="integer", message="text", line="integer", person="integer", sequence="integer")
TRAIT_ROWS = table("trait_change", person="integer", sequence="integer", recorded_at="integer", changes="text")
_LETTER_ROWS = table("dead_letter", received_at="integer", reason="text", payload="text")
_PERSON = columns(person="integer")
_MESSAGE_KEY = columns(source="integer", message="text", line="integer")


@dataclass(frozen=True, slots=True)
class Appends:
    writes: tuple[Append, ...]


@dataclass(frozen=True, slots=True)
class Decisions:
    writes: tuple[LogDecision, ...]


@dataclass(frozen=True, slots=True)
class Letters:
    letters: tuple[DeadLetter, ...]


Member = Appends | Decisions | Letters


def write_group(session: Session, shared: SharedVocabulary, members: Sequence[Member]) -> Written:
    group = _Group(session, Interning(session, shared))
    group.load(members)
    results: list[object] = []
    for member in members:
        try:
            results.append(group.take(member))
        except StoreError as refusal:
            results.append(refusal)
    group.store()
    return results, group.interning.publish


@dataclass(slots=True)
class _Group:
    session: Session
    interning: Interning
    people: dict[Identifier, list[PersonState]] = field(default_factory=dict)
    messages: set[MessageKey] = field(default_factory=set)
    keys: dict[str, tuple[int, str]] = field(default_factory=dict)
    decisions: dict[str, LoggedDecision] = field(default_factory=dict)
    sequences: Iterator[int] = field(default_factory=lambda: iter(()))
    numbers: Iterator[int] = field(default_factory=lambda: iter(()))
    event_rows: list[Row] = field(default_factory=list)
    message_rows: list[Row] = field(default_factory=list)
    trait_rows: list[Row] = field(default_factory=list)
    decision_rows: list[LoggedDecision] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    def load(self, members: Sequence[Member]) -> None:
        writes = [write for member in members if not isinstance(member, Letters) for write in member.writes]
        identifiers = {write.identifier for write in writes}
        self.people = select_people(self.session, identifiers)
        events = [event for write in writes for event in write.events]
        self.keys = message_keys(self.session, {event.message_id for event in events})
        told = {(*self.keys[event.message_id], event.line) for event in events}
        self.messages = self._known_messages(told)
        ids = {write.decision.decision_id for write in writes if isinstance(write, LogDecision)}
        self.decisions = {one.decision_id: one for one in select_decisions(self.session, ids)}
        changes = sum(isinstance(write, Append) and bool(write.traits) for write in writes)
        self.sequences = iter(self.session.numbers("sequence", len(told) - len(self.messages) + changes))
        self.numbers = iter(self.session.numbers("person", len(identifiers) - len(self.people)))

    def _known_messages(self, wanted: set[MessageKey]) -> set[MessageKey]:
        query = """SELECT m.source, m.message, m.line FROM wanted w CROSS JOIN message m
                   WHERE m.source = w.source AND m.message = w.message AND m.line = w.line"""
        return set(self.session.wanted(_MESSAGE_KEY, query, list(wanted)))

    def take(self, member: Member) -> object:
        """The member's result; raises the StoreError that refuses it, having changed nothing."""
        if isinstance(member, Letters):
            self.letters.extend(member.letters)
            return None
        for write in member.writes:
            self._check_unambiguous(write.identifier)
        if isinstance(member, Decisions):
            self._check_decisions(member)
            self._check_read(member)
        mark = self.interning.mark()
        try:
            codes = [[self._codes(event) for event in write.events] for write in member.writes]
        except StoreError:
            self.interning.back_to(mark)
            raise
        if isinstance(member, Appends):
            return tuple(self._append(write, coded) for write, coded in zip(member.writes, codes, strict=True))
        return tuple(self._log(write, coded) for write, coded in zip(member.writes, codes, strict=True))

    def _check_unambiguous(self, identifier: Identifier) -> None:
        states = self.people.get(identifier, [])
        if len(states) > 1:
            names = tuple(state.customer_id for state in states)
            message = f"{identifier.type} belongs to {len(names)} people; a write needs one; name the customer id"
            raise AmbiguousIdentifier(message, names)

    def _check_decisions(self, member: Decisions) -> None:
        asked: dict[str, str] = {}
        for wanted in (write.decision for write in member.writes):
            earlier = self.decisions.get(wanted.decision_id, wanted)
            digests = {earlier.request_digest, asked.setdefault(wanted.decision_id, wanted.request_digest)}
            if digests != {wanted.request_digest}:
                message = f"decision_id is {wanted.decision_id}; it stands for another request; use a new id"
                raise DecisionConflict(message)

    def _check_read(self, member: Decisions) -> None:
        """Profiles vanish by erasure alone: a decision made from one must not bring back what it said."""
        read = {write.decision.person for write in member.writes if write.decision.person >= 0}
        read -= {state.person for states in self.people.values() for state in states}
        query = "SELECT p.person FROM wanted w CROSS JOIN person p WHERE p.person = w.person"
        there = self.session.wanted(_PERSON, query, [(one,) for one in read]) if read else ()
        if read - {person for (person,) in there}:
            message = "customer is erased; it was known while the decision was made; decide again"
            raise HistoryGone(message)

    def _codes(self, event: Event) -> tuple[int, int, int]:
        code = self.interning.code
        return code("channel", event.channel), code("item", event.item), code("action", event.action)

    def _person(self, identifier: Identifier) -> PersonState:
        states = self.people.setdefault(identifier, [])
        if not states:
            states.append(PersonState(next(self.numbers), outside_name(identifier), identifier))
        return states[0]

    def _append(self, write: Append, codes: Sequence[tuple[int, int, int]]) -> Appended:
        state = self._person(write.identifier)
        stored = self._add_events(state, write.events, codes)
        if write.traits and (stored or not write.events):
            sequence = next(self.sequences)
            moment = max((event.recorded_at for event in write.events), default=0)
            self.trait_rows.append((state.person, sequence, moment, json_text(write.traits)))
            state.merge_traits(json.loads(json_text(write.traits)), sequence)
        return Appended(state.person, stored, len(write.events) - stored, state.version)

    def _log(self, write: LogDecision, codes: Sequence[tuple[int, int, int]]) -> DecisionReceipt:
        earlier = self.decisions.get(write.decision.decision_id)
        if earlier is not None:
            return DecisionReceipt(earlier, replayed=True)
        state = self._person(write.identifier)
        decision = dataclasses.replace(write.decision, person=state.person)
        self.decisions[decision.decision_id] = decision
        self.decision_rows.append(decision)
        self._add_events(state, write.events, codes)
        return DecisionReceipt(decision, replayed=False)

    def _add_events(self, state: PersonState, events: Sequence[Event], codes: Sequence[tuple[int, int, int]]) -> int:
        stored = 0
        for event, (channel, item, action) in zip(events, codes, strict=True):
            key = (*self.keys[event.message_id], event.line)
            if key in self.messages:
                continue
            self.messages.add(key)
            sequence = next(self.sequences)
            stored += 1
            record = packed.record_of(event, sequence, channel, item, action)
            if event.kind not in LOG_ONLY:
                state.add_record(record, sequence)
            subject = event.order if event.topic is None else event.topic
            texts = (event.name, subject, event.decision, event.properties)
            self.event_rows.append((state.person, sequence, record, *key, *texts))
            self.message_rows.append((*key, state.person, sequence))
        return stored

    def store(self) -> None:
        created = [states[0] for states in self.people.values() if states and states[0].created_by is not None]
        insert_people(self.session, created)
        self.interning.store()
        self.session.insert(EVENT_ROWS, self.event_rows)
        self.session.insert(MESSAGE_ROWS, self.message_rows)
        self.session.insert(TRAIT_ROWS, self.trait_rows)
        store_people(self.session, {s.person: s for states in self.people.values() for s in states}.values())
        insert_decisions(self.session, self.decision_rows)
        self.session.insert(_LETTER_ROWS, [_letter_row(one) for one in self.letters])


def _letter_row(letter: DeadLetter) -> Row:
    """Cut, and with what no text column can hold replaced: a letter is there because something was wrong with it."""
    payload = letter.payload[:DEAD_LETTER_CHARACTERS].encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return letter.received_at, letter.reason.replace("\0", "\ufffd"), payload
