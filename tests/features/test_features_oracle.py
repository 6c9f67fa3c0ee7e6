"""The kernel against the oracle: every declared feature, on histories that hypothesis makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from features import build
from features.definitions import FEATURES, names
from features.kernel_codes import Timing
from tests.features import oracle
from tests.features.histories import World, crowded_world, worlds

_ROUGH = np.array([f.terms[0].cell == Timing.DEVIATION and f.name.endswith("gap_sd") for f in FEATURES])


def differences(found: np.ndarray, expected: np.ndarray) -> list[str]:
    """Deviations may differ by a second, all else by nothing but the last digits."""
    tolerance = np.where(_ROUGH, 1e-5, 1e-9)
    with np.errstate(invalid="ignore"):
        near = np.abs(found - expected) <= tolerance + 1e-9 * np.abs(expected)
    near |= np.isnan(found) & np.isnan(expected)
    return [
        f"{names()[column]} of candidate {line}: {found[line, column]} is not {expected[line, column]}"
        for line, column in np.argwhere(~near)
    ]


def expected_rows(world: World) -> np.ndarray:
    lines = [
        oracle.row(world.records, world.moment, world.utc_offset, world.candidates, index, world.facts)
        for index in range(len(world.candidates))
    ]
    return np.array(lines, dtype=np.float64).reshape(-1, len(FEATURES))


@given(worlds())
@settings(max_examples=120, deadline=None)
def test_every_feature_is_what_it_says(world: World) -> None:
    found = build.rows(world.records, world.moment, world.utc_offset, world.candidates, world.facts)
    assert found.shape == (len(world.candidates), len(FEATURES))
    assert not differences(found, expected_rows(world))


@pytest.mark.parametrize("seed", [1, 2])
def test_every_feature_of_a_history_beyond_one_page(seed: int) -> None:
    world = crowded_world(seed, 2_500, 4)
    found = build.rows(world.records, world.moment, world.utc_offset, world.candidates, world.facts)
    assert not differences(found, expected_rows(world))


def test_no_feature_goes_unexercised() -> None:
    """Over a few long histories every feature is known and not 0 for some candidate, and as the oracle says."""
    met = np.zeros(len(FEATURES), dtype=np.bool_)
    for seed in range(12):
        world = crowded_world(seed, 700, 8)
        found = build.rows(world.records, world.moment, world.utc_offset, world.candidates, world.facts)
        assert not differences(found, expected_rows(world))
        met |= np.any(~np.isnan(found) & (found != 0), axis=0)
    assert [name for name, known in zip(names(), met, strict=True) if not known] == []
