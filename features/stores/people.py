"""What any store must do about people beyond their events: who is who, what happened, what a person may demand.

Held to by the contract suites like the rest of features.stores.protocol, whose errors these methods raise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from features.event import Event, Identifier, Kind
from features.history import Records
from features.instants import render_instant
from features.links import ALWAYS
from features.zone_history import ZoneTold


@dataclass(frozen=True, slots=True)
class HeldIdentifier:
    """One identifier of a person. value: in clear, None where the store keeps no clear values. profile: the outside
    name of the profile that it anchors or that claimed it. since: first claimed (ms UTC of recording); of one that was
    imported, and has no moment, features.links.ALWAYS, which is nothing to show. anchor: events arrive under it.
    severed: cut off by a split, and counts no longer."""

    type: str
    value: str | None
    profile: str
    since: int
    anchor: bool
    severed: bool

    @property
    def since_outside(self) -> str | None:
        """RFC 3339; None where it is not known since when."""
        return None if self.since == ALWAYS else render_instant(self.since)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is: the outside name, all names that lead to the same person, and their identifiers."""

    person: int
    customer_id: str
    names: tuple[str, ...]
    identifiers: tuple[HeldIdentifier, ...]


class LoggedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event in words as the log holds it. sequence: the log's own order. profile: the outside name under which it
    was told."""

    sequence: int
    profile: str
    event: Event


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something done about a person, without saying about whom. what: "erased", "exported", "split", or of everybody
    "omitted". at: ms UTC. author: who did it (a key's id or an operator's name). subject: a keyed digest of the
    person's name (everybody's is ""), hex, so that one who knows the name can find the entry. counts: JSON text of how
    many rows of what."""

    number: int
    at: int
    what: str
    author: str
    subject: str
    counts: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which of a person's events: the newest `limit` of `kinds` (None: of every kind) before the given (occurred_at,
    sequence), None for no end."""

    limit: int
    kinds: Collection[Kind] | None = None
    before: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class PersonEvents:
    """All of one person's log, EVENT records by sequence. consents: as in CustomerRecord. zones: by sequence, what was
    told of their time zone; the last is in the traits."""

    person: int
    customer_id: str
    records: Records
    traits: Mapping[str, object]
    consents: Records
    zones: tuple[ZoneTold, ...]


class Histories(Protocol):
    def scan(self, bucket: int, buckets: int) -> Iterator[PersonEvents]:
        """Every person whose number modulo `buckets` is `bucket`, by ascending person."""

    def scan_of(self, people: Collection[int]) -> Iterator[PersonEvents]:
        """The same of these alone; whoever is not there any more, or is another by now, is left out."""


class IdentityStore(Protocol):
    def identity(self, identifier: Identifier) -> Identity | None:
        """None when nobody has it. Raises AmbiguousIdentifier."""

    def names(self, after: int, limit: int) -> tuple[tuple[int, str], ...]:
        """(person, outside name) of at most `limit` people whose numbers are above `after`, ascending: everybody in
        portions, each of whom a decision may be asked about by that name."""

    def may_split(self, customer: Identifier, identifier: Identifier) -> bool:
        """Whether `split` would change anything: False for what was cut off already. Raises what it would raise."""

    def split(self, customer: Identifier, identifier: Identifier, at: int, author: str) -> Identity:
        """Cut `identifier` off the person whom `customer` names: what made them one is severed for good, whoever claims
        it again, and every event goes back to the name under which it was told. The person that is left. Repeating it
        changes nothing. Raises StoreError when the person has no such identifier."""

    def kept_identifiers(self) -> int:
        """Of how many identifiers, user ids aside, the value is kept beside the digest. Looks at all of them."""

    def omit_identifiers(self, at: int, author: str) -> int:
        """Forget these values, and call whoever has no user id by their digest from now on; how many there were.
        Others wait in turns only; cut short, it can be done again. Raises StoreError where the vault keeps values."""


class Timeline(Protocol):
    def timeline(
        self, identifier: Identifier, before: tuple[int, int] | None, limit: int, kinds: Collection[Kind] | None = None
    ) -> tuple[LoggedEvent, ...]:
        """The person's events (of `kinds`, None: of every kind) before the given (occurred_at, sequence), newest first;
        none of an unknown person. Raises AmbiguousIdentifier."""

    def stretches(self, identifier: Identifier, asked: Sequence[Stretch]) -> tuple[tuple[LoggedEvent, ...], ...]:
        """What `timeline` answers to each, as of one moment; an event that is in several is read and put into words
        once. Raises AmbiguousIdentifier."""

    def logged(self, kinds: Collection[Kind]) -> Iterator[tuple[int, LoggedEvent]]:
        """(person, event) of everybody's events of these kinds, by person and sequence, for offline work."""


class RightsStore(Protocol):
    """Erasure and access (GDPR articles 15, 17 and 20)."""

    def export(self, identifier: Identifier, at: int, author: str) -> str | None:
        """Everything held on the person as one JSON text; None of an unknown one. Leaves an audit entry. Raises
        AmbiguousIdentifier."""

    def erase(self, identifier: Identifier, at: int, author: str) -> AuditEntry | None:
        """Remove the person from log, projections, decisions, identifiers and dead letters; None of an unknown one.
        Leaves an audit entry. Raises AmbiguousIdentifier."""

    def audit(self, limit: int) -> tuple[AuditEntry, ...]:
        """Newest first."""

    def compact(self) -> None:
        """Write the database's own files anew, so that nothing that was deleted is left in them; others wait. Raises
        StoreError."""

    def erased(self, decision_id: str) -> bool:
        """Whether there was such a decision, and its person was erased."""
