"""SYNTHETIC: an agent's desktop on a real server whose clock the tests set. Each customer has days of their own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from features.instants import render_instant
from features.stores import open_store
from models.catalogue_file import read_text
from serving.security import new_key
from tests.serving.running import Running, server
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, make_shop, store_url

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
_NAMES = {"washer-1": "Washing machine", "vacuum-1": "Vacuum cleaner"}
_EXTRA = """
journey:
  idle_minutes: 30
  escalation: {after_minutes: 20, after_transfers: 2}
  handoff: {take_within_minutes: 60}
service_first: {severity: 2, stale_days: 1, delivery_days: 1}
"""


@dataclass(slots=True)
class Desk:
    """keys: by right, "desk" has write and read. now: ms UTC, what the next request says; only forward."""

    running: Running
    client: httpx.Client
    keys: dict[str, str]
    now: int = PUBLISHED_AT
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def customer(self) -> str:
        """A new customer on a new day, two days after everything before."""
        self.now += 2 * DAY
        return f"desk-{next(self._numbers)}"

    def later(self, minutes: float) -> None:
        self.now += int(minutes * MINUTE)

    def ask(self, method: str, path: str, body: object = None, key: str = "desk", **query: str) -> httpx.Response:
        headers = {"Nextbest-Now": render_instant(self.now), "Authorization": f"Bearer {self.keys[key]}"}
        return self.client.request(method, path, json=body, params=query, headers=headers)

    def get(self, path: str, **query: str) -> dict[str, object]:
        response = self.ask("GET", path, **query)
        assert response.status_code == 200, response.text
        answer: dict[str, object] = response.json()
        return answer

    def post(self, path: str, body: object) -> dict[str, object]:
        response = self.ask("POST", path, body)
        assert response.status_code == 200, response.text
        answer: dict[str, object] = response.json()
        return answer

    def track(self, customer: str, event: str, **properties: object) -> None:
        """Something happens now."""
        message = f"desk-message-{next(self._numbers)}"
        call = {"userId": customer, "event": event, "messageId": message, "properties": properties}
        self.post("/v1/track", call)

    def context(self, customer: str, **query: str) -> dict[str, object]:
        return self.get(f"/customers/{customer}/context", **query)


@contextmanager
def desk(home: Path) -> Iterator[Desk]:
    make_shop(home, driven=True)
    text = CATALOGUE
    for item, name in _NAMES.items():
        text = text.replace(f"{{id: {item},", f"{{id: {item}, name: {name},")
    source = read_text(text + _EXTRA)
    store = open_store(store_url(home))
    keys: dict[str, str] = {}
    try:
        store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
        for name, rights in {
            "desk": {"write", "read"},
            "read": {"read"},
            "write": {"write"},
            "decide": {"decide"},
        }.items():
            keys[name], record = new_key(rights, PUBLISHED_AT, f"test: {name}")
            store.add_key(record)
    finally:
        store.close()
    with server(home) as running, running.client() as client:
        yield Desk(running, client, keys)
