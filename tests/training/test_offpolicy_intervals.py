"""Intervals, diagnostics and reward models on SYNTHETIC logs whose truth is known exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from tests.checks.estimator_contract import MANY, Logged, logs
from tests.training.bandit_world import Log, World, log, world
from training.errors import InvalidFeedback
from training.offpolicy.diagnostics import diagnose
from training.offpolicy.estimators import (
    IPS,
    Bounds,
    DirectMethod,
    DoublyRobust,
    Estimator,
    SelfNormalisedIPS,
    SwitchDR,
    Terms,
)
from training.offpolicy.feedback import UNNAMED, Evaluation, Feedback
from training.offpolicy.intervals import (
    Interval,
    bernstein,
    bernstein_difference,
    bootstrapped,
    bootstrapped_difference,
)
from training.offpolicy.reward_model import Predict, by_forest, by_regressor, cross_fitted

ESTIMATORS = (IPS(), SelfNormalisedIPS(), DirectMethod(), DoublyRobust(), SwitchDR(3.0))
REPEATS, LEVEL = 200, 0.9
INDEPENDENT = world(3)
TOGETHER = world(3, strength=0.9, rows=(1, 9))
CROWDED = world(3, strength=1.0, rows=(16, 16))


def draw(truth: World, people: int, seed: int) -> list[Log]:
    rng = np.random.default_rng(seed)
    return [log(truth, people, rng) for _ in range(REPEATS)]


@pytest.fixture(scope="module")
def independent() -> list[Log]:
    return draw(INDEPENDENT, 60, 1)


@pytest.fixture(scope="module")
def together() -> list[Log]:
    return draw(TOGETHER, 60, 2)


@pytest.fixture(scope="module")
def crowded() -> list[Log]:
    return draw(CROWDED, 15, 3)


def covered(logged: list[Log], truth: float, interval: Callable[[Log], Interval]) -> int:
    found = [interval(one) for one in logged]
    return sum(one.low <= truth <= one.high for one in found)


def least(level: float) -> float:
    """Five binomial standard errors below what the level promises."""
    return REPEATS * level - 5 * math.sqrt(REPEATS * level * (1 - level))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: one.name)
@pytest.mark.parametrize("truth", [INDEPENDENT, TOGETHER], ids=["independent", "together"])
def test_estimates_are_right_on_average(estimator: Estimator, truth: World) -> None:
    """SNIPS has a bias of order 1 / people, which is far below the standard error here."""
    rng = np.random.default_rng(11)
    values = np.array([estimator.terms(log(truth, 120, rng).evaluation).value for _ in range(100)])
    assert abs(values.mean() - truth.truth) < 4 * values.std(ddof=1) / math.sqrt(len(values))


def by_bootstrap(estimator: Estimator, one: Log) -> Interval:
    terms = estimator.terms(one.evaluation)
    return bootstrapped(terms, one.feedback.person, np.random.default_rng(4), LEVEL, 200)


def by_bernstein(estimator: Estimator, truth: World, one: Log) -> Interval:
    bounds = Bounds(0.0, 1.0, truth.heaviest, max(kind.rows for kind in truth.types))
    return bernstein(estimator, estimator.terms(one.evaluation), one.feedback.person, bounds, LEVEL)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: one.name)
def test_bootstrap_intervals_cover_the_truth_as_often_as_they_say(
    estimator: Estimator, independent: list[Log], together: list[Log]
) -> None:
    most = 2 * REPEATS * LEVEL - least(LEVEL)
    for truth, logged in ((INDEPENDENT, independent), (TOGETHER, together)):
        assert least(LEVEL) <= covered(logged, truth.truth, partial(by_bootstrap, estimator)) <= min(most, REPEATS)


@pytest.mark.parametrize("estimator", ESTIMATORS[1:], ids=lambda one: one.name)
def test_rows_of_one_person_taken_for_independent_cover_less_than_they_say(
    estimator: Estimator, crowded: list[Log]
) -> None:
    """Why intervals are clustered: the same bootstrap of rows misses the truth too often. (IPS has so much
    noise of its own that it suffers least, and is left out.)"""

    def of_rows(one: Log) -> Interval:
        rows = np.arange(len(one.feedback))
        return bootstrapped(estimator.terms(one.evaluation), rows, np.random.default_rng(4), LEVEL, 100)

    assert covered(crowded, CROWDED.truth, of_rows) < least(LEVEL)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: one.name)
def test_bernstein_intervals_cover_the_truth_at_least_as_often_as_they_say(
    estimator: Estimator, together: list[Log]
) -> None:
    hit = covered(together, TOGETHER.truth, partial(by_bernstein, estimator, TOGETHER))
    assert hit >= least(LEVEL)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: one.name)
def test_paired_differences_cover_the_true_difference(estimator: Estimator, together: list[Log]) -> None:
    truth = TOGETHER.truth - TOGETHER.logged_truth

    def difference(one: Log) -> Interval:
        champion = replace(one.evaluation, target=one.logging)
        both = estimator.terms(one.evaluation), estimator.terms(champion)
        return bootstrapped_difference(*both, one.feedback.person, np.random.default_rng(4), LEVEL, 200)

    assert covered(together, truth, difference) >= least(LEVEL)


@MANY
@given(logged=logs(3))
def test_a_policy_is_no_better_than_itself(logged: Logged) -> None:
    terms, person = IPS().terms(logged.evaluation), np.arange(len(logged.feedback))
    same = bootstrapped_difference(terms, terms, person, np.random.default_rng(1), resamples=20)
    assert (same.value, same.error, same.low, same.high) == pytest.approx((0.0, 0.0, 0.0, 0.0), abs=1e-9)


@MANY
@given(logged=logs(3))
def test_people_of_one_row_each_are_rows(logged: Logged) -> None:
    """The standard error of a mean; whatever numbers people have."""
    terms, rows = IPS().terms(logged.evaluation), len(logged.feedback)
    found = [
        bootstrapped(terms, person, np.random.default_rng(1), resamples=40)
        for person in (np.arange(rows), 10**9 - 7 * np.arange(rows)[::-1])
    ]
    plain = terms.numerator.std(ddof=1) / math.sqrt(rows)
    assert found[0].error == pytest.approx(plain)
    assert (found[0].low, found[0].high) == pytest.approx((found[1].low, found[1].high))


def spelled_out_pivots(terms: Terms, person: NDArray[np.int64], counts: NDArray[np.int64]) -> list[float]:
    """Slow and obvious: each draw's people written out, its ratio and its own standard error."""
    found = []
    for count in counts:
        rows = [np.flatnonzero(person == one) for one, times in enumerate(count) for _ in range(times)]
        above = np.array([terms.numerator[one].sum() for one in rows])
        below = np.array([terms.denominator[one].sum() for one in rows])
        value = above.sum() / below.sum()
        residual = above - value * below
        error = math.sqrt(len(rows) / (len(rows) - 1) * (residual**2).sum()) / below.sum()
        found.append((value - terms.value) / error)
    return found


def test_the_bootstrap_agrees_with_the_oracle() -> None:
    one = log(TOGETHER, 25, np.random.default_rng(8))
    terms, person = SelfNormalisedIPS().terms(one.evaluation), one.feedback.person
    counts = np.random.default_rng(9).multinomial(25, np.full(25, 1 / 25), size=99)
    pivots = spelled_out_pivots(terms, person, counts)
    found = bootstrapped(terms, person, np.random.default_rng(9), 0.9, 99)
    low, high = np.quantile(pivots, 0.05, method="lower"), np.quantile(pivots, 0.95, method="higher")
    assert found.low == pytest.approx(terms.value - high * found.error)
    assert found.high == pytest.approx(terms.value - low * found.error)


def test_bernstein_at_one_row_each_is_the_published_bound() -> None:
    one = log(INDEPENDENT, 4_000, np.random.default_rng(3))
    terms, bounds = IPS().terms(one.evaluation), Bounds(0.0, 1.0, INDEPENDENT.heaviest, 1)
    found = bernstein(IPS(), terms, one.feedback.person, bounds, 0.9)
    log_term, people = math.log(4 / 0.1), 4_000
    half = math.sqrt(2 * terms.numerator.var(ddof=1) * log_term / people)
    half += 7 * INDEPENDENT.heaviest * log_term / (3 * (people - 1))
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))


def test_bernstein_differences_hold_both_sides_together() -> None:
    one = log(INDEPENDENT, 4_000, np.random.default_rng(3))
    ours, theirs = IPS().terms(one.evaluation), IPS().terms(replace(one.evaluation, target=one.logging))
    bounds = Bounds(0.0, 1.0, INDEPENDENT.heaviest, 1)
    found = bernstein_difference(IPS(), ours, theirs, one.feedback.person, bounds, 0.9)
    each = [bernstein(IPS(), terms, one.feedback.person, bounds, 0.95) for terms in (ours, theirs)]
    assert (found.low, found.high) == (each[0].low - each[1].high, each[0].high - each[1].low)
    assert found.low < INDEPENDENT.truth - INDEPENDENT.logged_truth < found.high


def of_ten(numerator: list[float], denominator: list[float]) -> Interval:
    terms = Terms(np.array(numerator), np.array(denominator))
    return bootstrapped(terms, np.arange(10), np.random.default_rng(1), 0.9, 200)


def test_a_log_that_hardly_tells_gives_no_bound() -> None:
    """Nobody has succeeded; one of ten has any weight; one of ten has succeeded: too many resamples tell nothing."""
    weight = [3.0, *[0.0] * 9]
    for found in (of_ten([0.0] * 10, [1.0] * 10), of_ten([3.0, *[1e-6] * 9], weight), of_ten(weight, [1.0] * 10)):
        assert (found.low, found.high) == (-math.inf, math.inf)
    half = of_ten([1.0] * 5 + [0.0] * 5, [1.0] * 10)
    assert 0.0 < half.low < half.value < half.high < 1.0


@pytest.mark.parametrize(
    ("person", "level", "said"),
    [
        ([1, 1, 1], 0.9, "people is 1; "),
        ([1, 2], 0.9, "person is of 2; there are 3 rows"),
        ([1, 2, 3], 1.0, "level is 1.0"),
    ],
)
def test_intervals_refuse_what_they_cannot_use(person: list[int], level: float, said: str) -> None:
    terms, rng = Terms(np.array([1.0, 0.0, 1.0]), np.ones(3)), np.random.default_rng(1)
    with pytest.raises(InvalidFeedback, match=said):
        bootstrapped(terms, np.array(person), rng, level)
    with pytest.raises(InvalidFeedback, match=said):
        bernstein(IPS(), terms, np.array(person), Bounds(0.0, 1.0, 2.0, 1), level)


@MANY
@given(logged=logs())
def test_the_logging_policy_itself_is_fully_supported(logged: Logged) -> None:
    own = diagnose(replace(logged.evaluation, target=logged.logging), logged.logging)
    assert (own.mean_weight, own.largest, own.unsupported) == pytest.approx((1.0, 1.0, 0.0))
    assert own.effective_rows == pytest.approx(own.rows)


@MANY
@given(logged=logs(), times=st.integers(2, 4))
def test_rows_repeated_of_the_same_people_are_no_more_people(logged: Logged, times: int) -> None:
    again = logged.evaluation.take(np.tile(np.arange(len(logged.feedback)), times))
    before, after = diagnose(logged.evaluation), diagnose(again)
    assert after.effective_people == pytest.approx(before.effective_people)
    assert after.effective_rows == pytest.approx(times * before.effective_rows)


def test_what_the_log_cannot_tell_is_said() -> None:
    """Half of the target is on an action that had no chance, and was never logged."""
    rows = 400
    start, ones = np.arange(rows + 1) * 2, np.ones(rows)
    feedback = Feedback(start, np.tile([1, 2], rows), start[:-1], ones, ones, np.arange(rows))
    half, logging = np.full(2 * rows, 0.5), np.tile([1.0, 0.0], rows)
    known, unknown = diagnose(Evaluation(feedback, half), logging), diagnose(Evaluation(feedback, half))
    assert (known.unsupported, known.never_taken, known.mean_weight) == (0.5, 0.5, 0.5)
    assert [line.split(" is ")[0] for line in known.doubts] == [
        "unsupported share of the target",
        "share of the target on actions never logged",
    ]
    assert unknown.unsupported is None
    assert unknown.doubts[0].startswith("mean weight is 0.500 +- 0.000; ")
    hidden = replace(feedback, action=np.tile([1, UNNAMED], rows))
    assert diagnose(Evaluation(hidden, half)).unnamed == 0.5
    with pytest.raises(InvalidFeedback, match=r"logging is 0\.5 of what was taken in row 0; its propensity is 1\.0"):
        diagnose(Evaluation(feedback, half), half)


def test_the_mean_weight_is_one_within_its_error() -> None:
    found = diagnose(log(TOGETHER, 3_000, np.random.default_rng(5)).evaluation)
    assert abs(found.mean_weight - 1.0) < 4 * found.error
    assert found.doubts == ()


def test_no_person_is_predicted_by_a_model_that_saw_them() -> None:
    one = log(TOGETHER, 50, np.random.default_rng(6))
    person = one.feedback.person[one.feedback.row].astype(np.float64)[:, None]
    seen: list[set[float]] = []

    def fit(columns: NDArray[np.float64], reward: NDArray[np.float64]) -> Predict:
        assert len(columns) == len(reward)
        seen.append(set(columns[:, 0].tolist()))
        mine = seen[-1]

        def predict(asked: NDArray[np.float64]) -> NDArray[np.float64]:
            assert not mine & set(asked[:, 0].tolist())
            return np.zeros(len(asked))

        return predict

    predicted = cross_fitted(one.feedback, person.__getitem__, fit, np.random.default_rng(1), 5)
    assert predicted.tolist() == [0.0] * one.feedback.candidates
    assert len(seen) == 5
    assert set.union(*seen) == set(range(50))


def test_reward_models_learn_what_there_is_to_learn() -> None:
    """Beside the truth, which the world knows: of what was logged, far nearer to it than one rate for all."""
    one = log(world(3, rows=(2, 4)), 3_000, np.random.default_rng(7))
    truth = one.evaluation.predicted
    assert truth is not None
    columns, taken = one.columns(), one.feedback.taken
    tree = by_regressor(partial(DecisionTreeRegressor, min_samples_leaf=50, random_state=1))
    for fit in (by_forest(120), tree):
        predicted = cross_fitted(one.feedback, columns.__getitem__, fit, np.random.default_rng(1))
        assert np.mean((predicted - truth)[taken] ** 2) < 0.1 * np.var(truth[taken])


def test_folds_are_of_people() -> None:
    one = log(INDEPENDENT, 3, np.random.default_rng(6))
    for folds in (1, 4):
        with pytest.raises(InvalidFeedback, match=f"folds is {folds}; .* no more than people, 3"):
            cross_fitted(one.feedback, one.columns().__getitem__, by_forest(), np.random.default_rng(1), folds)
