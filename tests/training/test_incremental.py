"""Learners of what a contact brings against none, and how one of them is believed; worlds are SYNTHETIC."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.incremental import CONSTANT
from models.policy_rules import Arm
from tests.checks.learner_contract import INPUTS, LearnerContract, proportional_world, world
from training.decided import ARMS
from training.decision_rows import DecisionRows
from training.incremental import ranking, report
from training.incremental.choosing import choose, shrunk
from training.incremental.learners import LEARNERS, DRLearner, ProportionalLearner, TLearner, XLearner, doubly_robust
from training.incremental.ranking import Estimate
from training.incremental.rows import comparable, treated_chance
from training.incremental.trial import InvalidTrial, Trial, folds
from training.table import Pairs

MANY = settings(max_examples=50, deadline=None)


class TestT(LearnerContract):
    learner = TLearner()


class TestX(LearnerContract):
    learner = XLearner()


class TestDR(LearnerContract):
    learner = DRLearner()


class TestProportional(LearnerContract):
    learner = ProportionalLearner()
    world = staticmethod(proportional_world)


def test_an_order_by_what_people_do_is_the_same_whoever_is_called_treated() -> None:
    """Were its sign the effect's, folds would judge one another where there is nothing to find, and its errors be too
    small."""
    made = proportional_world(1.0).trial
    half = replace(made, propensity=np.full(len(made), 0.5))
    other = replace(half, treated=~half.treated)
    one, turned = (ProportionalLearner().fit(trial, INPUTS, 7)(made.columns) for trial in (half, other))
    assert one == pytest.approx(turned, rel=1e-9)
    assert np.ptp(one) > 0.5


def test_the_contract_covers_every_learner() -> None:
    assert {one.learner.name for one in LearnerContract.__subclasses__()} == {one.name for one in LEARNERS}


def test_the_run_shows_what_was_believed_and_what_not() -> None:
    chosen = choose(world(1.0, rows=3_000).trial, INPUTS, 7, threads=2)
    table = report.markdown(chosen)
    assert table.count("serves") == 1
    assert all(f"| {one.name} |" in table for one in (*LEARNERS,))
    assert report.metrics(chosen)["incremental.X.qini"] == chosen.judged[1].qini.value
    assert len(report.figure(chosen).axes[0].lines) == 1 + len(LEARNERS)
    assert report.params(chosen)["incremental.learner"] == chosen.model.origin.learner != CONSTANT


@MANY
@given(person=st.lists(st.integers(-5, 40), min_size=60, max_size=90), seed=st.integers(0, 9))
def test_people_are_in_one_fold_each_and_folds_are_alike(person: list[int], seed: int) -> None:
    people = np.array(person, np.int64)
    if len(set(person)) < 5:
        return
    fold = folds(people, 5, seed)
    of = {one: set(fold[people == one].tolist()) for one in set(person)}
    assert all(len(found) == 1 for found in of.values())
    counts = np.bincount([min(found) for found in of.values()], minlength=5)
    assert counts.max() - counts.min() <= 1


def test_fewer_people_than_folds_are_refused() -> None:
    with pytest.raises(InvalidTrial, match="people are 2"):
        folds(np.array([1, 1, 2], np.int64), 3, 0)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"propensity": np.full(3_000, 1.0)}, "propensity"),
        ({"outcome": np.full(3_000, np.nan)}, "outcome"),
        ({"person": np.arange(5)}, "rows are 3000"),
    ],
)
def test_rows_that_tell_nothing_are_refused(change: dict[str, NDArray[np.float64]], fault: str) -> None:
    with pytest.raises(InvalidTrial, match=fault):
        replace(world(1.0, rows=3_000).trial, **change)


def test_the_pseudo_outcome_is_unbiased_however_wrong_the_outcomes_are() -> None:
    made = world(1.0)
    rng = np.random.default_rng(0)
    score = doubly_robust(made.trial, rng.normal(size=len(made.effect)), rng.normal(size=len(made.effect)))
    off = score - made.effect
    assert abs(off.mean()) < 4.0 * off.std() / np.sqrt(len(off))


@st.composite
def ranked(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores, and effects with ties."""
    n = draw(st.integers(3, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.normal(size=n), rng.integers(0, 5, n).astype(np.float64)


@MANY
@given(made=ranked())
def test_the_qini_is_the_area_that_pairs_tell_of(made: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    """Slow and obvious: every row against every other."""
    score, effect = made
    n, centre = len(score), score - score.mean()
    pairs = [(float(effect[j] < effect[i]) + 0.5 * float(effect[j] == effect[i])) for i in range(n) for j in range(n)]
    below = np.array(pairs).reshape(n, n).mean(axis=1)
    one = np.zeros(n, np.intp)
    found = ranking.qini(score, effect, one, np.arange(n), 0.9)
    assert found.value == pytest.approx(float((centre * (below - 0.5)).mean()), abs=1e-12)
    everything = ranking.top(score, effect, one, np.arange(n), 1.0, 0.9)
    assert everything.value == pytest.approx(score.mean())
    shares, gained = ranking.curve(score, effect, one, 10)
    assert gained[-1] == pytest.approx(score.mean())
    assert (shares[0], gained[0]) == (0.0, 0.0)


@MANY
@given(made=ranked(), share=st.floats(0.05, 1.0))
def test_the_best_share_is_filled_from_above(
    made: tuple[NDArray[np.float64], NDArray[np.float64]], share: float
) -> None:
    _, effect = made
    one = np.zeros(len(effect), np.intp)
    taken = ranking.top(effect, effect, one, np.arange(len(effect)), share, 0.9).value
    wanted, left, total = np.sort(effect)[::-1], share * len(effect), 0.0
    for value in wanted.tolist():
        total += min(left, 1.0) * value
        left = max(left - 1.0, 0.0)
    assert taken == pytest.approx(total / (share * len(effect)))


def test_the_interval_of_the_average_covers_and_clusters() -> None:
    """Over 200 draws at 90 %, within four standard errors of that; a person's rows are one observation."""
    rng, held = np.random.default_rng(11), 0
    for _ in range(200):
        own = np.repeat(rng.normal(size=150), 3)
        found = ranking.average(own + 0.1 * rng.normal(size=450), np.repeat(np.arange(150), 3), 0.9)
        held += found.low <= 0.0 <= found.high
    assert abs(held / 200 - 0.9) < 4.0 * np.sqrt(0.09 / 200)


def test_an_uncertain_figure_is_held_towards_zero() -> None:
    assert shrunk(Estimate(2.0, 1.0, 0.0, 4.0)) == 1.5
    assert shrunk(Estimate(-2.0, 1.0, -4.0, 0.0)) == -1.5
    assert shrunk(Estimate(1.0, 3.0, -5.0, 7.0)) == 0.0
    assert shrunk(Estimate(0.0, 0.0, 0.0, 0.0)) == 0.0


def decided(arms: list[Arm], treated: list[bool], no_action: list[float], share: dict[Arm, float]) -> DecisionRows:
    n = len(arms)
    moment = np.arange(n, dtype=np.int64)
    zeros = np.zeros(n, np.int32)
    return DecisionRows(
        pairs=Pairs(zeros, moment, zeros, zeros),
        treated=np.array(treated),
        propensity=np.full(n, 0.1),
        no_action=np.array(no_action),
        arm=np.array([ARMS.index(one) for one in arms], np.int8),
        arm_share=np.array([share[one] for one in arms]),
        by_hand=np.zeros(n, np.bool_),
        version=np.ones(n, np.int64),
        read_up_to=moment,
        ends_at=moment,
        matured_at=moment,
        net_sales=np.ones(n),
        bought=np.zeros(n, np.bool_),
    )


def test_the_holdout_is_the_control_of_the_full_arm_and_others_have_their_own() -> None:
    share = {Arm.FULL: 0.6, Arm.HOLDOUT: 0.2, Arm.RANDOM: 0.2}
    arms = [Arm.FULL, Arm.FULL, Arm.HOLDOUT, Arm.RANDOM, Arm.RANDOM]
    rows = decided(arms, [True, False, False, True, False], [0.2, 0.2, 0.2, 0.25, 0.25], share)
    np.testing.assert_allclose(treated_chance(rows), [0.6, 0.6, 0.6, 0.75, 0.75])


def test_the_chances_of_the_arms_are_those_with_which_people_are_treated() -> None:
    """SYNTHETIC: people are drawn into arms and then into actions; e is how often one like them is treated."""
    rng, n = np.random.default_rng(2), 20_000
    share = {Arm.FULL: 0.5, Arm.HOLDOUT: 0.3, Arm.RANDOM: 0.2}
    arms = [list(share)[place] for place in rng.choice(3, n, p=list(share.values()))]
    nothing = [0.1 if one is not Arm.RANDOM else 0.5 for one in arms]
    treated = [one is not Arm.HOLDOUT and rng.random() > none for one, none in zip(arms, nothing, strict=True)]
    chance, was = treated_chance(decided(arms, treated, nothing, share)), np.array(treated)
    for one in np.unique(chance):
        here = chance == one
        assert abs(was[here].mean() - one) < 4.0 * np.sqrt(one * (1.0 - one) / here.sum())


def test_what_was_certain_chosen_by_hand_or_is_unknown_is_left_out() -> None:
    rows = decided([Arm.FULL] * 5, [True] * 5, [0.0, 0.005, 0.3, 0.3, 0.3], {Arm.FULL: 1.0})
    rows = replace(rows, by_hand=np.arange(5) == 3, net_sales=np.array([1.0, 1.0, 1.0, 1.0, np.nan]))
    found = comparable(rows, np.zeros(1, np.bool_))
    assert (len(found.rows), found.left, found.propensity.tolist()) == (1, 4, [0.7])
    unknown = comparable(replace(rows, arm_share=np.full(5, np.nan)), np.zeros(1, np.bool_))
    assert len(unknown.rows) == 0


def test_a_trial_keeps_its_rows_together() -> None:
    made = world(1.0, rows=1_500).trial
    order = np.random.default_rng(0).permutation(len(made))
    back = made.take(order)
    one, other = made.take(made.order()), back.take(back.order())
    assert isinstance(one, Trial)
    for name in ("columns", "treated", "propensity", "outcome", "person"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
