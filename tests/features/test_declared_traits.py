"""What a call says of a declared trait is read as its type, as a file's is, or refused: never kept as what no condition
knows."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.declared_traits import NotOfType, TraitType, as_declared
from features.wire.errors import WireError
from features.wire.segment import WireRules, read
from models.conditions.known import known_traits

NOON = "2026-01-31T12:00:00Z"
TYPES: dict[str, TraitType] = {
    "size": "number",
    "member": "yes_no",
    "since": "time",
    "postcode": "text",
    "likes": "texts",
    "do_not_contact": "yes_no",
}
RECEIVED = 1_767_225_600_000
JSON = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = JSON | st.text(max_size=6) | st.from_regex(r"[-+.0-9e ]{1,8}", fullmatch=True) | st.lists(JSON | st.text())


def traits(**told: object) -> dict[str, object]:
    call = {"type": "identify", "userId": "c", "messageId": "m", "traits": told}
    return dict(read(call, RECEIVED, rules=WireRules(traits=TYPES)).traits)


def test_a_declared_trait_is_read_as_its_type() -> None:
    assert traits(size="42", member="Yes", since=f" {NOON}", postcode=90210, likes=["tea"], own="42") == {
        "size": 42, "member": True, "since": NOON, "postcode": "90210", "likes": ["tea"], "own": "42"
    }  # fmt: skip
    assert traits(size=" -1.5e1 ", member=0) == {"size": -15.0, "member": False}
    assert traits(size="", member=None, postcode="") == {"size": None, "member": None, "postcode": ""}


@pytest.mark.parametrize(
    ("name", "value", "shown", "said"),
    [
        ("size", "1,5", "1,5", "a number"),
        ("size", True, "true", "a number"),
        ("member", "perhaps", "perhaps", "true or false"),
        ("since", "2026-01-31", "2026-01-31", "a time with its offset from UTC"),
        ("postcode", 1.5, "1.5", "a text"),
        ("likes", "tea", "tea", "a list of texts"),
    ],
)
def test_what_is_not_of_its_type_is_refused_by_name(name: str, value: object, shown: str, said: str) -> None:
    with pytest.raises(WireError) as refused:
        traits(**{name: value})
    told = refused.value
    assert (told.field, told.value, told.rule) == (f"traits.{name}", shown, f"the catalogue declares it as {said}")
    assert told.message == f"{told.field} is {shown}; {told.rule}; send it as that, or correct the catalogue"


def test_who_forbids_contact_in_words_of_their_own_is_heard() -> None:
    assert traits(do_not_contact="by no means") == {"do_not_contact": "by no means"}


@given(st.sampled_from(sorted(TYPES)), VALUES)
def test_what_is_taken_is_what_conditions_know(name: str, told: object) -> None:
    """And what is of its type already stays as it is."""
    kind = TYPES[name]
    try:
        found = as_declared(told, kind)
    except NotOfType:
        assert known_traits({name: told}, TYPES) == {}
        return
    assert (name in known_traits({name: found}, TYPES)) == (found is not None)
    if name in known_traits({name: told}, TYPES):
        assert found == (told.strip() if kind == "time" else told)


@given(st.from_regex(r" ?[-+.0-9e_x]{1,9} ?", fullmatch=True))
def test_a_number_in_a_call_is_a_number_in_a_file(text: str) -> None:
    said = pl.Series([text]).str.strip_chars().cast(pl.Float64, strict=False)[0]
    try:
        assert as_declared(text, "number") == said
    except NotOfType:
        assert said is None or not abs(said) < float("inf")
