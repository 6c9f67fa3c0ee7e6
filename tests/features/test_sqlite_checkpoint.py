"""Moving the write-ahead log beside the writer: only where SQLite may be written to meanwhile."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from features.stores.engines.sqlite_checkpoint import PACE, Checkpoints, commits_meanwhile
from features.stores.engines.sqlite_file import Whereabouts, connect
from features.stores.engines.sqlite_lock import FileLock


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


def test_nothing_is_moved_while_a_writer_holds_the_lock_unless_sqlite_is_mended(tmp_path: Path) -> None:
    path, lock = tmp_path / "store.db", tmp_path / "store.db.lock"
    path.touch()
    writer = connect(path, 5.0, 1)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE told (what TEXT)")
    held = FileLock(lock, 5.0)
    moved = threading.Event()
    checkpoints = Checkpoints(path, 60.0, Whereabouts(path), lock)

    def log_is_left() -> bool:
        """Whether what was committed is in the log alone."""
        copy = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        try:
            return copy.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        finally:
            copy.close()

    try:
        with held.held():
            checkpoints.committed()
            moved.wait(3 * PACE)
            assert log_is_left() is not commits_meanwhile(sqlite3.sqlite_version_info)
        for _ in range(200):
            if not log_is_left():
                break
            moved.wait(0.1)
        assert not log_is_left()
    finally:
        checkpoints.close()
        writer.close()
        held.close()
