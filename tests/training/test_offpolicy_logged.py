"""Our own log as feedback: SYNTHETIC decisions in a real store, with chances of success that are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from features.event import Event, Identifier, Kind
from features.progress import Silent
from features.stores.protocol import Append, LoggedDecision
from features.stores.trials import Trial, TrialKind
from models.first_draws import Choice, FirstDraw
from models.policy.exploration import UNIFORM, Greedy
from models.policy.gates import GATES
from models.policy.version import Policy
from nextbest import app
from serving.model_loader import NoModel
from serving.redrawing import as_logged, at_random, by_catalogue
from serving.replaying import Replayer
from tests.models.shop import DAY, NOW, ByAction
from tests.models.test_incremental_ranking import Effects
from tests.training.draw_world import TRUE, VALUE, WINDOW_DAYS, Shop, decide_for, open_shop
from training.errors import InvalidFeedback
from training.offpolicy import sides
from training.offpolicy.arms import by_arm
from training.offpolicy.diagnostics import FEWEST, diagnose
from training.offpolicy.estimators import IPS, SelfNormalisedIPS
from training.offpolicy.feedback import Evaluation
from training.offpolicy.intervals import bootstrapped, bootstrapped_difference
from training.offpolicy.logged import Reading, Reward, feedback_of, read_draws, sampled
from training.offpolicy.paired import Policies, compared, over_all, paired
from training.offpolicy.redrawn import Redrawn, redrawn
from training.offpolicy.report import report
from training.promotion import Compared, Limits, NotEvaluable, Replayed, verdict

PEOPLE, EACH = 150, 4
ARMS = {"period_days": 36500, "random": 0.25, "holdout": 0.25}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = open_shop(tmp_path_factory.mktemp("draws"))
    decide_for(made, PEOPLE, EACH, seed=1)
    decide_for(made, 20, 1, seed=2, at=NOW - 40 * DAY, across="best")
    yield made
    made.store.close()


def nextbest(home: Path, *arguments: str) -> Result:
    """In this process, which knows all the parts already."""
    return CliRunner().invoke(app, arguments, env={"NEXTBEST_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "200"})


def read(shop: Shop, since: int = NOW - 35 * DAY, known_at: int = NOW) -> Reading:
    return read_draws(shop.store, since, known_at, Silent())


@pytest.fixture(scope="module")
def reading(shop: Shop) -> Reading:
    return read(shop)


@pytest.fixture(scope="module")
def uniform(shop: Shop, reading: Reading) -> Redrawn:
    target = shop.redraw(Policy(GATES, UNIFORM))
    return redrawn(reading.draws, shop.redraw(), target, shop.store.vocabulary, Silent())


def test_each_channel_of_a_decision_is_a_draw(reading: Reading) -> None:
    assert len(reading.draws) == 2 * PEOPLE * EACH
    assert reading.remarks == ()
    for one in reading.draws:
        assert one.channels == (one.channel,)
        assert 0.0 < one.propensity <= 1.0
        assert (one.action is None) == (one.propensity == one.no_action) == (one.value == 0.0)
        assert one.action is None or one.value == VALUE[one.action]
        assert one.action is not None or not one.success


def test_the_best_over_all_channels_is_one_draw(shop: Shop) -> None:
    found = [one for one in read(shop, since=NOW - 45 * DAY).draws if len(one.channels) == 2]
    assert len(found) == 20
    assert {one.channels for one in found} == {("web", "app")}
    again = redrawn(found, shop.redraw(), shop.redraw(), shop.store.vocabulary, Silent())
    assert (again.different, again.unknown) == (0, 0)
    assert {len(one) for one in np.split(again.feedback.action, again.feedback.start[1:-1])} == {7}


def test_successes_are_as_often_as_they_truly_are(reading: Reading) -> None:
    for action, chance in (("a", 0.3), ("b", 0.5)):
        won = [one.success for one in reading.draws if (one.channel, one.action) == ("web", action)]
        assert abs(np.mean(won) - chance) < 4 * np.sqrt(chance * (1 - chance) / len(won))


def test_the_logging_policy_itself_has_its_mean_reward(shop: Shop, reading: Reading) -> None:
    for reward in Reward:
        logged = feedback_of(reading.draws, shop.store.vocabulary, reward)
        own = Evaluation(logged.feedback, logged.logging)
        assert IPS().terms(own).value == pytest.approx(float(logged.feedback.reward.mean()))
        assert diagnose(own, logged.logging).doubts == ()
    assert float(logged.feedback.reward.max()) == max(VALUE.values())


def test_never_any_action_earns_nothing_and_is_supported_as_far_as_it_was_explored(
    shop: Shop, reading: Reading
) -> None:
    logged = feedback_of(reading.draws, shop.store.vocabulary)
    never = Evaluation(logged.feedback, logged.no_action)
    assert SelfNormalisedIPS().terms(never).value == 0.0
    found = diagnose(never, logged.logging)
    assert found.unsupported == 0.0
    assert abs(found.mean_weight - 1.0) < 4 * found.error


def test_decided_anew_the_logging_policy_gives_the_logged_chances(uniform: Redrawn) -> None:
    assert (uniform.different, uniform.unknown, uniform.remarks) == (0, 0, ())
    feedback = uniform.feedback
    np.testing.assert_allclose(uniform.logging[feedback.taken], feedback.propensity)
    assert set(np.diff(feedback.start).tolist()) <= {3, 4}  # what web took is out of app's draw


def true_value(shop: Shop, log: Redrawn, chances: NDArray[np.float64]) -> float:
    """Of a policy with these chances in the very places that were logged."""
    worth = {
        (channel, shop.store.vocabulary.code("action", action)): won
        for channel, by_action in TRUE.items()
        for action, won in by_action.items()
    }
    row, action = log.feedback.row.tolist(), log.feedback.action.tolist()
    each = [worth.get((log.draws[one].channel, code), 0.0) for one, code in zip(row, action, strict=True)]
    return float(np.array(each) @ chances) / len(log.draws)


def test_another_policy_is_worth_what_it_truly_is(shop: Shop, uniform: Redrawn) -> None:
    truth, logged = (true_value(shop, uniform, one) for one in (uniform.target, uniform.logging))
    evaluation, person = Evaluation(uniform.feedback, uniform.target), uniform.feedback.person
    assert diagnose(evaluation, uniform.logging).doubts == ()
    for estimator in (IPS(), SelfNormalisedIPS()):
        found = bootstrapped(estimator.terms(evaluation), person, np.random.default_rng(1), resamples=100)
        assert abs(found.value - truth) < 4 * found.error
    own = Evaluation(uniform.feedback, uniform.logging)
    both = SelfNormalisedIPS().terms(evaluation), SelfNormalisedIPS().terms(own)
    ahead = bootstrapped_difference(*both, person, np.random.default_rng(1), resamples=100)
    assert abs(ahead.value - (truth - logged)) < 4 * ahead.error


def test_two_policies_are_compared_on_the_very_same_draws(shop: Shop, reading: Reading, uniform: Redrawn) -> None:
    drawn, challenger = shop.redraw(), shop.redraw(Policy(GATES, UNIFORM))
    policies = Policies(drawn, drawn, challenger, champion_until=NOW)
    rest = (shop.store.vocabulary, Silent(), Reward.SUCCESS, np.random.default_rng(1))
    certain = [replace(one, propensity=1.0) for one in reading.draws[:7]]
    found = compared([*certain, *reading.draws[7:]], policies, *rest, 10_000)
    assert isinstance(found, Compared)
    truth = true_value(shop, uniform, uniform.target) - true_value(shop, uniform, uniform.logging)
    assert abs(found.difference.value - truth) < 4 * found.difference.error
    rows = len(reading.draws) - 7
    assert (found.draws, found.certain, found.champion_saw, found.lost) == (rows, 7, rows, 0.0)
    assert FEWEST < found.effective_people <= PEOPLE
    few = compared(reading.draws[:40], Policies(drawn, drawn, drawn, 0), *rest, 30)
    assert isinstance(few, Compared)
    assert (few.draws, few.champion_saw, few.difference.low, few.difference.high) == (30, 0, 0.0, 0.0)
    none = compared(certain, policies, *rest, 10)
    assert none == NotEvaluable("7 matured draws are logged, and none left anything to chance")


@pytest.fixture(scope="module")
def by_effect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Ranked by what contacts add, of which b's adds nothing: whoever takes b would take it anyway."""
    made = open_shop(tmp_path_factory.mktemp("effects"), ARMS, incremental=True)
    assert isinstance(made.scorer, ByAction)
    code = made.store.vocabulary.code
    knowing = replace(made, scorer=Effects(made.scorer, {code("action", "a"): 2.0, code("action", "b"): 0.0}))
    decide_for(knowing, 30, 2, seed=1)
    yield knowing
    made.store.close()


def test_who_ranks_by_incremental_value_is_not_judged_by_credited_successes(by_effect: Shop) -> None:
    draws = read(by_effect).draws
    assert isinstance(by_effect.scorer, Effects)
    knowing, plain = by_effect.redraw(), replace(by_effect, scorer=by_effect.scorer.chances).redraw()
    rest = (by_effect.store.vocabulary, Silent(), Reward.VALUE, np.random.default_rng(1), 10_000)
    full = [one for one in draws if one.decision.arm == "full"]
    for champion, challenger, named in (
        (knowing, plain, "the champion ranks"),
        (plain, knowing, "the challenger ranks"),
    ):
        found = compared(full, Policies(knowing, champion, challenger, 0), *rest)
        assert isinstance(found, NotEvaluable)
        assert found.why.startswith(named)
        assert "success that is credited" in found.why
        none = NotEvaluable("none")
        judged = verdict("2", "1", found, none, Replayed(9, ()), Limits(), none, none)
        assert judged.criteria[0].result == "not evaluable"
        assert not judged.promoted
        assert judged.against_trying == ()
    assert isinstance(compared(full, Policies(knowing, plain, plain, 0), *rest), Compared)


def test_a_trial_of_what_ranks_by_incremental_value_says_so(by_effect: Shop, shop: Shop) -> None:
    trial = Trial(TrialKind.AB, "m8", "aa", "", "m", 0.5, NOW - 60 * DAY, NOW, "Ann", "to see")
    told, plain = (sides.report(one.store, trial, NOW, Reward.VALUE, 1, Silent()) for one in (by_effect, shop))
    draws = [one for one in read(by_effect).draws if one.incremental]
    assert {one.decision.arm for one in draws} >= {"full", "random"}
    (line,) = [one for one in told.remarks if "incremental" in one]
    assert line.startswith(f"draws of decisions ranked by incremental value are {len(draws):,}; ")
    assert line in told.markdown()
    assert line in told.as_json()
    assert not any("incremental" in one for one in plain.remarks)


def test_a_log_that_comes_out_differently_is_left_out(shop: Shop, reading: Reading) -> None:
    other = shop.redraw(Policy(GATES, Greedy()))
    with pytest.raises(InvalidFeedback, match="rows is 0"):
        redrawn(reading.draws[:10], other, other, shop.store.vocabulary, Silent())
    some = redrawn(
        reading.draws[:10],
        lambda logged, taken: (
            other(logged, taken) if logged == reading.draws[0].decision else shop.redraw()(logged, taken)
        ),
        lambda logged, taken: None if logged == reading.draws[2].decision else shop.redraw()(logged, taken),
        shop.store.vocabulary,
        Silent(),
    )
    assert (some.different, some.unknown, len(some.draws)) == (2, 2, 6)
    assert some.remarks == (
        "draws that come out differently when decided anew are 2; they are left out",
        "draws that cannot be decided anew are 2; they are left out",
    )


def test_nothing_is_read_before_its_time_whatever_came_of_it(shop: Shop) -> None:
    """Held for a time, then the window: until both are over the early successes are not let in either."""
    held = next(iter(shop.compiled.catalogue.channels.values())).reserve
    ripe = NOW - 30 * DAY + held + WINDOW_DAYS * DAY
    early = read(shop, known_at=ripe - 1)
    assert early.draws == ()
    assert early.unmatured == PEOPLE * EACH
    assert "decisions not matured yet are 600; they are left out" in early.remarks
    assert len(read(shop, known_at=ripe).draws) == 2 * PEOPLE * EACH


def test_who_objects_to_profiling_is_not_judged_by(shop: Shop) -> None:
    said = Event("no", Kind.CONSENT_WITHDRAWN, "No", NOW - DAY, NOW - DAY, topic="profiling")
    shop.store.append([Append(Identifier("user_id", "c-3"), (said,))]).result(timeout=30)
    found = read(shop)
    assert found.objecting == EACH
    assert len(found.draws) == 2 * (PEOPLE - 1) * EACH
    assert "c-3" not in {one.decision.customer_id for one in found.draws}


def test_arms_are_compared_on_what_each_of_them_drew(tmp_path: Path) -> None:
    made = open_shop(tmp_path, ARMS)
    decide_for(made, 200, 2, seed=3)
    found = read(made, known_at=NOW)
    compared = {one.arm: one for one in by_arm(found.draws, Reward.SUCCESS, np.random.default_rng(1), resamples=200)}
    made.store.close()
    told = nextbest(tmp_path, "arms", "--days", "3650", "--value")
    assert told.exit_code == 0, told.stderr
    assert [line.split(" | ")[0] for line in told.stdout.splitlines()[2:]] == ["| full", "| holdout", "| random"]
    assert set(compared) == {"full", "random", "holdout"}
    assert sum(one.draws for one in compared.values()) == len(found.draws)
    for arm, one in compared.items():
        rewards = [float(draw.success) for draw in found.draws if draw.decision.arm == arm]
        assert one.reward.value == pytest.approx(np.mean(rewards))
        assert one.people == len({draw.decision.person for draw in found.draws if draw.decision.arm == arm})
    nothing = compared["holdout"].reward
    assert (nothing.value, nothing.low, nothing.high) == (0.0, 0.0, 0.0)
    assert compared["full"].ahead is None
    ahead = compared["random"].ahead
    assert ahead is not None
    assert ahead.value == pytest.approx(compared["random"].reward.value - compared["full"].reward.value)


def test_without_matured_decisions_a_line_says_so(shop: Shop) -> None:
    early = read(shop, known_at=NOW - 29 * DAY)
    with pytest.raises(InvalidFeedback, match=r"draws is 0; .* let their reward windows pass"):
        by_arm(early.draws, Reward.SUCCESS, np.random.default_rng(1))


def test_a_real_replay_decides_anew_and_a_command_tells_what_it_found(tmp_path: Path) -> None:
    """Without a model, so that what decided then is all in the store."""
    made = open_shop(tmp_path, scorer=NoModel())
    decide_for(made, 60, 2, seed=4)
    draws, replayer = read(made).draws, Replayer(made.store, "r")
    found, expected = (
        redrawn(draws, *both, made.store.vocabulary, Silent())
        for both in (
            (as_logged(replayer), at_random(replayer)),
            (made.redraw(), made.redraw(Policy(GATES, UNIFORM))),
        )
    )
    assert (found.different, found.unknown) == (0, 0)
    assert found.target.tolist() == expected.target.tolist()
    same = redrawn(draws, as_logged(replayer), by_catalogue(replayer, 1), made.store.vocabulary, Silent())
    assert same.target.tolist() == same.logging.tolist() == found.logging.tolist()
    written = report(found, np.random.default_rng(20240229)).markdown()
    made.store.close()
    told = nextbest(tmp_path, "off-policy", "--random", "--days", "3650")
    assert told.exit_code == 0, told.stderr
    assert told.stdout.strip() == written
    assert written.startswith("| | per draw (95 %) | ahead of what was logged (95 %) |")
    assert "240 draws of 60 people, worth " in written
    wrong = nextbest(tmp_path, "off-policy", "--catalogue", "9")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("catalogue is 9; the store has no such version; ")
    for target in ([], ["--random", "--catalogue", "1"]):
        unclear = nextbest(tmp_path, "off-policy", *target)
        assert (unclear.exit_code, unclear.stderr[:31]) == (2, "target is missing or doubled; n")


def test_what_a_comparison_rests_on_is_told(shop: Shop, reading: Reading) -> None:
    """The share of draws that the challenger cannot decide anew, and of its choices to which the log gave no chance."""
    drawn, rest = shop.redraw(), (shop.store.vocabulary, Silent(), Reward.SUCCESS, np.random.default_rng(1), 10_000)
    forgotten = {one.decision.decision_id for one in reading.draws if one.decision.decision_id.endswith("-0")}

    def forgetful(decision: LoggedDecision, taken: Sequence[Sequence[Choice]]) -> Sequence[FirstDraw | None] | None:
        return None if decision.decision_id in forgotten else shop.redraw(Policy(GATES, UNIFORM))(decision, taken)

    pair = paired(reading.draws, Policies(drawn, drawn, forgetful, 0), *rest)
    assert not isinstance(pair, NotEvaluable)
    explored = [one for one in reading.draws if one.propensity < 1.0]
    away = sum(one.decision.decision_id in forgotten for one in explored)
    logged, without = pair.challenger.feedback, pair.logging.copy()
    for low, high, taken in zip(logged.start[:-1], logged.start[1:], logged.taken, strict=True):
        gone, *_, instead = (place for place in range(low, high) if place != taken)
        without[instead] += without[gone]
        without[gone] = 0.0
    found = over_all(replace(pair, logging=without), 0, np.random.default_rng(1))
    assert isinstance(found, Compared)
    assert found.lost == pytest.approx(away / len(explored))
    assert 0.2 < found.lost < 0.3
    without_chance = float(pair.challenger.target[without == 0.0].sum())
    assert found.unsupported == pytest.approx(without_chance / len(pair.draws))
    assert found.unsupported > 0.1


def test_a_sample_is_some_of_the_draws_in_their_order(reading: Reading) -> None:
    drawn = sampled(reading.draws, 100, np.random.default_rng(1))
    places = [reading.draws.index(one) for one in drawn]
    assert len(set(places)) == 100
    assert places == sorted(places)
    assert sampled(reading.draws, 10_000, np.random.default_rng(1)) == reading.draws
