"""What every learner of an effect promises. One joins by one line: class TestMine(LearnerContract): learner = Mine().

The worlds are SYNTHETIC: their effects are known, so that tolerances are standard errors of what was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

from models.incremental import CONSTANT
from training.incremental.choosing import choose
from training.incremental.learners import Learner
from training.incremental.trial import InvalidTrial, Trial

INPUTS = ("x0", "x1", "x2")
ROWS = 6_000
ERRORS = 4.0
"""Standard errors that an estimate may be off by: once in 16,000 times."""


@dataclass(frozen=True, slots=True)
class World:
    """effect: float64[n], of each row."""

    trial: Trial
    effect: NDArray[np.float64]


@lru_cache(maxsize=4)
def world(step: float, seed: int = 1, rows: int = ROWS) -> World:
    """SYNTHETIC. The effect is 1 + step where x0 is above 0, else 1 - step; x1 moves the outcome and the chance of a
    contact together, so that who was contacted is no fair sample. Two rows a person."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(rows, 3))
    columns[rng.random(rows) < 0.1, 2] = np.nan
    effect = 1.0 + step * np.where(columns[:, 0] > 0.0, 1.0, -1.0)
    propensity = np.where(columns[:, 1] > 0.0, 0.7, 0.3)
    treated = rng.random(rows) < propensity
    outcome = 2.0 * columns[:, 1] + effect * treated + rng.normal(size=rows)
    return World(Trial(columns, treated, propensity, outcome, np.arange(rows, dtype=np.int64) // 2), effect)


@lru_cache(maxsize=4)
def proportional_world(step: float, seed: int = 1, rows: int = ROWS) -> World:
    """SYNTHETIC. The same effect, which is as much as people do without a contact; the chance of one depends on x1."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(rows, 3))
    effect = 1.0 + step * np.where(columns[:, 0] > 0.0, 1.0, -1.0)
    propensity = np.where(columns[:, 1] > 0.0, 0.7, 0.3)
    treated = rng.random(rows) < propensity
    outcome = effect + effect * treated + rng.normal(size=rows)
    return World(Trial(columns, treated, propensity, outcome, np.arange(rows, dtype=np.int64) // 2), effect)


class LearnerContract:
    """world: one in which what the learner takes for granted is so."""

    learner: Learner
    world = staticmethod(world)

    def test_a_known_effect_is_recovered(self) -> None:
        """On both sides of the step, of people who were not learned from, to within what the noise of so many rows
        allows and a tenth, for trees do not cut exactly where the step is."""
        made, others = self.world(1.0), self.world(1.0, seed=2)
        model = choose(made.trial, INPUTS, 7, learners=(self.learner,)).model
        found, high = model.effect(others.trial.columns), others.effect > 1.0
        error = ERRORS * np.sqrt(1.0 / (0.3 * 0.7) / (ROWS / 2))
        assert abs(found[high].mean() - 2.0) < error + 0.1
        assert abs(found[~high].mean() - 0.0) < error + 0.1
        assert np.corrcoef(found, others.effect)[0, 1] > 0.9

    def test_small_trees_promise_too_little_and_what_serves_is_scaled_to_what_came_true(self) -> None:
        made, others = self.world(1.0), self.world(1.0, seed=2)
        chosen = choose(made.trial, INPUTS, 7, learners=(self.learner,))
        told, score = chosen.model.effect(others.trial.columns), others.effect
        slope = float(np.polyfit(told, score, 1)[0])
        assert abs(slope - 1.0) < ERRORS * chosen.judged[0].slope.error / chosen.judged[0].slope.value + 0.1

    def test_it_is_chosen_where_there_is_something_to_find_and_its_mean_is_the_average(self) -> None:
        made = self.world(1.0)
        chosen = choose(made.trial, INPUTS, 7, learners=(self.learner,))
        assert chosen.model.origin.learner == self.learner.name
        assert chosen.judged[0].qini.low > 0.0
        assert abs(chosen.average.value - 1.0) < ERRORS * chosen.average.error
        assert chosen.model.effect(made.trial.columns).mean() == pytest.approx(chosen.average.value, rel=0.01)

    def test_it_finds_nothing_where_treatment_was_shuffled(self) -> None:
        made = self.world(1.0).trial
        rng = np.random.default_rng(3)
        half = np.full(len(made), 0.5)
        placebo = Trial(made.columns, rng.random(len(made)) < 0.5, half, made.outcome, made.person)
        chosen = choose(placebo, INPUTS, 7, learners=(self.learner,))
        assert chosen.model.origin.learner == CONSTANT
        assert abs(chosen.average.value) < ERRORS * chosen.average.error
        assert abs(chosen.model.offset) <= abs(chosen.average.value)

    def test_an_effect_that_all_have_alike_is_a_constant(self) -> None:
        chosen = choose(self.world(0.0).trial, INPUTS, 7, learners=(self.learner,))
        assert chosen.model.origin.learner == CONSTANT
        assert abs(chosen.model.offset - 1.0) < ERRORS * chosen.average.error
        assert np.ptp(chosen.model.effect(self.world(0.0).trial.columns)) == 0.0

    def test_neither_the_order_of_rows_nor_threads_change_anything_and_the_seed_decides(self) -> None:
        made = self.world(1.0, rows=1_500).trial
        shuffled = made.take(np.random.default_rng(5).permutation(len(made)))
        one = choose(made, INPUTS, 7, learners=(self.learner,))
        other = choose(shuffled, INPUTS, 7, threads=2, learners=(self.learner,))
        assert (one.model, one.average) == (other.model, other.average)
        assert choose(made, INPUTS, 8, learners=(self.learner,)).average != one.average

    def test_one_side_alone_is_refused(self) -> None:
        made = self.world(1.0, rows=1_500).trial
        alone = Trial(made.columns, np.ones(len(made), np.bool_), made.propensity, made.outcome, made.person)
        with pytest.raises(InvalidTrial, match="rows of one side are 0"):
            self.learner.fit(alone, INPUTS, 7)
