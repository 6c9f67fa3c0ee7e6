"""Which model serves, whatever becomes of the registry."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from features.stores import Store, open_store
from models.bundle import digest
from serving.model_loader import LiveModel, NoModel, Origin, resolve
from serving.registry import (
    Champion,
    RegistryError,
    RegistryUnreachable,
    RegistryUnreadable,
    champion,
    model_tags,
    version_tags,
)
from tests.serving.running import Running, server, until
from tests.serving.synthetic import make_shop, noise_bundle, put_model, store_url

KEY = digest(noise_bundle())
OTHER = digest(noise_bundle(2))

# The columns that are read, as MLflow 3 names them; the last test tries a registry that MLflow made itself.
TABLES = """
CREATE TABLE registered_model_aliases (name TEXT, alias TEXT, version INTEGER, PRIMARY KEY (name, alias));
CREATE TABLE model_versions (name TEXT, version INTEGER, run_id TEXT, PRIMARY KEY (name, version));
CREATE TABLE registered_model_tags (name TEXT, key TEXT, value TEXT, PRIMARY KEY (name, key));
CREATE TABLE model_version_tags (name TEXT, version INTEGER, key TEXT, value TEXT, PRIMARY KEY (name, version, key));
"""


def registry(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(TABLES)


def promote(path: Path, version: int, key: str | None) -> None:
    put = "INSERT OR REPLACE INTO"
    with sqlite3.connect(path) as connection:
        connection.execute(f"{put} registered_model_aliases VALUES ('nextbest', 'champion', ?)", (version,))
        connection.execute(f"{put} model_versions VALUES ('nextbest', ?, ?)", (version, f"run-{version}"))
        if key is not None:
            connection.execute(f"{put} model_version_tags VALUES ('nextbest', ?, 'bundle_digest', ?)", (version, key))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    make_shop(tmp_path, model=False)
    opened = open_store(store_url(tmp_path))
    yield opened
    opened.close()


def resolved(store: Store, uri: str, current: LiveModel | None = None) -> LiveModel:
    return resolve(store, uri, "nextbest", 1, current)


def test_the_champion_serves(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    uri = f"sqlite:///{path}"
    registry(path)
    assert resolved(store, uri).origin is Origin.FALLBACK
    store.put_bundle(KEY, noise_bundle())
    promote(path, 3, KEY)
    first = resolved(store, uri)
    assert (first.version, first.digest, first.run_id, first.origin, first.message) == (
        "3",
        KEY,
        "run-3",
        Origin.REGISTRY,
        "",
    )
    assert resolved(store, uri, first).scorer is first.scorer


def test_without_a_registry_the_last_good_model_serves_and_says_so(store: Store, tmp_path: Path) -> None:
    put_model(store, "7", noise_bundle())
    live = resolved(store, f"sqlite:///{tmp_path}/no such.db")
    assert (live.version, live.origin, live.registry_reachable) == ("7", Origin.STORE, False)
    assert "cannot be read" in live.message


def test_without_any_model_the_fallback_answers(store: Store, tmp_path: Path) -> None:
    live = resolved(store, f"sqlite:///{tmp_path}/no such.db")
    assert isinstance(live.scorer, NoModel)
    assert (live.version, live.origin) == ("none", Origin.FALLBACK)


@pytest.mark.parametrize("key", [None, "00" * 32])
def test_a_champion_without_bundle_replaces_no_good_model(store: Store, tmp_path: Path, key: str | None) -> None:
    path = tmp_path / "mlflow.db"
    registry(path)
    put_model(store, "7", noise_bundle())
    promote(path, 8, key)
    live = resolved(store, f"sqlite:///{path}")
    assert (live.version, live.origin) == ("7", Origin.STORE)
    assert live.message


def test_a_broken_bundle_does_not_replace_a_good_model(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    registry(path)
    put_model(store, "7", noise_bundle())
    good = resolved(store, f"sqlite:///{path}")
    broken = {**noise_bundle(2), "response.txt": b"tree\nnonsense"}
    store.put_bundle("broken", broken)
    promote(path, 9, "broken")
    live = resolved(store, f"sqlite:///{path}", good)
    assert (live.version, live.scorer) == ("7", good.scorer)
    assert "champion 9 cannot be loaded" in live.message


@contextmanager
def tracking_server(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """A real HTTP server that gives one answer; the addresses it was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}", asked
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def test_a_tracking_server_is_asked_over_rest() -> None:
    version = {"version": "4", "run_id": "r", "tags": [{"key": "bundle_digest", "value": KEY}]}
    with tracking_server(200, json.dumps({"model_version": version}).encode()) as (url, asked):
        assert champion(f"{url}/", "nextbest") == Champion("4", KEY, "r")
    split = urlsplit(asked[0])
    assert split.path == "/api/2.0/mlflow/registered-models/alias"
    assert parse_qs(split.query) == {"name": ["nextbest"], "alias": ["champion"]}


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (500, b"", RegistryUnreachable),
        (200, b"<html>", RegistryUnreadable),
        (200, b"[]", RegistryUnreadable),
        (200, b'{"model_version": {"version": "4", "tags": []}}', RegistryUnreadable),
    ],
)
def test_a_tracking_server_that_is_not_well_is_no_champion(status: int, body: bytes, raised: type[Exception]) -> None:
    with tracking_server(status, body) as (url, _), pytest.raises(raised):
        champion(url, "nextbest")


def test_no_champion_is_no_error_and_no_server_is_one() -> None:
    with tracking_server(404, b"{}") as (url, _):
        assert champion(url, "nextbest") is None
    with pytest.raises(RegistryUnreachable):
        champion(url, "nextbest")
    with pytest.raises(RegistryUnreadable, match="MLFLOW_TRACKING_URI"):
        champion("databricks", "nextbest")


def test_a_promotion_a_catalogue_and_a_loss_are_taken_up_while_it_serves(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    registry(path)
    make_shop(tmp_path)
    store = open_store(store_url(tmp_path))
    store.put_bundle(OTHER, noise_bundle(2))
    with server(tmp_path) as running, running.client() as client:
        assert _model(client)["origin"] == "store"
        promote(path, 12, OTHER)
        assert until(lambda: _model(client)["version"] == "12")
        assert client.post("/recommend", json={"customer_id": "a"}).json()["model_version"] == "12"
        assert _sample(running, "nextbest_registry_reachable") == "1.0"
        path.rename(tmp_path / "away.db")
        assert until(lambda: _model(client)["registry_reachable"] is False)
        assert _sample(running, "nextbest_registry_reachable") == "0.0"
        stored = store.catalogue()
        assert stored is not None
        document = stored.document.replace('"value":60.0', '"value":61.0')
        store.publish_catalogue(document, stored.items, None, 1, "test", "dearer")
        assert until(lambda: _model(client)["catalogue_version"] == 2)
        answer = client.post("/recommend", json={"customer_id": "a", "channels": ["email"], "limit": 5}).json()
        values = {one["action_id"]: one["value"] for one in answer["channels"][0]["actions"]}
        assert (answer["catalogue_version"], values["offer-washer"]) == (2, 61.0)
    store.close()


def _model(client: httpx.Client) -> dict[str, object]:
    answer: dict[str, object] = client.get("/model").json()
    return answer


def _sample(running: Running, name: str) -> str:
    lines = httpx.get(f"{running.url}/metrics").text.splitlines()
    return next(line.split()[-1] for line in lines if line.startswith(name + " "))


MLFLOW = """
import sys
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1])
client.create_registered_model("nextbest")
for digest in ("aa", "bb"):
    version = client.create_model_version("nextbest", "file:///nowhere", tags={"bundle_digest": digest})
client.set_registered_model_alias("nextbest", "champion", version.version)
client.set_registered_model_tag("nextbest", "champion.000001.bb", "told")
client.set_model_version_tag("nextbest", "1", "verdict", "poor")
"""


@pytest.mark.slow
def test_a_registry_that_mlflow_made_is_understood(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/made.db"
    # Whoever used MLflow in this process before has left its own places in the environment.
    others = {name: text for name, text in os.environ.items() if not name.startswith("MLFLOW_")}
    variables = {**others, "MLFLOW_DISABLE_TELEMETRY": "true"}
    subprocess.run([sys.executable, "-c", MLFLOW, uri], check=True, capture_output=True, env=variables, cwd=tmp_path)
    assert champion(uri, "nextbest") == Champion("2", "bb", "")
    assert champion(uri, "another") is None
    assert model_tags(uri, "nextbest") == {"champion.000001.bb": "told"}
    assert version_tags(uri, "nextbest", "verdict") == {"1": "poor"}
    assert list(version_tags(uri, "nextbest", "bundle_digest")) == ["2", "1"]
    assert version_tags(uri, "another", "verdict") == model_tags(uri, "another") == {}


@contextmanager
def _babbling() -> Iterator[int]:
    """The port of something that answers, but does not speak HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(4096)
                        connection.sendall(b"220 not a registry\r\n")

        threading.Thread(target=babble, daemon=True).start()
        yield listener.getsockname()[1]


def test_what_does_not_speak_http_is_no_registry(store: Store) -> None:
    put_model(store, "7", noise_bundle())
    with _babbling() as port:
        found = resolved(store, f"http://127.0.0.1:{port}")
        for read in (model_tags, lambda uri, model: version_tags(uri, model, "verdict")):
            with pytest.raises(RegistryError):
                read(f"http://127.0.0.1:{port}", "nextbest")
    assert (found.version, found.origin, found.registry_reachable) == ("7", Origin.STORE, False)


def test_tags_are_asked_for_over_rest() -> None:
    tags = [{"key": "champion.000001.bb", "value": "told"}, {"key": "empty"}]
    with tracking_server(200, json.dumps({"registered_model": {"name": "nextbest", "tags": tags}}).encode()) as (
        url,
        _,
    ):
        assert model_tags(url, "nextbest") == {"champion.000001.bb": "told", "empty": ""}
    versions = [
        {"version": "4", "tags": [{"key": "verdict", "value": "good"}]},
        {"version": "3"},
        {"version": "2", "tags": [{"key": "verdict", "value": "poor"}]},
    ]
    with tracking_server(200, json.dumps({"model_versions": versions}).encode()) as (url, asked):
        assert list(version_tags(f"{url}/", "nextbest", "verdict").items()) == [("4", "good"), ("2", "poor")]
    split = urlsplit(asked[0])
    assert split.path == "/api/2.0/mlflow/model-versions/search"
    assert parse_qs(split.query)["filter"] == ["name='nextbest'"]
    with tracking_server(200, b'{"registered_model": 3}') as (url, _), pytest.raises(RegistryUnreadable):
        model_tags(url, "nextbest")


@pytest.mark.parametrize(
    "uri",
    ["http://user:hush@127.0.0.1:1", "http://user:hush@[::1", "postgresql://user:hush@host/x", "http://u:hush@ a"],
)
def test_an_address_that_holds_a_password_is_told_without(uri: str) -> None:
    with pytest.raises(RegistryError) as caught:
        champion(uri, "nextbest")
    assert "hush" not in str(caught.value)


def test_what_is_amiss_is_logged_once_and_not_at_every_look(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "registry.db"
    registry(path)
    promote(path, 3, "absent")
    found: LiveModel | None = None
    for _ in range(3):
        found = resolved(store, f"sqlite:///{path}", found)
    assert found is not None
    assert "champion 3 cannot be loaded" in found.message
    assert [record.message for record in caplog.records] == ["champion cannot be loaded"]
