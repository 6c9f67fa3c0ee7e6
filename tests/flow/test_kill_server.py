"""The whole service, all of its processes, is killed at random moments while clients tell, ask and report; what they
were promised is in the store in the end, once. SYNTHETIC load."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from features.stores import open_store
from tests.checks.http_load import Client
from tests.checks.reconcile_http import counted, faults_of
from tests.flow.served import Place
from tests.serving.running import Running, free_port, wait_until_ready

CLIENTS = 4


def kill(running: Running, rng: random.Random, lifetime: float, early: float) -> None:
    """At a random moment: for a share of `early` within its start, else within `lifetime` seconds of being ready."""
    if rng.random() < early:
        time.sleep(rng.uniform(0.0, 6.0))
    else:
        wait_until_ready(running)
        time.sleep(rng.uniform(0.1, lifetime))
    running.kill()


def kill_and_reconcile(place: Place, kills: int, lifetime: float, early: float) -> str:
    """What it came to, in words."""
    place.make_shop()
    rng, port = random.Random(23), free_port()
    running = place.started(port)
    clients = [Client(f"x{number}", lambda: running.url, 7) for number in range(CLIENTS)]
    try:
        for client in clients:
            client.start()
        for _ in range(kills):
            kill(running, rng, lifetime, early)
            running = place.started(port)
        wait_until_ready(running)
        time.sleep(1.0)
        for client in clients:
            client.stop()
        for client in clients:
            client.join(timeout=120)
    finally:
        running.kill()
    ledgers = [client.ledger for client in clients]
    assert sum(ledger.answered["no answer"] for ledger in ledgers) > 0
    assert sum(len(ledger.messages) for ledger in ledgers) > kills
    store = open_store(place.url, vault=place.vault)
    faults = faults_of(store, ledgers)
    store.close()
    assert faults == [], "\n".join(faults[:30])
    return f"{kills} services of {place.workers} workers killed; {counted(ledgers)}; 0 faults"


def test_a_killed_service_loses_and_doubles_nothing(tmp_path: Path) -> None:
    kill_and_reconcile(Place.of(f"sqlite:///{tmp_path}/store.db", tmp_path), 1, 1.5, early=0.0)


@pytest.mark.long
def test_twenty_killed_services_lose_and_double_nothing(
    fresh_url: str, tmp_path: Path, came_to: Callable[[str], None]
) -> None:
    report = kill_and_reconcile(Place.of(fresh_url, tmp_path), 20, 3.0, early=0.2)
    came_to(report)
