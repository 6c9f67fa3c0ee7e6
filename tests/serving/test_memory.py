"""A worker that answers for a long time holds no more than one that has answered a little: objects are counted, for
the pages that the allocator keeps and the store's caches of a fixed size would hide a small leak."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from serving.lane import Lane
from serving.runtime import Runtime
from serving.settings import Settings
from tests.serving.synthetic import make_shop

PEOPLE, ROUNDS, ASKED = 20, 5, 300
Ask = Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]


async def _decide(client: httpx.AsyncClient, number: int) -> httpx.Response:
    return await client.post("/recommend", json={"customer_id": f"again-{number % PEOPLE}", "channels": ["web"]})


async def _batch(client: httpx.AsyncClient, number: int) -> httpx.Response:
    named = [f"again-{number % PEOPLE}", f"again-{(number + 1) % PEOPLE}"]
    return await client.post("/recommend_batch", json={"customer_ids": named, "channels": ["web"]})


async def _refused(client: httpx.AsyncClient, number: int) -> httpx.Response:
    return await client.post("/recommend", json={"customer_id": "nobody", "channels": [f"fax-{number}"]})


async def _nowhere(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("BentoML's stack was asked")


def _held() -> int:
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.parametrize(("ask", "status"), [(_decide, 200), (_batch, 200), (_refused, 422)])
def test_answers_leave_nothing_behind(tmp_path: Path, ask: Ask, status: int) -> None:
    make_shop(tmp_path)

    async def work() -> float:
        runtime = Runtime(Settings(home=tmp_path, max_wait=100.0, timeout=100.0))
        lane = httpx.ASGITransport(Lane(_nowhere, lambda: runtime, fast=True))
        async with httpx.AsyncClient(transport=lane, base_url="http://127.0.0.1") as client:

            async def several(count: int) -> None:
                for number in range(count):
                    assert (await ask(client, number)).status_code == status

            grown = []
            for _ in range(ROUNDS):
                before = _held()
                await several(ASKED)
                grown.append((_held() - before) / ASKED)
        await runtime.close()
        return min(grown)  # at first caches fill; what leaks does so in every round

    assert asyncio.run(work()) < 0.5  # objects a request
