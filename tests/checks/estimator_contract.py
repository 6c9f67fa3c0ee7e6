"""What every off-policy estimator promises. One joins by one line: class TestMine(EstimatorContract): estimator =
Mine().

weighting: whether it is exact on the logging policy's own log. unbiased: whether its expectation is the truth whatever
the model of rewards. shifts: whether rewards and predictions that are all c higher make the estimate c higher.
limited: the same estimator with the largest weight that it lets through, None where it lets all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.errors import InvalidFeedback
from training.offpolicy.estimators import Bounds, Estimator
from training.offpolicy.feedback import Evaluation, Feedback

MANY = settings(
    max_examples=40,
    deadline=None,
    database=None,  # one law, many estimators: an example kept for one would be replayed for another
    suppress_health_check=[HealthCheck.differing_executors],
)


@dataclass(frozen=True, slots=True)
class Logged:
    """An evaluation and, float64[m], the logging policy's own chances."""

    evaluation: Evaluation
    logging: NDArray[np.float64]

    def value(self, estimator: Estimator) -> float:
        return estimator.terms(self.evaluation).value

    @property
    def feedback(self) -> Feedback:
        return self.evaluation.feedback

    def with_feedback(self, **columns: NDArray[np.generic]) -> Evaluation:
        return replace(self.evaluation, feedback=replace(self.feedback, **columns))


def chances(rng: np.random.Generator, start: NDArray[np.int64]) -> NDArray[np.float64]:
    raw = rng.uniform(0.05, 1.0, start[-1])
    return np.asarray(raw / np.repeat(np.add.reduceat(raw, start[:-1]), np.diff(start)), np.float64)


@st.composite
def logs(draw: st.DrawFn, fewest: int = 1, most: int = 12) -> Logged:
    """Rewards of either sign, models that are wrong."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=fewest, max_size=most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    logging, target = chances(rng, start), chances(rng, start)
    taken = start[:-1] + np.array([rng.integers(size) for size in sizes])
    reward, predicted = rng.normal(size=len(sizes)), rng.normal(size=start[-1])
    action, person = rng.integers(0, 9, start[-1]), rng.integers(0, len(sizes), len(sizes))
    feedback = Feedback(start, action, taken, logging[taken], reward, person)
    return Logged(Evaluation(feedback, target, predicted), logging)


def every_outcome(logged: Logged, reward: NDArray[np.float64]) -> list[tuple[float, Evaluation]]:
    """Whatever the logging policy could have taken, each with its chance; reward: float64[m], of each candidate."""
    start = logged.feedback.start
    spaces = [range(first, after) for first, after in itertools.pairwise(start.tolist())]
    found = []
    for places in itertools.product(*spaces):
        taken = np.array(places, np.int64)
        columns = {"taken": taken, "propensity": logged.logging[taken], "reward": reward[taken]}
        found.append((float(np.prod(logged.logging[taken])), logged.with_feedback(**columns)))
    return found


class EstimatorContract:
    estimator: Estimator
    weighting: ClassVar[bool] = False
    unbiased: ClassVar[bool] = False
    shifts: ClassVar[bool] = True
    limited: ClassVar[Callable[[float], Estimator] | None] = None

    @MANY
    @given(logged=logs())
    def test_it_has_a_term_for_every_row_and_leaves_what_it_was_given(self, logged: Logged) -> None:
        before = logged.evaluation.target.tobytes(), logged.feedback.reward.tobytes()
        terms = self.estimator.terms(logged.evaluation)
        assert terms.numerator.shape == terms.denominator.shape == (len(logged.feedback),)
        assert terms.value == pytest.approx(terms.numerator.sum() / terms.denominator.sum())
        assert (logged.evaluation.target.tobytes(), logged.feedback.reward.tobytes()) == before

    @MANY
    @given(logged=logs())
    def test_on_the_logging_policy_itself_weighting_gives_the_mean_reward(self, logged: Logged) -> None:
        own = Logged(replace(logged.evaluation, target=logged.logging), logged.logging)
        if self.weighting:
            assert own.value(self.estimator) == pytest.approx(float(logged.feedback.reward.mean()))

    @MANY
    @given(logged=logs(), seed=st.integers(0, 2**32))
    def test_the_order_of_rows_and_of_candidates_does_not_matter(self, logged: Logged, seed: int) -> None:
        rng = np.random.default_rng(seed)
        rows = rng.permutation(len(logged.feedback))
        shuffled = logged.evaluation.take(rows)
        assert self.estimator.terms(shuffled).value == pytest.approx(logged.value(self.estimator))
        within = np.lexsort((rng.random(logged.feedback.candidates), logged.feedback.row))
        moved = np.argsort(within)[logged.feedback.taken]
        columns = {"taken": moved, "action": logged.feedback.action[within]}
        predicted = logged.evaluation.predicted
        assert predicted is not None
        turned = Evaluation(replace(logged.feedback, **columns), logged.evaluation.target[within], predicted[within])
        assert self.estimator.terms(turned).value == pytest.approx(logged.value(self.estimator))

    @MANY
    @given(logged=logs(), factor=st.floats(-100.0, 100.0))
    def test_rewards_in_another_unit_are_values_in_that_unit(self, logged: Logged, factor: float) -> None:
        scaled = logged.with_feedback(reward=factor * logged.feedback.reward)
        scaled = replace(scaled, predicted=factor * _predicted(scaled))
        expected = factor * logged.value(self.estimator)
        assert self.estimator.terms(scaled).value == pytest.approx(expected, abs=1e-12)

    @MANY
    @given(logged=logs(), more=st.floats(-10.0, 10.0))
    def test_a_reward_that_everything_earns_is_earned_by_every_policy(self, logged: Logged, more: float) -> None:
        if self.shifts:
            raised = logged.with_feedback(reward=logged.feedback.reward + more)
            raised = replace(raised, predicted=_predicted(raised) + more)
            expected = logged.value(self.estimator) + more
            assert self.estimator.terms(raised).value == pytest.approx(expected, abs=1e-9)

    @MANY
    @given(logged=logs(1, 3), seed=st.integers(0, 2**32))
    def test_over_all_that_could_have_been_logged_its_mean_is_the_truth(self, logged: Logged, seed: int) -> None:
        """Exactly, by enumeration, for any reward and any wrong model."""
        reward = np.random.default_rng(seed).normal(size=logged.feedback.candidates)
        truth = float((logged.evaluation.target * reward).sum()) / len(logged.feedback)
        if self.unbiased:
            outcomes = every_outcome(logged, reward)
            mean = sum(chance * self.estimator.terms(one).value for chance, one in outcomes)
            assert mean == pytest.approx(truth, abs=1e-9)

    @MANY
    @given(logged=logs(), more=st.floats(1.0, 10.0))
    def test_a_limit_above_every_weight_changes_nothing(self, logged: Logged, more: float) -> None:
        if self.limited is not None:
            limit = max(1.0, float(logged.evaluation.weight.max())) * more
            loose = type(self).limited(limit).terms(logged.evaluation)  # type: ignore[misc]
            free = type(self).limited(np.inf).terms(logged.evaluation)  # type: ignore[misc]
            assert loose.numerator.tolist() == free.numerator.tolist()
            assert loose.denominator.tolist() == free.denominator.tolist()

    @MANY
    @given(logged=logs(2), share=st.floats(0.0, 1.0))
    def test_no_two_rows_are_further_apart_than_its_width(self, logged: Logged, share: float) -> None:
        predicted = _predicted(logged.evaluation)
        low = min(float(logged.feedback.reward.min()), float(predicted.min()))
        high = max(float(logged.feedback.reward.max()), float(predicted.max())) + 1e-9
        bounds = Bounds(low, high, max(1.0, float(logged.evaluation.weight.max())), 1)
        terms = self.estimator.terms(logged.evaluation)
        residual = terms.numerator - (low + share * (high - low)) * terms.denominator
        assert max(residual.max(), 0.0) - min(residual.min(), 0.0) <= self.estimator.width(bounds) * (1 + 1e-9)

    def test_it_has_a_name(self) -> None:
        assert self.estimator.name.strip()

    def test_what_was_never_taken_by_the_target_is_told_or_modelled(self) -> None:
        """Nothing that was logged tells of this target."""
        start, one = np.array([0, 2]), np.array([1.0])
        feedback = Feedback(start, np.array([3, 4]), np.array([0]), one, one, np.array([7]))
        blind = Evaluation(feedback, np.array([0.0, 1.0]), np.array([5.0, 2.5]))
        terms = self.estimator.terms(blind)
        if terms.denominator.any():
            assert terms.value in (0.0, 2.5)
        else:
            with pytest.raises(InvalidFeedback, match=r"weights is 0 in every row; .* explores what the target does"):
                assert terms.value


def _predicted(evaluation: Evaluation) -> NDArray[np.float64]:
    assert evaluation.predicted is not None
    return evaluation.predicted
