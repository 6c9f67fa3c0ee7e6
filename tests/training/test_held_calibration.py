"""A forest's calibration where contacts are few, and where they are many."""

from __future__ import annotations

import numpy as np
import pytest

from models.calibration import Calibration
from training.growing import OFFSET, PLENTY, SLOPE, fit_calibration, folds_needed, held_calibration
from training.metrics import losses


def test_a_calibration_is_held_towards_none_by_few_contacts_and_free_with_many() -> None:
    """The raw log odds are twice too far apart; the truth is a slope of 0.5 and an offset of -1."""
    rng, found = np.random.default_rng(3), []
    for count in (150, 60_000):
        raw = rng.normal(-2.0, 1.0, count)
        label = rng.random(count) < 1.0 / (1.0 + np.exp(1.0 - 0.5 * raw))
        found.append(held_calibration(raw, label, np.ones(count)))
    few, many = found
    assert (many.slope, many.offset) == (pytest.approx(0.5, abs=0.05), pytest.approx(-1.0, abs=0.1))
    assert abs(few.slope - 1.0) < SLOPE
    assert abs(few.offset) < abs(many.offset)
    assert held_calibration(np.zeros(0), np.zeros(0, np.bool_), np.zeros(0)) == Calibration(1.0, 0.0)


def test_a_held_calibration_is_the_minimum_of_its_loss() -> None:
    rng = np.random.default_rng(4)
    raw, weight = rng.normal(-2.0, 1.0, 400), rng.uniform(0.5, 3.0, 400)
    label = rng.random(400) < 0.2

    told = Calibration(1.0, 0.0).apply(raw)
    centre = np.average(raw, weights=weight * told * (1 - told))

    def loss(slope: float, offset: float) -> float:
        chance = Calibration(slope, offset).apply(raw)
        moved = slope * centre + offset - centre
        prior = ((slope - 1.0) / SLOPE) ** 2 / 2 + (moved / OFFSET) ** 2 / 2
        return float((weight * losses(chance, label)).sum() + prior)

    found = held_calibration(raw, label, weight)
    least = loss(found.slope, found.offset)
    for slope, offset in ((1e-3, 0.0), (-1e-3, 0.0), (0.0, 1e-3), (0.0, -1e-3)):
        assert loss(found.slope + slope, found.offset + offset) > least


def test_of_plenty_of_successes_fewer_people_are_asked() -> None:
    person = np.arange(3 * PLENTY, dtype=np.int32)
    success = np.ones(len(person), np.bool_)
    for successes, folds in ((PLENTY, 1), (PLENTY - 1, 2), (PLENTY // 2, 2), (PLENTY // 2 - 1, 3), (0, 3)):
        assert folds_needed(person, success & (person < 3 * successes)) == folds


def test_a_score_that_tells_nothing_gets_the_rate_of_all() -> None:
    label = np.arange(1000) < 100
    backwards = fit_calibration(-label.astype(float), label, np.ones(1000))
    assert backwards.apply(np.array([-1.0, 0.0])) == pytest.approx([0.1, 0.1], abs=1e-3)
    never = fit_calibration(np.zeros(1000), np.zeros(1000, np.bool_), np.ones(1000))
    assert 0 < never.apply(np.zeros(1))[0] < 0.001
