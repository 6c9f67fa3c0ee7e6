"""What is written down is what reading it gives again; JSON is read as JSON and told of as YAML is."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from models import catalogue_file, yaml_lines
from models.catalogue import CatalogueInvalid
from models.catalogue_items import ITEM_SCHEMA, from_ipc
from models.catalogue_text import load
from models.catalogue_writing import as_json, as_yaml
from tests.models.test_catalogue import BROKEN, EXAMPLE, GUIDE, faults_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    [
        "0123",
        "no",
        "~",
        "1e5",
        "2026-01-31",
        "1_000",
        "-",
        "{a",
        "a: b",
        " a ",
        "#",
        "1:20",
        "\x85",
        "\u2028",
        "\x7f",
        "😀",
    ]
)
NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
CONTENT: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
IDS = st.from_regex(r"[a-z0-9_.:/~#{\[-]{1,5}", fullmatch=True) | st.sampled_from(["0042", "no", "null", "1e3", "Ünï"])
ITEMS = st.lists(
    st.fixed_dictionaries(
        {"id": IDS, "category": st.none(), "name": st.none() | TEXTS, "price": st.none() | st.floats(0, 1e9)}
    ),
    max_size=4,
    unique_by=lambda item: item["id"],
)


def made(name: str, content: dict[str, JsonValue], items: list[dict[str, object]]) -> catalogue_file.CatalogueSource:
    treatment = {"id": name, "channel": "web", "content": content}
    action = {"id": name, "name": name, "kind": "message", "group": "g", "value": 0.5, "success": "clicked"}
    document = {
        "currency": "EUR",
        "time_zone": "UTC",
        "channels": {"web": {"direction": "inbound", "consent": "not_needed", "reward_window_days": 7}},
        "actions": [{**action, "treatments": [treatment]}],
    }
    return catalogue_file.checked(document, pa.Table.from_pylist(items, schema=ITEM_SCHEMA))


@settings(deadline=None)
@given(IDS, st.dictionaries(TEXTS, CONTENT, max_size=3), ITEMS)
def test_what_is_written_is_read_again(
    name: str, content: dict[str, JsonValue], items: list[dict[str, object]]
) -> None:
    source = made(name, content, items)
    for write in (as_yaml, as_json):
        again = catalogue_file.read_text(write(source.document, source.items))
        assert again.document == source.document
        assert again.items_ipc() == source.items_ipc()
        kept = catalogue_file.read_text(write(source.document, None), kept=source.items)
        assert (kept.document, kept.items) == (source.document, source.items)


@settings(deadline=None)
@given(st.dictionaries(TEXTS, CONTENT, max_size=4), st.booleans(), st.none() | st.just(1))
def test_json_is_read_as_json(value: dict[str, JsonValue], escaped: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=escaped, indent=indent)
    found, _ = load(text)
    assert json.dumps(found) == json.dumps(value)


def test_json_with_faults_has_the_lines_and_the_faults_of_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    value, _ = yaml_lines.load(BROKEN.replace("1e400", "-1"))
    text = json.dumps(value, indent=1)
    assert "\n" in text
    as_json_told = faults_of(text)
    assert len(as_json_told) > 20
    monkeypatch.setattr("models.catalogue_text._as_json", lambda _text: None)
    assert faults_of(text) == as_json_told


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"currency": "EUR",\n "currency": "GBP"}', "line 2: currency is given twice"),
        ('{"a": "\\ud800"}', "line 1: catalogue is not YAML"),
        ('{"actions":\n ' + "[" * 150 + "]" * 150 + "}", "line 2: catalogue is nested deeper than 100"),
        ('{"currency": NaN}', "line 1: currency is 'NaN'"),
        ('{"currency": 1,\n "time_zone": "\\ud83d\\ude00"}', "line 2: time_zone is '😀'"),
    ],
)
def test_json_that_is_not_quite_right_is_told_of_as_yaml_is(text: str, fault: str) -> None:
    assert any(one.startswith(fault) for one in faults_of(text))


def test_what_json_writes_in_two_halves_is_one_character() -> None:
    text = as_json(catalogue_file.read_text(EXAMPLE).document, None).replace('"Offers"', '"\\\\\\ud83d\\ude00"')
    source = catalogue_file.read_text(text, kept=catalogue_file.read_text(EXAMPLE).items)
    assert json.loads(source.document)["topics"][0]["name"] == "\\😀"
    faulty = text.replace('"GBP"', '"gbp"')
    assert any(one.startswith("line 1: currency is 'gbp'") for one in faults_of(faulty))


def test_a_text_without_items_keeps_those_that_there_are() -> None:
    source = catalogue_file.read_text(EXAMPLE)
    document = as_yaml(source.document, None)
    kept = catalogue_file.read_text(document, kept=from_ipc(source.items_ipc()))
    assert (kept.document, kept.items_ipc()) == (source.document, source.items_ipc())
    assert "items:\n" not in document.replace("  items:", "")
    assert any("'0042'; a promoted item must be listed" in one for one in faults_of(document))
    none = document + "items: []\n"
    with pytest.raises(CatalogueInvalid, match="a promoted item must be listed"):
        catalogue_file.read_text(none, kept=source.items)
    uncategorised = document.replace("- id: laundry\n", "- id: washing\n").replace("0042", "7001", 1)
    with pytest.raises(CatalogueInvalid, match=r"^item row 1: category is 'laundry'"):
        catalogue_file.read_text(uncategorised, kept=source.items)


def test_the_documented_change_is_made_as_it_is_documented() -> None:
    source = catalogue_file.read_text(EXAMPLE)
    more = GUIDE.split("```\n- id: power-cut")[1].split("```")[0]
    edited = as_yaml(source.document, None) + "- id: power-cut" + more
    document = json.loads(catalogue_file.read_text(edited, kept=source.items).document)
    assert [action["id"] for action in document["actions"]][-1] == "power-cut"
    assert document["actions"][:-1] == json.loads(source.document)["actions"]


@pytest.mark.parametrize("name", ["items.csv", "items.parquet"])
def test_items_from_a_file_are_the_same_bytes_when_written_out(tmp_path: Path, name: str) -> None:
    rows = {"id": ["0042", "0043", "7001", "9100"], "category": ["laundry", None, "care", None]}
    prices = pa.array([1.5, None, float("0"), 2.0], pa.float64())
    table = pa.table({**rows, "price": prices, "contains": [[], None, None, ["0042", "7001"]]})
    if name.endswith("csv"):
        (tmp_path / name).write_text(
            "id,category,price,contains\n0042,laundry,1.5,\n0043,,,\n7001,care,0,\n9100,,2,0042;7001\n"
        )
    else:
        pyarrow.parquet.write_table(table, tmp_path / name)
    before, after = EXAMPLE.split("items:\n", 1)
    (tmp_path / "c.yaml").write_text(before + f"items_file: {name}\n\nactions:" + after.split("actions:", 1)[1])
    source = catalogue_file.read(tmp_path / "c.yaml")
    for write in (as_yaml, as_json):
        assert catalogue_file.read_text(write(source.document, source.items)).items_ipc() == source.items_ipc()


def test_a_file_that_is_not_utf_8_is_a_fault_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"currency: EUR\ntime_zone: Z\xfcrich\n")
    with pytest.raises(CatalogueInvalid, match=r"^c.yaml line 2: catalogue is not UTF-8; byte 0xfc is none of its; "):
        catalogue_file.read(tmp_path / "c.yaml")
