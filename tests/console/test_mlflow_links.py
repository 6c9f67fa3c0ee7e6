"""Whether the models page's links lead to what they name is MLflow's to say: a real server, seen in a real browser."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from serving.console.places import run_in_mlflow, version_in_mlflow
from tests.serving.running import free_port, until

MODEL = "next best"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home, port = tmp_path_factory.mktemp("mlflow"), free_port()
    kept = ("--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}", "--default-artifact-root", str(home / "kept"))
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with Path(home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *kept], env={**os.environ, **quiet}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}"
        assert until(lambda: _answers(url), 240.0), (home / "server.log").read_text()
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _answers(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{url}/health").status_code == 200
    return False


def _made(url: str, what: str, **told: object) -> dict[str, str]:
    answer = httpx.post(f"{url}/api/2.0/mlflow/{what}/create", json=told, timeout=60.0)
    assert answer.status_code == 200, answer.text
    (found,) = answer.json().values()
    return found if isinstance(found, dict) else {"id": found}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(60_000)
    try:
        yield context.new_page()
    finally:
        context.close()


def test_links_lead_to_the_version_and_the_run_that_they_name(pages: str, page: Page) -> None:
    experiment = _made(pages, "experiments", name="nextbest")["id"]
    runs = [_made(pages, "runs", experiment_id=experiment, run_name=name)["info"] for name in ("first", "second")]
    _made(pages, "registered-models", name=MODEL)
    for run in runs:
        _made(pages, "model-versions", name=MODEL, source=f"runs:/{run['run_id']}/bundle", run_id=run["run_id"])
    page.goto(version_in_mlflow(pages, MODEL, "2"))
    expect(page.locator("body")).to_contain_text(MODEL, timeout=60_000)
    expect(page.locator("body")).to_contain_text("Version 2")
    expect(page.get_by_role("link", name="second")).to_be_visible()
    page.goto("about:blank")
    page.goto(run_in_mlflow(pages, runs[0]["run_id"]))
    page.wait_for_url(f"**/#/experiments/{experiment}/runs/{runs[0]['run_id']}*", timeout=60_000)
    expect(page.locator("body")).to_contain_text("first", timeout=60_000)
