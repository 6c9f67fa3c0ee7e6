"""What any store must do. One contract suite (tests/checks/store_contract.py) holds every implementation to it.

Writes are submitted and return a future that is done when they are durable (group commit); reads are synchronous and
see every acknowledged write of every process. A store never reads a clock: every moment is an argument.

    StoreError
    +-- StoreUnavailable        the database is away; retry later
    +-- StoreCorrupt            what is stored contradicts itself; run `nextbest check`
    +-- Conflict                the write contradicts what is stored
    |   +-- DecisionConflict    same decision id, another request
    |   +-- CatalogueConflict   the catalogue changed since it was read
    |   +-- HistoryGone         the person whose record was read for the decision was erased since
    |   +-- HistoryMoved        the person's record has changed since it was read for the write
    |   +-- BudgetSpent         what the decision would spend is more than is left
    +-- AmbiguousIdentifier     several known people answer to it
    +-- InvalidEvent            a value that no store can hold: clocks out of order, infinite amounts, broken text
    +-- InvalidImport           a bulk import was refused whole
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from features.event import Event, Identifier, Kind
from features.history import CustomerRecord
from features.published import NOTHING, Published
from features.spending import Charge
from features.stores.catalogues import ActionNaming, CatalogueVersion, DecidedBy
from features.stores.desk import DeskStore
from features.stores.keeping import BundleStore, KeyStore, Paced, Settings
from features.stores.people import Histories, IdentityStore, RightsStore, Timeline
from features.stores.shared import SharedState
from features.stores.trials import TrialStore

if TYPE_CHECKING:
    import pyarrow as pa

    from features.vault import Vault
    from features.vocabulary import Vocabulary


class StoreError(Exception):
    """Anything a store may raise on purpose."""


class StoreUnavailable(StoreError):
    """The database cannot be reached or is locked beyond patience."""


class StoreCorrupt(StoreError):
    """What is stored contradicts itself."""


class Conflict(StoreError):
    """The write contradicts what is stored."""


class DecisionConflict(Conflict):
    """The decision id was used before for another request."""


class CatalogueConflict(Conflict):
    """The catalogue was changed since the version that the writer had read."""


class HistoryGone(Conflict):
    """The person from whose record the decision was made was erased meanwhile; decide again."""


class HistoryMoved(Conflict):
    """The person's record has changed since the version that the write was made from; read it and decide again."""


class BudgetSpent(Conflict):
    """What the decision reserves is more than is left of a budget by now; read what was spent on `day` and decide
    again."""

    def __init__(self, message: str, day: int) -> None:
        super().__init__(message)
        self.day = day


class AmbiguousIdentifier(StoreError):
    """Several known people answer to the identifier; `customer_ids` are the candidates."""

    def __init__(self, message: str, customer_ids: tuple[str, ...]) -> None:
        super().__init__(message)
        self.customer_ids = customer_ids


class InvalidEvent(StoreError):
    """The event or decision holds a value that cannot be stored."""


class InvalidImport(StoreError):
    """A bulk import that was refused; nothing of it is stored."""


class Append(msgspec.Struct, frozen=True):
    """Events told under `identifier`, which anchors a profile (created if there is none). traits are merged over the
    person's (None removes), with the moment at which the newest of the events was recorded; not again when all events
    are duplicates, and neither is what follows. The trait time_zone is the person's time zone.

    also: further identifiers of the same person that the call names: claims. previous: ids that the call says are the
    same person's older names (an alias). addressed: identifiers through which a withdrawal of consent among the events
    was made: it binds whoever holds one of them, now or later. What claims and aliases lead to: docs/identity.md. None
    of the three goes without events, which date them: InvalidEvent.

    decision: the id of the decision that the events answer: they are told under the profile that it is filed under, and
    under `identifier` only when there is no such decision.

    seen: the CustomerRecord.version that the events were made from: HistoryMoved when the person has another by now.
    None: they are true whatever else has happened."""

    identifier: Identifier
    events: tuple[Event, ...]
    traits: Mapping[str, object] = msgspec.field(default_factory=dict)
    also: tuple[Identifier, ...] = ()
    previous: tuple[Identifier, ...] = ()
    addressed: tuple[Identifier, ...] = ()
    decision: str | None = None
    seen: int | None = None


class Appended(msgspec.Struct, frozen=True):
    """person, how many events were new, and the person's version after them."""

    person: int
    stored: int
    duplicates: int
    version: int


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """A decision as it was made, enough to replay it. request and response are canonical JSON texts (request_digest is
    of the request without timings); history_version is the CustomerRecord.version that was read; feature_digest is of
    the feature rows, in order of candidates, hex; feature_rows is the rows themselves for the logged sample (npy
    bytes), else None. The store sets person to whom the identifier names, and snapshot to the number of what was
    published. model_digest: "" of no model. subject: what the arm goes by. addresses: a JSON list, None when not asked
    for. An earlier version logged none of these, or a number that nobody kept the meaning of: None. expected: see
    features.live_response.expected_text, None of nothing. shadow: JSON of models.shadow.ShadowScores, None of none."""

    decision_id: str
    person: int
    customer_id: str
    decided_at: int
    request: str
    request_digest: str
    response: str
    seed: int
    arm: str
    history_version: int
    catalogue_version: int
    model_version: str
    policy_version: str
    code_revision: str
    feature_digest: str
    model_digest: str | None
    snapshot: int | None
    subject: str | None
    addresses: str | None
    feature_rows: bytes | None = None
    expected: str | None = None
    shadow: str | None = None


@dataclass(frozen=True, slots=True)
class LogDecision:
    """Store the decision and its events for the person: one `decided` per chosen action, or one without action; one
    `reserved` per action that was chosen on an outbound channel. charges: of the chosen actions whose contacts are
    counted, one per (action, channel). published: what it was made from; a store keeps it under a number, in the same
    transaction."""

    identifier: Identifier
    decision: LoggedDecision
    events: tuple[Event, ...]
    charges: tuple[Charge, ...] = ()
    published: Published = NOTHING

    @property
    def reserves(self) -> bool:
        """Whether it is true only of the record that it was made from: another reservation beside it might be one too
        many."""
        return any(event.kind == Kind.RESERVED for event in self.events)


@dataclass(frozen=True, slots=True)
class DecisionReceipt:
    """The decision that stands under the id: the one just written, or the earlier one of the same request
    (replayed)."""

    decision: LoggedDecision
    replayed: bool


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused event: the payload as text (cut at 32 KB), why, when (ms UTC), and the identifiers read in it."""

    received_at: int
    reason: str
    payload: str
    about: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True)
class LetterLimits:
    """How many dead letters a store keeps at most, and for how many days; beyond either the oldest leave."""

    letters: int = 100_000
    days: int = 30


@dataclass(frozen=True, slots=True)
class BuriedLetter:
    """A dead letter as it lies in the store. number: grows with each letter."""

    number: int
    letter: DeadLetter


@dataclass(frozen=True, slots=True)
class StoredCatalogue:
    """One version of the catalogue. document: canonical JSON of everything but items. items: an Arrow IPC table of the
    items (columns id, category, name, price), kept apart by digest so that an action's change copies no items."""

    version: int
    digest: str
    document: str
    items: bytes
    published_at: int
    author: str
    note: str


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key's record; the key itself is never stored. digest: SHA-256 hex of the key. rights: of write, decide, read,
    admin, replay. origins: the web pages that may use it ("https://shop.example"); empty for a key that no browser
    holds."""

    key_id: str
    digest: str
    rights: frozenset[str]
    created_at: int
    note: str
    origins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BulkReceipt:
    """What a bulk import did. rows: given; stored: new; duplicates: already there."""

    rows: int
    stored: int
    duplicates: int
    people: int


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` compared, and every difference, one sentence each."""

    people: int
    events: int
    faults: tuple[str, ...]


class HistoryStore(Histories, Protocol):
    """People, their events, and the projections."""

    @property
    def vocabulary(self) -> Vocabulary: ...

    def append(self, writes: Sequence[Append]) -> Future[tuple[Appended, ...]]:
        """All of `writes` become durable together, or none."""

    def resolve(self, identifier: Identifier) -> int | None:
        """The person who has the identifier; None when nobody has. Raises AmbiguousIdentifier."""

    def read(self, identifier: Identifier) -> CustomerRecord:
        """The present record from the page; an unknown one (known=False, empty) when nobody has the identifier."""

    def read_as_of(self, identifier: Identifier, moment: int) -> CustomerRecord:
        """The record as it was known at `moment` (ms UTC), from the log."""

    def addresses(self, identifier: Identifier, moment: int | None = None) -> frozenset[str]:
        """The types of their identifiers, now or at `moment` (ms UTC); none of nobody. Raises AmbiguousIdentifier."""

    def people(self) -> int:
        """How many people the store holds."""

    def import_events(self, table: pa.Table, source: str) -> BulkReceipt:
        """One transaction: `table` has the columns of features.columns.IMPORT_SCHEMA, times in ms UTC. Row r gets the
        message id "<source>:<r>" where message_id is null, so that an import repeated is an import once. Raises
        InvalidImport."""

    def import_customers(self, table: pa.Table, source: str) -> BulkReceipt:
        """Traits and identifiers as features.columns.CUSTOMER_SCHEMA; always known. Raises InvalidImport."""

    def check(self) -> CheckReport:
        """Rebuild every page, ledger and consent list from the log and compare."""

    def close(self) -> None: ...


class DecisionLog(DecidedBy, Protocol):
    def log_decisions(self, writes: Sequence[LogDecision]) -> Future[tuple[DecisionReceipt, ...]]:
        """Durable together. The future raises DecisionConflict when an id stands for another request, and HistoryMoved
        when a decision that reserves was made from another version of its person than the present one, or beside
        another of the same person, and BudgetSpent when one of its charges that reserve exceeds what it may spend; a
        decision that stands already is returned, whatever has happened since."""

    def decision(self, decision_id: str) -> LoggedDecision | None: ...

    def decisions_of(self, person: int, limit: int) -> tuple[LoggedDecision, ...]:
        """Newest first."""

    def newest_decisions(self, since: int, limit: int) -> tuple[str, ...]:
        """The ids of at most `limit` decisions of `since` (ms UTC) or later, the newest first."""

    def record_of(self, decision_id: str) -> CustomerRecord | None:
        """What the decision had read, but for addresses. None: no such decision, or unknown of whom (adr 0114)."""


class CatalogueStore(ActionNaming, Protocol):
    def publish_catalogue(
        self, document: str, items: bytes, expected_version: int | None, published_at: int, author: str, note: str
    ) -> StoredCatalogue:
        """A new version (from 1). expected_version None: whatever is there. Interns in the vocabulary the items' ids
        (column id of `items`), the channels' (the keys of the document's "channels") and the actions' ("id" of each of
        "actions"): a catalogue cannot be compiled with a code missing, lest a consent given later escape it.
        The same content as the newest version is that version again. Raises CatalogueConflict."""

    def catalogue(self, version: int | None = None) -> StoredCatalogue | None:
        """The newest, or the one asked for."""

    def catalogue_versions(self, limit: int, before: int | None = None) -> tuple[CatalogueVersion, ...]:
        """Newest first; before: only versions of lower numbers."""

    def catalogue_version(self) -> int:
        """The newest version's number, 0 for none; cheap enough for a poll every second."""


class DeadLetters(Protocol):
    def bury(self, letters: Sequence[DeadLetter]) -> Future[int]:
        """How many older ones left for them, for there were too many or they were too old (LetterLimits)."""

    def dead_letters(self, limit: int) -> tuple[DeadLetter, ...]:
        """Newest first."""

    def buried(self, limit: int, before: int | None = None) -> tuple[BuriedLetter, ...]:
        """Newest first; before: only letters of lower numbers."""

    def unbury(self, numbers: Collection[int]) -> int:
        """Drop these letters; how many there were."""


class Store(
    HistoryStore,
    IdentityStore,
    Timeline,
    RightsStore,
    DecisionLog,
    CatalogueStore,
    BundleStore,
    KeyStore,
    Settings,
    DeadLetters,
    SharedState,
    TrialStore,
    DeskStore,
    Paced,
    Protocol,
):
    """Everything; SQLite implements it in one file, PostgreSQL in one schema."""

    @property
    def vault(self) -> Vault:
        """What keeps this store's identifiers unreadable."""
