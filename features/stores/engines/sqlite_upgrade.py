"""Bringing an SQLite file up to a schema, in one transaction."""

from __future__ import annotations

import sqlite3

from sqlalchemy import StaticPool, create_engine

from features.stores.engines.sqlite_file import APPLICATION_ID, schema_number
from features.stores.engines.sqlite_session import SQLiteSession
from features.stores.protocol import StoreError
from features.stores.sql.migrations import numbers, running
from features.vault import Vault

FIRST_RELEASE = 1
"""Version 0.1.0 kept no table of revisions: a file with this number is at the first."""


def upgrade(connection: sqlite3.Connection, vault: Vault, number: int | None = None) -> None:
    """To revision `number`, None: the newest. The connection is in autocommit mode; whatever fails leaves the file as
    it was."""
    target = numbers.newest() if number is None else number
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as outer:
        connection.execute("BEGIN IMMEDIATE")
        with outer.begin():
            present = schema_number(connection)
            if present == FIRST_RELEASE:
                _stamp_first(connection)
            try:
                running.upgrade(outer, SQLiteSession(connection), vault, numbers.revision(target))
            except (StoreError, sqlite3.OperationalError):
                raise
            except Exception as error:
                raise numbers.failed(present, target, error) from error
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {target}")
    numbers.tell(present, target)


def _stamp_first(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS alembic_version(version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    row = (numbers.revision(FIRST_RELEASE),)
    connection.execute("INSERT INTO alembic_version VALUES (?) ON CONFLICT DO NOTHING", row)
