"""What holds for every verdict, whatever the figures."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.progress import Silent
from features.vocabulary import Vocabulary
from training.champions import TAG, Grounds, How, Reign, history, tag_of
from training.errors import InvalidGrounds, InvalidLimits
from training.holdout import BESIDE, BESIDE_TAG, ERROR, LOSS, ROWS, SUCCESSES, as_recorded, champion_beside
from training.offpolicy.intervals import Interval
from training.offpolicy.logged import Reward
from training.offpolicy.paired import Policies, compared
from training.promotion import (
    DIFFERENCE,
    FORCE,
    Compared,
    Criterion,
    Figures,
    Holdout,
    Limits,
    NotEvaluable,
    Paced,
    Replayed,
    Result,
    Skewed,
    Verdict,
    unchanged,
    verdict,
)
from training.promotion import LOSS as FIRST_BY
from training.promotion_text import as_json, markdown
from training.registry import RunFigures

LIMITS = Limits()
FINE = Replayed(100, ())
CLEAN = Skewed(0.0, "none of 100 logged decisions made again and 900 logged rows")
PACE = Paced(1.0, 200, 2.5, 2.5)
BOTH = Holdout(Figures(0.8, 0.1), Figures(0.8, 0.1), "on 500 contacts")


def interval(low: float, value: float, high: float) -> Interval:
    return Interval(value, 0.1, low, high, 0.95, "bootstrap of people")


EQUAL = Compared(interval(0.0, 0.0, 0.0), 1.0, 1_000, 400, 300.0, 0.0, 0.0, 0, 0)

_shares = st.floats(0.0, 0.2)
_compared = st.builds(
    Compared,
    difference=st.tuples(st.floats(-1.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0)).map(
        lambda drawn: interval(drawn[0], drawn[0] + drawn[1], drawn[0] + drawn[1] + drawn[2])
    ),
    champion=st.floats(0.0, 3.0),
    draws=st.integers(200, 10_000),
    people=st.integers(2, 5_000),
    effective_people=st.floats(1.0, 300.0),
    unsupported=_shares,
    lost=_shares,
    certain=st.integers(0, 100),
    champion_saw=st.integers(0, 100),
)
_figures = st.builds(Figures, st.floats(0.5, 1.5), st.floats(0.0, 1.0))
_holdouts = st.builds(Holdout, _figures, st.one_of(st.none(), _figures), st.just("on some contacts"))
_replayed = st.builds(Replayed, st.integers(0, 9), st.lists(st.just("decision d would offer a"), max_size=1).map(tuple))


@given(found=_compared, better=st.floats(0.0, 2.0), holdout=_holdouts, replayed=_replayed)
def test_a_better_difference_never_turns_promoted_into_refused(
    found: Compared, better: float, holdout: Holdout, replayed: Replayed
) -> None:
    before = found.difference
    ahead = replace(before, value=before.value + better, low=before.low + better, high=before.high + better)
    one, other = (
        verdict("2", "1", each, holdout, replayed, LIMITS, CLEAN, PACE)
        for each in (found, replace(found, difference=ahead))
    )
    assert other.promoted or not one.promoted
    assert {reason.partition(":")[0] for reason in other.reasons} <= {
        reason.partition(":")[0] for reason in one.reasons
    }


_any_verdict = given(
    found=st.one_of(_compared, st.just(NotEvaluable("no matured draw is logged"))),
    holdout=st.one_of(_holdouts, st.just(NotEvaluable("no figures"))),
    replayed=_replayed,
    champion=st.sampled_from(["1", None]),
)


@_any_verdict
def test_a_refusal_names_every_criterion_that_failed_and_no_other(
    found: Compared | NotEvaluable, holdout: Holdout | NotEvaluable, replayed: Replayed, champion: str | None
) -> None:
    made = verdict("2", champion, found, holdout, replayed, LIMITS, CLEAN, PACE)
    failed = {one.name for one in made.criteria if one.result is Result.FAILED}
    unknown = made.criteria[0].result is Result.NOT_EVALUABLE
    named = failed | ({DIFFERENCE} if unknown and champion is not None else set())
    if champion is None and isinstance(holdout, NotEvaluable):
        named.add(FIRST_BY)
    assert {reason.partition(":")[0] for reason in made.reasons} == named
    assert made.promoted == (not named)
    assert all(one.sentence for one in made.criteria)
    told = json.loads(as_json(made))
    assert (told["promoted"], len(told["criteria"])) == (made.promoted, len(made.criteria))
    decided = "promoted" if made.promoted else "refused"
    assert markdown(made).startswith(f"Version 2: **would be {decided}** (")
    assert markdown(made, Grounds(How.VERDICT, "", "ann")).startswith(f"Version 2: **{decided}** (")
    assert all(reason in markdown(made) for reason in made.reasons)


@_any_verdict
def test_what_may_serve_may_be_tried_and_what_breaks_a_law_or_is_worse_may_not(
    found: Compared | NotEvaluable, holdout: Holdout | NotEvaluable, replayed: Replayed, champion: str | None
) -> None:
    made = verdict("2", champion, found, holdout, replayed, LIMITS, CLEAN, PACE)
    against = {reason.partition(":")[0] for reason in made.against_trying}
    failed = {one.name for one in made.criteria if one.result is Result.FAILED}
    assert against == failed - {"effective people", "choices without support", "draws that do not come out again"}
    assert not (made.promoted and against)
    assert bool(against) >= bool(replayed.decisions and replayed.broken)


def test_that_the_log_cannot_tell_speaks_against_promotion_and_not_against_a_trial() -> None:
    silent = NotEvaluable("240 matured draws are logged, and none left anything to chance")
    few = replace(EQUAL, effective_people=20.0)
    for found in (silent, few):
        made = verdict("2", "1", found, BOTH, FINE, LIMITS, CLEAN, PACE)
        assert (made.promoted, made.against_trying) == (False, ())
        assert "nextbest ab start" in made.reasons[0]
    worse = verdict("2", "1", silent, BOTH, Replayed(9, ("decision d would offer a",)), LIMITS, CLEAN, PACE)
    assert [one.partition(":")[0] for one in worse.against_trying] == ["offers of what was bought within its window"]


@given(champion=st.floats(0.0, 10.0), tolerance=st.floats(0.0, 1.0))
def test_an_equal_is_within_any_tolerance(champion: float, tolerance: float) -> None:
    found = replace(EQUAL, champion=champion)
    assert verdict("2", "1", found, BOTH, FINE, Limits(tolerance=tolerance), CLEAN, PACE).promoted


@pytest.mark.parametrize(
    ("found", "holdout", "replayed", "name"),
    [
        (replace(EQUAL, difference=interval(-0.051, 0.2, 0.4)), BOTH, FINE, DIFFERENCE),
        (replace(EQUAL, unsupported=0.06), BOTH, FINE, "choices without support"),
        (replace(EQUAL, lost=0.11), BOTH, FINE, "draws that do not come out again"),
        (EQUAL, replace(BOTH, challenger=Figures(0.86, 0.1)), FINE, "log loss on later contacts"),
        (EQUAL, replace(BOTH, challenger=Figures(0.8, 0.36)), FINE, "calibration error on later contacts"),
        (EQUAL, BOTH, Replayed(9, ("decision d would offer a",)), "offers of what was bought within its window"),
    ],
)
def test_each_limit_refuses_by_itself(found: Compared, holdout: Holdout, replayed: Replayed, name: str) -> None:
    assert verdict("2", "1", EQUAL, BOTH, FINE, LIMITS, CLEAN, PACE).promoted
    made = verdict("2", "1", found, holdout, replayed, LIMITS, CLEAN, PACE)
    assert [reason.partition(":")[0] for reason in made.reasons] == [name]


@pytest.mark.parametrize(
    ("champion", "error", "allowed"),
    [(None, 0.77, True), (None, 0.79, False), (Figures(0.8, 0.1), 0.69, True), (Figures(0.8, 0.1), 0.70, False)],
)
def test_what_chance_makes_of_calibration_is_held_against_nobody(
    champion: Figures | None, error: float, allowed: bool
) -> None:
    """With 0.6 of chance 0.5 becomes 0.781, and 0.35 becomes 0.695."""
    compared = EQUAL if champion else NotEvaluable("there is no champion")
    few = Holdout(Figures(0.8, error, chance=0.6), champion, "on 300 contacts")
    many = Holdout(Figures(0.8, error, chance=0.1), champion, "on 30,000 contacts")
    versions = ("2", "1" if champion else None)
    verdicts = [verdict(*versions, compared, one, FINE, LIMITS, CLEAN, PACE) for one in (few, many)]
    assert [one.promoted for one in verdicts] == [allowed, False]


@pytest.mark.parametrize(
    "found",
    [
        replace(EQUAL, effective_people=99.0),
        replace(EQUAL, difference=interval(-np.inf, 0.0, np.inf)),
        NotEvaluable("no matured draw is logged"),
    ],
)
def test_a_log_that_does_not_tell_is_not_evaluable_and_only_a_first_champion_may_do_without(
    found: Compared | NotEvaluable,
) -> None:
    made = verdict("2", "1", found, BOTH, FINE, LIMITS, CLEAN, PACE)
    assert made.criteria[0].result is Result.NOT_EVALUABLE
    assert "not evaluable off-policy" in made.criteria[0].sentence
    assert FORCE in made.reasons[0]
    first = verdict(
        "1", None, NotEvaluable("there is no champion"), replace(BOTH, champion=None), FINE, LIMITS, CLEAN, PACE
    )
    assert (first.promoted, first.remark.startswith("no champion to compare")) == (True, True)
    poor = Holdout(Figures(1.2, 0.1), None, "on 500 contacts")
    assert not verdict("1", None, NotEvaluable("there is no champion"), poor, FINE, LIMITS, CLEAN, PACE).promoted


def test_a_first_champion_is_judged_by_something_or_forced() -> None:
    nothing = NotEvaluable("nothing came of later contacts, and the version has no figures")
    made = verdict("1", None, nothing, nothing, Replayed(0, ()), LIMITS, nothing, nothing)
    assert not made.promoted
    assert made.reasons == (f"{FIRST_BY}: {nothing.why}; to decide without it {FORCE}",)


def found_of(made: Verdict, name: str) -> Criterion:
    (found,) = (one for one in made.criteria if one.name == name)
    return found


@given(share=st.floats(0.0, 1.0))
def test_skew_beyond_the_limit_refuses_whatever_else_is_fine(share: float) -> None:
    made = verdict("2", "1", EQUAL, BOTH, FINE, LIMITS, Skewed(share, "told"), PACE)
    assert made.promoted == (share <= LIMITS.skew)
    assert found_of(made, "feature skew").observed == share


@given(ratio=st.floats(0.01, 100.0))
def test_a_slower_decision_refuses_whatever_else_is_fine(ratio: float) -> None:
    made = verdict("2", "1", EQUAL, BOTH, FINE, LIMITS, CLEAN, replace(PACE, ratio=ratio))
    assert made.promoted == (ratio <= LIMITS.slower)
    assert made.against_trying == made.reasons
    assert found_of(made, "time of a decision").observed == ratio


def test_what_cannot_be_measured_is_neither_good_nor_bad() -> None:
    nothing = NotEvaluable("nothing is logged")
    made = verdict("2", "1", EQUAL, BOTH, FINE, LIMITS, nothing, nothing)
    assert made.promoted
    for name in ("feature skew", "time of a decision"):
        assert (found_of(made, name).result, found_of(made, name).sentence) == (Result.NOT_EVALUABLE, nothing.why)


def test_what_serves_already_may_be_promoted_again() -> None:
    made: Verdict = unchanged("1", "1")
    assert (made.promoted, made.criteria[0].result) == (True, Result.PASSED)


def test_without_draws_there_is_nothing_to_compare_by() -> None:
    def never(*_: object) -> None:
        raise AssertionError

    policies = Policies(never, never, never, 0)
    found = compared((), policies, Vocabulary(), Silent(), Reward.VALUE, np.random.default_rng(1), 10)
    assert found == NotEvaluable("no matured draw is logged")


def test_recorded_figures_are_relative_to_the_rate_alone() -> None:
    """A score that says the rate of everybody costs 1, whatever the rate is."""
    for rate in (0.002, 0.3):
        loss = -rate * np.log(rate) - (1 - rate) * np.log(1 - rate)
        run = {LOSS: loss, ERROR: rate / 4, ROWS: 10_000.0, SUCCESSES: 10_000.0 * rate}
        found = as_recorded(run, run, same=True)
        assert isinstance(found, Holdout)
        assert found.challenger == found.champion
        assert (found.challenger.log_loss, found.challenger.calibration_error) == pytest.approx((1.0, 0.25))
        assert isinstance(as_recorded({}, run, same=False), NotEvaluable)
    assert isinstance(as_recorded({LOSS: 1.0}, None, same=False), NotEvaluable)


def test_backtests_on_other_contacts_are_not_held_against_one_another() -> None:
    """A quiet week's champion made every challenger of a busy one fail."""
    ours = {LOSS: 0.3, ERROR: 0.01, ROWS: 1_000.0, SUCCESSES: 100.0}
    theirs = {LOSS: 0.1, ERROR: 0.001, ROWS: 1_000.0, SUCCESSES: 30.0}
    found = as_recorded(ours, theirs, same=False)
    assert isinstance(found, Holdout)
    assert found == replace(found, champion=None)
    loss = found_of(verdict("2", "1", EQUAL, found, FINE, LIMITS, CLEAN, PACE), "log loss on later contacts")
    assert loss.required == 1.0 + LIMITS.log_loss
    assert "a first champion's limit counts" in loss.sentence
    assert loss.result is Result.PASSED
    together = as_recorded(ours, theirs, same=True)
    assert isinstance(together, Holdout)
    assert together.champion is not None


def test_a_run_s_figures_of_the_champion_are_those_of_that_version_only() -> None:
    told = {LOSS: 0.2, ERROR: 0.01, ROWS: 100.0, SUCCESSES: 10.0, "test.calibration_chance": 0.02}
    its_own = {BESIDE[LOSS]: 0.4, BESIDE[ERROR]: 0.03, BESIDE["test.calibration_chance"]: 0.04}
    run = RunFigures({**told, **its_own}, {BESIDE_TAG: "7"})
    found = champion_beside(run, "7")
    assert found is not None
    judged = as_recorded(told, found, same=True)
    assert isinstance(judged, Holdout)
    assert judged.champion is not None
    assert judged.champion.log_loss == pytest.approx(2 * judged.challenger.log_loss)
    assert judged.champion.calibration_error == pytest.approx(0.3)
    assert champion_beside(run, "8") is None
    assert champion_beside(RunFigures(told, {BESIDE_TAG: "7"}), "7") is None


def test_an_entry_of_the_history_is_never_written_over() -> None:
    """Also of one version twice in the same millisecond, and beside tags of somebody else."""
    tags: dict[str, str] = {"owner": "ann", f"{TAG}note": "no entry"}
    told = [Reign("1", "d" * 64, 5, Grounds(How.ROLLBACK, f"reason {number}", "ann")) for number in range(12)]
    for one in told:
        key, value = tag_of(one, len(history(tags)))
        assert key not in tags
        tags[key] = value
    assert history(tags) == tuple(told)


@pytest.mark.parametrize(("reason", "by"), [("", "ann"), ("why", " "), ("x" * 1_001, "ann")])
def test_forcing_is_saying_why_and_by_whom(reason: str, by: str) -> None:
    with pytest.raises(InvalidGrounds, match=r"^(reason|by) is "):
        Grounds(How.FORCED, reason, by)


def test_a_limit_below_nothing_is_none() -> None:
    with pytest.raises(InvalidLimits, match=r"tolerance is -0\.1; "):
        Limits(tolerance=-0.1)
