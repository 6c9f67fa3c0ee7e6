"""Whatever is wrong with what was sent, written or set is said in this project's words and form: `<name> is <value>;
<rule>; <what to do>`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from pydantic_core import PydanticKnownError

from models.catalogue import CatalogueInvalid
from models.catalogue_document import CatalogueDocument, CatalogueFile
from models.catalogue_file import read_text
from models.fault_rules import RULES, rule_of
from serving import schemas
from serving.body import checked
from serving.errors import ErrorBody, Refusal
from serving.settings import Settings
from tests.flow.test_operators import nextbest, one_line
from tests.serving.synthetic import CATALOGUE, make_shop

SENT: Mapping[str, TypeAdapter[Any]] = {
    name: TypeAdapter(getattr(schemas, name))
    for name in (
        *("RecommendRequest", "RecommendBatchRequest", "ConfirmRequest", "ItemFeedRequest", "FeedbackReport"),
        *("FeedbackReports", "HandoffRequest", "TakeRequest", "RollbackRequest", "Note"),
    )
}
SCHEMAS = {
    **SENT,
    "catalogue": TypeAdapter(CatalogueDocument),
    "file": TypeAdapter(CatalogueFile),
    "settings": TypeAdapter(Settings),
}
OUTSIDE = {"default", "nullable", "definitions", "definition-ref", "json-or-python", "lax-or-strict", "union", "any"}
OURS = {"function-after", "function-before", "function-plain", "no-info", "model-field"}
"""Around others, and functions of ours, which raise sentences of ours."""
KINDS = {
    "model": {"model_type", "model_attributes_type"},
    "model-fields": {"model_type", "missing", "extra_forbidden", "invalid_key"},
    "dict": {"dict_type"},
    "list": {"list_type"},
    "str": {"string_type", "string_unicode"},
    "int": {"int_type", "int_parsing", "int_parsing_size", "int_from_float"},
    "float": {"float_type", "float_parsing", "finite_number"},
    "bool": {"bool_type", "bool_parsing"},
    "none": {"none_required"},
    "literal": {"literal_error"},
    "tagged-union": {"union_tag_invalid", "union_tag_not_found"},
    "is-instance": {"is_instance_of"},
}
BOUNDS = {
    "ge": "greater_than_equal",
    "gt": "greater_than",
    "le": "less_than_equal",
    "lt": "less_than",
    "pattern": "string_pattern_mismatch",
}
LIBRARY = re.compile(
    r"[Ii]nput|[Ss]hould|instance of|valid (string|dict|list|int|num|bool)|pydantic|function-|after val"
)
FORM = re.compile(r"^.+ is .*; .+; .+$", re.DOTALL)
LIMITS = dict.fromkeys(("min_length", "max_length", "ge", "gt", "le", "lt", "actual_length"), 1)
TOLD = {"expected": "'a', 'b' or 'c'", "expected_tags": "'a', 'b'", "discriminator": "'kind'", "pattern": "^a$"}
WORDS = {"field_type": "List", "tag": "d", "error": "none", "class": "Path", "class_name": "Path"}


def nodes(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema
        for name, part in schema.items():
            if name not in {"metadata", "serialization"}:
                yield from nodes(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            yield from nodes(part)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_kind_of_fault_that_a_schema_can_find_has_a_rule(name: str) -> None:
    for node in nodes(SCHEMAS[name].core_schema):
        if node["type"] in OUTSIDE | OURS:
            continue
        lengths = "string" if node["type"] == "str" else ""
        found = KINDS[node["type"]] | {kind for bound, kind in BOUNDS.items() if bound in node}
        found |= {f"{lengths}_too_{said}".strip("_") for said in ("short", "long") if f"{said}_length" in node}
        if "min_length" in node or "max_length" in node:
            found |= {f"{lengths}_too_short".strip("_"), f"{lengths}_too_long".strip("_")}
        assert found <= RULES.keys(), node["type"]


@pytest.mark.parametrize("kind", sorted(RULES))
def test_a_rule_is_of_a_kind_that_there_is_and_in_words_of_ours(kind: str) -> None:
    told = {**LIMITS, **TOLD, **WORDS}
    PydanticKnownError(kind, told)  # type: ignore[arg-type]
    said = rule_of({"type": kind, "loc": (), "msg": "", "input": 0, "ctx": told})
    assert said
    assert "'" not in said
    assert "{" not in said
    assert not LIBRARY.search(said)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just("x" * 3000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def fields(name: str) -> list[str]:
    told = json.dumps(SENT[name].json_schema())
    return sorted(set(re.findall(r'"([a-z_]+)": \{', told)) - {"properties", "$defs", "items"})


@settings(max_examples=400, deadline=None)
@given(st.data(), st.sampled_from(sorted(SENT)))
def test_whatever_is_sent_is_refused_in_words_of_ours(data: st.DataObject, name: str) -> None:
    known = st.dictionaries(st.sampled_from(fields(name) or ["x"]), JSON, max_size=4)
    anything = JSON | known | st.lists(known, max_size=2)
    inside = st.fixed_dictionaries({}, optional=dict.fromkeys(fields(name), anything))
    told = data.draw(anything | inside)
    found = refusal(SENT[name], told)
    if found is not None:
        assert FORM.match(found.message), found
        assert not LIBRARY.search(found.rule + found.field), found


def refusal(adapter: TypeAdapter[Any], told: Any) -> ErrorBody | None:
    try:
        checked(adapter, told)
    except Refusal as error:
        return error.body
    return None


@pytest.mark.parametrize(
    ("arguments", "told", "said"),
    [
        (("check",), {"NEXTBEST_PORT": "x"}, "port is 'x'; a whole number; correct NEXTBEST_PORT"),
        (("check",), {"NEXTBEST_WORKERS": "0"}, "workers is '0'; at least 1; correct NEXTBEST_WORKERS"),
        (("recommend", ""), {}, "customer_id is ; at least 1 character; send a valid one"),
        (("recommend", "c", "--channel", ""), {}, "channels[0] is ; at least 1 character; send a valid one"),
    ],
)
def test_the_command_line_says_it_in_words_of_ours(
    tmp_path: Path, arguments: tuple[str, ...], told: Mapping[str, str], said: str
) -> None:
    make_shop(tmp_path, model=False)
    assert one_line(nextbest(tmp_path, *arguments, **told)) == said


LINES = [place for place, line in enumerate(CATALOGUE.splitlines()) if ":" in line]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(LINES), st.sampled_from(["17", "-3", "[]", "{}", "[1, x]", "{a: 1}", "yes", "''", "x", "1e999"]))
def test_whatever_is_written_in_a_catalogue_is_refused_in_words_of_ours(place: int, value: str) -> None:
    lines = CATALOGUE.splitlines()
    lines[place] = re.sub(r"(:\s*)[^{}\[\],:]*$|(:\s*)\S[^,}\]]*", rf": {value}", lines[place], count=1)
    for message in faults("\n".join(lines)):
        assert FORM.match(message), message
        assert not LIBRARY.search(message), message


def faults(text: str) -> list[str]:
    try:
        read_text(text)
    except CatalogueInvalid as error:
        return [one.message for one in error.faults]
    return []
