"""SYNTHETIC batches in Segment's shape, made before the clock starts, and a client of several connections for them."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from features.instants import render_instant

PEOPLE = 20_000
CONNECTIONS = 8
_EVENTS = (
    ("Product Viewed", 50),
    ("page", 20),
    ("Email Opened", 10),
    ("Order Completed", 8),
    ("Product Added", 7),
    ("identify", 5),
)


def batches(count: int, size: int, tag: str, now: int) -> list[bytes]:
    """So many bodies of /v1/batch with `size` calls each, each call with an id that begins with `tag`. now: ms UTC."""
    rng = random.Random(tag)
    return [_batch([f"{tag}-{number}-{place}" for place in range(size)], rng, now) for number in range(count)]


def _batch(ids: Sequence[str], rng: random.Random, now: int) -> bytes:
    names, weights = zip(*_EVENTS, strict=True)
    chosen = rng.choices(names, weights, k=len(ids))
    calls = [_call(name, message_id, rng, now) for name, message_id in zip(chosen, ids, strict=True)]
    return json.dumps({"batch": calls, "sentAt": render_instant(now)}).encode()


def _call(name: str, message_id: str, rng: random.Random, now: int) -> dict[str, object]:
    call: dict[str, object] = {
        "type": name if name in {"page", "identify"} else "track",
        "messageId": message_id,
        "userId": f"c{rng.randrange(PEOPLE)}",
        "originalTimestamp": render_instant(now - rng.randrange(60_000)),
        "context": {"library": {"name": "synthetic", "version": "1.0"}, "ip": "192.0.2.1", "locale": "en-GB"},
        "integrations": {},
    }
    if call["type"] == "identify":
        return {**call, "traits": {"city": f"city {rng.randrange(50)}", "member": rng.random() < 0.5}}
    return {**call, "event": name, "properties": _properties(name, message_id, rng)}


def _properties(name: str, message_id: str, rng: random.Random) -> dict[str, object]:
    products = [
        {
            "product_id": f"item-{rng.randrange(5_000)}",
            "quantity": 1,
            "price": rng.randrange(1, 100) / 2,
            "name": "thing",
        }
        for _ in range(2)
    ]
    if name == "Order Completed":
        return {"order_id": message_id, "products": products, "total": 50.0, "currency": "EUR"}
    return {**products[0], "url": "https://shop.example/things", "currency": "EUR"}


@dataclass(frozen=True, slots=True)
class Sent:
    """How it went: calls acknowledged, and in how many seconds of the wall clock."""

    events: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.events / self.seconds


def send(port: int, bodies: Sequence[bytes], size: int) -> Sent:
    """All of them, over CONNECTIONS kept connections at once. Raises RuntimeError for an answer other than 200."""
    todo = iter(bodies)
    lock, faults = threading.Lock(), list[str]()
    threads = [threading.Thread(target=_sender, args=(port, todo, lock, faults)) for _ in range(CONNECTIONS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise RuntimeError(faults[0])
    return Sent(len(bodies) * size, time.perf_counter() - started)


def _sender(port: int, todo: Iterator[bytes], lock: threading.Lock, faults: list[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        for _ in itertools.count():
            with lock:
                body = next(todo, None)
            if body is None or faults:
                return
            connection.request("POST", "/v1/batch", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != http.client.OK:
                faults.append(f"/v1/batch answered {answer.status} {text[:300]!r}")
    except OSError as error:
        faults.append(f"/v1/batch did not answer: {error}")
    finally:
        connection.close()
