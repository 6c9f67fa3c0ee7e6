"""SQLite keeps the contract, and what is true of SQLite alone."""

from __future__ import annotations

import fcntl
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from features.event import Kind
from features.history import LEDGER_ENTRY
from features.stores import open_store
from features.stores.protocol import Append, Store, StoreCorrupt, StoreError, StoreUnavailable
from features.stores.sql.session import Session
from tests.checks.store_contract import StoreContract
from tests.checks.store_examples import NOON, append, event, user
from tests.serving.running import until


class TestSQLite(StoreContract):
    url = "sqlite:///{folder}/store.db"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{path}", patience=0.2)
    yield opened
    opened.close()


def _alter(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite://x.db", "mysql://x", "postgresql://localhost/x", ""])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(StoreError):
        open_store(url)


def test_every_commit_is_forced_to_disk(store: Store, path: Path) -> None:
    append(store, "c", event("m"))
    connection = store._engine._connection  # type: ignore[attr-defined]
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert path.exists()


def _in_the_file_itself(path: Path) -> int:
    """Events in the file as it is without its write-ahead log."""
    connection = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM event").fetchone()[0])
    finally:
        connection.close()


def test_what_was_committed_is_moved_into_the_file_while_others_write(store: Store, path: Path) -> None:
    for number in range(20):
        append(store, "c", event(f"m{number}"))
    assert until(lambda: _in_the_file_itself(path) == 20)
    append(store, "c", event("one more"))
    assert until(lambda: _in_the_file_itself(path) == 21)
    assert store.check().faults == ()


def test_moving_the_log_gives_way_to_an_erasure(store: Store, path: Path) -> None:
    """The log is empty at once when somebody was erased, though it is being moved all the time."""
    for number in range(5):
        append(store, f"c{number}", event(f"m{number}"))
        assert store.erase(user(f"c{number}"), NOON, "test") is not None
        assert path.with_name("store.db-wal").stat().st_size == 0


def test_a_newer_schema_is_refused(store: Store, path: Path) -> None:
    store.close()
    _alter(path, "PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="schema version is 99"):
        open_store(f"sqlite:///{path}")


def test_a_file_of_another_program_is_refused(path: Path) -> None:
    _alter(path, "CREATE TABLE theirs(x)")
    with pytest.raises(StoreError, match="another program"):
        open_store(f"sqlite:///{path}")


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(StoreCorrupt):
        open_store(f"sqlite:///{path}")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        open_store(f"sqlite:///{tmp_path}/file/store.db")


def test_a_locked_database_is_unavailable_and_the_writer_lives_on(store: Store, path: Path) -> None:
    append(store, "c", event("m1"))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        append(store, "c", event("m2", item="i"))
    assert len(store.read(user("c")).page) == 1
    connection.execute("ROLLBACK")
    connection.close()
    assert append(store, "c", event("m2", item="i")).stored == 1
    assert store.check().faults == ()


def test_the_write_lock_of_another_process_is_waited_for_no_longer_than_patience(store: Store, path: Path) -> None:
    with path.with_name("store.db.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable, match="another process"):
            append(store, "c", event("m"))
    assert append(store, "c", event("m")).stored == 1


_FULL_DISK = """
import resource, signal, sys
from features.history import LEDGER_ENTRY
from features.stores import open_store
from features.stores.protocol import StoreUnavailable
from tests.checks.store_examples import append, event, user
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = open_store("sqlite:///" + sys.argv[1])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
stored, refused = 0, 0
while refused < 3:
    try:
        append(store, "c", event(f"m{stored}", properties="x" * 3000, item=f"i{stored}"))
        stored += 1
    except StoreUnavailable:
        refused += 1
        assert len(store.read(user("c")).page) == stored
assert stored > 10
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
append(store, "c", event(f"m{stored}", item=f"i{stored}"))
report = store.check()
assert report.faults == (), report
assert report.events == stored + 1
assert store.vocabulary.texts["item"] == [f"i{number}" for number in range(stored + 1)]
store.close()
"""


def test_a_full_disk_leaves_nothing_half_written(path: Path) -> None:
    subprocess.run([sys.executable, "-c", _FULL_DISK, str(path)], check=True, timeout=60)


def test_a_fault_in_the_code_reaches_its_caller_and_the_writer_lives_on(store: Store) -> None:
    def broken(session: Session) -> None:
        session.execute("INSERT INTO setting VALUES ('x', 'y')")
        raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        store._writer.alone(broken)  # type: ignore[attr-defined]
    assert store.setting("x") is None
    assert append(store, "c", event("m")).stored == 1


def test_a_cancelled_write_is_not_written(store: Store, path: Path) -> None:
    with path.with_name("store.db.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        store.append([Append(user("c"), (event("m1"),))])
        waiting = [store.append([Append(user("c"), (event(f"n{number}"),))]) for number in range(3)]
        cancelled = [one.cancel() for one in waiting]
    for one, gone in zip(waiting, cancelled, strict=True):
        assert one.cancelled() == gone
    append(store, "c", event("last"))
    assert len(store.read(user("c")).page) == 2 + cancelled.count(False)


_DAMAGE = {
    "page": "UPDATE sealed SET page = substr(page, 65) WHERE person = 1",
    "ledger": f"UPDATE sealed SET ledger = substr(ledger, {LEDGER_ENTRY.itemsize + 1}) WHERE person = 1",  # noqa: S608
    "consent list": "UPDATE sealed SET consents = x'' WHERE person = 1",
    "version": "UPDATE person SET version = version - 1 WHERE person = 1",
    "traits": "UPDATE person SET traits = '{}' WHERE person = 1",
    "cut short": "UPDATE person SET tail = x'00' WHERE person = 1",
    "page has 60": "DELETE FROM event WHERE person = 1 AND sequence = 7",
    "belong to no person": "UPDATE event SET person = 77 WHERE person = 2",
    "item codes in the log go to 0": "DELETE FROM vocabulary WHERE domain = 'item'",
    "counter": "UPDATE counter SET value = 3",
}


@pytest.mark.parametrize("words", _DAMAGE)
def test_check_finds_what_was_damaged(store: Store, path: Path, words: str) -> None:
    kinds = (Kind.ORDERED, Kind.CONSENT_GRANTED, Kind.VIEWED)
    for number in range(59):
        append(store, "c", event(f"m{number}", kinds[number % 3], NOON + number, channel="web", item="i"))
    append(store, "c", event("last"), traits={"city": "York"})
    append(store, "d", event("n"))
    assert store.check().faults == ()
    assert (store.check().people, store.check().events) == (2, 61)
    _alter(path, _DAMAGE[words])
    assert any(words in fault for fault in store.check().faults)


def test_what_it_writes_is_for_its_owner_alone(store: Store, path: Path) -> None:
    append(store, "c", event("m"))
    modes = {name.name: name.stat().st_mode & 0o777 for name in path.parent.iterdir()}
    expected = ["store.db", "store.db-wal", "store.db-shm", "store.db.lock", "identity.key"]
    assert modes == dict.fromkeys(expected, 0o600)


def test_nothing_is_acknowledged_while_the_file_is_away(store: Store, path: Path) -> None:
    append(store, "c", event("m"))
    parts = [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]
    for part in parts:
        part.rename(part.with_name("gone-" + part.name))
    with pytest.raises(StoreUnavailable, match="put it back"):
        append(store, "c", event("n"))
    with pytest.raises(StoreUnavailable, match="put it back"):
        store.read(user("c"))
    with ThreadPoolExecutor(1) as fresh, pytest.raises(StoreUnavailable):
        fresh.submit(store.read, user("c")).result()
    assert not path.exists()
    for part in parts:
        part.with_name("gone-" + part.name).rename(part)
    append(store, "c", event("n"))
    assert len(store.read(user("c")).page) == 2


def test_nothing_is_acknowledged_into_a_file_that_was_replaced(store: Store, path: Path) -> None:
    append(store, "c", event("m"))
    path.rename(path.with_name("backup.db"))
    path.write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="replaced"):
        append(store, "c", event("n"))


def test_a_group_does_not_wait_for_ever_for_what_is_foreseen(store: Store) -> None:
    store.foresee(lambda: True)
    for number in range(3):
        append(store, "c", event(f"m{number}"))
    assert len(store.read(user("c")).page) == 3
