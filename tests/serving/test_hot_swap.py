"""Models change under load: nobody notices but by the version that answers."""

from __future__ import annotations

import functools
import hashlib
import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import lightgbm as lgb
import numpy as np
import pytest

from features.stores import Store, open_store
from models import bundle
from models.bundle import digest, serialise
from models.forest import Forest
from models.inputs import response_inputs
from tests.serving.running import Running, server, until
from tests.serving.synthetic import make_shop, noise_bundle, store_url
from tests.serving.test_model import promote, registry
from training.recording import self_test_of

CLIENTS = 3
LOOKS = 8
"""Connections at once, of which each worker is likely to get some."""
GROWTH = 24e6
"""Bytes that a worker may grow by over the last 40 of 50 swaps. One of these bundles is more than a megabyte of text
and as much of trees: kept each time it would be 80 MB and more; what the allocator keeps for the next one is there
after the first ten."""


@functools.cache
def large_bundle(seed: int) -> Mapping[str, bytes]:
    """SYNTHETIC: of noise, as large as a small shop's, and with its own record."""
    rng = np.random.default_rng(seed)
    inputs = response_inputs()
    rows = rng.normal(size=(600, len(inputs)))
    shape = {"num_leaves": 31, "min_data_in_leaf": 4, "max_bin": 15, "feature_fraction": 0.1}
    parameters = {"objective": "binary", "verbosity": -1, "seed": seed, "num_threads": 1, **shape}
    label = (rows[:, 0] + rng.normal(size=len(rows)) > 0).astype(float)
    grown = lgb.train(parameters, lgb.Dataset(rows, label, feature_name=list(inputs)), num_boost_round=150)
    small = bundle.load(noise_bundle(seed))
    response = Forest(grown.model_to_string())
    return serialise(replace(small, response=response, self_test=self_test_of(small.affinity, response, None, seed)))


def bad_bundles() -> dict[str, Mapping[str, bytes]]:
    """By why they are refused."""
    good = large_bundle(2)
    manifest = json.loads(good[bundle.MANIFEST])
    other = bundle.load(good)
    return {
        "corrupt": {**good, "response.txt": good["response.txt"].replace(b"leaf_value=", b"leaf_value=9", 1)},
        "incompatible": {**good, bundle.MANIFEST: json.dumps({**manifest, "feature_schema": "other"}).encode()},
        "self_test": serialise(replace(other, response=bundle.load(noise_bundle(3)).response)),
    }


@dataclass
class Load:
    """What was answered. failed: anything but a decision."""

    versions: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


@contextmanager
def loaded(running: Running) -> Iterator[Load]:
    """Clients that ask without end."""
    load, stopped = Load(), threading.Event()

    def ask(place: int) -> None:
        with running.client() as client:
            for number in itertools.count():
                if stopped.is_set():
                    return
                try:
                    answer = client.post(
                        "/recommend", json={"customer_id": f"c-{place}-{number % 50}", "channels": ["web"]}
                    )
                except httpx.TransportError as error:
                    load.failed.append(repr(error))
                    continue
                if answer.status_code != httpx.codes.OK or answer.json()["degraded"]:
                    load.failed.append(f"{answer.status_code} {answer.text}")
                else:
                    load.versions[answer.json()["decision_id"]] = answer.json()["model_version"]

    threads = [threading.Thread(target=ask, args=(place,), daemon=True) for place in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stopped.set()
        for thread in threads:
            thread.join(30)


def told(running: Running, path: str) -> str:
    """Over a connection of its own, so that either worker may answer; httpx reads certificates for each of them."""
    with closing(http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=30)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def looks(running: Running) -> list[dict[str, Any]]:
    """The newest that each worker says in /model, when all have spoken. Connections are open at once, so that no worker
    is likely to take them all; one that does is asked again."""
    found: dict[int, dict[str, Any]] = {}
    deadline = time.monotonic() + 60
    while len(found) < len(running.workers()):
        assert time.monotonic() < deadline, f"only {sorted(found)} of the workers answer"
        with ThreadPoolExecutor(LOOKS) as pool:
            answers = [json.loads(text) for text in pool.map(partial(told, running), ["/model"] * LOOKS)]
        found |= {answer["process_id"]: answer for answer in answers}
    return list(found.values())


def everywhere(running: Running, name: str, wanted: object) -> bool:
    """Whether every worker comes to say so in /model."""

    def says() -> bool:
        return all(one[name] == wanted for one in looks(running))

    return until(says, 60.0)


def refused_everywhere(running: Running, version: str, reason: str) -> bool:
    def says() -> bool:
        found = [one["refused"] for one in looks(running)]
        return all(one is not None and (one["version"], one["reason"]) == (version, reason) for one in found)

    return until(says, 60.0)


@pytest.mark.parametrize("swaps", [4, pytest.param(50, marks=pytest.mark.long)])
def test_swaps_under_load_fail_no_request_and_leave_nothing_behind(swaps: int, tmp_path: Path) -> None:
    make_shop(tmp_path)
    registry(tmp_path / "mlflow.db")
    good = {"21": large_bundle(1), "22": large_bundle(2)}
    store = open_store(store_url(tmp_path))
    for files in good.values():
        store.put_bundle(digest(files), files)
    promote(tmp_path / "mlflow.db", 21, digest(good["21"]))
    with server(tmp_path, workers=2) as running:
        assert everywhere(running, "version", "21")
        with loaded(running) as load:
            sizes = []
            for number in range(swaps):
                version = ("22", "21")[number % 2]
                promote(tmp_path / "mlflow.db", int(version), digest(good[version]))
                assert everywhere(running, "version", version)
                if number % 10 == 3:
                    _refuse(running, store, tmp_path, version)
                sizes.append([worker.memory_info().rss for worker in running.workers()])
    assert load.failed == []
    assert set(load.versions.values()) == {"21", "22"}
    logged = {decision_id: store.decision(decision_id) for decision_id in load.versions}
    assert {name: None if one is None else one.model_version for name, one in logged.items()} == load.versions
    digests = {version: digest(files) for version, files in good.items()}
    assert all(one is not None and one.model_digest == digests[one.model_version] for one in logged.values())
    store.close()
    if swaps >= 50:
        grown = np.array(sizes[-1]) - np.array(sizes[9])
        assert (grown < GROWTH).all(), grown


def _refuse(running: Running, store: Store, home: Path, serving: str) -> None:
    """Each bad bundle is named champion; the one before it serves on, and everybody can see why."""
    for number, (reason, files) in enumerate(bad_bundles().items(), start=31):
        key = hashlib.sha256(f"{reason}".encode()).hexdigest()
        store.put_bundle(key, files)
        promote(home / "mlflow.db", number, key)
        assert refused_everywhere(running, str(number), reason)
        assert everywhere(running, "version", serving)
        expected = {"status": "ready", "model_refused": {"version": str(number), "reason": reason}}
        assert json.loads(told(running, "/readyz")) == expected
        assert until(lambda: _refusals(running, reason) >= 2.0)  # noqa: B023 it is asked here and now
    promote(home / "mlflow.db", int(serving), digest(large_bundle(1 if serving == "21" else 2)))
    assert everywhere(running, "refused", None)


def _refusals(running: Running, reason: str) -> float:
    """By both workers."""
    lines = told(running, "/metrics").splitlines()
    counted = [line for line in lines if line.startswith(f'nextbest_model_refused_total{{reason="{reason}"}}')]
    return float(counted[0].split()[-1]) if counted else 0.0
