"""Equal people have equal identifiers; nonsense is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Identifier
from features.identity import IdentityError, customer_identifier, normalise, outside_name


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("email", " Ann.Lee@Example.COM ", "ann.lee@example.com"),
        ("phone", "+44 20 7946 0018", "+442079460018"),
        ("phone", "+44 (0)20 7946-0018", "+442079460018"),
        ("user_id", " 007 ", "007"),
        ("user_id", "Cafe\u0301", "Caf\u00e9"),
        ("loyalty_card", "000123", "000123"),
    ],
)
def test_one_form(type_: str, value: str, expected: str) -> None:
    assert normalise(type_, value) == Identifier(type_, expected)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("email", "ann"),
        ("email", "a b@example.com"),
        ("phone", "020 7946 0018"),
        ("phone", "+44 1"),
        ("phone", "call me"),
        ("user_id", ""),
        ("user_id", "   "),
        ("user_id", "a\x00b"),
        ("user_id", "\ud800"),
        ("user_id", "x" * 257),
        ("", "x"),
    ],
)
def test_nonsense_is_refused(type_: str, value: str) -> None:
    with pytest.raises(IdentityError):
        normalise(type_, value)


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_outside_names_lead_back(text: str) -> None:
    try:
        identifier = customer_identifier(text)
    except IdentityError:
        return
    assert customer_identifier(outside_name(identifier)) == identifier
    assert normalise(identifier.type, identifier.value) == identifier


def test_anonymous_people_have_names_too() -> None:
    assert customer_identifier("anon:x-1") == Identifier("anonymous_id", "x-1")
    assert customer_identifier("anon:") == Identifier("user_id", "anon:")
    assert outside_name(Identifier("email", "a@example.com")) == "email:a@example.com"
