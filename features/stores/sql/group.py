"""A group of small writes as one transaction: look up everything at once, decide in memory, write everything at once.

A member that is refused (an ambiguous person, a decision id used for something else) leaves nothing behind and does not
hinder the others, because nothing is written before every member has been judged.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from features.consent import CONSENT_KINDS
from features.event import LOG_ONLY, ORDERS, Event
from features.history import text_code
from features.stores import packed
from features.stores.acceptance import json_text
from features.stores.desk import RecordView
from features.stores.protocol import (
    Append,
    Appended,
    DeadLetter,
    DecisionConflict,
    DecisionReceipt,
    HistoryGone,
    HistoryMoved,
    LogDecision,
    LoggedDecision,
    StoreError,
)
from features.stores.sql.decisions import insert_decisions, select_decisions
from features.stores.sql.desk import Views, store_views
from features.stores.sql.letters import Buried, make_room
from features.stores.sql.messages import MessageKey, message_keys
from features.stores.sql.names import Name, insert_names, name_of
from features.stores.sql.orders import Order, insert_orders
from features.stores.sql.people import ProfileState, store_people
from features.stores.sql.profiles import Profiles, Rules
from features.stores.sql.regroup import Regrouped
from features.stores.sql.responses import Responses
from features.stores.sql.session import Row, Session, columns, table
from features.stores.sql.snapshots import KeptSnapshots, Snapshots
from features.stores.sql.spending import Spending
from features.stores.sql.vocabulary import Interning, SharedVocabulary
from features.stores.sql.writer import Written
from features.vault import Vault

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
_LETTER_ROWS = table("dead_letter", number="integer", received_at="integer", reason="bytes", payload="bytes")
_ABOUT_ROWS = table("dead_letter_about", digest="bytes", number="integer")
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


Member = Appends | Decisions | Letters | Views


class _Told(msgspec.Struct, frozen=True):
    """What an append did, before it is known who the profile's person is in the end."""

    profile: int
    person: int
    stored: int
    duplicates: int
    version: int


Codes = Sequence[tuple[int, int, int]]
"""(channel, item, action) by event."""


@dataclass(frozen=True, slots=True)
class Process:
    """What a process keeps from one group to the next. part: of the tallies, see features.stores.sql.responses."""

    vocabulary: SharedVocabulary
    snapshots: KeptSnapshots
    part: int


def write_group(session: Session, process: Process, rules: Rules, members: Sequence[Member]) -> Written:
    group = _Group(
        session,
        Interning(session, process.vocabulary),
        Profiles(session, rules),
        Spending(session),
        Snapshots(session, process.snapshots),
        Responses(session, process.part),
    )
    group.load(members)
    results: list[object] = []
    for member in members:
        try:
            results.append(group.take(member))
        except StoreError as refusal:
            results.append(refusal)
    group.store()
    regrouped = group.profiles.settle()
    # What left for the letters of all is told once.
    left = iter((group.left,))
    told = (next(left, 0) if one is _BURIED else _finished(one, regrouped) for one in results)
    return list(told), group.publish


_BURIED = object()
"""The result of letters, until it is known how many left for them."""


def _finished(result: object, regrouped: Regrouped) -> object:
    """The result with the people whom the profiles belong to in the end."""
    if not isinstance(result, tuple):
        return result
    return tuple(_receipt(one, regrouped) if isinstance(one, _Told) else _settled(one, regrouped) for one in result)


def _settled(receipt: DecisionReceipt, regrouped: Regrouped) -> DecisionReceipt:
    made_for = receipt.decision.person
    if (person := regrouped.roots.get(made_for, made_for)) == made_for:
        return receipt
    return dataclasses.replace(receipt, decision=dataclasses.replace(receipt.decision, person=person))


def _receipt(told: _Told, regrouped: Regrouped) -> Appended:
    person = regrouped.roots.get(told.profile, told.person)
    version = regrouped.versions.get(told.profile, told.version)
    return Appended(person, told.stored, told.duplicates, version)


@dataclass(slots=True)
class _Group:
    session: Session
    interning: Interning
    profiles: Profiles
    spending: Spending
    snapshots: Snapshots
    responses: Responses
    messages: set[MessageKey] = field(default_factory=set)
    keys: dict[str, tuple[int, str]] = field(default_factory=dict)
    decisions: dict[str, LoggedDecision] = field(default_factory=dict)
    sequences: Iterator[int] = field(default_factory=lambda: iter(()))
    event_rows: list[Row] = field(default_factory=list)
    message_rows: list[Row] = field(default_factory=list)
    trait_rows: list[Row] = field(default_factory=list)
    orders: set[Order] = field(default_factory=set)
    decision_rows: list[LoggedDecision] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    views: list[RecordView] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)
    left: int = 0

    def load(self, members: Sequence[Member]) -> None:
        writes = [write for member in members if isinstance(member, Appends | Decisions) for write in member.writes]
        appends = [write for write in writes if isinstance(write, Append)]
        decisions = [write for write in writes if isinstance(write, LogDecision)]
        self.profiles.load(appends, [write.identifier for write in decisions])
        self.spending.load(appends, decisions)
        self.responses.load([(write, self._root(write)) for write in appends])
        self.snapshots.load(decisions)
        events = [event for write in writes for event in write.events]
        self.keys = message_keys(self.session, {event.message_id for event in events})
        told = {(*self.keys[event.message_id], event.line) for event in events}
        self.messages = self._known_messages(told)
        ids = {write.decision.decision_id for write in decisions}
        self.decisions = {one.decision_id: one for one in select_decisions(self.session, self._vault, ids)}
        changes = sum(bool(write.traits) for write in appends)
        self.sequences = iter(self.session.numbers("sequence", len(told) - len(self.messages) + changes))

    def _root(self, write: Append) -> int | None:
        profile = self.profiles.told_of(write)
        return None if profile is None else profile.person.person

    @property
    def _vault(self) -> Vault:
        return self.profiles.rules.vault

    def _known_messages(self, wanted: set[MessageKey]) -> set[MessageKey]:
        query = """SELECT m.source, m.message, m.line FROM wanted w CROSS JOIN message m
                   WHERE m.source = w.source AND m.message = w.message AND m.line = w.line"""
        return set(self.session.wanted(_MESSAGE_KEY, query, list(wanted)))

    def take(self, member: Member) -> object:
        """The member's result; raises the StoreError that refuses it, having changed nothing."""
        if isinstance(member, Letters):
            self.letters.extend(member.letters)
            return _BURIED
        if isinstance(member, Views):
            self.views.extend(member.views)
            return None
        if isinstance(member, Decisions):
            for write in member.writes:
                self.profiles.check_decided(write.identifier)
            self._check_decisions(member)
            self._check_read(member)
        self._check_seen(member)
        if isinstance(member, Decisions):
            self.spending.check(self._new(member))
        mark = self.interning.mark()
        try:
            codes = [[self._codes(event) for event in write.events] for write in member.writes]
        except StoreError:
            self.interning.back_to(mark)
            raise
        if isinstance(member, Appends):
            return tuple(self._append(write, coded) for write, coded in zip(member.writes, codes, strict=True))
        return tuple(self._log(write, coded) for write, coded in zip(member.writes, codes, strict=True))

    def _new(self, member: Decisions) -> Iterable[LogDecision]:
        """Those that do not stand yet, each once."""
        by_id = {write.decision.decision_id: write for write in reversed(member.writes)}
        return [write for decision_id, write in by_id.items() if decision_id not in self.decisions]

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
        read -= self.profiles.people.keys()
        query = "SELECT p.person FROM wanted w CROSS JOIN person p WHERE p.person = w.person"
        there = self.session.wanted(_PERSON, query, [(one,) for one in read]) if read else ()
        if read - {person for (person,) in there}:
            message = "customer is erased; it was known while the decision was made; decide again"
            raise HistoryGone(message)

    def _check_seen(self, member: Appends | Decisions) -> None:
        """The rows of the people are locked: a version that is the present one stays so until this is committed."""
        taken: set[object] = set()
        for write in member.writes:
            if isinstance(write, Append):
                profile, seen = self.profiles.told_of(write), write.seen
            else:
                profile, seen = self.profiles.deciding(write.identifier), self._made_from(write)
            if seen is None:
                continue
            who = write.identifier if profile is None else profile.person.person
            if seen != (0 if profile is None else profile.person.version) or who in taken:
                message = (
                    f"history version is not {seen} any more; the write was made from it; read it and decide again"
                )
                raise HistoryMoved(message)
            taken.add(who)

    def _made_from(self, write: LogDecision) -> int | None:
        stands = write.decision.decision_id in self.decisions
        return write.decision.history_version if write.reserves and not stands else None

    def _codes(self, event: Event) -> tuple[int, int, int]:
        code = self.interning.code
        return code("channel", event.channel), code("item", event.item), code("action", event.action)

    def _append(self, write: Append, codes: Codes) -> _Told:
        moments = [event.recorded_at for event in write.events] or [0]
        profile = self.profiles.telling(write, min(moments))
        sequences = self._add_events(profile, write.events, codes)
        stored = len(sequences)
        if stored or not write.events:
            self.profiles.tell(profile, write, moments)
            if write.traits:
                self._change_traits(profile, write.traits, max(moments))
            if write.addressed:
                for at, sequence in sequences.items():
                    self.profiles.address(write.addressed, write.events[at], sequence, codes[at][0])
        person = profile.person
        return _Told(profile.profile, person.person, stored, len(write.events) - stored, person.version)

    def _change_traits(self, profile: ProfileState, traits: Mapping[str, object], moment: int) -> None:
        sequence = next(self.sequences)
        changes = json_text(traits)
        self.trait_rows.append((profile.profile, sequence, moment, changes))
        profile.person.merge_traits(json.loads(changes), sequence)
        self.names.extend(name_of(self._vault, profile.profile, traits, profile.person.traits))

    def _log(self, write: LogDecision, codes: Codes) -> DecisionReceipt:
        earlier = self.decisions.get(write.decision.decision_id)
        if earlier is not None:
            return DecisionReceipt(earlier, replayed=True)
        first = min((event.recorded_at for event in write.events), default=write.decision.decided_at)
        profile = self.profiles.decided(write.identifier, first)
        snapshot = self.snapshots.number(write.published)
        decision = _made_for(write.decision, profile.person.person, snapshot)
        self.decision_rows.append(_made_for(decision, profile.profile, snapshot))
        self.decisions[decision.decision_id] = decision
        self._add_events(profile, write.events, codes)
        self.spending.decided(decision.decision_id, profile.profile, write.charges)
        self.responses.decided(write, profile.profile)
        return DecisionReceipt(decision, replayed=False)

    def _add_events(self, profile: ProfileState, events: Sequence[Event], codes: Codes) -> dict[int, int]:
        """The sequences of the events that are new, by their place among the events."""
        stored: dict[int, int] = {}
        for at, (event, (channel, item, action)) in enumerate(zip(events, codes, strict=True)):
            key = (*self.keys[event.message_id], event.line)
            if key in self.messages:
                continue
            self.messages.add(key)
            stored[at] = sequence = next(self.sequences)
            self.spending.told(event)
            self.responses.told(event, profile)
            record = packed.record_of(event, sequence, channel, item, action)
            if event.kind not in LOG_ONLY:
                profile.add_record(record, sequence, event.recorded_at)
            if event.kind in CONSENT_KINDS and profile.person.derived:
                profile.person.stale = True
            if event.kind in ORDERS and event.order is not None:
                self.orders.add((text_code(event.order), profile.profile))
            subject = event.order if event.topic is None else event.topic
            texts = (event.name, subject, event.decision, event.properties)
            self.event_rows.append((profile.profile, sequence, record, *key, *texts))
            self.message_rows.append((*key, profile.profile, sequence))
        return stored

    def store(self) -> None:
        self.profiles.store()
        self.interning.store()
        self.session.insert(EVENT_ROWS, self.event_rows)
        self.session.insert(MESSAGE_ROWS, sorted(self.message_rows))
        self.session.insert(TRAIT_ROWS, self.trait_rows)
        insert_orders(self.session, self._vault, self.orders)
        store_people(self.session, self.profiles.people.values())
        self.snapshots.store()
        insert_decisions(self.session, self._vault, self.decision_rows)
        self.spending.store()
        self.responses.store()
        self._bury()
        store_views(self.session, self._vault, self.views)
        insert_names(self.session, self.names)

    def publish(self) -> None:
        """Once it is durable."""
        self.interning.publish()
        self.snapshots.publish()

    def _bury(self) -> None:
        numbers = self.session.numbers("dead_letter", len(self.letters))
        numbered = list(zip(numbers, self.letters, strict=True))
        self.session.insert(_LETTER_ROWS, [_letter_row(self._vault, number, one) for number, one in numbered])
        about = {(self._vault.digest(one), number) for number, letter in numbered for one in letter.about}
        self.session.insert(_ABOUT_ROWS, sorted(about))
        if numbers:
            at = max(letter.received_at for letter in self.letters)
            self.left = make_room(self.session, self.profiles.rules.letters, Buried(numbers[-1], len(numbers), at))


def _made_for(decision: LoggedDecision, person: int, snapshot: int | None) -> LoggedDecision:
    """The same one, where it says so already: it has two dozen fields."""
    if (decision.person, decision.snapshot) == (person, snapshot):
        return decision
    return dataclasses.replace(decision, person=person, snapshot=snapshot)


def _letter_row(vault: Vault, number: int, letter: DeadLetter) -> Row:
    """Cut, and with what is no text replaced: a letter is there because something was wrong with it."""
    texts = (letter.reason, letter.payload[:DEAD_LETTER_CHARACTERS])
    reason, payload = (one.encode("utf-8", "replace").decode().replace("\0", "\ufffd") for one in texts)
    return number, letter.received_at, vault.seal(reason), vault.seal(payload)
