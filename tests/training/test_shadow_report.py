"""The report of a shadow, from SYNTHETIC decisions of several arms and champions in a real store."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from features.progress import Silent
from features.stores.trials import Trial, TrialKind
from models.policy_rules import Arm
from models.shadow import Choice, ShadowScores
from tests.models.shop import DAY, NOW
from tests.training.draw_world import Shop, decide_for, open_shop
from training import shadow

SINCE = NOW - 40 * DAY
TRIAL = Trial(TrialKind.SHADOW, "m8", "aa", "", "", 1.0, SINCE, 0, "Ann", "")


def scored(shop: Shop) -> dict[tuple[str, str], int]:
    """A challenger that agrees in the full arm of model m and nowhere else, for every decision; how many, by model and
    arm."""
    count: dict[tuple[str, str], int] = {}
    scores = []
    for decision_id in shop.store.newest_decisions(0, 10_000):
        logged = shop.store.decision(decision_id)
        assert logged is not None
        key = logged.model_version, logged.arm
        count[key] = count.get(key, 0) + 1
        first = [
            Choice(slate["channel"], slate["actions"][0]["action_id"]) if slate["actions"] else None
            for slate in json.loads(logged.response)["channels"]
        ]
        if key != ("m", Arm.FULL):
            first = [Choice("web", "another")] * len(first)
        found = ShadowScores(TRIAL.version, TRIAL.digest, tuple(first), ())
        scores.append((decision_id, msgspec.json.encode(found).decode()))
    shop.store.log_shadows(scores)
    return count


def test_agreement_is_over_the_full_arm_of_the_newest_champion(tmp_path: Path) -> None:
    shop = open_shop(tmp_path, {"period_days": 36500, "random": 0.25, "holdout": 0.25})
    decide_for(shop, 30, 1, seed=1, at=NOW - 3 * DAY, model="m0")
    decide_for(shop, 40, 1, seed=2, at=NOW - DAY, model="m")
    count = scored(shop)
    assert set(count) == {(model, arm) for model in ("m0", "m") for arm in ("full", "random", "holdout")}
    told = shadow.report(shop.store, TRIAL, NOW, 1, Silent())
    shop.store.close()
    assert (told.champion, told.decisions, told.others) == ("m", 40, 30)
    assert (told.slates, told.agreed) == (2 * count["m", "full"], 1.0)
    assert json.loads(told.as_json())["champion"] == "m"
    assert "30 decisions of another champion are left out" in told.markdown()
