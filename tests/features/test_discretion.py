"""What only its owner should know does not enter the log. Every value here is synthetic."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.discretion import SECRET_WORDS, is_secret, is_withheld, without_secret
from features.wire.segment import read

NOON = 1_700_000_000_000
CARD = "4111 1111 1111 1111"


def logged(**properties: object) -> dict[str, object]:
    call = {"type": "track", "event": "Form Field Captured", "messageId": "m", "userId": "c", "properties": properties}
    (event,) = read(call, NOON).events
    found: dict[str, object] = json.loads(event.properties)
    return found


@pytest.mark.parametrize(
    ("field", "value"),
    [("password", "hunter2"), ("cardNumber", 4111111111111111), ("PIN", 1234), ("note", CARD), ("n", [CARD, "x"])],
)
def test_a_secret_is_not_logged(field: str, value: object) -> None:
    assert logged(field=field, value=value, step=2) == {"field": field, "value": None, "withheld": True, "step": 2}


@pytest.mark.parametrize(("field", "value"), [("meter", "A-12"), ("password", ""), ("password", None), (7, "x")])
def test_anything_else_is_logged_as_it_came(field: object, value: object) -> None:
    assert logged(field=field, value=value) == {"field": field, "value": value}
    assert logged(value="of no field") == {"value": "of no field"}


def test_other_events_are_logged_as_they_came() -> None:
    said = {"field": "password", "value": CARD}
    call = {"type": "track", "event": "Survey Answered", "messageId": "m", "userId": "c", "properties": said}
    assert json.loads(read(call, NOON).events[0].properties) == said


@given(st.text() | st.sampled_from(SECRET_WORDS), st.none() | st.booleans() | st.integers() | st.text() | st.just(CARD))
def test_what_is_kept_is_withheld_as_before_and_holds_no_secret(field: str, value: object) -> None:
    told = {"field": field, "value": value}
    kept = without_secret(told)
    assert is_withheld(kept) == is_withheld(told) == is_secret(field, value)
    assert kept["value"] in (None, "") if is_secret(field, value) else kept == told
    assert without_secret(kept) == kept
