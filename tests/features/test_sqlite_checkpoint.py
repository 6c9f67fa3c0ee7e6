"""Moving the write-ahead log beside the writer: only where SQLite may be written to meanwhile."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from features.stores.engines import sqlite_checkpoint
from features.stores.engines.sqlite_checkpoint import PACE, Checkpoints, commits_meanwhile
from features.stores.engines.sqlite_file import Whereabouts, connect
from features.stores.engines.sqlite_lock import FileLock
from tests.serving.running import until


@pytest.mark.parametrize(
    ("version", "may"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_only_mended_versions_may_be_written_to_meanwhile(version: tuple[int, int, int], may: bool) -> None:
    assert commits_meanwhile(version) is may


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Of a file whose log holds what was committed."""
    path = tmp_path / "store.db"
    path.touch()
    with closing(connect(path, 5.0, 1)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE told (what TEXT)")
        yield path


def log_is_left(path: Path) -> bool:
    """Whether what was committed is in the log alone."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as copy:
        return bool(copy.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0)


def test_who_writes_for_long_is_waited_for_without_a_word(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import holds the lock for minutes: there is nothing to be done about that."""
    monkeypatch.setattr(sqlite_checkpoint, "PACE", 0.02)
    lock, moved = path.with_suffix(".lock"), threading.Event()
    held = FileLock(lock, 5.0)
    checkpoints = Checkpoints(path, 0.05, Whereabouts(path), lock)
    try:
        with held.held():
            checkpoints.committed()
            moved.wait(1.0)
        assert until(lambda: not log_is_left(path))
        assert caplog.messages == []
    finally:
        checkpoints.close()
        held.close()


def test_a_file_that_is_gone_is_told_once_with_what_to_look_at(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whereabouts = Whereabouts(path)
    path.rename(path.with_name("elsewhere"))
    checkpoints = Checkpoints(path, 5.0, whereabouts, path.with_suffix(".lock"))
    try:
        checkpoints.committed()
        assert until(lambda: bool(caplog.messages))
    finally:
        checkpoints.close()
    (told,) = caplog.messages
    assert told.startswith(f"{path}-wal is not moved into its file (store is store.db; its file is out of reach (")
    assert told.endswith("; look at the disk; told once")


def test_nothing_is_moved_while_a_writer_holds_the_lock_unless_sqlite_is_mended(path: Path) -> None:
    lock = path.with_suffix(".lock")
    held = FileLock(lock, 5.0)
    moved = threading.Event()
    checkpoints = Checkpoints(path, 60.0, Whereabouts(path), lock)

    try:
        with held.held():
            checkpoints.committed()
            moved.wait(3 * PACE)
            assert log_is_left(path) is not commits_meanwhile(sqlite3.sqlite_version_info)
        assert until(lambda: not log_is_left(path))
    finally:
        checkpoints.close()
        held.close()
