"""The store's logic on whatever engine it is given."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from threading import local
from typing import TYPE_CHECKING

from features.event import Identifier, Kind
from features.history import CustomerRecord
from features.stores.acceptance import check_append, check_decision
from features.stores.catalogues import CatalogueVersion
from features.stores.export import document
from features.stores.keeping import ServingModel
from features.stores.people import AuditEntry, Identity, LoggedEvent, PersonEvents, Stretch
from features.stores.protocol import (
    AccessKey,
    Append,
    Appended,
    BulkReceipt,
    BuriedLetter,
    CheckReport,
    DeadLetter,
    DecisionReceipt,
    LogDecision,
    LoggedDecision,
    StoredCatalogue,
    StoreError,
)
from features.stores.sql import (
    admin,
    audit,
    decisions,
    identities,
    letters,
    omission,
    reads,
    responses,
    rights,
    then,
    timeline,
    trials,
)
from features.stores.sql.audit import Note
from features.stores.sql.bulk import import_customers, import_events
from features.stores.sql.catalogue_versions import action_names, versions
from features.stores.sql.check import check
from features.stores.sql.desk import DeskTables
from features.stores.sql.everybody import Everybody
from features.stores.sql.group import Appends, Decisions, Letters, Process, write_group
from features.stores.sql.holdings import holdings
from features.stores.sql.profiles import Rules
from features.stores.sql.session import Engine, MustBeAlone, Session, value
from features.stores.sql.snapshots import KeptSnapshots
from features.stores.sql.vocabulary import SharedVocabulary
from features.stores.sql.writer import WriterThread
from features.stores.trials import Trial
from features.vault import Vault

if TYPE_CHECKING:
    import pyarrow as pa

    from features.vocabulary import Vocabulary

_CHECK_VALUE = "identity_check"


class SQLStore(Everybody, DeskTables):
    """Implements features.stores.protocol.Store and its Timeline. Safe from any thread, not over a fork."""

    def __init__(self, engine: Engine, rules: Rules) -> None:
        """Raises StoreError for another vault than the store's."""
        self._vault = rules.vault
        self._rules = rules
        self._local = local()
        self._closed = False
        self._shared = SharedVocabulary()
        process = Process(self._shared, KeptSnapshots(), secrets.randbelow(responses.PARTS))
        writer = WriterThread(engine, lambda session, members: write_group(session, process, rules, members))
        super().__init__(engine, writer)
        try:
            self._recognise()
        except BaseException:
            self.close()
            raise

    @property
    def vault(self) -> Vault:
        """What keeps this store's identifiers unreadable."""
        return self._vault

    def _recognise(self) -> None:
        """Every process must digest alike, or a person would be looked for in vain and be begun anew."""
        mine = self._vault.check_value
        if (self.setting(_CHECK_VALUE) or self.put_setting_once(_CHECK_VALUE, mine)) != mine:
            message = "identity key is not the one that this store was written with; its people could not be found"
            raise StoreError(f"{message}; set NEXTBEST_IDENTITY_KEY, or put the file identity.key back")

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        self._engine.close()

    def foresee(self, coming: Callable[[], bool]) -> None:
        self._writer.foresee(coming)

    # People and their history

    @property
    def vocabulary(self) -> Vocabulary:
        """This process's copy, brought up to every commit."""
        with self._engine.reading() as session:
            self._follow(session)
        return self._shared.vocabulary

    def _follow(self, session: Session) -> None:
        version = session.version()
        if version != getattr(self._local, "seen", None):
            self._shared.refresh(session)
            self._local.seen = version

    def append(self, writes: Sequence[Append]) -> Future[tuple[Appended, ...]]:
        """Raises InvalidEvent at once; the future raises what only the database can know."""
        for write in writes:
            check_append(write)
        return self._writer.submit(Appends(tuple(writes)))

    def resolve(self, identifier: Identifier) -> int | None:
        with self._engine.reading() as session:
            found = reads.find(session, self._vault, identifier)
        return None if found is None else found[0]

    def read(self, identifier: Identifier) -> CustomerRecord:
        with self._engine.reading() as session:
            return reads.present(session, self._vault, identifier)

    def read_as_of(self, identifier: Identifier, moment: int) -> CustomerRecord:
        with self._engine.moment() as session:
            return reads.earlier(session, self._vault, identifier, moment)

    def addresses(self, identifier: Identifier, moment: int | None = None) -> frozenset[str]:
        with self._engine.reading() as session:
            return reads.addresses(session, self._vault, identifier, moment)

    def people(self) -> int:
        with self._engine.reading() as session:
            return int(value(session, "SELECT count(*) FROM person WHERE root = person"))

    def scan(self, bucket: int, buckets: int) -> Iterator[PersonEvents]:
        with self._engine.snapshot() as session:
            yield from reads.scan(session, self._vault, bucket, buckets)

    def scan_of(self, people: Collection[int]) -> Iterator[PersonEvents]:
        with self._engine.snapshot() as session:
            yield from reads.scan_of(session, self._vault, people)

    def import_events(self, table: pa.Table, source: str) -> BulkReceipt:
        return self._writer.alone(lambda session: import_events(session, self._shared, self._rules, table, source))

    def import_customers(self, table: pa.Table, source: str) -> BulkReceipt:  # noqa: ARG002
        return self._writer.alone(lambda session: import_customers(session, self._rules, table))

    def check(self) -> CheckReport:
        with self._engine.snapshot() as session:
            return check(session, self._vault)

    # Who is who

    def identity(self, identifier: Identifier) -> Identity | None:
        with self._engine.moment() as session:
            return identities.identity(session, self._vault, identifier)

    def names(self, after: int, limit: int) -> tuple[tuple[int, str], ...]:
        with self._engine.reading() as session:
            return reads.names(session, self._vault, after, limit)

    def may_split(self, customer: Identifier, identifier: Identifier) -> bool:
        with self._engine.snapshot() as session:
            return identities.may_split(session, self._vault, customer, identifier)

    def split(self, customer: Identifier, identifier: Identifier, at: int, author: str) -> Identity:
        parts = identities.Parting(customer, identifier, at, author)
        return self._writer.alone(lambda session: identities.split(session, self._vault, parts))

    def kept_identifiers(self) -> int:
        with self._engine.reading() as session:
            return omission.kept(session)

    def omit_identifiers(self, at: int, author: str) -> int:
        if not self._vault.omitted:
            message = "identifiers is encrypted; values forgotten now would be kept when they are told again"
            raise StoreError(f"{message}; set NEXTBEST_IDENTIFIERS=omitted")
        last: int | None = 0
        while last is not None:
            last = self._writer.alone(partial(omission.rename, vault=self._vault, after=last))
        forget = partial(omission.forget, vault=self._vault, at=at, author=author)
        return self._writer.alone(forget, self._engine.wipe)

    # The log in words

    def timeline(
        self, identifier: Identifier, before: tuple[int, int] | None, limit: int, kinds: Collection[Kind] | None = None
    ) -> tuple[LoggedEvent, ...]:
        return self.stretches(identifier, [Stretch(limit, kinds, before)])[0]

    def stretches(self, identifier: Identifier, asked: Sequence[Stretch]) -> tuple[tuple[LoggedEvent, ...], ...]:
        with self._engine.moment() as session:
            return timeline.stretches(session, self._shared, self._vault, identifier, asked)

    def logged(self, kinds: Collection[Kind]) -> Iterator[tuple[int, LoggedEvent]]:
        with self._engine.snapshot() as session:
            yield from timeline.logged(session, self._shared, self._vault, kinds)

    def promises(self, account: str | None, limit: int) -> tuple[tuple[str, LoggedEvent], ...]:
        with self._engine.moment() as session:
            return timeline.promises(session, self._shared, self._vault, account, limit)

    def promises_to(self, identifier: Identifier, limit: int) -> tuple[LoggedEvent, ...]:
        with self._engine.moment() as session:
            return timeline.promises_to(session, self._shared, self._vault, identifier, limit)

    # Rights of the person

    def export(self, identifier: Identifier, at: int, author: str) -> str | None:
        with self._engine.snapshot() as session:
            who = self._subject(session, identifier)
            if who is None:
                return None
            held = holdings(session, self._shared, self._vault, identifier, who, at)
        noted = Note(at, "exported", author, who.customer_id, held.counts)
        entry = self._writer.alone(lambda session: audit.note(session, self._vault, noted))
        return document(replace(held, audit=(*held.audit, entry)), self._shared.vocabulary)

    def erase(self, identifier: Identifier, at: int, author: str) -> AuditEntry | None:
        with self._engine.snapshot() as session:
            who = self._subject(session, identifier)
            found = None if who is None else rights.search(session, self._vault, who.types)
        if found is None:
            return None
        return self._writer.alone(partial(self._erase, identifier, found, at, author), self._engine.wipe)

    def _erase(
        self, identifier: Identifier, found: rights.Search, at: int, author: str, session: Session
    ) -> AuditEntry | None:
        if not session.alone:
            raise MustBeAlone
        who = self._subject(session, identifier)
        if who is None:
            return None
        consents = reads.present(session, self._vault, identifier).consents
        return rights.erase(session, self._vault, who, consents, found, at, author)

    def _subject(self, session: Session, identifier: Identifier) -> rights.Subject | None:
        person = reads.find(session, self._vault, identifier)
        return None if person is None else rights.subject(session, *person)

    def audit(self, limit: int) -> tuple[AuditEntry, ...]:
        with self._engine.reading() as session:
            return audit.newest(session, limit)

    def compact(self) -> None:
        self._writer.alone(lambda session: session.given("sequence"), self._engine.compact)

    def erased(self, decision_id: str) -> bool:
        with self._engine.reading() as session:
            return rights.erased(session, self._vault, decision_id)

    # Decisions

    def log_decisions(self, writes: Sequence[LogDecision]) -> Future[tuple[DecisionReceipt, ...]]:
        """Raises InvalidEvent at once; the future raises the Conflict."""
        for write in writes:
            check_decision(write)
        return self._writer.submit(Decisions(tuple(writes)))

    def decision(self, decision_id: str) -> LoggedDecision | None:
        with self._engine.reading() as session:
            return next(iter(decisions.select_decisions(session, self._vault, [decision_id])), None)

    def decisions_of(self, person: int, limit: int) -> tuple[LoggedDecision, ...]:
        with self._engine.reading() as session:
            return tuple(decisions.select_decisions_of(session, self._vault, person, limit))

    def newest_decisions(self, since: int, limit: int) -> tuple[str, ...]:
        with self._engine.reading() as session:
            return decisions.newest_decisions(session, since, limit)

    def decided_by_earlier(self, version: int, bucket: int, buckets: int) -> Iterator[tuple[str, int]]:
        with self._engine.snapshot() as session:
            yield from decisions.decided_by_earlier(session, version, bucket, buckets)

    def record_of(self, decision_id: str) -> CustomerRecord | None:
        with self._engine.moment() as session:
            return then.record_of(session, self._vault, decision_id)

    # Catalogue, bundles and trials

    def publish_catalogue(
        self, document: str, items: bytes, expected_version: int | None, published_at: int, author: str, note: str
    ) -> StoredCatalogue:
        draft = admin.Draft(document, items, expected_version, published_at, author, note)
        return self._writer.alone(lambda session: admin.publish(session, self._shared, draft))

    def catalogue(self, version: int | None = None) -> StoredCatalogue | None:
        with self._engine.reading() as session:
            return admin.catalogue(session, version)

    def catalogue_versions(self, limit: int, before: int | None = None) -> tuple[CatalogueVersion, ...]:
        with self._engine.reading() as session:
            return versions(session, limit, before)

    def action_names(self, version: int) -> Mapping[str, str]:
        with self._engine.reading() as session:
            return action_names(session, version)

    def catalogue_version(self) -> int:
        with self._engine.reading() as session:
            return admin.catalogue_version(session)

    def put_bundle(self, digest: str, files: Mapping[str, bytes]) -> None:
        self._writer.alone(lambda session: admin.put_bundle(session, digest, files))

    def bundle(self, digest: str) -> Mapping[str, bytes] | None:
        with self._engine.reading() as session:
            return admin.bundle(session, digest)

    def set_serving(self, version: str, digest: str, run_id: str, since: int) -> None:
        model = ServingModel(version, digest, run_id, since)
        self._writer.alone(lambda session: admin.set_serving(session, model))

    def serving(self) -> ServingModel | None:
        with self._engine.reading() as session:
            return admin.serving(session)

    def add_trial(self, trial: Trial) -> int:
        return self._writer.alone(lambda session: trials.add_trial(session, trial))

    def trials(self, limit: int) -> tuple[Trial, ...]:
        with self._engine.reading() as session:
            return trials.trials(session, limit)

    def trial_version(self) -> int:
        with self._engine.reading() as session:
            return trials.trial_version(session)

    def log_shadows(self, scores: Sequence[tuple[str, str]]) -> int:
        return self._writer.alone(lambda session: trials.log_shadows(session, scores))

    # Keys, settings, dead letters

    def add_key(self, key: AccessKey) -> None:
        self._writer.alone(lambda session: admin.add_key(session, key))

    def revoke_key(self, key_id: str) -> bool:
        return self._writer.alone(lambda session: admin.revoke_key(session, key_id))

    def keys(self) -> tuple[AccessKey, ...]:
        with self._engine.reading() as session:
            return admin.keys(session)

    def setting(self, name: str) -> str | None:
        with self._engine.reading() as session:
            return admin.setting(session, name)

    def put_setting(self, name: str, value: str) -> None:
        self._writer.alone(lambda session: admin.put_setting(session, name, value))

    def put_setting_once(self, name: str, value: str) -> str:
        return self._writer.alone(lambda session: admin.put_setting_once(session, name, value))

    def advance_present(self, moment: int) -> int:
        """Writes only when time moves; the setting `present` holds it, in ms UTC."""
        stored = self.setting(admin.PRESENT)
        if stored is not None and int(stored) >= moment:
            return int(stored)
        return self._writer.alone(lambda session: admin.advance_present(session, moment))

    def bury(self, letters: Sequence[DeadLetter]) -> Future[int]:
        return self._writer.submit(Letters(tuple(letters)))

    def dead_letters(self, limit: int) -> tuple[DeadLetter, ...]:
        return tuple(one.letter for one in self.buried(limit))

    def buried(self, limit: int, before: int | None = None) -> tuple[BuriedLetter, ...]:
        with self._engine.reading() as session:
            return letters.buried(session, self._vault, limit, before)

    def unbury(self, numbers: Collection[int]) -> int:
        chosen = tuple(numbers)
        return self._writer.alone(lambda session: letters.unbury(session, chosen), self._engine.wipe)
