"""Challengers tried from the command line: what the gate lets through, who began it and why, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace as altered

from features.progress import Silent
from features.stores import open_store
from features.stores.trials import Trial, TrialKind
from models.bundle import load
from models.policy.sides import takes
from models.shadow import Choice, Scored, ShadowScores
from tests.flow.test_operators import Done, one_line
from tests.flow.test_promotion import RATE, Home, decided_without_a_model, nextbest, pytestmark
from tests.models.shop import DAY, NOW
from tests.training.draw_world import EXPECTED
from training import shadow
from training.offpolicy import sides
from training.offpolicy.logged import Draw, Reward, read_draws
from training.registry import CHALLENGER, RunRecord

__all__ = ["pytestmark"]

PEOPLE = 200
LONG_AGO = NOW - 40 * DAY
TRIAL = Trial(TrialKind.AB, "m8", "aa", "", "m", 0.5, LONG_AGO, NOW, "Ann", "to see")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with decided_without_a_model(tmp_path_factory.mktemp("trials"), PEOPLE) as made:
        yield made


def rows(home: Home, *arguments: str) -> list[dict[str, object]]:
    done = nextbest(home.path, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def refused_in_words(done: Done) -> str:
    """The last line, after the steps that were taken."""
    assert done.returncode == 2
    return done.stderr.splitlines()[-1]


def start(home: Home, *arguments: str) -> Done:
    return nextbest(home.path, "ab", "start", "--reason", "to see", "--by", "Ann", *arguments)


def test_what_cannot_be_judged_may_be_tried_and_what_is_worse_may_not(home: Home) -> None:
    first = home.register(RATE, RATE, seed=1)
    assert home.promote().returncode == 0
    assert rows(home, "ab", "status") == []
    assert one_line(nextbest(home.path, "ab", "stop", "--reason", "none")).startswith("nothing is tried in ab; ")
    assert one_line(nextbest(home.path, "ab", "report")).startswith("nothing was tried in ab yet; ")
    assert start(home, "--challenger", first).returncode == 1

    worse = home.register(0.6, 0.05, seed=2)
    refused = start(home, "--challenger", worse)
    assert (refused.returncode, "log loss on later contacts" in refused.stderr) == (1, True)
    assert rows(home, "ab", "status") == []

    fresh = home.register(RATE, RATE, seed=4, until=NOW)  # has no draws later than it
    judged = home.promote(fresh, "--dry-run", "--json")
    assert "nextbest ab start" in json.loads(judged.stdout)["reasons"][0]
    assert one_line(start(home, "--share", "0.2")).startswith("share is 0.2; it is above 0 and at most 0.1; ")
    assert one_line(start(home, "--share", "0")).startswith("share is 0; ")
    assert one_line(start(home, "--until", "2020-01-01T00:00:00Z")).startswith("until is 2020-01-01T00:00:00Z; ")
    assert home.aliases()[CHALLENGER] == fresh
    begun = start(home, "--share", "0.2", "--cap", "0.25", "--until", "2026-02-01T00:00:00Z")
    assert begun.returncode == 0, begun.stderr
    (entry,) = rows(home, "ab", "status")
    expected = {"challenger": fresh, "champion": first, "share": 0.2, "running": True, "by": "Ann", "reason": "to see"}
    assert {name: entry[name] for name in expected} == expected
    assert entry["until"] == "2026-02-01T00:00:00Z"
    assert one_line(start(home)).startswith(f"challenger {fresh} is tried already; ")
    assert home.aliases()[CHALLENGER] == fresh

    store = open_store(f"sqlite:///{home.path / 'store.db'}")
    (trial,) = store.trials(5)
    assert store.bundle(trial.digest) == home.registry.bundle_files(fresh)
    store.close()
    assert nextbest(home.path, "ab", "stop", "--reason", "enough", "--by", "Bob").returncode == 0
    entries = rows(home, "ab", "status")
    assert [(one["share"], one["running"], one["by"]) for one in entries] == [(0.0, False, "Bob"), (0.2, False, "Ann")]
    assert refused_in_words(nextbest(home.path, "ab", "report")).startswith("draws is 0 of ")


def test_a_shadow_is_begun_told_of_and_ended(home: Home) -> None:
    """On the heels of the test above."""
    newest = home.registry.find(None).version
    assert nextbest(home.path, "shadow", "on", "--share", "0.5", "--by", "Ann").returncode == 0
    (entry,) = rows(home, "shadow", "status")
    assert (entry["challenger"], entry["share"], entry["running"], entry["until"]) == (newest, 0.5, True, None)
    assert refused_in_words(nextbest(home.path, "shadow", "report")).startswith("decisions that challenger ")
    assert nextbest(home.path, "shadow", "off").returncode == 0
    assert one_line(nextbest(home.path, "shadow", "off")).startswith("nothing is tried in shadow; ")


def test_a_shadow_ends_when_its_version_becomes_champion(home: Home) -> None:
    """By a promotion, and by the way back."""
    champion, newest = home.registry.champion(), home.registry.find(None).version
    assert champion is not None
    promoted = home.promote(newest, "--force", "--reason", "a try", "--by", "Ann")
    assert (promoted.returncode, "shadow" in promoted.stderr) == (0, False)
    assert nextbest(home.path, "shadow", "on", "--challenger", champion.version).returncode == 0
    back = nextbest(home.path, "rollback")
    assert back.returncode == 0
    said = f"version {champion.version} became champion"
    assert f"{said}, so that its scoring in the shadow has ended" in " ".join(back.stderr.split())
    ended, begun = rows(home, "shadow", "status")[:2]
    assert (ended["share"], ended["reason"], begun["running"]) == (0.0, said, False)
    assert nextbest(home.path, "shadow", "on", "--challenger", newest).returncode == 0
    assert "has ended" in home.promote(newest, "--force", "--reason", "a try", "--by", "Ann").stderr
    assert one_line(nextbest(home.path, "shadow", "off")).startswith("nothing is tried in shadow; ")
    assert nextbest(home.path, "rollback").returncode == 0


def test_what_serves_already_is_not_shadowed(home: Home) -> None:
    """Nor is the same bundle under another number."""
    champion, before = home.registry.champion(), rows(home, "shadow", "status")
    assert champion is not None
    said = f"challenger is {champion.version}; it is what serves, so that there is nothing to compare; name another"
    assert one_line(nextbest(home.path, "shadow", "on", "--challenger", champion.version)) == said
    files = home.registry.bundle_files(champion.version)
    again = home.registry.register(load(files), RunRecord({}, {}, {}, {}, {})).version
    refused = one_line(nextbest(home.path, "shadow", "on", "--challenger", again))
    assert refused.startswith(f"challenger is {again}; it is what serves, ")
    assert rows(home, "shadow", "status") == before


def test_what_each_side_earned_is_told_by_the_version_that_was_logged(home: Home) -> None:
    """SYNTHETIC: the challenger succeeds twice as often as the champion, by lot, for half the people."""
    store = open_store(f"sqlite:///{home.path / 'store.db'}")
    reading = read_draws(store, LONG_AGO, NOW, Silent())
    store.close()
    dice, rate = np.random.default_rng(3), {"m": 0.2, "m8": 0.4}

    def tried(draw: Draw, person: int) -> Draw:
        version = "m8" if takes(TRIAL.name, f"p-{person}", TRIAL.share) else "m"
        decision = replace(draw.decision, model_version=version, person=person, arm="full")
        return replace(draw, decision=decision, success=bool(dice.random() < rate[version]))

    draws = [tried(reading.draws[number % len(reading.draws)], number // 2) for number in range(2_000)]
    others = [replace(one, decision=replace(one.decision, model_version="m5")) for one in draws[:7]]
    found = sides.by_side([*draws, *others], TRIAL, Reward.SUCCESS, np.random.default_rng(1))
    results = {one.arm: one for one in found.results}
    assert (set(results), found.others) == ({"m", "m8"}, 7)
    ahead = results["m8"].ahead
    assert ahead is not None
    assert abs(ahead.value - 0.2) < 4.0 * ahead.error
    assert ahead.low > 0.0
    told = json.loads(found.as_json())
    assert [(one["version"], one["side"]) for one in told["sides"]] == [("m", "champion"), ("m8", "challenger")]
    assert "7 draws of other versions or arms are left out" in found.markdown()


def test_a_shadow_that_knows_the_truth_is_nearer_to_what_came(home: Home) -> None:
    """SYNTHETIC: the challenger gives each success 0.8 or 0.7 and each failure 0.2 or 0.3, which the champion cannot
    tell apart."""
    store = open_store(f"sqlite:///{home.path / 'store.db'}")
    trial = altered(TRIAL, kind=TrialKind.SHADOW, since=NOW - 60 * DAY)
    succeeded = {
        (one.decision.decision_id, one.channel): one.success for one in read_draws(store, 0, NOW, Silent()).draws
    }
    scores, same = [], 0
    for place, decision_id in enumerate(store.newest_decisions(0, 50)):
        logged = store.decision(decision_id)
        assert logged is not None
        slates = json.loads(logged.response)["channels"]
        chosen = [(slate["channel"], one["action_id"]) for slate in slates for one in slate["actions"]]
        sure = (0.8, 0.7)[place % 2]
        nearer = {True: sure, False: 1.0 - sure}
        scored = tuple(Scored(*one, 0.5, nearer[succeeded[decision_id, one[0]]]) for one in chosen)
        first = tuple(
            Choice(slate["channel"], slate["actions"][0]["action_id"]) if slate["actions"] and number == 0 else None
            for number, slate in enumerate(slates)
        )
        same += sum(number == 0 or not slate["actions"] for number, slate in enumerate(slates))
        found = ShadowScores(trial.version, trial.digest, first, scored)
        scores.append((decision_id, msgspec.json.encode(found).decode()))
    scores[0] = (scores[0][0], msgspec.json.encode(ShadowScores("m8", "aa", (), (), "it burns")).decode())
    assert store.log_shadows(scores) == 50
    told = shadow.report(store, trial, NOW, 1, Silent())
    store.close()
    assert (told.decisions, told.faults, told.slates) == (50, 1, 98)
    assert same - 2 <= round(told.agreed * 98) <= same
    assert told.champion_mean == 0.5
    assert told.matured is not None
    assert -np.log(0.8) < told.matured.challenger_log_loss < -np.log(0.7)
    assert told.matured.champion_log_loss == pytest.approx(np.log(2.0))
    assert told.matured.difference is not None
    assert told.matured.difference.high < 0.0
    assert json.loads(told.as_json())["matured"]["contacts"] == told.matured.contacts
    assert f"log loss on {told.matured.contacts} matured contacts" in told.markdown()
    assert EXPECTED.keys() >= {
        one.action for _, text in scores for one in msgspec.json.decode(text, type=ShadowScores).chosen
    }
