"""A store of the first release, opened by this version, on both engines."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from features.stores import open_store
from features.stores.engines import postgres_upgrade, sqlite_upgrade
from features.stores.protocol import StoreError
from tests.checks.postgres import Server
from tests.checks.store_examples import VAULT
from tests.checks.store_migration_contract import EarlierStore, MigrationContract, Value, earlier_store


class TestSQLite(MigrationContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/store.db"

    def earlier(self, place: str, store: EarlierStore) -> None:
        with closing(_connected(place)) as connection:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute(f"PRAGMA application_id = {store.application_id}")
            connection.execute("PRAGMA user_version = 1")
            for statement in store.statements:
                connection.execute(statement)
            for table, rows in store.rows.items():
                marks = ", ".join("?" * len(store.columns[table]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608
            connection.commit()

    def raise_to(self, place: str, revision: int) -> None:
        with closing(_autocommit(Path(place.removeprefix("sqlite:///")))) as connection:
            sqlite_upgrade.upgrade(connection, VAULT, revision)

    def alter(self, place: str, statement: str) -> None:
        with closing(_connected(place)) as connection:
            connection.execute(statement)
            connection.commit()

    def dump(self, place: str) -> Mapping[str, object]:
        with closing(_connected(place)) as connection:
            return {"dump": list(connection.iterdump()), "version": _version(connection)}


def _connected(place: str) -> sqlite3.Connection:
    return sqlite3.connect(place.removeprefix("sqlite:///"))


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


class TestPostgres(MigrationContract):
    @pytest.fixture
    def place(self, postgres: Server) -> Iterator[str]:
        with postgres.schema() as url:
            yield url

    def earlier(self, place: str, store: EarlierStore) -> None:
        postgres_upgrade.upgrade(place, 5.0, VAULT, 1)
        with psycopg.connect(place) as connection:
            connection.execute("DELETE FROM counter")
            for table, rows in store.rows.items():
                columns = store.columns[table]
                statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, columns)),
                    sql.SQL(", ").join(sql.Placeholder() * len(columns)),
                )
                texts = [
                    tuple(str(v) if c == "message" else v for c, v in zip(columns, row, strict=True)) for row in rows
                ]
                connection.cursor().executemany(statement, texts)

    def raise_to(self, place: str, revision: int) -> None:
        postgres_upgrade.upgrade(place, 5.0, VAULT, revision)

    def alter(self, place: str, statement: str) -> None:
        with psycopg.connect(place) as connection:
            connection.execute(statement.encode())

    def dump(self, place: str) -> Mapping[str, object]:
        with psycopg.connect(place) as connection:
            listed = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
            tables = [row[0] for row in connection.execute(listed)]
            return {one: sorted(map(repr, connection.execute(f"SELECT * FROM {one}".encode()))) for one in tables}  # noqa: S608


def _in_texts(columns: Sequence[str], row: tuple[Value, ...]) -> tuple[Value, ...]:
    """The row with its message as text: that column has a type here."""
    return tuple(str(value) if name == "message" else value for name, value in zip(columns, row, strict=True))


def test_the_first_revision_makes_the_tables_of_the_first_release(tmp_path: Path) -> None:
    earlier = earlier_store()
    with closing(sqlite3.connect(tmp_path / "then.db")) as then, closing(_autocommit(tmp_path / "now.db")) as now:
        for statement in earlier.statements:
            then.execute(statement)
        sqlite_upgrade.upgrade(now, VAULT, 1)
        assert _version(now) == 1
        for table in earlier.rows:
            for what in ("table_info", "index_list"):
                described = [connection.execute(f"PRAGMA {what}({table})").fetchall() for connection in (then, now)]
                assert described[0] == described[1], (table, what)


def _autocommit(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def test_a_newer_schema_is_refused_on_a_server(postgres: Server) -> None:
    with postgres.schema() as url:
        open_store(url, vault=VAULT).close()
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(StoreError, match="schema version is 9999 on the server"):
            open_store(url, vault=VAULT)


def test_a_schema_of_another_program_is_refused(postgres: Server) -> None:
    with postgres.schema() as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE theirs(x int)")
        with pytest.raises(StoreError, match="another program"):
            open_store(url, vault=VAULT)
