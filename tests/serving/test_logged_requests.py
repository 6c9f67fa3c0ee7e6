"""Whatever is asked is logged so that it can be asked again."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from features.instants import parse_instant, render_instant
from serving.body import checked, parsed
from serving.deciding import identifier_of
from serving.question_text import request_text, told_of
from serving.replaying import Question
from serving.schemas import RecommendRequest

CHANGES_NO_DECISION = {"explain", "dry_run", "decision_id", "at", "customer_id"}
"""What a replay does not ask again: it decides as of then, explains, and logs nothing."""

_TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=20)
_INSTANTS = st.integers(parse_instant("0001-01-02T00:00:00Z"), parse_instant("9999-12-30T00:00:00Z"))
_NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    [
        ("phone", "+44 20 7946 0018"),
        ("email", "Ada@Example.com"),
        ("user_id", "c-1"),
        ("crm", "ü 7"),
        ("anonymous_id", "b"),
    ]
)
_FIELDS: dict[str, st.SearchStrategy[object]] = {
    "channels": st.none() | st.lists(_TEXTS, min_size=1, max_size=3),
    "limit": st.integers(1, 20),
    "across": st.sampled_from(["each", "best"]),
    "distinct": st.booleans(),
    "deliver_at": st.none() | _INSTANTS.map(render_instant),
    "placement": st.none() | _TEXTS,
    "context": st.dictionaries(_TEXTS, _JSON, max_size=3),
    "exclude": st.lists(_TEXTS, max_size=3),
    "explain": st.booleans(),
    "dry_run": st.booleans(),
    "decision_id": st.none() | _TEXTS,
    "at": st.none() | _INSTANTS.map(render_instant),
    "identifier": _NAMES.map(lambda name: {"type": name[0], "value": name[1]}),
}
_BODIES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"identifier": _FIELDS["identifier"]},
    optional={name: some for name, some in _FIELDS.items() if name != "identifier"},
)
_REQUEST: TypeAdapter[RecommendRequest] = TypeAdapter(RecommendRequest)


def test_a_field_is_asked_again_or_changes_no_decision() -> None:
    """And the bodies below have every field of a request."""
    assert set(Question.__struct_fields__) == set(RecommendRequest.model_fields) - CHANGES_NO_DECISION
    assert set(_FIELDS) == set(RecommendRequest.model_fields) - {"customer_id"}


@settings(max_examples=60, deadline=None)
@given(body=_BODIES, decided_at=_INSTANTS)
def test_every_logged_request_is_read_as_it_was_meant(body: dict[str, Any], decided_at: int) -> None:
    request = checked(_REQUEST, parsed(json.dumps(body).encode()))
    identifier = identifier_of(request, "GB")
    read = msgspec.json.decode(request_text(told_of(request), identifier), type=Question)
    meant = request.model_dump(exclude={*CHANGES_NO_DECISION, "identifier", "deliver_at"})
    found = {name: getattr(read, name) for name in meant}
    assert {name: list(one) if isinstance(one, tuple) else one for name, one in found.items()} == meant
    assert read.identifier == (identifier.type, identifier.value)
    wanted = decided_at if request.deliver_at is None else request.deliver_at
    assert read.delivery(decided_at) == max(decided_at, wanted)
