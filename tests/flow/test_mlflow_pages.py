"""MLflow's pages over the runs of a home, by one command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from mlflow.tracking import MlflowClient

from tests.flow.test_operators import nextbest, one_line
from tests.serving.running import free_port, until
from tests.serving.synthetic import make_shop


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning:mlflow.*")
def test_the_pages_show_the_runs_of_the_home_and_end_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    client.create_experiment("of-this-home", (tmp_path / "artifacts").as_uri())
    port = free_port()
    at = f"http://127.0.0.1:{port}"
    told = {key: value for key, value in os.environ.items() if not key.startswith(("NEXTBEST_", "MLFLOW_"))}
    pages = subprocess.Popen(
        [sys.executable, "-m", "nextbest", "mlflow", "--port", str(port)],
        env={**told, "NEXTBEST_HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert pages.stderr is not None
        assert pages.stderr.readline().startswith(f"MLflow's pages are at {at} ")
        assert until(lambda: answers(f"{at}/") == 200, patience=120)
        asked = httpx.get(f"{at}/api/2.0/mlflow/experiments/search", params={"max_results": 10}, timeout=60)
        assert "of-this-home" in [one["name"] for one in asked.json()["experiments"]]
    finally:
        pages.terminate()
        pages.wait(60)
        pages.stderr.close()
    assert until(lambda: answers(f"{at}/") is None, patience=60)


def answers(address: str) -> int | None:
    try:
        return httpx.get(address, timeout=60).status_code
    except httpx.TransportError:
        return None


def test_without_runs_it_is_one_line_and_a_server_is_only_named(tmp_path: Path) -> None:
    assert one_line(nextbest(tmp_path, "mlflow")).startswith(f"mlflow.db is absent in {tmp_path}; ")
    server = nextbest(tmp_path, "mlflow", MLFLOW_TRACKING_URI="https://mlflow.example/")
    assert (server.returncode, server.stdout) == (0, "https://mlflow.example\n")


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning:mlflow.*")
def test_that_mlflow_makes_its_database_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes ten seconds and more, in which nothing else is said."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # which MLflow sets itself, and does not take back
    make_shop(tmp_path, model=False)
    first, again = (nextbest(tmp_path, "models", MLFLOW_TRACKING_URI="").stderr for _ in range(2))
    assert first.splitlines()[0] == "Set up MLflow's database, once ..."
    assert first.splitlines()[1:] == again.splitlines() != []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ((), "Exit codes: 0 done; 1 something is wrong, or was refused; 2 it could not be done"),
        (("train",), "Default: 20240229."),
        (("train",), "`nextbest mlflow` shows its run (figures, plots, model card)"),
        (("evaluate",), "Default: all that was recorded."),
    ],
)
def test_help_says_what_happens_when_nothing_is_said_and_where_things_are(
    tmp_path: Path, command: tuple[str, ...], said: str
) -> None:
    told = nextbest(tmp_path, *command, "--help", COLUMNS="250").stdout.replace("│", " ")
    assert said in " ".join(told.split())
