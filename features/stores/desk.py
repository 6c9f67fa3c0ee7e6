"""Who may sit at the console, who does, and whose record they looked at.

Passwords are kept as a slow hash, sessions and one-time links by the SHA-256 of their random tokens. Moments are ms UTC
of the system's clock, also where decisions live by a driven one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from features.event import Identifier
from features.history import CustomerRecord
from features.stores.people import LoggedEvent


@dataclass(frozen=True, slots=True)
class Account:
    """name: unique, as it is typed at sign-in. roles: of serving.console.roles. password: an encoded hash, "" where
    nobody signs in by password. issuer: of an OpenID provider whose users of this name it is for, "" of none."""

    name: str
    roles: frozenset[str]
    password: str
    issuer: str
    created_at: int


@dataclass(frozen=True, slots=True)
class DeskSession:
    """digest: of its token, hex. seen_at: of its newest request, at most a minute ago then. expires_at: whatever is
    done in it."""

    digest: str
    account: str
    created_at: int
    seen_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class RecordView:
    """Somebody looked at a record. account: who. session: the digest of the session. customer_id: whose; only a keyed
    digest of it is stored. what: "found", "viewed", "confirmed" (that it is the caller) or the like."""

    at: int
    account: str
    session: str
    customer_id: str
    what: str


@dataclass(frozen=True, slots=True)
class LoggedView:
    """As it lies in the store. subject: the keyed digest of whose record, hex, as in features.stores.people.AuditEntry;
    it is erased with nobody, for it names nobody."""

    at: int
    account: str
    subject: str
    what: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a customer answered at the desk, kept until it can be taken back no more. answer_id: of what it answers to,
    the same whoever answers, so that one answer stands there; it begins with whose it is. body: what will be told, as
    the one who put it here reads it; sealed in the store. due_at: from then on it is told; another for each answer that
    takes the place of one that was taken back."""

    answer_id: str
    account: str
    due_at: int
    body: str


class AnswerFate(StrEnum):
    """Of an answer that was kept: it was taken back; it is not told yet; it is being told, too late to take back; it
    is told; it could not be."""

    OPEN = "open"
    WAITING = "waiting"
    TELLING = "telling"
    TOLD = "told"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """answer: with what remains of its body once it is told."""

    answer: Answered
    fate: AnswerFate


@dataclass(frozen=True, slots=True)
class DecidedContact:
    """A contact that a logged decision led to. person: as in LoggedDecision. expected: the model's own probability.
    succeeded: by what is told so far, within the time in which it counts."""

    arm: str
    person: int
    action: str
    channel: str
    expected: float
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Lately:
    """The newest decisions: (arm, person, response) of each, and the contacts that they led to."""

    decisions: tuple[tuple[str, int, str], ...]
    contacts: tuple[DecidedContact, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody about whom was decided in an arm, from `since` (ms UTC) on. person: as in LoggedDecision."""

    arm: str
    person: int
    since: int


@dataclass(frozen=True, slots=True)
class Sampled:
    """The logged feature rows of a decision, as serving.sampled_rows wrote them. digest: of the bundle that decided,
    "" unknown."""

    person: int
    digest: str
    rows: bytes


class DeskStore(Protocol):
    def put_account(self, account: Account) -> None:
        """In the place of the one of the same name, if there is one; its sessions stay."""

    def remove_account(self, name: str) -> bool:
        """With its sessions and links; False when there is none."""

    def account(self, name: str) -> Account | None: ...

    def accounts(self) -> tuple[Account, ...]:
        """By name."""

    def open_session(self, session: DeskSession) -> None:
        """Sessions that were over by its created_at leave."""

    def session(self, digest: str) -> DeskSession | None: ...

    def touch_session(self, digest: str, seen_at: int) -> None: ...

    def close_session(self, digest: str) -> None: ...

    def close_sessions(self, account: str) -> int:
        """All of the account; how many there were."""

    def add_link(self, digest: str, account: str, expires_at: int) -> None:
        """Links that are over stay until they are tried or their account goes."""

    def take_link(self, digest: str, now: int) -> str | None:
        """The account that the link signs in, once; None of one that was used, is over or never was."""

    def note_failures(self, names: Collection[str], at: int, since: int) -> None:
        """A sign-in failed that counts for each of `names`. Failures before `since` leave."""

    def failures(self, names: Collection[str], since: int) -> int:
        """The most that any of `names` has since then."""

    def forget_failures(self, names: Collection[str]) -> None: ...

    def log_views(self, views: Sequence[RecordView]) -> Future[None]:
        """Durable when the future is done."""

    def views(self, limit: int, customer_id: str | None = None) -> tuple[LoggedView, ...]:
        """Newest first; customer_id: of this one's record only."""

    def confirmed(self, session: str, customer_id: str) -> bool:
        """Whether a view of this session says "confirmed" of the customer."""

    def newest_told(self, identifier: Identifier) -> int:
        """The sequence of the newest event of the person, decisions aside; 0 of nobody. Raises AmbiguousIdentifier."""

    def promises(self, account: str | None, limit: int) -> tuple[tuple[str, LoggedEvent], ...]:
        """The newest notes that hold a promise of the account (None: of whomever), or say that one of its promises was
        kept, each with the outside name of whom it is about. Whose promise it is stands in the event's `decision`."""

    def promises_to(self, identifier: Identifier, limit: int) -> tuple[LoggedEvent, ...]:
        """The same of whomever to one person, the newest first; () of nobody. Raises AmbiguousIdentifier."""

    def decided_lately(self, since: int, limit: int) -> Lately:
        """Of at most `limit` decisions of `since` (ms UTC) or later."""

    def asked_lately(self, since: int, limit: int) -> tuple[Asked, ...]:
        """About whom at most `limit` decisions, the newest, of `since` (ms UTC) or later were made: each once for an
        arm, by person."""

    def sampled_lately(self, digest: str, since: int, limit: int, most: int) -> tuple[Sampled, ...]:
        """Of the same decisions those of the model `digest` whose rows were kept, the newest first, at most so many:
        each may hold a megabyte."""

    def records_of(self, people: Collection[int]) -> Iterator[CustomerRecord]:
        """The present records; whoever was erased is left out."""

    def named(self, key: str, limit: int) -> tuple[str, ...]:
        """The outside names of at most `limit` people who have told a name and postcode with this
        features.naming.key_of; some may have told others since."""

    def numbers_of(self, person: int) -> tuple[int, ...]:
        """Every number that leads to whom this one leads to, ascending: of all who were found to be one. A number is
        given once; a split parts them again, an erasure ends them. () of one that leads to nobody."""

    def filed_under(self, decision_id: str) -> int | None:
        """The number of whom the decision and what is told of it stay with, whoever is found to be one with them or
        parted from them; None of no decision."""

    def keep_answer(self, answer: Answered, over: Collection[int] = (), beside: Collection[str] = ()) -> bool:
        """False, and nothing is kept, where another stands in its place or in one that is `beside` it: one that waits,
        is being told, or was told, unless it was told and was due at one of `over`."""

    def take_back(self, answer_id: str, account: str, due_at: int) -> bool:
        """False when it was told already, or is somebody else's, or another that was answered since."""

    def due_answers(self, now: int, limit: int) -> tuple[Answered, ...]:
        """Oldest first; each stays until `answer_told`."""

    def claim_answer(self, answer_id: str, due_at: int) -> bool:
        """Before it is told: from then on it cannot be taken back. False when it was, though another was answered
        since."""

    def answer_told(self, answer_id: str, due_at: int, remains: str) -> None:
        """Of one that was claimed; nothing happens where another was answered since, or it is told or dropped already.
        remains: what is known of it for a day or longer, in the place of its body."""

    def drop_answer(self, answer_id: str, due_at: int, remains: str) -> None:
        """It was claimed, cannot be told, and is due no more. That is known for a day or longer. Nothing happens where
        `answer_told` would do nothing."""

    def answers(self, *beginnings: str) -> tuple[KeptAnswer, ...]:
        """Those whose answer_id begins with one of these, by answer_id."""
