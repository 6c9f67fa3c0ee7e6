"""A change of the catalogue while it serves: live on every worker, never half, and by those who may."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from features.stores import open_store
from models.catalogue_file import read_text
from serving.lane import Lane
from serving.runtime import Runtime
from serving.settings import Settings
from tests.serving.conftest import Demo
from tests.serving.editor import YAML, Editor, actions_on_web, decided
from tests.serving.running import until
from tests.serving.synthetic import CATALOGUE, make_shop, noise_bundle, put_model, store_url
from tests.serving.test_bad_input import fault


@dataclass(slots=True)
class Visitor:
    """Asks over and over, on a new connection each time so as to meet both workers. wrong: answers that were made of
    two versions. seen: the versions met."""

    editor: Editor
    expected: dict[int, str]
    done: threading.Event
    seen: set[int] = field(default_factory=set)
    wrong: list[object] = field(default_factory=list)

    def visit(self) -> None:
        while not self.done.is_set():
            with self.editor.running.client(authorization=self.editor.client.headers["authorization"]) as client:
                asked = {"customer_id": "visitor", "channels": ["web"], "limit": 20, "dry_run": True}
                answer = client.post("/recommend", json=asked).json()
            marks = {content["mark"] for content in actions_on_web(answer).values()}
            version = answer["catalogue_version"]
            self.seen.add(version)
            if marks != {self.expected.get(version, "an unpublished version")}:
                self.wrong.append(answer)


def marked(mark: str) -> str:
    """The catalogue with `mark` in everything that the web shows: half of each of two would show."""
    return CATALOGUE.replace("channel: web", f"channel: web, content: {{mark: {mark}}}")


def test_a_change_is_live_on_every_worker_and_never_half(editor: Editor) -> None:
    assert editor.put(marked("first")).status_code == 200
    start = editor.version()
    assert until(lambda: editor.everywhere(start))
    expected = {start: "first", **{start + number: f"mark-{number}" for number in range(1, 6)}}
    visitors = [Visitor(editor, expected, threading.Event()) for _ in range(3)]
    threads = [threading.Thread(target=one.visit) for one in visitors]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 6):
            made = editor.put(marked(f"mark-{number}")).json()["catalogue"]["version"]
            assert made == start + number
            # The same connection, so the worker that took it: it is in force there before it is answered.
            assert decided(editor)["catalogue_version"] == made
            assert until(lambda version=made: editor.everywhere(version))
    finally:
        for one in visitors:
            one.done.set()
        for thread in threads:
            thread.join()
    assert [one.wrong for one in visitors] == [[], [], []]
    assert set.union(*(one.seen for one in visitors)) <= expected.keys()
    assert max(set.union(*(one.seen for one in visitors))) >= start + 4
    assert len(editor.running.workers()) == 2


@pytest.mark.parametrize(
    ("right", "method", "path"),
    [
        ("read", "GET", "/catalogue"),
        ("read", "GET", "/catalogue/versions"),
        ("admin", "PUT", "/catalogue"),
        ("admin", "POST", "/catalogue/rollback"),
        ("admin", "POST", "/catalogue/validate"),
    ],
)
def test_a_key_opens_it_with_its_right_only(demo: Demo, right: str, method: str, path: str) -> None:
    for name, key in demo.keys.items():
        with demo.fast.client(authorization=f"Bearer {key}") as client:
            status = client.request(method, path, content=b"{}" if method != "GET" else None).status_code
        assert (status == 403) == (name not in {right, "all"}), (name, status)
    assert httpx.request(method, demo.fast.url + path).status_code == 401


def test_both_lanes_answer_alike(demo: Demo) -> None:
    headers = {"authorization": f"Bearer {demo.keys['all']}"}
    with demo.fast.client(**headers) as fast, demo.slow.client(**headers) as slow:
        tag = {"if-match": fast.get("/catalogue").headers["etag"]}
        text = fast.get("/catalogue", headers=YAML).content
        for method, path, extra, body in [
            ("GET", "/catalogue", {}, None),
            ("GET", "/catalogue?items=false", YAML, None),
            ("GET", "/catalogue/versions", {}, None),
            ("PUT", "/catalogue", tag, text),
            ("PUT", "/catalogue", {**tag, "content-encoding": "gzip"}, gzip.compress(text, mtime=0)),
            ("PUT", "/catalogue", {}, text),
            ("PUT", "/catalogue", tag, b"currency: 1"),
            ("POST", "/catalogue/validate", {}, text.replace(b"60", b"61")),
            ("POST", "/catalogue/rollback", tag, b'{"version": 1}'),
            ("POST", "/catalogue/rollback", tag, b'{"version": 9}'),
        ]:
            first, second = (client.request(method, path, headers=extra, content=body) for client in (fast, slow))
            assert (first.status_code, first.content) == (second.status_code, second.content), (method, path)
            for name in ("content-type", "etag", "vary"):
                assert first.headers.get(name) == second.headers.get(name)


async def _nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("nothing stands behind the lane here")


def test_a_service_without_a_catalogue_is_given_its_first(tmp_path: Path) -> None:
    store = open_store(store_url(tmp_path))
    store.close()
    runtime = Runtime(Settings(home=tmp_path))

    async def visit() -> None:
        app = httpx.ASGITransport(Lane(_nothing, lambda: runtime, fast=True), client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=app, base_url="http://127.0.0.1") as client:
            assert fault(await client.get("/catalogue")) == (404, "not_found", "catalogue")
            assert (await client.get("/catalogue/versions")).json() == {"versions": [], "next": None}
            told = (await client.post("/catalogue/validate", content=CATALOGUE)).json()
            assert (told["against"], told["same"]) == (0, False)
            assert (await client.get("/readyz")).status_code == 503
            first = await client.put("/catalogue", content=CATALOGUE)
            assert (first.status_code, first.json()["catalogue"]["author"]) == (200, "this machine")
            assert (await client.get("/readyz")).status_code == 200
            assert (await client.put("/catalogue", content=CATALOGUE)).status_code == 428
        await runtime.close()

    asyncio.run(visit())


def test_a_silent_registry_is_not_asked_when_a_catalogue_is_taken_up(tmp_path: Path) -> None:
    make_shop(tmp_path, model=False)
    with socket.create_server(("127.0.0.1", 0)) as registry:
        registry.setblocking(False)
        address = f"http://127.0.0.1:{registry.getsockname()[1]}"
        runtime = Runtime(Settings(home=tmp_path, tracking_uri=address))
        registry.accept()[0].close()

        async def look() -> int:
            source = read_text(marked("x"))
            runtime.store.publish_catalogue(source.document, source.items_ipc(), None, 0, "ann", "")
            await runtime.look()
            await runtime.close()
            return runtime.in_force.catalogue_version

        assert asyncio.run(look()) == 2
        with pytest.raises(BlockingIOError):
            registry.accept()


def test_what_is_in_force_is_told_when_it_is(tmp_path: Path) -> None:
    """Whoever reads the line and asks is answered by what it names."""
    make_shop(tmp_path, model=False)
    runtime = Runtime(Settings(home=tmp_path))
    told: list[tuple[str, int, str]] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append((record.getMessage(), runtime.in_force.catalogue_version, runtime.in_force.model.version))

    async def changes() -> None:
        put_model(runtime.store, "8", noise_bundle())
        await runtime._look_for_model()
        await runtime._look_for_model()
        source = read_text(marked("x"))
        runtime.store.publish_catalogue(source.document, source.items_ipc(), None, 0, "ann", "")
        await runtime.look()
        await runtime.look()
        await runtime.close()

    log, listening = logging.getLogger("nextbest.runtime"), Listening()
    level = log.level
    log.setLevel(logging.INFO)
    log.addHandler(listening)
    try:
        asyncio.run(changes())
    finally:
        log.removeHandler(listening)
        log.setLevel(level)
    assert told == [("model in force", 1, "8"), ("catalogue in force", 2, "8")]
