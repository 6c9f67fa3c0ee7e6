"""Whom a refused payload names."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.event import Identifier
from features.identity import IdentityError, normalise
from features.stores.mentions import named
from features.stores.sieve import Sieve

ANN = Identifier("email", "ann@example.org")
PHONE = Identifier("phone", "+442079460018")
USER = Identifier("user_id", "c-17")


@pytest.mark.parametrize(
    ("payload", "meant"),
    [
        ('{"traits": {"email": "Ann@Example.org "}}', ANN),
        ('{"properties": {"note": "write to ann@example.org, please"}}', ANN),
        ('{"deep": [[{"x": "ann\\u0040example.org"}]]}', ANN),
        ('{"context": {"phone": "+44 20 7946 0018"}}', PHONE),
        ('{"userId": "c-17"}', USER),
        ('{"type": "track", "userId": "c-17", "properties": {"cut', USER),
        ('{"properties": {"note": "write to ann@example.org, and then it was cut', ANN),
        ('{"properties": {"note": "to\\nann@example.org, and then an escape was cut \\u00', ANN),
        ('{"properties": {"note": "to\\nann@example.org, and then an escape was cut \\', ANN),
        ('{"customer_id":  17}', Identifier("user_id", "17")),
        ('["customer-0017"]', Identifier("user_id", "customer-0017")),
    ],
)
def test_it_is_found(payload: str, meant: Identifier) -> None:
    assert meant in set(named(payload, {meant.type, "email", "phone"}))
    assert Sieve([(meant.type, meant.value)]).lets_through(payload)


@pytest.mark.parametrize(
    "payload",
    ['{"quantity": 17, "price": 17}', '{"note": "17"}', '{"email": "17"}', "", "{", '{"userId": 18}', '{"17": "x"}'],
)
def test_a_number_is_nobody(payload: str) -> None:
    assert Identifier("user_id", "17") not in set(named(payload, {"user_id"}))


@pytest.mark.parametrize("hostile", ["a", '\\"', "1-", '"', "(", " ", '"a" ', "a@", "\\u00"])
def test_no_payload_costs_the_square_of_its_length(hostile: str) -> None:
    """It would not end."""
    payload = '{"note": "' + 2_000_000 // len(hostile) * hostile
    assert ANN not in set(named(payload, {"email"}))


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)),
    st.text(min_size=1),
)
def test_wherever_an_address_stands(beside: object, key: str) -> None:
    payload = json.dumps({"beside": beside, key: {"who": ANN.value}})
    for text in (payload, payload[: payload.index(ANN.value) + len(ANN.value) + 1]):
        assert ANN in set(named(text, {"email"}))


_WRITTEN = st.sampled_from(
    [
        ("email", "Ann.Stra\u00dfe@Example.ORG"),
        ("email", "ann@example.org"),
        ("email", "\u212ann@example.org"),
        ("phone", "+44 (20) 7946-0018"),
        ("phone", "+44 20.7946/0018"),
        ("phone", "+\u0664\u0664 20 7946 0018"),
        ("loyalty_card", "ab 12-34 x"),
        ("device", "{6F9619FF-8B86-D011-B42D-00CF4FC964FF}"),
        ("device", "urn:uuid:6f9619ff8b86d011b42d00cf4fc964ff"),
        ("user_id", " c-17/a "),
        ("user_id", "J\u00fcrgen"),
        ("crm", "\u212aelvin-7"),
    ]
)


@given(
    st.lists(st.tuples(st.sampled_from(["userId", "note", "phone", "x"]), st.text(max_size=12) | _WRITTEN.map(str))),
    _WRITTEN,
    st.booleans(),
)
def test_the_sieve_lets_through_whatever_names_somebody(
    beside: list[tuple[str, str]], written: tuple[str, str], ascii_only: bool
) -> None:
    type_, text = written
    meant = normalise(type_, text)
    payload = json.dumps({**dict(beside), "customer": text, "deep": [f"to {text}, please"]}, ensure_ascii=ascii_only)
    if meant in set(named(payload, {type_})):
        assert Sieve([(type_, meant.value)]).lets_through(payload)


@given(st.sampled_from(["user_id", "email", "phone", "loyalty_card", "device", "crm"]), st.text(max_size=40))
def test_and_whatever_a_text_may_mean(type_: str, text: str) -> None:
    try:
        meant = normalise(type_, text)
    except IdentityError:
        return
    assert Sieve([(type_, meant.value)]).lets_through(json.dumps({"userId": text}, ensure_ascii=False))


def test_the_sieve_keeps_back_what_names_somebody_else() -> None:
    sieve = Sieve([("user_id", "c-17"), ("email", "ann@example.org"), ("phone", PHONE.value)])
    assert not sieve.lets_through('{"userId": "c-18", "note": "M\u00fcller", "traits": {"email": "bob@example.org"}}')
    assert Sieve([("user_id", "c-17"), ("email", None)]).lets_through("{}")
    assert Sieve([]).lets_through("{}")
