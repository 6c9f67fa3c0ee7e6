"""What is watched, through a real service of two workers: SYNTHETIC people whose looking around is all that the model
reads, first as many looks as it learned from, then more; successes first as expected, then fewer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import httpx
import lightgbm as lgb
import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from typer.testing import CliRunner, Result

from features.definitions import names
from features.event import Event, Identifier, Kind
from features.instants import render_instant
from features.stores import open_store
from features.stores.protocol import Append
from models.bundle import load, serialise
from models.calibration import IDENTITY
from models.drift import Histogram, Rate, Reference, drift, edges_of, histogram
from models.forest import Forest
from models.inputs import response_inputs
from models.policy_rules import DAY
from nextbest import app
from tests.serving.running import Running, server, until
from tests.serving.synthetic import PUBLISHED_AT, make_shop, noise_bundle, put_model, store_url

pytestmark = [  # MLflow's own
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:mlflow.*"),
]
READ = "customer.viewed.28d"
PEOPLE, EACH = 600, 100
LOOKS, MORE_LOOKS = 3.0, 5.0
FIRST, THEN = PUBLISHED_AT + 10 * DAY, PUBLISHED_AT + 18 * DAY
FAR_FEWER = 0.4
Answer = Mapping[str, object]


def forest_of_looks() -> Forest:
    rng, inputs = np.random.default_rng(1), response_inputs()
    rows = np.zeros((4000, len(inputs)))
    rows[:, inputs.index(READ)] = rng.poisson(LOOKS, 4000)
    label = rng.random(4000) < 1.0 / (1.0 + np.exp(2.0 - 0.4 * rows[:, inputs.index(READ)]))
    told = {"objective": "binary", "num_leaves": 8, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 20}
    grown = lgb.train(told, lgb.Dataset(rows, label.astype(float), feature_name=list(inputs)), num_boost_round=20)
    return Forest(grown.model_to_string())


def learned(forest: Forest) -> Reference:
    """Of 3,000 people who look around as often as those that are to come first."""
    looks = np.random.default_rng(2).poisson(LOOKS, 3000).astype(np.float64)
    rows = np.zeros((3000, len(forest.inputs)))
    rows[:, forest.inputs.index(READ)] = looks
    whose, weight = np.arange(3000), np.ones(3000)
    made = [histogram(one, weight, whose, edges_of(one, weight)) for one in (IDENTITY.apply(forest.raw(rows)), looks)]
    assert made[0] is not None
    assert made[1] is not None
    rates = {"web": {"offer-washer": Rate(3000, 900)}}
    return Reference({"web": made[0]}, {READ: made[1]}, rates, {"web": {READ: made[1]}})


@dataclass(frozen=True, slots=True)
class Shop:
    running: Running
    home: Path

    def metric(self, name: str, **labels: str) -> float:
        """The sum of its samples with these labels; NaN of none."""
        text = httpx.get(f"{self.running.url}/metrics").text
        found = [
            float(value)
            for told, value in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
            if all(f'{key}="{wanted}"' in told for key, wanted in labels.items())
        ]
        return sum(found) if found else float("nan")

    def nextbest(self, *arguments: str) -> Result:
        home = {"NEXTBEST_HOME": str(self.home), "MLFLOW_TRACKING_URI": f"sqlite:///{self.home / 'mlflow.db'}"}
        return CliRunner().invoke(app, arguments, env={**home, "NO_COLOR": "1", "COLUMNS": "200"})

    def watch(self) -> Mapping[str, object]:
        told = self.nextbest("watch", "--json")
        assert told.exit_code == 0, told.stderr
        found: Mapping[str, object] = json.loads(told.stdout)
        return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home = tmp_path_factory.mktemp("watching")
    make_shop(home, driven=True, model=False)
    forest = forest_of_looks()
    bundle = replace(load(noise_bundle()), response=forest, calibration=IDENTITY, reference=learned(forest))
    store = open_store(store_url(home))
    try:
        put_model(store, "7", serialise(bundle))
    finally:
        store.close()
    with server(home, workers=2, NEXTBEST_FEATURE_SAMPLE="1") as running:
        yield Shop(running, home)


def decided(shop: Shop, at: int, name: str, looks: float, seed: int) -> list[Answer]:
    """For everybody of that name, on connections of their own, so that either worker may answer. Before that they are
    looked at, which is counted nowhere."""
    rng = np.random.default_rng(seed)
    people = [f"{name}-{number}" for number in range(PEOPLE)]
    store = open_store(store_url(shop.home))
    try:
        seen = [
            tuple(Event(f"{who}-{n}", Kind.VIEWED, "Viewed", at - n - 1, at - n - 1) for n in range(rng.poisson(looks)))
            for who in people
        ]
        told = [Append(Identifier("user_id", who), own) for who, own in zip(people, seen, strict=True) if own]
        store.append(told).result(timeout=60)
    finally:
        store.close()
    answers: list[Answer] = []
    for who in people[:EACH]:
        asked = {"customer_id": who, "channels": ["web"], "dry_run": True}
        looked = httpx.post(f"{shop.running.url}/recommend", json=asked, headers={"Nextbest-Now": render_instant(at)})
        assert looked.json()["decision_id"] is None
    for first in range(0, PEOPLE, EACH):
        body = {"customer_ids": people[first : first + EACH], "channels": ["web"]}
        asked = httpx.post(
            f"{shop.running.url}/recommend_batch", json=body, headers={"Nextbest-Now": render_instant(at)}, timeout=60
        )
        assert asked.status_code == 200, asked.text
        answers += asked.json()["decisions"]
    return answers


def reported(shop: Shop, answers: list[Answer], at: int, times: float, seed: int) -> int:
    """Everything is displayed, and succeeds `times` as often as expected; how often it did."""
    rng, reports, won = np.random.default_rng(seed), [], 0
    for answer in answers:
        for action in answer["channels"][0]["actions"]:  # type: ignore[index]
            about = {"token": action["token"], "occurred_at": render_instant(at)}
            reports.append({**about, "outcome": "displayed"})
            if rng.random() < times * action["response_probability"]:
                reports.append({**about, "outcome": "converted"})
                won += 1
    for first in range(0, len(reports), 400):
        told = httpx.post(f"{shop.running.url}/feedback", json=reports[first : first + 400], timeout=60)
        assert told.status_code == 200, told.text
        assert httpx.post(f"{shop.running.url}/feedback", json=reports[first : first + 400], timeout=60).is_success
    return won


def expected(answers: list[Answer]) -> float:
    return sum(one["response_probability"] for answer in answers for one in answer["channels"][0]["actions"])  # type: ignore[index]


@pytest.fixture(scope="module")
def before(shop: Shop) -> tuple[list[Answer], int]:
    """Decisions about people as the model knows them, and how many of them succeeded: as expected."""
    answers = decided(shop, FIRST, "before", LOOKS, seed=3)
    return answers, reported(shop, answers, FIRST, 1.0, seed=4)


def test_what_was_decided_and_told_is_counted_over_all_workers(shop: Shop, before: tuple[list[Answer], int]) -> None:
    answers, won = before
    assert until(lambda: shop.metric("nextbest_slates_total", channel="web") == PEOPLE)
    assert until(lambda: shop.metric("nextbest_successes_total", channel="web") == won)
    slates = [answer["channels"][0] for answer in answers]  # type: ignore[index]
    assert shop.metric("nextbest_slates_without_action_total", channel="web") == sum(
        not one["actions"] for one in slates
    )
    chosen = sum(len(one["actions"]) for one in slates)
    for name in ("chosen", "contacts"):
        assert until(lambda: shop.metric(f"nextbest_{name}_total", channel="web") == chosen)  # noqa: B023 here and now
        assert shop.metric(f"nextbest_{name}_total", channel="web") == chosen
        assert shop.metric("nextbest_window_responses", channel="web", what=name) == chosen
    washers = sum(action["action_id"] == "offer-washer" for one in slates for action in one["actions"])
    assert shop.metric("nextbest_chosen_total", action="offer-washer") == washers
    assert shop.metric("nextbest_expected_responses_total", channel="web") == pytest.approx(expected(answers))
    assert shop.metric("nextbest_response_probability_sum", channel="web") == pytest.approx(expected(answers))
    for gate in ("channel", "already_purchased"):
        refused = sum(one["funnel"].get(gate, 0) for one in slates)
        found = shop.metric("nextbest_refusals_total", channel="web", gate=gate)
        assert found == refused or (refused == 0 and np.isnan(found))
    assert shop.metric("nextbest_window_scores", channel="web") == chosen
    assert shop.metric("nextbest_score_psi", channel="web") < 0.1
    ratio = shop.metric("nextbest_calibration_in_the_large", channel="web")
    assert ratio == pytest.approx(won / expected(answers))


def slow_psi(shop: Shop, since: int) -> float:
    """Decision by decision, from what each has logged."""
    store = open_store(store_url(shop.home))
    try:
        logged = [store.decision(name) for name in store.newest_decisions(since, 10**6)]
    finally:
        store.close()
    told = [np.load(BytesIO(one.feature_rows)) for one in logged if one is not None and one.feature_rows is not None]
    reference = learned(forest_of_looks()).features[READ]
    count = np.zeros(len(reference.share))
    for rows in told:
        for value in rows[:, names().index(READ)]:
            place = sum(value > edge for edge in reference.edges) if np.isfinite(value) else len(count) - 1
            count[place] += 1 / len(rows)
    assert count.sum() == pytest.approx(len(told)) == PEOPLE
    return drift(reference, Histogram(reference.edges, tuple(count / PEOPLE), float(PEOPLE))).psi


def test_the_drift_of_features_is_that_of_a_slow_sum(shop: Shop, before: tuple[list[Answer], int]) -> None:
    slowly = slow_psi(shop, FIRST)
    assert len(before[0]) == PEOPLE
    assert until(lambda: shop.metric("nextbest_feature_psi", channel="web", feature=READ) == pytest.approx(slowly))
    assert slowly < 0.1
    assert shop.metric("nextbest_feature_psi_greatest", channel="web") == pytest.approx(slowly)
    assert "nextbest_window_features" not in httpx.get(f"{shop.running.url}/metrics").text


def test_nothing_is_found_where_nothing_has_changed(shop: Shop, before: tuple[list[Answer], int]) -> None:
    found = shop.watch()
    assert found["findings"] == []
    (scores,) = found["scores"]  # type: ignore[misc]
    assert (scores["channel"], scores["model"], scores["against"]) == ("web", "7", "learned from")
    assert (scores["scores"], scores["shift"]) == (len(before[0]), "none")
    assert scores["found"]["psi"] <= scores["found"]["noise"] < 0.1
    (features,) = found["features"]  # type: ignore[misc]
    assert (features["feature"], features["decisions"], features["shift"]) == (READ, PEOPLE, "none")
    assert [row["contacts"] for row in found["responses"]] == [0, 0]  # type: ignore[attr-defined]


def test_what_has_drifted_is_found_and_kept(shop: Shop, before: tuple[list[Answer], int]) -> None:
    """And the contacts of before have matured by now: as many succeeded as were expected."""
    answers = decided(shop, THEN, "after", MORE_LOOKS, seed=5)
    assert until(lambda: shop.metric("nextbest_score_psi", channel="web") > 0.25)
    slowly = slow_psi(shop, THEN)
    assert until(lambda: shop.metric("nextbest_feature_psi", channel="web", feature=READ) == pytest.approx(slowly))
    assert slowly > 0.25
    # What is older than a day is gone; the other worker's is published at its next look.
    assert until(lambda: shop.metric("nextbest_window_scores", channel="web") == len(answers))
    found = shop.watch()
    assert {(one["against"], one["shift"]) for one in found["scores"]} == {  # type: ignore[attr-defined]
        ("learned from", "great"),
        ("the period before", "great"),
    }
    assert {(one["feature"], one["shift"]) for one in found["features"]} == {(READ, "great")}  # type: ignore[attr-defined]
    (whole,) = (row for row in found["responses"] if row["action"] is None)  # type: ignore[attr-defined]
    assert (whole["contacts"], whole["found"]["observed"]) == (len(before[0]), before[1])
    assert whole["found"]["expected"] == pytest.approx(expected(before[0]))
    assert whole["surely"]["low"] < 1.0 < whole["surely"]["high"]
    assert whole["learned"] == {"contacts": 3000, "successes": 900}
    assert len(found["findings"]) == 4  # type: ignore[arg-type]
    reported(shop, answers, THEN, FAR_FEWER, seed=6)
    told = shop.nextbest("watch", "--report", "--check")
    assert told.exit_code == 1, told.stderr
    assert "scores of model 7 on web differ from what the model learned from (PSI " in told.stdout
    (run,) = re.findall(r"kept as run (\w+)", told.stderr)
    client = MlflowClient(f"sqlite:///{shop.home / 'mlflow.db'}")
    kept = client.get_run(run).data
    assert kept.metrics["score_psi.learned.web"] > 0.25
    assert kept.metrics["findings"] == 4.0
    files = {one.path for one in client.list_artifacts(run)}
    assert files == {"watching.md", "watching.json", "calibration_in_the_large.png", "psi.png", "underserved.png"}


def test_successes_that_fail_to_come_are_found_once_they_should_have(shop: Shop) -> None:
    late = render_instant(THEN + 8 * DAY)
    asked = {"customer_id": "nobody", "channels": ["web"], "dry_run": True}
    answer = httpx.post(f"{shop.running.url}/recommend", json=asked, headers={"Nextbest-Now": late})
    assert answer.status_code == 200
    (finding,) = shop.watch()["findings"]  # type: ignore[misc]
    assert re.fullmatch(r"contacts on web chosen by model 7 succeed 0\.[345]\d times as often as expected .*", finding)
