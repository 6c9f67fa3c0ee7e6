"""More is asked than can be answered, by clients that ask again: nothing else than 200 and 429, nothing lost, nothing
doubled, and afterwards all is well."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from features.event import Kind
from features.stores import open_store
from tests.flow.served import Place
from tests.serving.running import Running

CLIENTS, QUESTIONS, PEOPLE = 48, 150, 7
NO_PATIENCE = {
    "NEXTBEST_MAX_WAIT": "0.0005",
    "NEXTBEST_MAX_BACKGROUND_WAIT": "0.0005",
    "NEXTBEST_TIMEOUT": "100",
}
"""Seconds: whoever finds somebody waiting is one too many, and whoever was taken has all the time of a slow machine."""
MEGABYTE = 1 << 20
VIEWED = {"product_id": "washer-1"}


@dataclass(slots=True)
class Told:
    """answers: by decision id, what was answered the first time. refusals: head and body."""

    statuses: Counter[int] = field(default_factory=Counter)
    answers: dict[str, bytes] = field(default_factory=dict)
    refusals: list[tuple[bytes, bytes]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Client:
    """One connection, bare: a client that is slower than the service overloads nobody."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    told: Told

    async def until_taken(self, path: str, body: object) -> bytes:
        while True:
            status, head, answer = await self._post(path, json.dumps(body).encode())
            self.told.statuses[status] += 1
            if status != httpx.codes.TOO_MANY_REQUESTS:
                assert status == httpx.codes.OK, answer
                return answer
            self.told.refusals.append((head, answer))
            await asyncio.sleep(random.uniform(0.005, 0.05))

    async def _post(self, path: str, body: bytes) -> tuple[int, bytes, bytes]:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        told = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = int(told.split(b"content-length: ")[1].split(b"\r\n")[0])
        return int(told.split()[1]), told, await self.reader.readexactly(length)

    async def ask(self, number: int) -> None:
        """A decision and an event; every third of both once more, as by a client that did not hear the answer."""
        who, name = f"busy-{number % PEOPLE}", f"asked-{number}"
        question = {"customer_id": who, "decision_id": name, "channels": ["email" if number % 2 else "web"]}
        event = {"userId": who, "messageId": f"told-{number}", "event": "Product Viewed", "properties": VIEWED}
        self.told.answers[name] = await self.until_taken("/recommend", question)
        await self.until_taken("/v1/track", event)
        if number % 3 == 0:
            assert await self.until_taken("/recommend", question) == self.told.answers[name]
            await self.until_taken("/v1/track", event)


async def _overload(port: int) -> Told:
    told, left = Told(), list(range(QUESTIONS))

    async def work() -> None:
        client = Client(*await asyncio.open_connection("127.0.0.1", port), told)
        try:
            while left:
                await client.ask(left.pop())
        finally:
            client.writer.close()

    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    return told


def _memory(running: Running) -> int:
    return sum(worker.memory_info().rss for worker in running.workers())


def _turned_away(running: Running) -> float:
    lines = httpx.get(f"{running.url}/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("nextbest_turned_away_total{"))


def test_overload_is_refused_and_nothing_is_lost_or_doubled(fresh_url: str, tmp_path: Path) -> None:
    place = Place.of(fresh_url, tmp_path, **NO_PATIENCE)
    with place.served() as running:
        before = _memory(running)
        told = asyncio.run(_overload(running.port))
        assert set(told.statuses) == {200, 429}
        assert told.statuses[200] == 2 * (QUESTIONS + QUESTIONS // 3)
        for head, body in told.refusals:
            assert b"\r\nretry-after: 1\r\n" in head
            assert json.loads(body)["error"]["type"] == "too_many_requests"
        assert _turned_away(running) == told.statuses[429]
        assert _memory(running) - before < 200 * MEGABYTE
        with running.client() as client:
            after = [client.post("/recommend", json={"customer_id": "calm"}).status_code for _ in range(50)]
        assert after == [200] * 50
    _reconcile(place, told)


def _reconcile(place: Place, told: Told) -> None:
    store = open_store(place.url, vault=place.vault)
    try:
        logged = [one for one in store.newest_decisions(0, 10 * QUESTIONS) if one.startswith("asked-")]
        assert Counter(logged) == Counter(told.answers.keys())
        for decision_id, answer in told.answers.items():
            decision = store.decision(decision_id)
            assert decision is not None
            assert decision.response.encode() == answer
        views = sum(int(np.sum(one.records["kind"] == Kind.VIEWED)) for one in store.scan(0, 1))
        assert views == QUESTIONS
        assert store.check().faults == ()
    finally:
        store.close()
