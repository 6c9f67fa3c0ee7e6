"""Running revisions, and what a revision may use. The only module that knows Alembic; imported when there is something
to do."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from alembic import op
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from features.stores.sql.migrations import numbers
from features.stores.sql.rebuild import rebuild as rebuild_projections
from features.stores.sql.session import Dialect, Session
from features.vault import Vault

FOLDER = Path(__file__).parent


def upgrade(connection: Connection, session: Session, vault: Vault, revision: str = "head") -> None:
    """Bring the store up to `revision` in the open transaction of `connection`, which `session` speaks in too."""
    script = _script()
    asked: set[str] = set()

    def steps(present: Any, _: object) -> Any:
        return script._upgrade_revs(revision, present)  # noqa: SLF001

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection, session=session, vault=vault, asked=asked)
        try:
            environment.run_migrations()
        except DBAPIError as error:
            raise (error.orig or error) from error
    if asked and revision in {"head", numbers.revision(numbers.newest())}:
        rebuild_projections(session, vault)


@cache
def _script() -> ScriptDirectory:
    return ScriptDirectory(str(FOLDER))


def session() -> Session:
    """In a revision: the store."""
    found: Session = op.get_context().opts["session"]
    return found


def vault() -> Vault:
    """In a revision: what keeps identifiers unreadable in this store."""
    found: Vault = op.get_context().opts["vault"]
    return found


def dialect() -> Dialect:
    return session().dialect


def execute(statements: str) -> None:
    """In a revision: run statements, each ended by a semicolon at the end of its line, written in the words of
    Dialect: {integer}, {bytes}, {text}, {clustered}, {numbered}."""
    words = asdict(dialect())
    lines = "\n".join(line.split("--")[0].rstrip() for line in statements.splitlines())
    for statement in lines.split(";\n"):
        if statement.strip():
            session().execute(statement.strip().removesuffix(";").format(**words))


def counter(name: str, highest: str) -> None:
    """In a revision: a new counter of Session.numbers. highest: a query of the number above which it begins."""
    if dialect().name == "sqlite":
        session().execute(f"INSERT INTO counter SELECT '{name}', ({highest})")
        return
    session().execute(f"CREATE SEQUENCE {name}_numbers")
    session().rows(f"SELECT setval('{name}_numbers', greatest(({highest}), 1), ({highest}) > 0)")


def rebuild() -> None:
    """In a revision: make all projections again from the log, once, after the last revision."""
    op.get_context().opts["asked"].add("projections")
