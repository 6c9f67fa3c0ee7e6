"""What could not be done in time says so. What was acknowledged before a kill: tests/flow/test_kill_server.py."""

from __future__ import annotations

import asyncio
import fcntl
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from serving.lane import Lane
from serving.runtime import Runtime
from serving.settings import Settings
from tests.serving.running import Running, server, until
from tests.serving.synthetic import make_shop
from tests.serving.test_bad_input import fault


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_shop(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One worker with one place for requests and little patience."""
    home = tmp_path_factory.mktemp("strict")
    make_shop(home)
    with server(home, NEXTBEST_MAX_IN_FLIGHT="1", NEXTBEST_TIMEOUT="1") as running:
        yield running


def test_a_store_that_is_away_is_503_and_a_retry_is_one_decision(strict: Running) -> None:
    question = {"customer_id": "patient", "decision_id": "once", "channels": ["web"]}
    with strict.client() as client:
        with (strict.home / "store.db.lock").open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            away = client.post("/recommend", json=question)
            assert fault(away) == (503, "unavailable", "")
            assert away.headers["retry-after"] == "1"
        answer = client.post("/recommend", json=question)
        assert answer.status_code == 200, answer.text
        assert client.post("/recommend", json=question).json() == answer.json()


def test_a_store_that_vanishes_is_503_until_it_is_back(home: Path) -> None:
    question = {"customer_id": "steady", "channels": ["web"]}
    parts = [home / f"store.db{end}" for end in ("", "-wal", "-shm")]
    with server(home) as running, running.client() as client:
        for part in parts:
            part.rename(part.with_name(f"gone-{part.name}"))
        for body in (question, {**question, "dry_run": True}):
            assert fault(client.post("/recommend", json=body)) == (503, "unavailable", "")
        assert fault(client.get("/readyz")) == (503, "unavailable", "")
        for part in parts:
            part.with_name(f"gone-{part.name}").rename(part)
        assert client.post("/recommend", json=question).status_code == 200
        assert '"reason":"store is store.db; its file is out of reach' in running.log.read_text()


def test_a_batch_has_the_time_of_a_batch(home: Path) -> None:
    """A hundred decisions take longer than the hundredth of a second that one request has here."""
    question = {"customer_ids": [f"many-{number}" for number in range(100)]}

    async def ask() -> tuple[httpx.Response, ...]:
        runtimes = [Runtime(Settings(home=home, timeout=0.01, batch_timeout=patience)) for patience in (20.0, 0.01)]
        answers = []
        for runtime in runtimes:
            lane = httpx.ASGITransport(Lane(_nowhere, lambda runtime=runtime: runtime, fast=True))
            async with httpx.AsyncClient(transport=lane, base_url="http://127.0.0.1") as client:
                answers.append(await client.post("/recommend_batch", json=question))
            await runtime.close()
        return tuple(answers)

    patient, hasty = asyncio.run(ask())
    assert patient.status_code == 200, patient.text
    assert fault(hasty) == (503, "unavailable", "")


async def _nowhere(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("BentoML's stack was asked")


def test_more_requests_than_places_are_429(strict: Running) -> None:
    with strict.client() as client:
        with _unfinished_request(strict):
            busy = client.post("/recommend", json={"customer_id": "a"})
            assert fault(busy) == (429, "too_many_requests", "")
            assert busy.headers["retry-after"] == "1"
            assert client.get("/readyz").status_code == 200
        assert until(lambda: client.post("/recommend", json={"customer_id": "a"}).status_code == 200)


def _unfinished_request(running: Running) -> socket.socket:
    """Holds one place until it is closed."""
    address = httpx.URL(running.url)
    connection = socket.create_connection((address.host, address.port))
    connection.sendall(b"POST /recommend HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
    time.sleep(0.3)
    return connection


def test_logs_are_json_and_name_no_customer(strict: Running) -> None:
    with strict.client() as client:
        decision = client.post("/recommend", json={"customer_id": "very-private-person"}).json()["decision_id"]
        client.post("/recommend", json={"identifier": {"type": "email", "value": "very-private@example.org"}})
        client.post("/v1/track", json={"userId": "very-private-person", "event": 17})
        client.post("/recommend", json={"customer_id": "very-private-person", "decision_id": decision})
    text = strict.log.read_text()
    assert "very-private" not in text
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    decided = [line for line in lines if line.get("decision_id") == decision]
    assert [(line["event"], line["model_version"]) for line in decided] == [("decided", "7")]


def test_workers_do_not_outlive_their_arbiter(home: Path) -> None:
    with server(home) as running:
        (worker,) = running.workers()
        running.process.kill()
        running.process.wait()
        assert until(lambda: not worker.is_running())
