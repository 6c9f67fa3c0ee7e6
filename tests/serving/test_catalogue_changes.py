"""Changing the catalogue over HTTP: whole or not at all, by one editor at a time, nothing lost on the way."""

from __future__ import annotations

import gzip
import json
import re
import threading

import pytest
import yaml

from models.catalogue import CatalogueInvalid
from models.catalogue_file import read_text
from models.catalogue_items import ITEM_SCHEMA
from serving.catalogues import MOST_BYTES
from tests.serving.editor import Editor, actions_on_web, decided
from tests.serving.running import until
from tests.serving.synthetic import CATALOGUE
from tests.serving.test_bad_input import fault

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
    told = {"id": "washer-1", "category": "laundry", "name": None, "price": 499.0}
    assert told.items() <= whole["items"][0].items()
    assert whole["items"][0].keys() == set(ITEM_SCHEMA.names)
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
