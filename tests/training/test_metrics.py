"""Each metric beside a slow, obviously right reading of its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import roc_auc_score

from training import metrics
from training.tables import OURS, next_draws, people_weights, response_draws, tabulate

LAW = settings(max_examples=60, deadline=None)

scores = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.9, 1.0])


@st.composite
def judged(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    size = draw(st.integers(2, 25))
    score = np.array(draw(st.lists(scores, min_size=size, max_size=size)))
    label = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    label[:2] = [True, False]
    weight = np.array(draw(st.lists(st.integers(1, 4), min_size=size, max_size=size)), float)
    return score, label, weight


@given(judged())
@LAW
def test_auc_is_the_chance_that_a_success_outranks_a_failure(
    case: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]],
) -> None:
    score, label, weight = case
    won = total = 0.0
    for i in np.flatnonzero(label):
        for j in np.flatnonzero(~label):
            pair = weight[i] * weight[j]
            total += pair
            won += pair * (1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0)
    assert metrics.auc(score, label, weight) == pytest.approx(won / total)
    assert metrics.auc(score, label, weight) == pytest.approx(roc_auc_score(label, score, sample_weight=weight))


def test_auc_of_one_class_is_unknown() -> None:
    assert math.isnan(metrics.auc(np.array([0.1, 0.2]), np.array([True, True]), np.ones(2)))


@given(judged())
@LAW
def test_log_loss_is_sklearns(case: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]) -> None:
    score, label, weight = case
    probability = 0.01 + 0.98 * score
    theirs = sklearn_log_loss(label, np.column_stack([1 - probability, probability]), sample_weight=weight)
    assert metrics.log_loss(probability, label, weight) == pytest.approx(theirs)


@given(judged())
@LAW
def test_a_weight_counts_like_repetition(
    case: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]],
) -> None:
    score, label, weight = case
    times = weight.astype(int)
    repeated = (np.repeat(score, times), np.repeat(label, times), np.ones(times.sum()))
    for metric in (metrics.auc, metrics.calibration_error):
        assert metric(score, label, weight) == pytest.approx(metric(*repeated))


def test_calibration_error_by_hand() -> None:
    probability = np.repeat([0.1, 0.6], 50)
    label = np.zeros(100, bool)
    label[:5] = True  # as promised among the first half, none of the 60 % in the second
    assert metrics.calibration_error(probability, label, np.ones(100)) == pytest.approx((0.0 + 0.6) / 2)


def test_what_is_calibrated_has_little_calibration_error() -> None:
    rng = np.random.default_rng(1)
    probability = rng.beta(1, 9, 200_000)
    label = rng.random(200_000) < probability
    assert metrics.calibration_error(probability, label, np.ones(200_000)) < 0.003
    assert metrics.calibration_error(probability * 0.5, label, np.ones(200_000)) > 0.04


@given(arrays(np.float64, 40, elements=st.floats(0, 1)))
@LAW
def test_bins_are_ordered_and_ties_share_one(probability: NDArray[np.float64]) -> None:
    found = metrics.bins(probability, np.ones(40))
    order = np.argsort(probability, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
    assert found.min() >= 0
    assert found.max() < metrics.BINS
    for value in np.unique(probability):
        assert len(set(found[probability == value])) == 1


@st.composite
def ranked(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    shape = (3, draw(st.integers(1, 12)))
    return (
        draw(arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.5, 1.0, 2.0, -3.0]))),
        draw(arrays(np.bool_, shape)),
    )


@given(ranked(), st.integers(1, 15))
@LAW
def test_ndcg_and_recall_by_their_definitions(case: tuple[NDArray[np.float64], NDArray[np.bool_]], depth: int) -> None:
    score, relevant = case
    for person in range(len(score)):
        order = sorted(range(score.shape[1]), key=lambda place: (-score[person, place], place))[:depth]
        gained = sum(1 / math.log2(rank + 2) for rank, place in enumerate(order) if relevant[person, place])
        count = int(relevant[person].sum())
        best = sum(1 / math.log2(rank + 2) for rank in range(min(count, depth)))
        expected = (
            (gained / best, sum(relevant[person, place] for place in order) / count) if count else (math.nan,) * 2
        )
        assert metrics.ndcg(score, relevant, depth)[person] == pytest.approx(expected[0], nan_ok=True)
        assert metrics.recall(score, relevant, depth)[person] == pytest.approx(expected[1], nan_ok=True)


def test_the_first_draw_is_everybody_and_the_rest_are_as_many() -> None:
    draws = people_weights(20, 5, np.random.default_rng(3))
    assert (draws[0] == 1).all()
    assert (draws.sum(axis=1) == 20).all()
    assert len(np.unique(draws[1:], axis=0)) > 1


def test_a_draw_of_people_is_the_metric_of_their_rows() -> None:
    rng = np.random.default_rng(5)
    person = np.repeat(np.arange(10), 30)
    probability = rng.uniform(0.01, 0.5, 300)
    label = rng.random(300) < probability
    weight = rng.integers(1, 3, 300).astype(float)
    draws = people_weights(10, 3, rng)
    found = response_draws(probability, probability, label, weight, person, draws)
    for number, draw in enumerate(draws):
        drawn = weight * draw[person]
        assert found[number, 0] == pytest.approx(metrics.auc(probability, label, drawn))
        assert found[number, 1] == pytest.approx(metrics.log_loss(probability, label, drawn))
    assert found[0, 2] == pytest.approx(metrics.calibration_error(probability, label, weight))


def test_the_lead_is_over_the_best_other_and_knows_which_way_is_better() -> None:
    drawn = {
        OURS: np.array([[0.9, 0.2], [0.8, 0.2]]),
        "weak": np.array([[0.6, 0.5], [0.7, 0.5]]),
        "strong": np.array([[0.7, 0.1], [0.6, 0.1]]),
    }
    table = tabulate("Response", ("AUC", "log loss"), drawn, people=2, rows=4, successes=1)
    assert table.rivals == {"AUC": "strong", "log loss": "strong"}
    assert table.lead["AUC"].value == pytest.approx(0.2)
    assert table.lead["log loss"].value == pytest.approx(-0.1)
    assert "| strong | 0.7000" in table.markdown()


def test_next_draws_average_over_people() -> None:
    score = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    relevant = np.array([[True, False, False], [True, False, False]])
    found = next_draws(score, relevant, np.array([[1.0, 1.0], [2.0, 0.0]]))
    assert found[0, 0] == pytest.approx((1.0 + 0.5) / 2)
    assert found[1, 0] == pytest.approx(1.0)


@pytest.mark.parametrize(("contacts", "rate"), [(266, 0.1), (2_000, 0.03), (40_000, 0.02)])
def test_what_chance_makes_of_a_calibration_error_is_exceeded_about_once_in_twenty(contacts: int, rate: float) -> None:
    """By probabilities that are right; with 1,000 worlds the share is off by 0.02 at most (3 standard errors)."""
    rng = np.random.default_rng(3)
    probability, weight = rate * rng.gamma(1.0, size=contacts).clip(0.05, 5.0), np.ones(contacts)
    limit = metrics.calibration_chance(probability, weight)
    beyond = [
        metrics.calibration_error(probability, rng.random(contacts) < probability, weight) > limit for _ in range(1_000)
    ]
    assert np.mean(beyond) == pytest.approx(0.05, abs=0.03)
    assert metrics.calibration_error(probability * 3, rng.random(contacts) < probability, weight) > 2 * limit
