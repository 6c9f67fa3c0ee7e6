"""Several processes on one store, and processes that are killed: acknowledged is present, exactly once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from features.event import Kind
from features.stores import open_store
from features.stores.protocol import Store
from tests.checks.store_client import CUSTOMERS
from tests.checks.store_examples import VAULT, user

ROOT = Path(__file__).parent.parent.parent
KILLS = 5


def client(what: str, url: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.checks.store_client", what, url, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> list[str]:
    """What it says until it ends, which must be well."""
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return output.split()


def stored(store: Store) -> Counter[str]:
    """The message ids in the log."""
    return Counter(logged.event.message_id for _, logged in store.logged(Kind))


def opened_after(url: str) -> Store:
    """The store once a killed process's last transaction is over: a server may still be committing it."""
    store = open_store(url, vault=VAULT)
    store.put_setting("looked", "yes")
    return store


def test_two_processes_lose_nothing_and_see_each_other(fresh_url: str) -> None:
    url = fresh_url
    pair = [client("meet", url, "ann", "bob", 250), client("meet", url, "bob", "ann", 250)]
    assert [said(one)[-1] for one in pair] == ["met", "met"]
    store = open_store(url, vault=VAULT)
    assert len(store.read(user("ann")).page) == len(store.read(user("bob")).page) == 250
    report = store.check()
    assert (report.people, report.events, report.faults) == (2, 500, ())
    store.close()


def test_two_processes_write_to_the_same_people(fresh_url: str) -> None:
    url = fresh_url
    pair = [client("write", url, name, 0, 600) for name in ("ann", "bob")]
    acknowledged = [word for one in pair for word in said(one) if word != "ready"]
    store = open_store(url, vault=VAULT)
    assert len(acknowledged) == 1200
    assert stored(store) == Counter(acknowledged)
    report = store.check()
    assert (report.people, report.events, report.faults) == (CUSTOMERS, 1200, ())
    store.close()


def test_killed_at_any_moment_nothing_acknowledged_is_lost_or_doubled(fresh_url: str) -> None:
    url, rng = fresh_url, random.Random(11)
    acknowledged: set[str] = set()
    first = 0
    for _ in range(KILLS):
        process = client("write", url, "ann", first, 10**6)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        lines = process.stdout.read().split("\n")[:-1]
        process.wait()
        process.stdout.close()
        acknowledged.update(lines)
        store = opened_after(url)
        present = stored(store)
        assert acknowledged <= set(present)
        assert max(present.values(), default=1) == 1
        assert store.check().faults == ()
        store.close()
        # The client goes back a little, as one does that cannot know what its last answers were.
        first = max(0, len(acknowledged) - 20)
    acknowledged.update(said(client("write", url, "ann", first, first + 60))[1:])
    store = open_store(url, vault=VAULT)
    assert len(acknowledged) > 100
    assert set(stored(store).values()) == {1}
    assert acknowledged <= set(stored(store))
    assert sum(len(person.records) for person in store.scan(0, 1)) == len(stored(store))
    assert store.check().faults == ()
    store.close()


def test_an_import_that_is_killed_leaves_all_or_nothing(fresh_url: str) -> None:
    url, rng, seen = fresh_url, random.Random(5), 0
    for attempt in range(2):
        process = client("import", url, f"file-{attempt}", 20_000)
        assert process.stdout is not None
        assert process.stdout.readline() + process.stdout.readline() == "ready\nbegin\n"
        time.sleep(rng.uniform(0.05, 0.4))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        store = opened_after(url)
        report = store.check()
        assert report.faults == ()
        assert report.events - seen in (0, 20_000)
        seen = report.events
        store.close()
    assert said(client("import", url, "file-9", 20_000))[-1] == "20000"
