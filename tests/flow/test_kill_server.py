"""The whole service, all of its processes, is killed at random moments while clients tell, ask and report; what they
were promised is in the store in the end, once. SYNTHETIC load."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from features.stores import open_store
from tests.checks.http_load import Client
from tests.checks.reconcile_http import faults_of
from tests.serving.running import Running, free_port, started, wait_until_ready
from tests.serving.synthetic import make_shop, store_url

CLIENTS, WORKERS = 4, 2


def begin(home: Path, url: str, port: int) -> Running:
    return started(home, WORKERS, port=port, NEXTBEST_STORE_URL=url)


def kill(running: Running, rng: random.Random, lifetime: float, early: float) -> None:
    """At a random moment: for a share of `early` within its start, else within `lifetime` seconds of being ready."""
    if rng.random() < early:
        time.sleep(rng.uniform(0.0, 6.0))
    else:
        wait_until_ready(running)
        time.sleep(rng.uniform(0.1, lifetime))
    running.kill()


def kill_and_reconcile(home: Path, url: str, kills: int, lifetime: float, early: float) -> str:
    """What it came to, in words."""
    make_shop(home, url=url)
    rng, port = random.Random(23), free_port()
    running = begin(home, url, port)
    clients = [Client(f"x{number}", lambda: running.url, 7) for number in range(CLIENTS)]
    try:
        for client in clients:
            client.start()
        for _ in range(kills):
            kill(running, rng, lifetime, early)
            running = begin(home, url, port)
        wait_until_ready(running)
        time.sleep(1.0)
        for client in clients:
            client.stop()
        for client in clients:
            client.join(timeout=120)
    finally:
        running.kill()
    return reconciled(url, kills, clients)


def reconciled(url: str, kills: int, clients: list[Client]) -> str:
    ledgers = [client.ledger for client in clients]
    store = open_store(url)
    try:
        assert faults_of(store, ledgers) == []
        events = store.check().events
    finally:
        store.close()
    answered = sum((ledger.answered for ledger in ledgers), Counter[str]())
    counts = [sum(len(getattr(ledger, name)) for ledger in ledgers) for name in ("messages", "answers", "letters")]
    assert answered["no answer"] > 0
    assert min(counts[:2]) >= kills
    return (
        f"{kills} servers of {WORKERS} workers killed; {counts[0]:,} messages, {counts[1]:,} decisions and {counts[2]} "
        f"refusals acknowledged, {events:,} events in the log; answers {dict(answered)}; 0 faults"
    )


def test_a_killed_service_loses_and_doubles_nothing(tmp_path: Path) -> None:
    kill_and_reconcile(tmp_path, store_url(tmp_path), 1, 1.5, early=0.0)


@pytest.mark.long
def test_twenty_killed_services_lose_and_double_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = kill_and_reconcile(tmp_path, store_url(tmp_path), 20, 3.0, early=0.2)
    with capsys.disabled():
        print(f"\nsqlite: {report}")  # noqa: T201
