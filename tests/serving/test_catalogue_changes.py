"""Changing the catalogue while it serves: whole or not at all, by one editor at a time, on every worker."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import yaml
from starlette.types import Receive, Scope, Send

from features.stores import open_store
from models.catalogue import CatalogueInvalid
from models.catalogue_file import read_text
from serving.catalogues import MOST_BYTES
from serving.lane import Lane
from serving.runtime import Runtime
from serving.security import new_key
from serving.settings import Settings
from tests.serving.conftest import Demo
from tests.serving.running import Running, server, until
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, make_shop, store_url
from tests.serving.test_bad_input import fault

YAML = {"accept": "application/yaml"}
POWER_CUT = """
- id: power-cut
  name: We know of the power cut in 021xx
  kind: message
  group: incidents
  value: 0
  success: clicked
  treatments:
  - {id: power-cut-web, channel: web, content: {text: We know and are at it}}
"""


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


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    home = tmp_path_factory.mktemp("edited")
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


def test_an_action_is_added_by_editing_what_was_read(editor: Editor) -> None:
    before = editor.text("false")
    response = editor.put(before + POWER_CUT.lstrip("\n"), note="power cut in 021xx")
    assert response.status_code == 200, response.text
    told = response.json()
    made = told["catalogue"]
    assert (told["published"], made["author"], made["note"]) == (True, f"key {editor.key_id}", "power cut in 021xx")
    assert made["counts"] == {"channels": 3, "topics": 0, "categories": 3, "actions": 4, "items": 3}
    assert response.headers["etag"] == f'"{made["version"]}-{made["digest"][:16]}"' == editor.tag()
    assert until(lambda: editor.everywhere(made["version"]))
    answer = decided(editor)
    assert answer["catalogue_version"] == made["version"]
    assert actions_on_web(answer)["power-cut"] == {"text": "We know and are at it"}
    assert editor.text("false") == before + yaml.safe_dump(yaml.safe_load(POWER_CUT), sort_keys=False).replace(
        "value: 0\n", "value: 0.0\n"
    )
    newest, previous = editor.client.get("/catalogue/versions?limit=2").json()["versions"]
    assert (newest, previous["version"]) == (made, made["version"] - 1)


@pytest.mark.parametrize("accept", ["application/json", "application/yaml"])
def test_what_is_read_can_be_sent_back_and_is_the_same_version(editor: Editor, accept: str) -> None:
    for items in ("true", "false"):
        read = editor.client.get("/catalogue", params={"items": items}, headers={"accept": accept})
        assert read.headers["content-type"] == accept
        assert read.headers["vary"] == "Accept"
        for body in (read.content, gzip.compress(read.content)):
            encoding = {"content-encoding": "gzip"} if body != read.content else {}
            headers = {"if-match": read.headers["etag"], **encoding}
            again = editor.client.put("/catalogue", content=body, headers=headers, params={"note": "nothing new"})
            assert (again.status_code, again.json()["published"]) == (200, False), again.text
            assert again.headers["etag"] == read.headers["etag"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("text/html, application/yaml;q=0.9, */*;q=0.8", "yaml"),
        ("Text/YAML", "yaml"),
        ("application/x-yaml;q=0.5, application/json", "json"),
        ("application/yaml;q=0, application/json;q=0", "json"),
        ("application/yaml;q=x;;,", "json"),
    ],
)
def test_the_form_is_the_one_that_is_liked_best(editor: Editor, accept: str, kind: str) -> None:
    read = editor.client.get("/catalogue", headers={"accept": accept})
    assert read.headers["content-type"] == f"application/{kind}"


def test_json_has_every_field_and_the_items_or_not(editor: Editor) -> None:
    whole = editor.client.get("/catalogue").json()
    assert whole["items"][0] == {"id": "washer-1", "category": "laundry", "name": None, "price": 499.0}
    assert whole["actions"][0]["lever"] == 1.0
    assert whole.keys() - editor.client.get("/catalogue?items=false").json().keys() == {"items"}
    first = editor.client.get("/catalogue?version=1")
    assert first.headers["etag"].startswith('"1-')
    assert [action["id"] for action in first.json()["actions"]] == ["offer-washer", "offer-vacuum", "offer-plan"]


def test_a_lost_update_is_refused(editor: Editor) -> None:
    text, tag = editor.text(), editor.tag()
    mine = text.replace("value: 20.0", "value: 21")
    assert editor.put(mine, tag).status_code == 200
    version = editor.version()
    late = editor.put(text.replace("value: 20.0", "value: 22"), tag)
    assert fault(late) == (409, "conflict", "if-match")
    assert f"the newest version, which is {version}" in late.json()["error"]["rule"]
    sent_again = editor.put(mine, tag)
    assert (sent_again.status_code, sent_again.json()["published"]) == (200, False)
    assert fault(editor.client.put("/catalogue", content=text)) == (428, "precondition_required", "if-match")
    for unknown in ('"999-0123456789abcdef"', '"1-0123456789abcdef"'):
        assert fault(editor.put(text, unknown)) == (409, "conflict", "if-match")
    for malformed in ("1", '"1"', "", f"{tag}, {tag}"):
        assert fault(editor.put(text, malformed)) == (422, "invalid_value", "if-match")
    assert editor.version() == version
    assert editor.put(text, "*").json()["catalogue"]["version"] == version + 1
    document = editor.text("false").replace("value: 20.0", "value: 23")
    assert editor.put(document, "*").json()["catalogue"]["counts"]["items"] == 3


def test_of_editors_at_the_same_time_one_is_first(editor: Editor) -> None:
    text, tag, version = editor.text("false"), editor.tag(), editor.version()
    statuses: list[int] = []

    def edit(number: int) -> None:
        changed = re.sub(r"value: 5(\.\d+)?", f"value: 5.{number + 1}", text)
        with editor.running.client(authorization=editor.client.headers["authorization"]) as client:
            statuses.append(client.put("/catalogue", content=changed, headers={"if-match": tag}).status_code)

    editors = [threading.Thread(target=edit, args=(number,)) for number in range(6)]
    for one in editors:
        one.start()
    for one in editors:
        one.join()
    assert sorted(statuses) == [200, 409, 409, 409, 409, 409]
    assert editor.version() == version + 1


def test_every_fault_is_told_at_once_with_its_line_and_nothing_is_changed(editor: Editor) -> None:
    version = editor.version()
    broken = CATALOGUE.replace("value: 60", "value: -3").replace("channel: sms", "channel: smoke", 1)
    broken = broken.replace("currency: EUR", "currency: euro")
    with pytest.raises(CatalogueInvalid) as caught:
        read_text(broken)
    expected = [{"line": one.line, "field": one.path, "message": one.message} for one in caught.value.faults]
    assert len(expected) == 3
    for response in (editor.put(broken), editor.client.post("/catalogue/validate", content=broken)):
        assert response.status_code == 422
        error = response.json()["error"]
        assert (error["type"], error["field"], error["value"]) == ("invalid_value", "body", "a catalogue with 3 faults")
        assert error["faults"] == expected
    as_json = json.dumps(yaml.safe_load(broken), indent=1)
    line = as_json[: as_json.index("smoke")].count("\n") + 1
    assert line in {one["line"] for one in editor.put(as_json).json()["error"]["faults"]}
    assert editor.version() == version


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "catalogue is None"),
        (b"currency: [", "catalogue is not YAML"),
        (b"currency: EUR\nx: \xff", "catalogue is not UTF-8"),
        (b"[" * 100_000, "nested deeper than 100"),
        (b'{"actions": ' + b"[" * 5000, "nested deeper than 100"),
        (CATALOGUE.encode() + b"items_file: x.csv\n", "items_file is given twice"),
        (re.sub(r"items:\n.*?\nactions", "items_file: x.csv\nactions", CATALOGUE, flags=re.S).encode(), "has no files"),
    ],
)
def test_what_is_no_catalogue_is_refused(editor: Editor, body: bytes, told: str) -> None:
    response = editor.put(body)
    assert response.status_code == 422
    error = response.json()["error"]
    assert any(told in one["message"] for one in error["faults"]), error


def test_more_faults_than_anybody_reads_are_cut(editor: Editor) -> None:
    bad = {**yaml.safe_load(CATALOGUE), "items": [{"id": f"i{number}", "price": -1} for number in range(3000)]}
    error = editor.put(json.dumps(bad)).json()["error"]
    assert len(error["faults"]) == 1000
    assert int(error["value"].split()[3]) >= 3000


def test_a_catalogue_has_a_size(editor: Editor) -> None:
    bomb = gzip.compress(b" " * (MOST_BYTES + 1))
    headers = {"if-match": "*", "content-encoding": "gzip"}
    assert fault(editor.client.put("/catalogue", content=bomb, headers=headers)) == (413, "too_large", "body")
    assert fault(editor.put(b"#" * (MOST_BYTES + 1))) == (413, "too_large", "body")
    headers["content-encoding"] = "br"
    assert editor.client.put("/catalogue", content=b"x", headers=headers).status_code == 400


def test_an_older_version_comes_back_as_a_new_one(editor: Editor) -> None:
    editor.put(editor.text("false").replace("value: 60.0", "value: 64"))
    version, tag = editor.version(), editor.tag()
    back = editor.client.post("/catalogue/rollback", json={"version": 1}, headers={"if-match": tag})
    assert back.status_code == 200, back.text
    made = back.json()["catalogue"]
    assert (made["version"], made["note"]) == (version + 1, "rolled back to version 1")
    first = editor.client.get("/catalogue?version=1")
    assert editor.client.get("/catalogue").content == first.content
    assert back.headers["etag"].split("-")[1] == first.headers["etag"].split("-")[1]
    answer = editor.client.post("/catalogue/rollback", json={"version": 1, "note": "again"}, headers={"if-match": "*"})
    assert answer.json()["published"] is False
    for headers, status in (({}, 428), ({"if-match": tag}, 409)):
        late = editor.client.post("/catalogue/rollback", json={"version": version}, headers=headers)
        assert fault(late)[0] == status
    for body, expected in [
        ({"version": 999}, (404, "not_found", "version")),
        ({"version": 0}, (422, "invalid_value", "version")),
        ({"version": 1, "note": "x" * 301}, (422, "invalid_value", "note")),
        ({}, (422, "invalid_value", "version")),
        ({"version": 1, "why": ""}, (422, "unknown_field", "why")),
    ]:
        assert fault(editor.client.post("/catalogue/rollback", json=body, headers={"if-match": "*"})) == expected


def test_validating_tells_what_would_change_and_changes_nothing(editor: Editor) -> None:
    version, text = editor.version(), editor.text()
    same = editor.client.post("/catalogue/validate", content=text).json()
    assert (same["against"], same["same"], same["diff"]["changes"]) == (version, True, [])
    edited = text.replace("direction: outbound", "direction: inbound", 1)
    edited = edited.replace("items:\n  - {id: ", "items:\n  - {id: new-1}\n  - {id: ")
    told = editor.client.post("/catalogue/validate", content=edited).json()
    assert told["diff"]["changes"] == [
        {"what": "changed", "path": ["channels", "email", "direction"], "before": "outbound", "after": "inbound"}
    ]
    assert told["diff"]["items_added"] == {"count": 1, "first": ["new-1"]}
    assert editor.version() == version


def test_versions_come_in_pages(editor: Editor) -> None:
    newest = editor.version()
    found: list[int] = []
    before: int | None = None
    while True:
        query = {"limit": "2"} if before is None else {"limit": "2", "before": str(before)}
        page = editor.client.get("/catalogue/versions", params=query).json()
        found += [one["version"] for one in page["versions"]]
        before = page["next"]
        if before is None:
            break
    assert found == list(range(newest, 0, -1))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/catalogue?version=999999", (404, "not_found", "version")),
        ("/catalogue?version=0", (422, "invalid_value", "version")),
        ("/catalogue?version=x", (422, "invalid_value", "version")),
        ("/catalogue?items=no", (422, "invalid_value", "items")),
        ("/catalogue?colour=red", (422, "unknown_field", "colour")),
        ("/catalogue/versions?limit=101", (422, "invalid_value", "limit")),
        ("/catalogue/versions?before=-1", (422, "invalid_value", "before")),
        ("/catalogue/rollback", (405, "method_not_allowed", "")),
        ("/catalogue/other", (404, "not_found", "path")),
    ],
)
def test_a_bad_question_about_it_is_refused(editor: Editor, address: str, expected: tuple[int, str, str]) -> None:
    assert fault(editor.client.get(address)) == expected


def test_a_note_is_one_line(editor: Editor) -> None:
    for note in ("x" * 301, "a\nb"):
        assert fault(editor.put(editor.text(), note=note)) == (422, "invalid_value", "note")


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
