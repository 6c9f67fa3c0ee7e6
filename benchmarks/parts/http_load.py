"""A client that costs little beside the server that it loads: a process of its own, asyncio on uvloop, bare sockets.

`python -m benchmarks.parts.http_load` reads one Load as JSON from its input and writes one Outcome to its output.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import msgspec
import uvloop

ROOT = Path(__file__).resolve().parents[2]


class Load(msgspec.Struct, frozen=True):
    """bodies: POSTed to path in turns, over and over. connections: kept ones. seconds: how long. rate: requests a
    second, each due at its moment whether or not those before are answered; 0 to send when a connection is free."""

    port: int
    path: str
    bodies: list[str]
    connections: int
    seconds: float
    rate: float = 0.0


class Outcome(msgspec.Struct, frozen=True):
    """latencies: milliseconds of each answered request, from when it was due, ascending in time, beside its status.
    unsent: requests that were due and found no free connection until the end. seconds: from first to last."""

    statuses: list[int]
    latencies: list[float]
    unsent: int
    seconds: float

    def of(self, status: int) -> list[float]:
        return [late for late, one in zip(self.latencies, self.statuses, strict=True) if one == status]


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answered: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._answered is None or self._answered.done():
            return
        head = bytes(self._received[:end]).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(self._received) >= end + 4 + length:
            self._received.clear()
            self._answered.set_result(int(head[9:12]))

    async def open(self, port: int) -> None:
        if self._transport is None or self._transport.is_closing():
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)

    async def ask(self, port: int, request: bytes) -> int:
        """The connection is opened again where the server has closed it as idle."""
        await self.open(port)
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered


async def _run(load: Load) -> Outcome:
    requests = [_request(load, body.encode()) for body in load.bodies]
    opened = [_Connection() for _ in range(load.connections)]
    for connection in opened:
        await connection.open(load.port)
    statuses, latencies = list[int](), list[float]()
    started = time.perf_counter()
    number = 0

    async def work(connection: _Connection) -> None:
        nonlocal number
        while True:
            mine, number = number, number + 1
            due = started + (mine / load.rate if load.rate else time.perf_counter() - started)
            if due - started > load.seconds:
                return
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            if time.perf_counter() - started > load.seconds:
                return
            status = await connection.ask(load.port, requests[mine % len(requests)])
            statuses.append(status)
            latencies.append((time.perf_counter() - due) * 1_000)

    await asyncio.gather(*(work(connection) for connection in opened))
    seconds = time.perf_counter() - started
    planned = int(load.rate * load.seconds) if load.rate else len(statuses)
    return Outcome(statuses, latencies, max(0, planned - len(statuses)), seconds)


def _request(load: Load, body: bytes) -> bytes:
    head = (
        f"POST {load.path} HTTP/1.1\r\nHost: 127.0.0.1:{load.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def loaded(load: Load) -> Outcome:
    """Run beside this process. Raises RuntimeError with what the client said, when it failed."""
    command = [sys.executable, "-m", "benchmarks.parts.http_load"]
    ended = subprocess.run(command, cwd=ROOT, input=msgspec.json.encode(load), capture_output=True, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr.decode())
    return msgspec.json.decode(ended.stdout, type=Outcome)


if __name__ == "__main__":
    told = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_run(told))))
