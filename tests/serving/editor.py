"""SYNTHETIC: somebody who changes the catalogue of a real server with two workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from features.stores import open_store
from serving.security import new_key
from tests.serving.running import Running, server
from tests.serving.synthetic import PUBLISHED_AT, make_shop, store_url

YAML = {"accept": "application/yaml"}


@dataclass(frozen=True, slots=True)
class Editor:
    """Somebody with the rights admin, read and decide. key_id: of their key. running: two workers."""

    client: httpx.Client
    running: Running
    key_id: str

    def tag(self) -> str:
        return str(self.client.get("/catalogue", params={"items": "false"}).headers["etag"])

    def text(self, items: str = "true") -> str:
        return self.client.get("/catalogue", params={"items": items}, headers=YAML).text

    def put(self, text: str | bytes, tag: str | None = None, **query: str) -> httpx.Response:
        headers = {"if-match": self.tag() if tag is None else tag}
        return self.client.put("/catalogue", content=text, headers=headers, params=query)

    def version(self) -> int:
        return int(self.client.get("/catalogue/versions").json()["versions"][0]["version"])

    def everywhere(self, version: int) -> bool:
        """Whether every worker has taken `version` up."""
        return f"nextbest_catalogue_version {version}.0" in self.client.get("/metrics").text


@contextmanager
def editing(home: Path) -> Iterator[Editor]:
    make_shop(home)
    store = open_store(store_url(home))
    try:
        key, record = new_key({"admin", "read", "decide"}, PUBLISHED_AT, "test: editor")
        store.add_key(record)
    finally:
        store.close()
    with server(home, workers=2) as running, running.client(authorization=f"Bearer {key}") as client:
        yield Editor(client, running, record.key_id)


def actions_on_web(answer: dict[str, object]) -> dict[str, object]:
    channels = answer["channels"]
    assert isinstance(channels, list)
    return {one["action_id"]: one["content"] for one in channels[0]["actions"]}


def decided(editor: Editor) -> dict[str, object]:
    asked = {"customer_id": "somebody", "channels": ["web"], "limit": 20, "dry_run": True}
    return dict(editor.client.post("/recommend", json=asked).json())
