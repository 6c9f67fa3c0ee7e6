"""Accounts, sessions and views of records as rows: small tables, plain statements."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from features.event import Identifier, Kind
from features.history import CustomerRecord
from features.stores.desk import (
    Account,
    Answered,
    Asked,
    DecidedContact,
    DeskSession,
    KeptAnswer,
    Lately,
    LoggedView,
    RecordView,
    Sampled,
)
from features.stores.sql import reads
from features.stores.sql.audit import subject_of
from features.stores.sql.kept_answers import CLAIM, DROPPED, DUE, TAKE_BACK, TOLD, answers_of, fate_of, finish, keep
from features.stores.sql.names import named
from features.stores.sql.reads import find
from features.stores.sql.responses import contacted
from features.stores.sql.session import Engine, Row, Session, table, value
from features.stores.sql.timeline import KIND_AT
from features.stores.sql.writer import WriterThread
from features.vault import Vault


@dataclass(frozen=True, slots=True)
class Views:
    """A member of a group of writes."""

    views: tuple[RecordView, ...]


_ACCOUNTS = table("desk_account", name="text", roles="text", password="text", issuer="text", created_at="integer")  # noqa: S106
_SESSIONS = table(
    "desk_session", digest="text", account="text", created_at="integer", seen_at="integer", expires_at="integer"
)
_LINKS = table("desk_link", digest="text", account="text", expires_at="integer")
_FAILURES = table("desk_failure", name="text", at="integer")
_VIEWS = table("record_view", at="integer", account="text", session="text", subject="text", what="text")

_NEWEST = f"""SELECT max((SELECT e.sequence FROM event e WHERE e.person = p.person
                          AND substr(e.record, {KIND_AT}, 1) <> ? ORDER BY e.sequence DESC LIMIT 1))
              FROM person p WHERE p.root = ?"""  # noqa: S608
_NUMBERS = """SELECT m.person FROM person own JOIN person m ON m.root = own.root WHERE own.person = ?
              ORDER BY m.person"""
_LATELY = """SELECT d.decision_id, d.arm, m.root, d.response
             FROM (SELECT number, decision_id, arm, person, response FROM decision
                   WHERE decided_at >= ? ORDER BY number DESC LIMIT ?) d
             JOIN person m ON m.person = d.person ORDER BY d.number DESC"""
_ASKED = """SELECT d.arm, m.root, min(d.decided_at)
            FROM (SELECT arm, person, decided_at FROM decision WHERE decided_at >= ? ORDER BY number DESC LIMIT ?) d
            JOIN person m ON m.person = d.person GROUP BY d.arm, m.root ORDER BY m.root, d.arm"""
_SAMPLED = """SELECT m.root, d.model_digest, d.feature_rows FROM decision d JOIN person m ON m.person = d.person
              WHERE d.feature_rows IS NOT NULL AND d.model_digest = ? AND d.decided_at >= ?
              AND d.number >= (SELECT min(n.number) FROM
                  (SELECT number FROM decision WHERE decided_at >= ? ORDER BY number DESC LIMIT ?) n)
              ORDER BY d.number DESC LIMIT ?"""
_ACCOUNT = "SELECT name, roles, password, issuer, created_at FROM desk_account"
_SESSION = "SELECT digest, account, created_at, seen_at, expires_at FROM desk_session"


def store_views(session: Session, vault: Vault, views: Sequence[RecordView]) -> None:
    rows = [(one.at, one.account, one.session, subject_of(vault, one.customer_id), one.what) for one in views]
    session.insert(_VIEWS, rows)


def viewed(session: Session, vault: Vault, names: Collection[str]) -> tuple[LoggedView, ...]:
    """Of a person of one of these names, the oldest first."""
    query = "SELECT number, at, account, subject, what FROM record_view WHERE subject = ?"
    rows = [row for name in names for row in session.rows(query, (subject_of(vault, name),))]
    return tuple(LoggedView(*row[1:]) for row in sorted(rows))


def _account(row: Row) -> Account:
    name, roles, password, issuer, created_at = row
    return Account(name, frozenset(filter(None, roles.split(","))), password, issuer, created_at)


def _put_account(session: Session, account: Account) -> None:
    session.execute("DELETE FROM desk_account WHERE name = ?", (account.name,))
    roles = ",".join(sorted(account.roles))
    session.insert(_ACCOUNTS, [(account.name, roles, account.password, account.issuer, account.created_at)])


def _remove_account(session: Session, name: str) -> bool:
    session.execute("DELETE FROM desk_session WHERE account = ?", (name,))
    session.execute("DELETE FROM desk_link WHERE account = ?", (name,))
    return session.execute("DELETE FROM desk_account WHERE name = ?", (name,)) > 0


def _open_session(session: Session, opened: DeskSession) -> None:
    session.execute("DELETE FROM desk_session WHERE expires_at <= ?", (opened.created_at,))
    row = (opened.digest, opened.account, opened.created_at, opened.seen_at, opened.expires_at)
    session.insert(_SESSIONS, [row])


def _take_link(session: Session, digest: str, now: int) -> str | None:
    rows = session.rows("SELECT account, expires_at FROM desk_link WHERE digest = ?", (digest,))
    session.execute("DELETE FROM desk_link WHERE digest = ?", (digest,))
    return str(rows[0][0]) if rows and now < rows[0][1] else None


class DeskTables:
    """Implements features.stores.desk.DeskStore; a part of SQLStore."""

    _engine: Engine
    _vault: Vault
    _writer: WriterThread

    def put_account(self, account: Account) -> None:
        self._writer.alone(lambda session: _put_account(session, account))

    def remove_account(self, name: str) -> bool:
        return self._writer.alone(lambda session: _remove_account(session, name))

    def account(self, name: str) -> Account | None:
        with self._engine.reading() as session:
            return next((_account(row) for row in session.rows(f"{_ACCOUNT} WHERE name = ?", (name,))), None)

    def accounts(self) -> tuple[Account, ...]:
        with self._engine.reading() as session:
            return tuple(_account(row) for row in session.rows(f"{_ACCOUNT} ORDER BY name"))

    def open_session(self, session: DeskSession) -> None:
        self._writer.alone(lambda inside: _open_session(inside, session))

    def session(self, digest: str) -> DeskSession | None:
        with self._engine.reading() as session:
            rows = session.rows(f"{_SESSION} WHERE digest = ?", (digest,))
        return DeskSession(*rows[0]) if rows else None

    def touch_session(self, digest: str, seen_at: int) -> None:
        statement = "UPDATE desk_session SET seen_at = ? WHERE digest = ? AND seen_at < ?"
        self._writer.alone(lambda session: session.execute(statement, (seen_at, digest, seen_at)))

    def close_session(self, digest: str) -> None:
        self._writer.alone(lambda session: session.execute("DELETE FROM desk_session WHERE digest = ?", (digest,)))

    def close_sessions(self, account: str) -> int:
        statement = "DELETE FROM desk_session WHERE account = ?"
        return self._writer.alone(lambda session: session.execute(statement, (account,)))

    def add_link(self, digest: str, account: str, expires_at: int) -> None:
        self._writer.alone(lambda session: session.insert(_LINKS, [(digest, account, expires_at)]))

    def take_link(self, digest: str, now: int) -> str | None:
        return self._writer.alone(lambda session: _take_link(session, digest, now))

    # Failed sign-ins

    def note_failures(self, names: Collection[str], at: int, since: int) -> None:
        rows = [(self._failing(name), at) for name in names]

        def noted(session: Session) -> None:
            session.execute("DELETE FROM desk_failure WHERE at < ?", (since,))
            session.insert(_FAILURES, rows)

        self._writer.alone(noted)

    def failures(self, names: Collection[str], since: int) -> int:
        query = "SELECT count(*) FROM desk_failure WHERE name = ? AND at >= ?"
        with self._engine.reading() as session:
            return max((int(value(session, query, (self._failing(name), since))) for name in names), default=0)

    def forget_failures(self, names: Collection[str]) -> None:
        def forgotten(session: Session) -> None:
            for name in names:
                session.execute("DELETE FROM desk_failure WHERE name = ?", (self._failing(name),))

        self._writer.alone(forgotten)

    def _failing(self, name: str) -> str:
        """What somebody typed as a name may be their password. Another digest than any identifier's, as in audit."""
        return self._vault.digest(Identifier("desk:failure", name)).hex()

    # Views of records

    def log_views(self, views: Sequence[RecordView]) -> Future[None]:
        return self._writer.submit(Views(tuple(views)))

    def views(self, limit: int, customer_id: str | None = None) -> tuple[LoggedView, ...]:
        query, values = "SELECT at, account, subject, what FROM record_view", list[object]()
        if customer_id is not None:
            query, values = f"{query} WHERE subject = ?", [subject_of(self._vault, customer_id)]
        with self._engine.reading() as session:
            rows = session.rows(f"{query} ORDER BY number DESC LIMIT ?", (*values, limit))
        return tuple(LoggedView(*row) for row in rows)

    def confirmed(self, session: str, customer_id: str) -> bool:
        query = "SELECT 1 FROM record_view WHERE subject = ? AND session = ? AND what = 'confirmed' LIMIT 1"
        with self._engine.reading() as inside:
            return value(inside, query, (subject_of(self._vault, customer_id), session)) is not None

    def newest_told(self, identifier: Identifier) -> int:
        decided = bytes([Kind.DECIDED])
        with self._engine.reading() as session:
            found = find(session, self._vault, identifier)
            return 0 if found is None else int(value(session, _NEWEST, (decided, found[0])) or 0)

    def decided_lately(self, since: int, limit: int) -> Lately:
        with self._engine.moment() as session:
            made = session.rows(_LATELY, (since, limit))
            of = {decision: (arm, person) for decision, arm, person, _ in made}
            told = tuple(contacted(session, of))
        contacts = tuple(
            DecidedContact(*of[decision], action, channel, expected, succeeded)
            for decision, action, channel, expected, succeeded in told
        )
        return Lately(tuple((arm, person, self._vault.open(response)) for _, arm, person, response in made), contacts)

    def asked_lately(self, since: int, limit: int) -> tuple[Asked, ...]:
        with self._engine.reading() as session:
            return tuple(Asked(*row) for row in session.rows(_ASKED, (since, limit)))

    def sampled_lately(self, digest: str, since: int, limit: int, most: int) -> tuple[Sampled, ...]:
        with self._engine.reading() as session:
            rows = session.rows(_SAMPLED, (digest, since, since, limit, most))
        return tuple(Sampled(person, found, bytes(content)) for person, found, content in rows)

    def records_of(self, people: Collection[int]) -> Iterator[CustomerRecord]:
        for person in people:
            with self._engine.reading() as session:
                found = reads.of_number(session, self._vault, person)
            if found is not None:
                yield found

    def named(self, key: str, limit: int) -> tuple[str, ...]:
        with self._engine.moment() as session:
            return named(session, self._vault, key, limit)

    # Answers that may still be taken back

    def numbers_of(self, person: int) -> tuple[int, ...]:
        with self._engine.reading() as session:
            return tuple(int(one) for (one,) in session.rows(_NUMBERS, (person,)))

    def filed_under(self, decision_id: str) -> int | None:
        with self._engine.reading() as session:
            found = value(session, "SELECT person FROM decision WHERE decision_id = ?", (decision_id,))
        return None if found is None else int(found)

    def keep_answer(self, answer: Answered, over: Collection[int] = (), beside: Collection[str] = ()) -> bool:
        body = self._vault.seal(answer.body)
        return self._writer.alone(lambda session: keep(session, answer, body, over, beside))

    def take_back(self, answer_id: str, account: str, due_at: int) -> bool:
        values = (self._vault.seal(""), answer_id, account, due_at)
        return self._writer.alone(lambda session: session.execute(TAKE_BACK, values)) > 0

    def due_answers(self, now: int, limit: int) -> tuple[Answered, ...]:
        with self._engine.reading() as session:
            rows = session.rows(DUE, (now, limit))
        return tuple(Answered(key, account, due_at, self._vault.open(body)) for key, account, due_at, body in rows)

    def claim_answer(self, answer_id: str, due_at: int) -> bool:
        return self._writer.alone(lambda session: session.execute(CLAIM, (answer_id, due_at))) > 0

    def answer_told(self, answer_id: str, due_at: int, remains: str) -> None:
        body = self._vault.seal(remains)
        self._writer.alone(lambda session: finish(session, answer_id, due_at, TOLD, body))

    def drop_answer(self, answer_id: str, due_at: int, remains: str) -> None:
        body = self._vault.seal(remains)  # its customer may have been erased
        self._writer.alone(lambda session: finish(session, answer_id, due_at, DROPPED, body))

    def answers(self, *beginnings: str) -> tuple[KeptAnswer, ...]:
        with self._engine.reading() as session:
            rows = answers_of(session, beginnings)
        return tuple(
            KeptAnswer(Answered(key, account, due_at, self._vault.open(body)), fate_of(claimed))
            for key, account, due_at, claimed, body in rows
        )
