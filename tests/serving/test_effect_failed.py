"""A model whose effects cannot be used for some people: those are ranked by response, and it is told and counted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace

import httpx
import lightgbm as lgb
import numpy as np
import pytest

from features.event import Kind
from features.stores import open_store
from models import bundle
from models.catalogue_file import read_text
from models.forest import Forest
from models.incremental import IncrementalModel, Origin
from models.inputs import response_inputs
from tests.checks.store_examples import append, event
from tests.serving.running import Running, server
from tests.serving.synthetic import CATALOGUE, PUBLISHED_AT, make_shop, noise_bundle, put_model, store_url

COLUMN = "customer.events.365d"
FEW, MANY = 0.5, 512.0


def breaking_forest() -> Forest:
    """SYNTHETIC: no number for who has some events, not many; those of the self-test have none and many."""
    inputs, rng = response_inputs(), np.random.default_rng(1)
    rows = np.zeros((600, len(inputs)))
    rows[:, inputs.index(COLUMN)] = np.repeat([0.0, 1.0, 2.0 * MANY - 1.0], 200)
    parameters = {"objective": "regression", "num_leaves": 3, "verbosity": -1, "num_threads": 1, "seed": 1}
    label = np.repeat([1.0, 90.0, 3.0], 200) + rng.normal(0.0, 0.01, 600)
    grown = lgb.train(parameters, lgb.Dataset(rows, label, feature_name=list(inputs)), num_boost_round=1)
    leaves = re.search(r"(?m)^leaf_value=(.*)$", text := grown.model_to_string())
    assert leaves is not None
    values = [float(one) for one in leaves[1].split()]
    assert len(values) == 3
    broken = " ".join("nan" if one == max(values) else repr(one) for one in values)
    return Forest(text.replace(leaves[0], f"leaf_value={broken}"))


@pytest.fixture(scope="module")
def breaking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("breaking")
    make_shop(home)
    effect = IncrementalModel(Origin("DR", 4000, 2000, 2000, 5.0, 1.0), 5.0, 0.1, (1.0,), (breaking_forest(),))
    source = read_text(CATALOGUE + "rank_by: incremental\nmargin: 0.5\n")
    store = open_store(store_url(home))
    try:
        store.publish_catalogue(source.document, source.items_ipc(), None, PUBLISHED_AT, "test", "synthetic")
        put_model(store, "8", bundle.serialise(replace(bundle.load(noise_bundle()), incremental=effect)))
        lately = int(time.time() * 1000) - 60_000
        append(store, "ann", *(event(f"e{number}", Kind.VIEWED, lately + number) for number in range(3)))
    finally:
        store.close()
    with server(home) as running:
        yield running


def asked(running: Running, person: str) -> dict[str, object]:
    response = httpx.post(f"{running.url}/recommend", json={"customer_id": person, "channels": ["web"]}, timeout=20)
    assert response.status_code == 200, response.text
    answer: dict[str, object] = json.loads(response.text)
    return answer


def failed(running: Running) -> float:
    lines = httpx.get(f"{running.url}/metrics").text.splitlines()
    return float(next(one for one in lines if one.startswith("nextbest_effect_failed_total")).split()[-1])


def test_who_has_no_usable_effect_is_ranked_by_response_and_that_is_counted(breaking: Running) -> None:
    before = failed(breaking)
    stranger, ann = asked(breaking, "nobody"), asked(breaking, "ann")
    assert (stranger["model_version"], ann["model_version"]) == ("8", "8")
    assert (stranger["ranked_by"], stranger["degraded"]) == ("incremental", False)
    assert (ann["ranked_by"], ann["degraded"]) == ("response", False)
    (slate,) = ann["channels"]  # type: ignore[misc]
    (first,) = slate["actions"]  # type: ignore[index]
    assert first["incremental_value"] is None
    assert first["priority"] == pytest.approx(first["response_probability"] * first["value"])
    assert failed(breaking) == before + 1.0
    assert "model 8: effect is not" in breaking.log.read_text()
