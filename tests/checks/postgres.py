"""A PostgreSQL server for the checks: a throw-away cluster of the installed binaries, or another that is named.

NEXTBEST_TEST_POSTGRES_URL names a database of another server whose user may create schemas; it is not restarted.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from features.stores import open_store
from tests.checks.leaving import folder_prefix
from tests.checks.store_examples import VAULT

URL = "NEXTBEST_TEST_POSTGRES_URL"
_schemas = count()

_EMPTYING = """
DO $$ DECLARE one record; BEGIN
    SET LOCAL lock_timeout = '10s';
    FOR one IN SELECT tablename AS name FROM pg_tables
               WHERE schemaname = current_schema() AND tablename <> 'alembic_version'
    LOOP EXECUTE format('DELETE FROM %I', one.name); END LOOP;
    FOR one IN SELECT sequencename AS name FROM pg_sequences WHERE schemaname = current_schema()
    LOOP EXECUTE format('ALTER SEQUENCE %I RESTART', one.name); END LOOP;
END $$
"""


def binaries() -> Path | None:
    """The folder of the newest installed server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parent.parent.name))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return None if on_path is None else Path(on_path).resolve().parent


def binaries_or_skip() -> Path:
    """In CI a missing server is a failure."""
    folder = binaries()
    if folder is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed; in CI its checks must run")
        pytest.skip("PostgreSQL is not installed")
    return folder


def server_or_skip() -> Iterator[Server]:
    """The body of a fixture."""
    if url := os.environ.get(URL):
        named = Server(url)
        with named.kept:
            yield named
        return
    with cluster(binaries_or_skip()) as started:
        yield started


@dataclass(frozen=True, slots=True)
class Server:
    """url: of a database. bin and data: of a cluster of our own, else None. stores: those that lie empty, to be used
    again, because to make thirty tables takes longer than most checks. kept: what goes when the checks are over."""

    url: str
    bin: Path | None = None
    data: Path | None = None
    stores: list[str] = field(default_factory=list)
    kept: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def schema(self) -> Iterator[str]:
        """The URL of an empty schema, which is dropped at the end."""
        name = f"check_{os.getpid()}_{next(_schemas)}"
        mark = "&" if "?" in self.url else "?"
        self._say(f"CREATE SCHEMA {name}")
        try:
            yield f"{self.url}{mark}options={quote(f'-c search_path={name}')}"
        finally:
            self._say(f"DROP SCHEMA IF EXISTS {name} CASCADE")

    def _say(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def store(self) -> Iterator[str]:
        """The URL of a store of the newest schema in which nothing is; the secret is VAULT's."""
        if not self.stores:
            url = self.kept.enter_context(self.schema())
            open_store(url, vault=VAULT).close()
            self.stores.append(url)
        url = self.stores.pop()
        try:
            yield url
        finally:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(_EMPTYING)
            self.stores.append(url)

    def control(self, *arguments: str) -> None:
        """pg_ctl; only on a cluster of our own."""
        assert self.bin is not None
        assert self.data is not None
        log = self.data.parent / "log"
        command = [str(self.bin / "pg_ctl"), "-D", str(self.data), "-l", str(log), "-w", "-s", *arguments]
        subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL, **_unprivileged())


def _unprivileged() -> dict[str, str]:
    """initdb and the server refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    known = {one.pw_name for one in pwd.getpwall()}
    return {"user": "postgres" if "postgres" in known else "nobody"}


@contextmanager
def cluster(folder: Path) -> Iterator[Server]:
    """Started, with durability on, reachable by a socket in a folder of its own alone; gone at the end."""
    home = Path(tempfile.mkdtemp(prefix=folder_prefix(), dir="/tmp"))
    user = _unprivileged()
    if user:
        shutil.chown(home, user["user"])
    server = Server(f"postgresql://postgres@/postgres?host={home}", folder, home / "data")
    try:
        initdb = [str(folder / "initdb"), "-D", str(server.data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        subprocess.run(
            [*initdb, "--no-sync", "--locale=C.UTF-8"],
            check=True,
            timeout=60,
            cwd=home,
            stdout=subprocess.DEVNULL,
            **user,
        )
        settings = f"listen_addresses = ''\nunix_socket_directories = '{home}'\nfsync = on\nmax_connections = 200\n"
        with (home / "data" / "postgresql.conf").open("a") as file:
            file.write(settings)
        server.control("start")
        with server.kept:
            yield server
    finally:
        if (home / "data" / "postmaster.pid").exists():
            server.control("stop", "-m", "immediate")
        shutil.rmtree(home)
