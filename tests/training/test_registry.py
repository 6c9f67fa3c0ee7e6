"""From the store to the registry and back: a run with all that belongs to it, a champion, a frame of a data
scientist."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from features.event import Kind
from features.progress import Advance, Silent
from features.stores.protocol import Store
from models import bundle
from models.document_fields import moment_of
from models.inputs import response_inputs
from tests.training.contact_world import contact_world
from tests.training.small_shop import BEGIN, DAY, as_table, events, open_shop
from training import run
from training.champions import Grounds, How
from training.errors import NotRegistered, RegistryAway
from training.registry import CHALLENGER, CHAMPION, DIGEST_TAG, EXPERIMENT, MODEL_NAME, PREVIOUS, Registry, RunRecord
from training.settings import AFFINITY, CONTACT_REASON, ResponseTrees, TrainingSettings, read_trees
from training.tuning import Search

pytestmark = [  # what MLflow says of its own libraries is not ours to mend
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:mlflow.*"),
]

SETTINGS = TrainingSettings(
    rounds=30, affinity_rounds=10, resamples=10, refits=1, negatives=1_000, judged=1_000, affinity_moments=1
)
LATER = BEGIN + 400 * DAY
JUDGED = Grounds(How.VERDICT, "", "operator ann")


@dataclass(frozen=True, slots=True)
class Trained:
    store: Store
    registry: Registry
    client: MlflowClient
    home: Path
    first: run.Run
    second: run.Run
    chosen: tuple[str, ...]


def some_rejected(rows: pa.Table) -> pa.Table:
    """Every ninth mailing, an hour later: whatever was rejected before."""
    sent = [row for row in rows.to_pylist() if row["kind"] == Kind.SENT][::9]
    later = [{name: row[name] + 3_600_000 for name in ("occurred_at", "recorded_at")} for row in sent]
    rejected = {"kind": int(Kind.REJECTED)}
    return as_table([{**row, **rejected, **then} for row, then in zip(sent, later, strict=True)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    home = tmp_path_factory.mktemp("home")
    shop = events(7)
    rows = pa.concat_tables([shop, as_table(contact_world(100, 4, 3)[0]), some_rejected(shop)])
    store = open_shop(home / "store.db", rows=rows)
    uri = f"sqlite:///{home / 'mlflow.db'}"
    registry = Registry(uri, home / "artifacts")
    first = run.learn(store, registry, SETTINGS, None, Silent(), evaluated=True)
    search = Search(trials=3, minutes=None)
    chosen: list[str] = []
    other = replace(SETTINGS, seed=1)
    second = run.learn(store, registry, other, None, Silent(), evaluated=False, search=search, tell=chosen.extend)
    yield Trained(store, registry, MlflowClient(uri, uri), home, first, second, tuple(chosen))
    store.close()


def test_a_run_keeps_what_it_was_told_and_what_came_out(trained: Trained) -> None:
    kept = trained.client.get_run(trained.first.registered.run_id)
    assert kept.data.params["seed"] == str(SETTINGS.seed)
    assert len(kept.data.tags[run.DATASET_TAG]) == 64
    assert 0.5 < kept.data.metrics["test.auc"] <= 1
    assert any(name.startswith("Next purchase") for name in kept.data.metrics)
    files = {entry.path for entry in trained.client.list_artifacts(trained.first.registered.run_id)}
    assert {"calibration.png", "gain.png", "importance.png", run.CARD, run.TABLES} <= files
    assert {"contact_reasons.png", run.REASONS, "calibration_by_channel.png"} <= files
    card = mlflow.artifacts.load_text(f"{kept.info.artifact_uri}/{run.CARD}")
    for channel in ("mail", "email"):
        assert kept.data.metrics[f"calibration.channel.{channel}.ratio"] > 0.0
        assert f"| channel {channel} | " in card
    assert (
        kept.data.metrics["Contact reasons/log loss/nextbest"] < kept.data.metrics["Contact reasons/log loss/base rate"]
    )
    remark, again, rests, late, effect = trained.first.remarks
    assert effect.startswith("incremental")
    assert late.startswith("delays of successes")
    assert rests.startswith("cool-offs: of 10 actions and ")
    assert {"cool_off.png", run.COOL_OFFS} <= files
    assert kept.data.metrics["cool_off.any_action_days"] < 56.0
    assert again.startswith("repurchase windows: of ")
    assert {"repurchase.png", run.WINDOWS} <= files
    assert 0.0 < kept.data.metrics["repurchase.log_loss"] < kept.data.metrics["repurchase.log_loss_of_share"]
    assert remark in mlflow.artifacts.load_text(f"{kept.info.artifact_uri}/{run.CARD}")
    assert kept.info.artifact_uri.startswith((trained.home / "artifacts").as_uri())


def test_a_run_keeps_all_that_shaped_the_model(trained: Trained) -> None:
    params = trained.client.get_run(trained.first.registered.run_id).data.params
    for prefix, told in (
        ("response", ResponseTrees().told()),
        ("affinity", AFFINITY),
        ("contact_reason", CONTACT_REASON),
    ):
        for name, value in told.items():
            assert params[f"{prefix}.{name}"] == str(value)
    begun, ended = (moment_of(params[f"split.{name}"]) for name in ("validation_from", "test_from"))
    assert BEGIN < begun < ended < moment_of(params["split.known_at"]) == int(params["provenance.trained_until"])
    assert trained.first.evaluation is not None
    for method, setting in trained.first.evaluation.settings.items():
        assert params[f"baseline.{method.replace('(', '').replace(')', '')}"] == setting


def test_each_trial_of_a_search_is_a_run_below_that_of_the_version(trained: Trained) -> None:
    parent = trained.client.get_run(trained.second.registered.run_id)
    below = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    runs = trained.client.search_runs([parent.info.experiment_id], below, order_by=["start_time ASC"])
    assert sorted(one.info.run_name for one in runs) == ["trial 0", "trial 1", "trial 2"]
    assert {one.info.status for one in runs} == {"FINISHED"}
    losses = {one.info.run_name: one.data.metrics["validation.log_loss_best"] for one in runs}
    assert parent.data.metrics["tuning.log_loss"] == min(losses.values()) <= losses["trial 0"]
    assert parent.data.metrics["tuning.log_loss_before"] == losses["trial 0"]
    chosen = next(one for one in runs if losses[one.info.run_name] == min(losses.values()))
    trees = {name: value for name, value in chosen.data.params.items() if name.startswith("response.")}
    assert trees.items() <= parent.data.params.items()
    (remark,) = trained.chosen
    assert remark.startswith("tuned: 3 trials")
    assert remark not in trained.second.remarks
    for text in (run.CARD, "tuning.md"):
        kept = mlflow.artifacts.load_text(f"{parent.info.artifact_uri}/{text}")
        assert remark in kept or kept.count("\n") == 4
    first = trained.client.get_run(trained.first.registered.run_id)
    assert not any(name.startswith("tuning.") for name in first.data.params)


def test_a_version_names_its_bundle_by_digest(trained: Trained) -> None:
    version = trained.client.get_model_version(MODEL_NAME, trained.first.registered.version)
    assert version.tags[DIGEST_TAG] == trained.first.registered.digest
    assert trained.first.registered.digest != trained.second.registered.digest


def test_promotion_serves_from_the_store_and_remembers_who_served(trained: Trained) -> None:
    with pytest.raises(NotRegistered, match="previous is absent; "):
        trained.registry.rollback(trained.store, LATER, "", "ann")
    assert trained.registry.find(None) == trained.second.registered
    assert aliases(trained) == {CHALLENGER: trained.second.registered.version}
    first = trained.registry.promote(trained.store, trained.first.registered.version, LATER, JUDGED)
    assert first == trained.first.registered
    with pytest.raises(NotRegistered, match="previous is absent; "):
        trained.registry.rollback(trained.store, LATER, "", "ann")
    second = trained.registry.promote(trained.store, trained.second.registered.version, LATER + 1, JUDGED)
    assert second == trained.second.registered
    assert trained.registry.champion() == second
    previous = trained.client.get_model_version_by_alias(MODEL_NAME, PREVIOUS)
    assert str(previous.version) == first.version
    serving = trained.store.serving()
    assert serving is not None
    assert (serving.version, serving.digest, serving.since) == (second.version, second.digest, LATER + 1)
    files = trained.store.bundle(second.digest)
    assert files is not None
    assert bundle.digest(files) == second.digest
    loaded = bundle.load(files)
    assert loaded.provenance.seed == 1
    assert loaded.contact_reason is not None
    assert loaded.contact_reason.contacts == 400


def aliases(trained: Trained) -> dict[str, str]:
    return {name: str(one) for name, one in trained.client.get_registered_model(MODEL_NAME).aliases.items()}


def test_a_rollback_brings_back_who_served_before_and_history_keeps_all(trained: Trained) -> None:
    """By a clock that stands still, as that of a demo does; on the heels of the promotions above."""
    first, second = trained.first.registered, trained.second.registered
    before = len(trained.registry.champions())
    assert trained.registry.rollback(trained.store, LATER + 1, "too eager", "ann") == first
    assert aliases(trained) == {CHAMPION: first.version, PREVIOUS: second.version}
    serving = trained.store.serving()
    assert serving is not None
    assert (serving.version, serving.digest, serving.since) == (first.version, first.digest, LATER + 1)
    assert trained.registry.rollback(trained.store, LATER + 1, "", "ann") == second
    assert aliases(trained) == {CHAMPION: second.version, PREVIOUS: first.version}
    told = [(one.version, one.grounds.how, one.grounds.reason) for one in trained.registry.champions()[before:]]
    assert told == [(first.version, How.ROLLBACK, "too eager"), (second.version, How.ROLLBACK, "")]
    newest, oldest = trained.registry.listed()
    assert (newest.registered, newest.aliases, newest.champion_since) == (second, (CHAMPION,), LATER + 1)
    assert (oldest.registered, oldest.aliases, oldest.champion_since) == (first, (PREVIOUS,), None)
    assert newest.metrics["test.auc"] > 0.5


def test_a_data_scientist_predicts_with_the_champion(trained: Trained) -> None:
    champion = trained.registry.promote(trained.store, trained.first.registered.version, LATER, JUDGED)
    model = mlflow.pyfunc.load_model(f"models:/{MODEL_NAME}@{CHAMPION}")
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(20, len(response_inputs())))
    rows[rng.random(rows.shape) < 0.3] = np.nan
    frame = pd.DataFrame(rows, columns=list(response_inputs()))
    files = trained.store.bundle(champion.digest)
    assert files is not None
    ours = bundle.load(files)
    expected = ours.calibration.apply(ours.response.raw(rows))
    assert np.asarray(model.predict(frame)).tobytes() == expected.tobytes()
    shuffled = frame[list(frame.columns[::-1])]
    assert np.asarray(model.predict(shuffled)).tobytes() == expected.tobytes()
    with pytest.raises(MlflowException, match="missing inputs"):
        model.predict(frame.drop(columns=[response_inputs()[5]]))


def test_a_model_asks_an_index_for_mlflow_only_and_loads_without_a_warning(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"models:/{MODEL_NAME}/{trained.first.registered.version}"
    place = Path(mlflow.artifacts.download_artifacts(uri))
    assert [line.partition("==")[0] for line in (place / "requirements.txt").read_text().split()] == ["mlflow"]
    told: list[str] = []
    monkeypatch.setattr(logging.getLogger("mlflow.pyfunc"), "warning", lambda text, *_: told.append(text))
    mlflow.pyfunc.load_model(uri)
    assert told == []


def test_the_stored_model_holds_no_pickle(trained: Trained) -> None:
    place = Path(mlflow.artifacts.download_artifacts(f"models:/{MODEL_NAME}/{trained.first.registered.version}"))
    names = {path.suffix for path in place.rglob("*") if path.is_file()}
    assert names <= {".json", ".txt", ".yaml", "", ".yml"}
    for path in place.rglob("*"):
        assert path.is_dir() or not path.read_bytes().startswith(b"\x80")


def test_what_is_not_registered_cannot_be_promoted(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(NotRegistered, match="version is 99"):
        trained.registry.promote(trained.store, "99", LATER, JUDGED)
    empty = Registry(f"sqlite:///{tmp_path / 'other.db'}", tmp_path / "artifacts")
    with pytest.raises(NotRegistered, match="run `nextbest train`"):
        empty.find(None)
    assert empty.champion() is None
    assert (empty.listed(), empty.champions()) == ([], [])


def test_a_registry_that_is_away_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(RegistryAway, match="MLFLOW_TRACKING_URI is"):
        Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)


def test_an_evaluation_is_added_to_the_run_of_the_same_data(trained: Trained) -> None:
    """By a machine of any size, told what a search chose."""
    chosen = read_trees(trained.client.get_run(trained.second.registered.run_id).data.params["tuning.chosen"])
    settings = replace(SETTINGS, seed=1, threads=SETTINGS.threads + 1, response=chosen)
    trained_again = Registry(f"sqlite:///{trained.home / 'mlflow.db'}", trained.home / "artifacts")
    found = run.judge(trained.store, trained_again, settings, None, Silent())
    kept = trained.client.get_run(trained.second.registered.run_id).data
    for name, value in found.flat().items():
        assert kept.metrics[name] == pytest.approx(value)
    assert kept.params["baseline.ALS implicit"] == found.settings["ALS (implicit)"]


class StoppedAt:
    """Ctrl-C when a step of that name begins."""

    def __init__(self, title: str) -> None:
        self._title = title

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Advance]:
        if title.startswith(self._title):
            raise KeyboardInterrupt
        with Silent().step(title, total) as advance:
            yield advance


def test_what_a_search_chose_outlives_a_training_that_is_stopped(trained: Trained) -> None:
    told: list[str] = []
    asked, search = (SETTINGS, None, StoppedAt("Record the run")), Search(trials=1, minutes=None)
    before = trained.registry.versions()
    with pytest.raises(KeyboardInterrupt):
        run.learn(trained.store, trained.registry, *asked, evaluated=False, search=search, tell=told.extend)
    (line,) = told
    assert read_trees(line.rpartition("--response ")[2]) == SETTINGS.response
    assert trained.registry.versions() == before


def test_an_evaluation_reaches_a_run_that_searches_have_buried(tmp_path: Path) -> None:
    """More trials than one answer holds, all of them later."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    registry = Registry(uri, tmp_path / "artifacts")
    old = registry.note(EXPERIMENT, RunRecord({}, {}, {run.DATASET_TAG: "ab"}, {}, {}))
    trials = [(f"{number:032x}", f"trial {number}", number + 1) for number in range(1_100)]
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection, connection:
        connection.execute("CREATE TEMP TABLE trial AS SELECT * FROM runs")
        for trial in trials:
            connection.execute("UPDATE trial SET run_uuid = ?, name = ?, start_time = start_time + ?", trial)
            connection.execute("INSERT INTO runs SELECT * FROM trial")
    assert registry.attach({run.DATASET_TAG: "ab"}, {}, {"judged": 0.5}, {}) == 1
    assert registry.figures(old).metrics == {"judged": 0.5}
