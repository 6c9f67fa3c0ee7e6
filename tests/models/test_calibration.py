"""The laws of calibration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calibration import IDENTITY, Calibration

finite = st.floats(-1e6, 1e6)
slopes = st.floats(1e-9, 1e3)


@given(slopes, finite, st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=20))
def test_a_probability_in_the_order_of_the_score(slope: float, offset: float, raw: list[float]) -> None:
    scores = np.sort(np.array(raw))
    found = Calibration(slope, offset).apply(np.clip(scores, -1e290, 1e290))
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) >= 0).all()


@given(st.floats(-30, 30))
def test_identity_is_the_logistic_function(raw: float) -> None:
    assert IDENTITY.apply(np.array([raw]))[0] == pytest.approx(1 / (1 + math.exp(-raw)))


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=40), slopes, st.floats(-5, 5))
def test_a_row_does_not_depend_on_its_neighbours(raw: list[float], slope: float, offset: float) -> None:
    known = Calibration(slope, offset)
    together = known.apply(np.array(raw))
    alone = np.concatenate([known.apply(np.array([score])) for score in raw])
    assert together.tobytes() == alone.tobytes()


def test_unknown_stays_unknown() -> None:
    assert math.isnan(IDENTITY.apply(np.array([np.nan]))[0])


@pytest.mark.parametrize("slope", [0.0, -1.0, math.nan, math.inf])
def test_a_slope_that_would_change_the_order_is_refused(slope: float) -> None:
    with pytest.raises(ValueError, match="slope is"):
        Calibration(slope, 0.0)


def test_an_offset_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="offset is"):
        Calibration(1.0, math.nan)
