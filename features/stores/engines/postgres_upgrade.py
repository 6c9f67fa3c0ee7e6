"""Bringing a PostgreSQL schema up to a revision, in one transaction, one process at a time."""

from __future__ import annotations

import psycopg
from sqlalchemy import StaticPool, create_engine

from features.stores.engines.postgres_connection import ALONE, connect, schema_number
from features.stores.engines.postgres_session import PostgresSession
from features.stores.protocol import StoreError
from features.stores.sql.migrations import numbers, running
from features.vault import Vault


def upgrade(url: str, patience: float, vault: Vault, number: int | None = None) -> None:
    """To revision `number`, None: the newest. Whatever fails leaves the schema as it was."""
    connection = connect(url, patience)
    try:
        # Another process that upgrades is waited for as long as it takes.
        connection.execute(b"SET lock_timeout = 0")
        connection.autocommit = False
        engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
        with engine.connect() as outer, outer.begin():
            connection.execute(ALONE)
            target = numbers.newest() if number is None else number
            present = schema_number(connection)
            if present >= target:
                return
            try:
                running.upgrade(outer, PostgresSession(connection, alone=True), vault, numbers.revision(target))
            except (StoreError, psycopg.OperationalError):
                raise
            except Exception as error:
                raise numbers.failed(present, target, error) from error
        numbers.tell(present, target)
    finally:
        connection.close()
