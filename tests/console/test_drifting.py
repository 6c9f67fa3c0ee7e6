"""Drift of features, from the rows that were kept with decisions: none where nothing moved, and of those that did."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray

from features.definitions import names
from features.stores.desk import Sampled
from models.drift import Reference, Shift, edges_of, histogram
from models.logged_rows import MOST, rows_of
from serving.console.drifting import LEAST, Drifted, drifted

WATCHED = tuple(names()[place] for place in (3, 8))


def kept(rows: NDArray[np.float64]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    return buffer.getvalue()


def decision(rng: np.random.Generator, person: int, shift: float) -> Sampled:
    """Of SYNTHETIC rows; the second feature that is watched moves by `shift`."""
    rows = np.full((int(rng.integers(1, 200)), len(names())), np.nan)
    rows[:, 3] = rng.normal(0.0, 1.0)
    rows[:, 8] = rng.normal(shift, 1.0)
    return Sampled(person, "aa", kept(rows))


def reference() -> Reference:
    rng = np.random.default_rng(1)
    values, weight, person = rng.normal(size=20_000), np.ones(20_000), np.arange(20_000)
    made = histogram(values, weight, person, edges_of(values, weight))
    assert made is not None
    return Reference({}, dict.fromkeys((*WATCHED, "a feature of another version"), made), {})


def test_what_moved_stands_first_and_what_did_not_is_chance() -> None:
    rng = np.random.default_rng(4)
    found = drifted([decision(rng, person, 1.5) for person in range(400)], reference())
    assert found.decisions == 400
    assert not found.too_few
    assert drifted([decision(rng, person, 1.5) for person in range(LEAST - 1)], reference()).too_few
    assert not drifted([decision(rng, person, 1.5) for person in range(LEAST)], reference()).too_few
    moved, still = found.features
    assert (moved.feature, moved.found.shift) == (WATCHED[1], Shift.GREAT)
    assert (still.feature, still.found.shift) == (WATCHED[0], Shift.NONE)
    assert still.found.psi < still.found.noise < 0.2
    assert (moved.unknown, still.unknown) == (0.0, 0.0)


def test_rows_of_another_version_and_none_say_nothing() -> None:
    others = [Sampled(1, "aa", kept(np.zeros((3, 2)))), Sampled(2, "aa", kept(np.zeros((0, len(names())))))]
    assert drifted(others, reference()) == drifted([], reference()) == Drifted(0, ())
    assert drifted([decision(np.random.default_rng(1), 1, 0.0)], Reference({}, {}, {})) == Drifted(0, ())


@pytest.mark.parametrize("count", [1, MOST, MOST + 1, 1_000])
def test_many_rows_of_a_decision_weigh_as_all_of_them(count: int) -> None:
    found = rows_of(kept(np.arange(count * len(names()), dtype=np.float64).reshape(count, -1)), [0, 5])
    assert found is not None
    assert len(found.rows) <= MOST
    assert len(found.rows) * found.weight == pytest.approx(count)
    assert found.rows[0].tolist() == [0.0, 5.0]
