"""The log's JSON text is Python's, whichever encoder writes it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from features.wire.texts import kept_text

numbers = st.one_of(
    st.integers(-(2**64) + 1, 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1e-3, 1e-3),
    st.integers(-(10**7), 10**7).map(lambda cents: cents / 100),
)
texts = st.text(st.characters(exclude_categories=("Cs",)))
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(st.dictionaries(texts, values))
def test_the_text_is_that_of_the_standard_library(properties: dict[str, object]) -> None:
    expected = json.dumps(properties, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert kept_text(properties) == expected


@given(numbers)
def test_every_number_is_written_as_python_does(number: float) -> None:
    assert kept_text({"price": number}) == f'{{"price":{json.dumps(number)}}}'
