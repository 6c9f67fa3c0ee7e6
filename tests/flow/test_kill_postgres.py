"""PostgreSQL itself is stopped at once, as by a power cut, and started again under load: requests fail cleanly or wait,
the service recovers by itself, and what was acknowledged is there once. SYNTHETIC load."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from features.stores import open_store
from tests.checks.http_load import Client
from tests.checks.killing import Killing, killing
from tests.checks.postgres import Server, binaries_or_skip, cluster
from tests.checks.reconcile import reconcile
from tests.checks.reconcile_http import counted, faults_of
from tests.checks.store_examples import VAULT
from tests.flow.served import Place

QUICK, LONG, CLIENTS = 2, 8, 4


@pytest.fixture
def own_server() -> Iterator[Server]:
    """One that nobody else is using."""
    with cluster(binaries_or_skip()) as started:
        yield started


def restart(server: Server, rng: random.Random) -> None:
    """Some load, a stop that flushes nothing, some time without, and a start."""
    time.sleep(rng.uniform(0.3, 1.5))
    server.control("stop", "-m", "immediate")
    time.sleep(rng.uniform(0.0, 1.5))
    server.control("restart")


def written_again(made: Killing) -> None:
    """Wait until every writer has acknowledged something new."""
    for writer in made.writers:
        writer.mark()
    deadline = time.monotonic() + 60.0
    while not all(writer.came_further() for writer in made.writers):
        assert time.monotonic() < deadline, "a writer did not recover"
        time.sleep(0.01)


def test_writers_outlive_a_server_that_is_stopped_at_once(own_server: Server, tmp_path: Path) -> None:
    rng = random.Random(31)
    url = own_server.url
    with killing(url, tmp_path, 13, 1.0) as made:
        for writer in made.writers:
            made.start(writer)
        written_again(made)
        for _ in range(QUICK):
            restart(own_server, rng)
            written_again(made)
        made.kill_all()
        store = open_store(url, vault=VAULT)
        reconciled = reconcile(store, made.acknowledged)
        store.close()
        assert reconciled.faults == [], "\n".join(reconciled.faults[:30])


@pytest.mark.long
def test_the_service_outlives_a_server_that_is_stopped_at_once(
    own_server: Server, tmp_path: Path, came_to: Callable[[str], None]
) -> None:
    rng = random.Random(37)
    url = own_server.url
    with Place.of(url, tmp_path).served() as running:
        workers = {one.pid for one in running.workers()}
        clients = [Client(f"x{number}", lambda: running.url, 9) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(LONG):
            restart(own_server, rng)
        time.sleep(2.0)
        for client in clients:
            client.stop()
        for client in clients:
            client.join(timeout=120)
        assert {one.pid for one in running.workers()} == workers, "it recovered by itself"
        ledgers = [client.ledger for client in clients]
        store = open_store(url, vault=VAULT)
        faults = faults_of(store, ledgers)
        store.close()
    assert faults == [], "\n".join(faults[:30])
    assert sum(ledger.answered["503"] for ledger in ledgers) > 0
    assert sum(ledger.answered["no answer"] for ledger in ledgers) == 0
    came_to(f"PostgreSQL stopped at once {LONG} times: {counted(ledgers)}; 0 faults")
