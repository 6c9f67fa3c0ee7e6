"""Equal people have equal identifiers; nonsense is refused by name; names lead back to whom they name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Identifier
from features.identity import DIGEST, SPOKEN, IdentityError, customer_identifier, is_strong, normalise, outside_name


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("email", " Ann.Lee@Example.COM ", "ann.lee@example.com"),
        ("Email", "ann@example.com", "ann@example.com"),
        ("phone", "+44 20 7946 0018", "+442079460018"),
        ("phone", "+44 (0)20 7946-0018", "+442079460018"),
        ("user_id", " 007 ", "007"),
        ("user_id", "Cafe\u0301", "Caf\u00e9"),
        ("anonymous_id", "aBc", "aBc"),
        ("loyalty_card", "000123", "000123"),
        ("loyalty_card", "ab12 3456-78", "AB12345678"),
        ("order_number", "O-17", "O-17"),
        ("device", "6D92078A-8246-4BA4-AE5B-76104861E7DC", "6d92078a-8246-4ba4-ae5b-76104861e7dc"),
        ("device", "Token:AbC", "Token:AbC"),
        ("CRM_id", "X9", "X9"),
    ],
)
def test_one_form(type_: str, value: str, expected: str) -> None:
    assert normalise(type_, value) == Identifier(type_.lower(), expected)


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        ("020 7946 0018", "GB", "+442079460018"),
        ("0044 20 7946 0018", "GB", "+442079460018"),
        ("030 901820", "DE", "+4930901820"),
        ("+49 30 901820", "GB", "+4930901820"),
    ],
)
def test_a_phone_written_nationally_is_read_in_the_region(value: str, region: str, expected: str) -> None:
    assert normalise("phone", value, region).value == expected


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
        ("loyalty_card", "- -"),
        ("device", "00000000-0000-0000-0000-000000000000"),
        ("digest", "ab" * 16),
        ("", "x"),
        ("a:b", "x"),
    ],
)
def test_nonsense_is_refused(type_: str, value: str) -> None:
    with pytest.raises(IdentityError):
        normalise(type_, value)


_NAMES = st.text(min_size=1, max_size=40) | st.builds(
    "{}:{}".format, st.sampled_from([*sorted(SPOKEN), "anon", "external", DIGEST, "external:crm", "urn"]), st.text()
)


@settings(max_examples=400, deadline=None)
@given(_NAMES)
def test_outside_names_lead_back(text: str) -> None:
    try:
        identifier = customer_identifier(text)
    except IdentityError:
        return
    assert customer_identifier(outside_name(identifier)) == identifier


_TYPES = st.sampled_from([*sorted(SPOKEN), "anonymous_id", "crm", "External"]) | st.text(min_size=1, max_size=9)
_VALUES = st.sampled_from(["+442079460018", "a@example.com", "user_id:x", "anon:x"]) | _NAMES


@settings(max_examples=400, deadline=None)
@given(_TYPES, _VALUES)
def test_no_two_identifiers_have_one_name(type_: str, value: str) -> None:
    try:
        identifier = normalise(type_, value)
    except IdentityError:
        return
    assert normalise(identifier.type, identifier.value) == identifier
    assert customer_identifier(outside_name(identifier)) == identifier


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("anon:x-1", Identifier("anonymous_id", "x-1")),
        ("user_id:anon:", Identifier("user_id", "anon:")),
        ("email:a@example.com", Identifier("email", "a@example.com")),
        ("phone:+442079460018", Identifier("phone", "+442079460018")),
        ("external:crm:a:b", Identifier("crm", "a:b")),
        ("user_id:phone:1", Identifier("user_id", "phone:1")),
        ("auth0:77", Identifier("user_id", "auth0:77")),
        ("digest:" + "0a" * 16, Identifier("digest", "0a" * 16)),
    ],
)
def test_an_outside_name_says_what_it_is(name: str, identifier: Identifier) -> None:
    assert customer_identifier(name) == identifier
    assert outside_name(identifier) == name


@pytest.mark.parametrize(
    "name",
    [
        *("phone:call me", "email:x", "digest:xyz", "external:crm", "external:phone:+442079460018"),
        *("anon:", "anon: ", "user_id:", "phone:", "digest:", "external:", "external:crm:"),
    ],
)
def test_a_name_that_says_what_it_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(IdentityError):
        customer_identifier(name)


def test_a_national_phone_in_a_name_is_read_in_the_region() -> None:
    assert customer_identifier("phone:020 7946 0018", "GB") == Identifier("phone", "+442079460018")


def test_what_is_strong() -> None:
    strong = {one for one in (*SPOKEN, "anonymous_id", "crm") if is_strong(one)}
    assert strong == {"user_id", "loyalty_card"}
    assert is_strong("crm", frozenset({"crm"}))
