"""Each category of a decision is scored once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.affinity import distinct


@settings(max_examples=200, deadline=None)
@given(categories=st.lists(st.integers(-1, 6), max_size=30))
def test_distinct_categories_are_those_of_a_plain_look(categories: list[int]) -> None:
    first, back = distinct(np.array(categories, np.int32), 7)
    seen = list(dict.fromkeys(categories))
    assert [categories[place] for place in first.tolist()] == seen
    assert first.tolist() == [categories.index(one) for one in seen]
    assert back.tolist() == [seen.index(one) for one in categories]
