"""Only a better model is promoted: SYNTHETIC decisions in a real store, models of known preferences, the real commands
and a real registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from msgspec import to_builtins
from typer.testing import CliRunner

from features.event import Event, Identifier, Kind
from features.progress import Silent
from features.stores import Store, open_store
from features.stores.protocol import Append, LogDecision
from models import bundle
from models.bundle import Bundle, Provenance
from models.calibration import IDENTITY
from models.document_fields import text_of
from models.forest import Forest
from models.inputs import affinity_inputs, response_inputs
from models.policy.gates import GATES
from models.policy.version import POLICY, Policy
from models.population import COLUMNS, Population
from models.track_record import TrackRecord
from nextbest import app, replay
from serving.model_loader import NoModel, Origin, resolve
from serving.redrawing import ByModel
from serving.reigns import verdicts
from serving.replaying import Replayer
from tests.flow.test_operators import Done, one_line
from tests.models.shop import DAY, NOW
from tests.training.draw_world import ITEM_OF_B, decide_for, open_shop
from training.champions import Grounds, How
from training.errors import Overtaken
from training.judging import contest, judged, promoted, terms_of
from training.promotion import Result, unchanged
from training.registry import CHALLENGER, CHAMPION, MODEL_NAME, PREVIOUS, Registry, RunRecord
from training.run import CARD
from training.settings import TrainingSettings

pytestmark = [  # what MLflow says of its own libraries is not ours to mend
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:mlflow.*"),
]

PEOPLE, RATE = 120, 0.27
"""RATE: about how often what is displayed succeeds, so that a model that says so of everything is calibrated."""
DEAR = 5.0
"""Action c is worth more, a and b less."""


@dataclass(frozen=True, slots=True)
class Home:
    path: Path
    registry: Registry

    def register(self, cheap: float, dear: float, seed: int, until: int = NOW - 60 * DAY) -> str:
        made, card = model(cheap, dear, seed, until), {CARD: f"# Model card of seed {seed}"}
        return self.registry.register(made, RunRecord({}, {}, {}, {}, card)).version

    def aliases(self) -> dict[str, str]:
        return {alias: one.registered.version for one in self.registry.listed() for alias in one.aliases}

    def promote(self, *arguments: str) -> Done:
        return nextbest(self.path, "promote", *arguments)


def model(cheap: float, dear: float, seed: int, until: int = NOW - 60 * DAY) -> Bundle:
    """One that gives these chances to actions worth less and more than DEAR, whoever is asked about. until: what it
    says that it learned from."""
    inputs = response_inputs()
    rows = np.zeros((400, len(inputs)))
    rows[:, inputs.index("candidate.value")] = np.repeat([DEAR - 1.0, DEAR + 1.0], 200)
    chance = np.repeat([cheap, dear], 200)
    told = {"objective": "cross_entropy", "num_leaves": 2, "verbosity": -1, "num_threads": 1, "learning_rate": 0.5}
    forest = Forest(lgb.train(told, lgb.Dataset(rows, chance, feature_name=list(inputs)), 20).model_to_string())
    noise = np.random.default_rng(1).normal(size=(100, len(affinity_inputs())))
    affine = lgb.Dataset(noise, noise[:, 0] > 0, feature_name=list(affinity_inputs()))
    affinity = Forest(
        lgb.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, affine, 2).model_to_string()
    )
    population = Population(until, (), np.zeros((0, len(COLUMNS))))
    track_record = TrackRecord(until, {}, {}, {})
    return Bundle(Provenance(until, "00", 1, seed, 500, 250), affinity, forest, IDENTITY, population, track_record)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with decided_without_a_model(tmp_path_factory.mktemp("promotion"), PEOPLE) as made:
        yield made


@contextmanager
def decided_without_a_model(path: Path, people: int) -> Iterator[Home]:
    """A home whose first decisions were made exploring."""
    shop = open_shop(path, scorer=NoModel())
    shop.store.put_setting("clock", "driven")
    shop.store.advance_present(NOW)
    decide_for(shop, people, 1, seed=5)
    shop.store.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", tracking(path))  # which MLflow sets itself, and does not take back
        yield Home(path, Registry(tracking(path), path / "artifacts"))


def tracking(home: Path) -> str:
    return f"sqlite:///{home / 'mlflow.db'}"


def nextbest(home: Path, *arguments: str) -> Done:
    """In this process, which knows all the parts already."""
    told = {"NEXTBEST_HOME": str(home), "MLFLOW_TRACKING_URI": tracking(home), "NO_COLOR": "1"}
    done = CliRunner(env=told).invoke(app, list(arguments))
    return Done(done.exit_code, done.stdout, done.stderr)


def test_without_a_version_or_a_champion_before_it_is_one_line(home: Home) -> None:
    assert "must be trained first" in one_line(home.promote())
    assert one_line(nextbest(home.path, "rollback")).startswith("previous is absent; ")
    assert nextbest(home.path, "models").stderr.startswith("no version is registered yet; ")
    assert nextbest(home.path, "models", "--history").stderr.startswith("nobody was champion yet; ")
    assert one_line(home.promote("--tolerance", "-1")).startswith("tolerance is -1.0; ")
    assert one_line(nextbest(home.path, "train", "--response", "num_leaves=1")).startswith("num_leaves is 1; ")
    assert one_line(nextbest(home.path, "train", "--tune-trials", "0")).startswith("trials is 0; ")
    assert one_line(nextbest(home.path, "train", "--tune", "-1")).startswith("minutes is -1.0; ")
    nowhere = home.path / "nowhere"
    for command in ("promote", "rollback", "models"):
        assert "nothing is there yet" in one_line(nextbest(nowhere, command))
    assert not nowhere.exists()


def test_a_first_champion_a_worse_challenger_force_rollback_and_an_equal(home: Home) -> None:
    first = home.register(RATE, RATE, seed=1)
    made = home.promote()
    assert made.returncode == 0, made.stderr
    assert f"Version {first}: **promoted** (no champion to compare with; a first one" in made.stdout
    assert "not evaluable off-policy: there is no champion" in made.stdout
    assert "of which no model had seen any" in made.stdout
    assert "Approved by operator " in made.stdout
    assert "| new, fewer than 10 events |" in made.stdout
    assert home.aliases() == {CHAMPION: first}

    fresh = home.register(RATE, RATE, seed=4, until=NOW)
    looked = home.promote(fresh, "--dry-run", "--json")
    told = json.loads(looked.stdout)
    assert (looked.returncode, told["promoted"], told["champion"]) == (1, False, first)
    assert "none of the 240 matured draws is later" in told["reasons"][0]
    assert kept(home, fresh) == []

    worse = home.register(0.6, 0.05, seed=2)
    refused = home.promote("--json")
    told = json.loads(refused.stdout)
    failed = {one["name"] for one in told["criteria"] if one["result"] == "failed"}
    assert (refused.returncode, len(told["reasons"])) == (1, len(failed))
    assert {"ahead of the champion", "log loss on later contacts"} <= failed
    assert kept(home, worse) == ["verdict.json", "verdict.md"]
    is_told_to_the_console(home, worse, told["criteria"])
    tells_who_is_served_worse(told)
    assert home.aliases() == {CHAMPION: first, CHALLENGER: worse}

    force_needs_a_reason_and_a_name(home, worse)
    forced = home.promote(worse, "--force", "--by", "Ann", "--reason", "to see it fail")
    assert (forced.returncode, "**refused**" in forced.stdout) == (0, True)
    assert "Forced past the verdict by Ann: to see it fail" in forced.stdout
    keeps_approver_and_card(home, worse, "Ann", 2)
    assert home.aliases() == {CHAMPION: worse, PREVIOUS: first}
    assert serving(home) == worse

    back = nextbest(home.path, "rollback", "--reason", "it failed", "--by", "Ann")
    assert (back.returncode, f"version {first} is champion" in back.stderr) == (0, True)
    assert home.aliases() == {CHAMPION: first, PREVIOUS: worse}
    assert serving(home) == first

    equal = home.register(RATE, RATE, seed=3)
    again = home.promote(equal, "--successes")
    assert again.returncode == 0, again.stdout
    assert f"ms of CPU on this machine, on {PEOPLE} logged decisions made again" in again.stdout
    assert f"over champion {first}, on the same logged draws" in again.stdout
    assert home.aliases() == {CHAMPION: equal, PREVIOUS: first}
    assert "what serves already" in home.promote(equal).stdout

    entries = json.loads(nextbest(home.path, "models", "--history", "--json").stdout)
    assert [(one["version"], one["how"]) for one in entries] == [
        (equal, "verdict"), (equal, "verdict"), (first, "rollback"), (worse, "forced"), (first, "verdict"),
    ]  # fmt: skip
    assert (entries[3]["reason"], entries[3]["by"]) == ("to see it fail", "Ann")
    rows = listed(home)
    assert [(one["version"], one["aliases"]) for one in rows] == [
        (equal, [CHAMPION]), (worse, []), (fresh, []), (first, [PREVIOUS]),
    ]  # fmt: skip
    assert rows[0]["champion_since"] == "2026-01-01T00:00:00Z"


def force_needs_a_reason_and_a_name(home: Home, version: str) -> None:
    assert one_line(home.promote(version, "--force", "--by", "Ann")).startswith("reason is missing; ")
    assert one_line(home.promote(version, "--force", "--reason", "to see it fail")).startswith("by is missing; ")


def listed(home: Home) -> list[dict[str, Any]]:
    """In words it is said which moment is by which clock."""
    done = nextbest(home.path, "models", "--json")
    own = f"by the clock of its demo or simulation, which stands at {text_of(NOW)}"
    assert " ".join(done.stderr.split()) == f"created is by the real clock; champion_since is {own}"
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def tells_who_is_served_worse(told: dict[str, Any]) -> None:
    on_contacts, on_log = told["segments"]["contacts"], told["segments"]["log"]
    assert [one["name"] for one in on_contacts] == [one["name"] for one in on_log]
    assert on_contacts[0]["name"].startswith("channel ")
    named = [one["name"] for one in on_contacts if one["difference"] and (one["difference"]["low"] or 0.0) > 0.0]
    warned = [one.partition(":")[0] for one in told["warnings"] if "log loss on later contacts" in one]
    assert warned == named
    assert named
    assert (told["approver"].startswith("operator "), told["how"]) == (True, "refused")


def is_told_to_the_console(home: Home, version: str, criteria: list[dict[str, object]]) -> None:
    """By the tags alone, which a service reads without MLflow."""
    newest, one = verdicts(tracking(home.path), home.registry.name)[0]
    assert (newest, one.promoted, one.how) == (version, False, "refused")
    assert one.by.startswith("operator ")
    assert to_builtins(one.criteria) == tuple(criteria)


def keeps_approver_and_card(home: Home, version: str, approver: str, seed: int) -> None:
    verdict = json.loads(home.registry.text(home.registry.find(version).run_id, "verdict.json") or "")
    assert (verdict["approver"], verdict["how"]) == (approver, "forced")
    assert verdict["model_card"] == f"# Model card of seed {seed}"


def test_a_verdict_is_about_the_champion_that_it_was_found_beside(home: Home) -> None:
    """On the heels of the promotions above."""
    store = open_store(f"sqlite:///{home.path / 'store.db'}")
    them = contest(store, home.registry, None)
    home.registry.rollback(store, NOW, "", "Ann")
    grounds = Grounds(How.FORCED, "in a hurry", "Bob")
    with pytest.raises(Overtaken, match="champion is 1 by now; "):
        promoted(store, home.registry, them, unchanged("4", "4"), grounds, NOW)
    store.close()


def kept(home: Home, version: str) -> list[str]:
    run = home.registry.find(version).run_id
    found = home.path / "artifacts" / run / "artifacts"
    return sorted(one.name for one in found.glob("verdict.*"))


def serving(home: Home) -> str:
    """As a service that looks at the registry finds it."""
    store = open_store(f"sqlite:///{home.path / 'store.db'}")
    try:
        found = resolve(store, tracking(home.path), MODEL_NAME, NOW, None)
    finally:
        store.close()
    assert found.origin is Origin.REGISTRY
    return found.version


def test_a_champion_that_this_version_cannot_read_is_nobody_to_compare_with(home: Home, tmp_path: Path) -> None:
    """As after a release with other features."""
    champion = home.registry.champion()
    assert champion is not None
    files = dict(home.registry.bundle_files(champion.version))
    files[bundle.MANIFEST] = files[bundle.MANIFEST].replace(b'"format": 2', b'"format": 1')
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    store.put_bundle(champion.digest, files)
    them = contest(store, home.registry, "2")
    store.close()
    assert (them.champion, them.its_model, them.holder) == (None, None, champion)
    assert f"champion {champion.version} cannot serve with this version (format is 1; " in them.remark


def test_what_the_challenger_would_offer_of_what_was_bought_is_noted(tmp_path: Path) -> None:
    """Were the gate not there."""
    shop, at = open_shop(tmp_path, scorer=NoModel()), NOW - 30 * DAY
    told = {"item": ITEM_OF_B, "order": "o-1", "channel": "web", "quantity": 1.0}
    bought = Event("o-1", Kind.ORDERED, "Order Completed", at - DAY, at - DAY, **told)
    who, name = Identifier("user_id", "c-0"), "d-of-c-0"
    shop.store.append([Append(who, (bought,))]).result(timeout=30)
    decide_for(shop, 1, 1, seed=1, at=at)
    before = shop.store.decision(shop.store.newest_decisions(at, 1)[0])
    assert before is not None
    logged = replace(before, decision_id=name, history_version=shop.store.read(who).version)
    shop.store.log_decisions([LogDecision(who, logged, ())]).result(timeout=30)
    without = Policy(tuple(gate for gate in GATES if gate.name != "already_purchased"), POLICY.explorer)
    for policy, broken in ((POLICY, []), (without, [f"decision {name} would offer b"])):
        challenger = ByModel(Replayer(shop.store, "r"), model(RATE, RATE, 1), "1", policy)
        for _ in range(2):
            assert challenger(logged, ((), ())) is not None
        assert (challenger.decisions, challenger.broken) == ({name}, broken)
    refuses_for_the_law(shop.store, tmp_path, without)
    shop.store.close()


def refuses_for_the_law(store: Store, path: Path, without: Policy) -> None:
    models, as_served = Registry(tracking(path), path / "artifacts"), replay(store)
    models.register(model(RATE, RATE, 1), RunRecord({}, {}, {}, {}, {}))
    them = contest(store, models, None)
    for policy, broken in ((POLICY, 0.0), (without, 1.0)):
        lawless = replace(as_served, by_model=partial(ByModel, Replayer(store, "r"), policy=policy))
        made, _ = judged(store, models, them, lawless, terms_of(NOW), TrainingSettings(), Silent())
        (law,) = [one for one in made.criteria if one.name == "offers of what was bought within its window"]
        assert (law.observed, law.result is Result.FAILED) == (broken, broken > 0.0)
        assert (law.refusal in made.reasons) == (broken > 0.0)
