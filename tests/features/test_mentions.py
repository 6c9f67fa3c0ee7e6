"""Whom a refused payload names."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.event import Identifier
from features.stores.mentions import named

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
