"""The command line as a person uses it: its own processes, their output and their exit codes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from typer.main import get_command
from typer.testing import CliRunner

import nextbest as command_line
from tests.serving.running import replica_path
from tests.serving.synthetic import make_shop
from tests.training.small_shop import open_shop
from tests.training.test_erased import MARK, marked_rows

ROOT = Path(__file__).resolve().parents[2]


OF_A_REPLICA = {"serve", "recommend", "check", "keys", "audit"}
"""Commands that need nothing but what a replica has."""


def nextbest(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    told = {key: value for key, value in os.environ.items() if not key.startswith(("NEXTBEST_", "MLFLOW_"))}
    if arguments[0] in OF_A_REPLICA:
        told["PYTHONPATH"] = replica_path()
    return subprocess.run(
        [sys.executable, "-m", "nextbest", *arguments],
        cwd=ROOT,
        env={**told, "NEXTBEST_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that says why, of a command that could not be done; before it only steps that were begun."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    *steps, why = done.stderr.splitlines()
    assert all(step.endswith(" ...") for step in steps), done.stderr
    return why


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a small synthetic shop that serves with a model."""
    home = tmp_path_factory.mktemp("shop")
    make_shop(home)
    return home


@pytest.mark.parametrize("arguments", [("--help",), ("serve", "--help")])
def test_it_says_what_it_can_do(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = nextbest(tmp_path, *arguments)
    assert done.returncode == 0
    assert "serve" in done.stdout


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words that begin each, groups of them too."""
    yield path
    for name, one in getattr(command, "commands", {}).items():
        yield from commands(one, (*path, name))


COMMANDS = [path for path in commands(get_command(command_line.app)) if path]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_its_options(path: tuple[str, ...]) -> None:
    """In this process: a start of its own takes a second for each."""
    done = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(command_line.app, [*path, "--help"])
    assert done.exit_code == 0
    usage, said, *_ = (line.strip() for line in done.stdout.splitlines() if line.strip())
    assert f"nextbest {' '.join(path)} [OPTIONS]" in usage.replace("root", "nextbest")
    assert len(said.split()) > 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("check",), "nothing is there yet"),
        (("promote",), "nothing is there yet"),
        (("import",), "source is missing"),
        (("import", "--events", "absent.parquet"), "absent.parquet"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(
    tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    home = tmp_path / "home"
    assert told in one_line(nextbest(home, *arguments))
    assert not (home / "mlflow.db").exists()


def test_a_setting_that_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.db").touch()
    done = subprocess.run(
        [sys.executable, "-m", "nextbest", "serve"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": replica_path(), "NEXTBEST_HOME": str(tmp_path), "NEXTBEST_PORT": "many"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "correct NEXTBEST_PORT" in one_line(done)


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_busy_port_is_told_before_anything_is_done(tmp_path: Path, command: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = nextbest(tmp_path, command, "--port", str(port))
    assert f"port is {port}; it is not free" in one_line(done).replace("\n", " ")


def test_recommend_leaves_no_trace(shop: Path) -> None:
    first = nextbest(shop, "recommend", "somebody-new", "--explain")
    answer = json.loads(first.stdout)
    assert (first.returncode, answer["known"], answer["decision_id"]) == (0, False, None)
    assert "0 faults" in nextbest(shop, "check").stdout
    assert json.loads(nextbest(shop, "recommend", "somebody-new").stdout)["known"] is False


@pytest.mark.parametrize("arguments", [("a\x01b",), ("1", "--channel", "fax")])
def test_recommend_refuses_in_one_line(shop: Path, arguments: tuple[str, ...]) -> None:
    one_line(nextbest(shop, "recommend", *arguments))


def test_keys_do_not_keep_the_owner_of_the_store_out(shop: Path) -> None:
    nextbest(shop, "keys", "add", "--right", "read")
    assert nextbest(shop, "recommend", "somebody-new").returncode == 0


def test_train_evaluate_promote(tmp_path: Path) -> None:
    """On a small synthetic history: what is promoted is what then answers, and nobody is in any file but the store."""
    store = open_shop(tmp_path / "store.db")
    store.import_events(marked_rows(), "marked")
    store.close()
    trained = nextbest(tmp_path, "train")
    assert trained.returncode == 0, trained.stderr
    assert "version 1 is registered" in trained.stderr
    before = json.loads(nextbest(tmp_path, "recommend", "0").stdout)
    assert (before["degraded"], before["model_version"]) == (True, "none")
    promoted = nextbest(tmp_path, "promote")
    assert promoted.returncode == 0, promoted.stderr
    after = json.loads(nextbest(tmp_path, "recommend", "0").stdout)
    assert (after["degraded"], after["model_version"]) == (False, "1")
    tables = nextbest(tmp_path, "evaluate")
    assert tables.returncode == 0, tables.stderr
    assert "| nextbest |" in tables.stdout
    assert "version is 9; the registry has 1" in one_line(nextbest(tmp_path, "promote", "9"))
    holding = {file.name for file in tmp_path.rglob("*") if file.is_file() and MARK.encode() in file.read_bytes()}
    assert holding == {"store.db"}
