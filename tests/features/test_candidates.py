"""Taking some of the candidates: the compiled way against numpy's."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.candidates import Candidates, take

Items = list[list[int]]


def candidates(items: Items) -> Candidates:
    """As many as there are lists of items, each with values of its own."""
    count = len(items)
    number, starts = np.arange(count), np.cumsum([0, *map(len, items)])
    return Candidates(
        action=number.astype(np.int32),
        group=(number % 3).astype(np.int32),
        category=(number % 5 - 1).astype(np.int32),
        channel=(number % 7).astype(np.uint8),
        item_start=starts.astype(np.int32),
        item=np.array([one for each in items for one in each], np.int32),
        price=np.where(number % 2, number / 7, np.nan),
        value=number / 3,
        kind=(number % 3).astype(np.int8),
        starts_at=number.astype(np.int64) * 1_000,
        ends_at=number.astype(np.int64) * 2_000,
    )


@settings(max_examples=200, deadline=None)
@given(
    items=st.lists(st.lists(st.integers(0, 9), max_size=3), min_size=1, max_size=8),
    wanted=st.lists(st.integers(0, 7), max_size=12),
)
def test_what_is_taken_is_what_was_there(items: Items, wanted: list[int]) -> None:
    every, rows = candidates(items), np.array([one % len(items) for one in wanted], np.intp)
    taken = take(every, rows)
    for field in fields(Candidates):
        before, after = getattr(every, field.name), getattr(taken, field.name)
        assert before.dtype == after.dtype
        if field.name not in {"item_start", "item"}:
            np.testing.assert_array_equal(after, before[rows])
    start = taken.item_start.tolist()
    own = [taken.item[begin:end].tolist() for begin, end in pairwise(start)]
    assert own == [items[row] for row in rows.tolist()]
    assert start[0] == 0
    assert len(taken.item) == start[-1]
