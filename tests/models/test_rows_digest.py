"""The digest of feature rows: what it tells apart, and what was logged under the form before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.definitions import FEATURES
from models.rows_digest import digest_like, rows_digest

OF_CUSTOMER = np.array([feature.scope == "customer" for feature in FEATURES])
"""bool[F]."""


def rows(count: int, seed: int) -> np.ndarray:
    """float64[count, F], as of one customer: what is the customer's is the same in all."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(count, len(FEATURES)))
    made[:, OF_CUSTOMER] = made[:1, OF_CUSTOMER]
    return made


@settings(max_examples=200, deadline=None)
@given(count=st.integers(1, 5), seed=st.integers(0, 3), data=st.data())
def test_any_other_bit_makes_another_digest(count: int, seed: int, data: st.DataObject) -> None:
    before, after = rows(count, seed), rows(count, seed)
    assert rows_digest(before) == rows_digest(after.copy(order="F"))
    row, column = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, len(FEATURES) - 1))
    there = slice(None) if OF_CUSTOMER[column] else row
    after[there, column] = np.nextafter(after[row, column], np.inf)
    assert rows_digest(before) != rows_digest(after)


def test_the_order_and_the_number_of_rows_count() -> None:
    made = rows(3, 1)
    digests = {rows_digest(one) for one in (made, made[::-1], made[:2], made[1:], made[:0], made[:, :-1])}
    assert len(digests) == 6


def test_rows_of_other_columns_are_read_whole() -> None:
    made = np.arange(10.0).reshape(2, 5)
    for row, column in np.ndindex(made.shape):
        other = made.copy()
        other[row, column] += 1.0
        assert rows_digest(other) != rows_digest(made)


@pytest.mark.parametrize(
    ("made", "first", "second"),
    [
        (
            np.arange(10.0).reshape(2, 5),
            "f0020ff0e50e8fbee21e1ea2305ebed34395c4699509375506fcbb31de02c6b9",
            "v2-e57b5f8294640c28b31a1ea0b87ebed333e9c46a16e93755ca20a033ddddbb2d",
        ),
        (
            np.zeros((0, 0)),
            "0000000000000000000000000000000000000000000000000000000000000001",
            "v2-0000000000000000000000000000000000000000000000000000000000000002",
        ),
    ],
)
def test_what_was_logged_is_found_again(made: np.ndarray, first: str, second: str) -> None:
    """As the version before wrote it, and as this one does: a stored form."""
    assert (digest_like(first, made), digest_like(second, made), rows_digest(made)) == (first, second, second)
