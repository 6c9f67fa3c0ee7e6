"""Each estimator: the contract, the others beside it, a slow reading of its formula; and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks.estimator_contract import MANY, EstimatorContract, Logged, logs
from training.errors import InvalidFeedback
from training.offpolicy.estimators import (
    IPS,
    Bounds,
    DirectMethod,
    DoublyRobust,
    Estimator,
    SelfNormalisedIPS,
    SwitchDR,
)
from training.offpolicy.feedback import Evaluation, Feedback


class TestIPS(EstimatorContract):
    estimator, weighting, unbiased, shifts, limited = IPS(), True, True, False, IPS


class TestSelfNormalisedIPS(EstimatorContract):
    estimator, weighting, limited = SelfNormalisedIPS(), True, SelfNormalisedIPS


class TestDirectMethod(EstimatorContract):
    estimator = DirectMethod()


class TestDoublyRobust(EstimatorContract):
    estimator, unbiased = DoublyRobust(), True


class TestSwitchDR(EstimatorContract):
    estimator, limited = SwitchDR(1.5), SwitchDR


class TestCappedIPS(EstimatorContract):
    estimator, shifts = IPS(1.2), False


def spelled_out(evaluation: Evaluation, cap: float, threshold: float) -> dict[str, float]:
    """Slow and obvious, row by row."""
    feedback, predicted = evaluation.feedback, evaluation.predicted
    assert predicted is not None
    ips = weights = modelled = switched = 0.0
    rows = zip(pairwise(feedback.start), feedback.taken, feedback.propensity, feedback.reward, strict=True)
    for (first, after), taken, propensity, reward in rows:
        weight = evaluation.target[taken] / propensity
        expected = sum(evaluation.target[place] * predicted[place] for place in range(first, after))
        ips += min(weight, cap) * reward
        weights += min(weight, cap)
        modelled += expected
        switched += expected + (weight * (reward - predicted[taken]) if weight <= threshold else 0.0)
    count = len(feedback)
    return {"IPS": ips / count, "SNIPS": ips / weights, "DM": modelled / count, "Switch-DR": switched / count}


@MANY
@given(logged=logs(), cap=st.floats(1.0, 5.0), threshold=st.floats(0.1, 5.0))
def test_estimators_agree_with_their_formulas_read_row_by_row(logged: Logged, cap: float, threshold: float) -> None:
    expected = spelled_out(logged.evaluation, cap, threshold)
    for estimator in (IPS(cap), SelfNormalisedIPS(cap), DirectMethod(), SwitchDR(threshold)):
        assert logged.value(estimator) == pytest.approx(expected[estimator.name], abs=1e-12)


@MANY
@given(logged=logs())
def test_doubly_robust_is_between_its_neighbours(logged: Logged) -> None:
    """Without a model that says anything it is IPS; switched off, the direct method; with the true rewards also."""
    silent = replace(logged.evaluation, predicted=np.zeros(logged.feedback.candidates))
    assert DoublyRobust().terms(silent).value == pytest.approx(IPS().terms(silent).value, abs=1e-12)
    assert logged.value(SwitchDR(0.0)) == pytest.approx(logged.value(DirectMethod()))
    assert logged.evaluation.predicted is not None
    right = logged.with_feedback(reward=logged.evaluation.predicted[logged.feedback.taken])
    assert DoublyRobust().terms(right).value == pytest.approx(logged.value(DirectMethod()))


def small(**columns: object) -> Feedback:
    told: dict[str, object] = {
        "start": [0, 2, 5],
        "action": [1, -1, 1, 2, -1],
        "taken": [0, 3],
        "propensity": [0.5, 0.25],
        "reward": [1.0, 0.0],
        "person": [7, 8],
    }
    return Feedback(**{name: np.array(value) for name, value in {**told, **columns}.items()})


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"propensity": [0.5, 0.0]}, r"propensity is 0\.0 at 1; what was taken had a chance above 0"),
        ({"propensity": [1.5, 0.1]}, r"propensity is 1\.5 at 0; "),
        ({"propensity": [np.nan, 0.1]}, r"propensity is nan at 0; "),
        ({"reward": [np.nan, 0.0]}, r"reward is nan at 0; .* unmatured"),
        ({"reward": [np.inf, 0.0]}, r"reward is inf at 0; "),
        ({"reward": [1, 0]}, r"reward is int64\[2\]; it is a flat array of floating-point numbers"),
        ({"reward": [1.0]}, r"reward is of 1; there are 2, one per row"),
        ({"person": [7]}, r"person is of 1; there are 2, one per row"),
        ({"person": [7.0, 8.0]}, r"person is float64\[2\]; it is a flat array of whole numbers"),
        ({"start": [0, 2]}, r"start is of 2; there are 3, one per row and the end"),
        ({"start": [0, 2, 4]}, r"start is 0 \.\. 4; it grows from 0 to the number of candidates, 5"),
        ({"start": [0, 0, 5]}, r"every row has at least one"),
        ({"taken": [0, 1]}, r"taken is 1 in row 1; .* 2\.\.4"),
        ({"taken": [[0], [3]]}, r"taken is int64\[2, 1\]; it is a flat array"),
    ],
)
def test_bad_feedback_is_refused_by_name_value_and_rule(columns: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidFeedback, match=said):
        small(**columns)


def test_no_rows_are_no_feedback() -> None:
    nothing, numbers = np.zeros(0, np.int64), np.zeros(0)
    with pytest.raises(InvalidFeedback, match="rows is 0; an estimate needs at least one"):
        Feedback(np.zeros(1, np.int64), nothing, nothing, numbers, numbers, nothing)


@pytest.mark.parametrize(
    ("target", "predicted", "said"),
    [
        ([0.5, 0.5, 0.5, 0.5], None, r"target is of 4; there are 5, one per candidate"),
        (
            [0.5, 0.4, 0.5, 0.5, 0.0],
            None,
            r"target is 0\.9 in sum in row 0; the chances of a row's candidates sum to 1",
        ),
        ([1.5, -0.5, 0.5, 0.5, 0.0], None, r"target is 1\.5 at 0; a chance is in 0\.\.1"),
        ([np.nan, 1.0, 0.5, 0.5, 0.0], None, r"target is nan at 0; "),
        ([0.5, 0.5, 0.5, 0.5, 0.0], [1.0], r"predicted is of 1; there are 5"),
        ([0.5, 0.5, 0.5, 0.5, 0.0], [np.nan, 0.0, 0.0, 0.0, 0.0], r"predicted is nan at 0; "),
    ],
)
def test_bad_targets_are_refused(target: list[float], predicted: list[float] | None, said: str) -> None:
    with pytest.raises(InvalidFeedback, match=said):
        Evaluation(small(), np.array(target), None if predicted is None else np.array(predicted))


def test_what_needs_a_model_says_so_and_weighting_needs_none() -> None:
    plain = Evaluation(small(), np.array([0.5, 0.5, 0.5, 0.5, 0.0]))
    assert IPS().terms(plain).value == pytest.approx(0.5)
    for estimator in (DirectMethod(), DoublyRobust(), SwitchDR(1.0)):
        with pytest.raises(InvalidFeedback, match=r"predicted is None; .*cross_fitted"):
            estimator.terms(plain)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [((1.0, 1.0, 2.0, 1), "high is 1.0"), ((0.0, 1.0, np.inf, 1), "weight is inf"), ((0.0, 1.0, 2.0, 0), "rows is 0")],
)
def test_bounds_that_bound_nothing_are_refused(bounds: tuple[float, float, float, int], said: str) -> None:
    with pytest.raises(InvalidFeedback, match=said):
        Bounds(*bounds)


@pytest.mark.parametrize("make", [IPS, SelfNormalisedIPS])
def test_a_cap_below_the_mean_weight_is_refused(make: Callable[[float], Estimator]) -> None:
    for cap in (0.9, np.nan):
        with pytest.raises(InvalidFeedback, match=f"cap is {cap}; "):
            make(cap)
    with pytest.raises(InvalidFeedback, match="threshold is -1"):
        SwitchDR(-1.0)


def test_feedback_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        small().reward[0] = 2.0
