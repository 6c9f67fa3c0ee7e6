"""What is made when the store is opened, what is left when it refuses, and what is said while it is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import nextbest as command_line
from features.stores import open_store
from serving.runtime import Runtime
from serving.settings import Settings
from tests.checks.postgres import Server, binaries_or_skip, cluster
from tests.checks.store_examples import VAULT
from tests.checks.store_migration_contract import earlier_store
from tests.features import test_store_migrations
from tests.serving.synthetic import make_shop, store_url


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A cluster of its own, for it is stopped."""
    with cluster(binaries_or_skip()) as started:
        yield started


def run(home: Path, *arguments: str, store_url: str = "") -> tuple[int, str, str]:
    environment = {"NEXTBEST_HOME": str(home), "NEXTBEST_STORE_URL": store_url, "NO_COLOR": "1"}
    done = CliRunner(env=environment).invoke(command_line.app, list(arguments))
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("recommend", "c-1"),
        ("check",),
        ("evaluate",),
        ("audit",),
        ("keys", "list"),
        ("letters", "list"),
        ("letters", "retry", "--all"),
        ("identity", "show", "c-1"),
        ("customers", "export", "c-1"),
    ],
)
def test_what_only_reads_makes_nothing_where_nothing_is(tmp_path: Path, command: tuple[str, ...]) -> None:
    code, told, why = run(tmp_path / "mistyped", *command)
    assert (code, told) == (2, "")
    assert "nothing is there yet" in why
    assert list(tmp_path.iterdir()) == []


def test_files_are_checked_before_anything_is_there(tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text("customer_id,event,occurred_at,item\nc-1,viewed,2026-01-01T00:00:00Z,77\n")
    code, told, said = run(tmp_path / "home", "import", "--events", str(events), "--dry-run")
    assert (code, "checked 1 event and 0 customers" in told, "nothing is there yet" in said) == (0, True, True), said
    assert list(tmp_path.iterdir()) == [events]


def test_a_store_of_another_key_leaves_no_new_key_behind(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEXTBEST_IDENTITY_KEY", raising=False)
    with server.schema() as url:
        open_store(url, vault=VAULT).close()
        code, _, why = run(tmp_path, "check", store_url=url)
        assert (code, "identity key is not the one" in why) == (2, True)
        assert not (tmp_path / "identity.key").exists()
    with server.schema() as url:
        assert run(tmp_path, "keys", "add", "--right", "read", store_url=url)[0] == 0
        key = (tmp_path / "identity.key").read_text()
        assert run(tmp_path, "check", store_url=url)[0] == 0
        assert (tmp_path / "identity.key").read_text() == key


def test_an_earlier_store_is_brought_up_and_says_so_once(tmp_path: Path) -> None:
    test_store_migrations.TestSQLite().earlier(store_url(tmp_path), earlier_store())
    code, _, said = run(tmp_path, "check")
    assert code == 0
    assert said.startswith("store was brought up from revision 0001 to ")
    assert len(said.splitlines()) == 1
    assert "brought up" not in run(tmp_path, "check")[2]


def test_a_store_that_goes_away_and_returns_is_said_twice(
    tmp_path: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with server.schema() as url:
        make_shop(tmp_path, model=False, url=url, vault=Settings(home=tmp_path).vault())
        with caplog.at_level(logging.WARNING, "nextbest.runtime"):
            asyncio.run(_through_an_outage(Settings(home=tmp_path, store_url=url, poll_seconds=0.02), server, caplog))
    away, back = [one for one in caplog.records if one.name == "nextbest.runtime"]
    assert (away.levelname, away.exc_info) == ("WARNING", None)
    assert "again" in back.getMessage()


async def _through_an_outage(settings: Settings, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    runtime = Runtime(settings)
    try:
        runtime.start_watching()
        await asyncio.to_thread(server.control, "stop", "-m", "fast")
        try:
            while not caplog.records:
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.5)
        finally:
            await asyncio.to_thread(server.control, "start")
        while "again" not in caplog.records[-1].getMessage():
            await asyncio.sleep(0.02)
    finally:
        await runtime.close()
