"""nextbest serve, and the pages of MLflow beside it."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.shell import console, one_line, settings, stop

if TYPE_CHECKING:
    from serving.settings import Settings

_HERE = "127.0.0.1"
_QUIETLY = ("--uvicorn-opts", "--log-level warning")
_SMALL = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_LOGGING_LEVEL": "WARNING", "PYTHONWARNINGS": "ignore"}
"""Jobs are none of ours, and their consumers take 1.4 GB."""


def serve(
    host: Annotated[str | None, typer.Option(help="Default: NEXTBEST_HOST, else 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: NEXTBEST_PORT, else 3000.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Default: NEXTBEST_WORKERS, else 1.")] = None,
) -> None:
    """Serve decisions over HTTP until Ctrl-C."""
    from serving.launch import NotStartable
    from serving.launch import serve as run

    with one_line():
        chosen = settings(host=host, port=port, workers=workers)
        try:
            raise typer.Exit(run(chosen, chosen.workers))
        except NotStartable as error:
            stop(str(error))


def mlflow(
    port: Annotated[int, typer.Option(min=1, max=65535, help="On this machine alone.")] = 5000,
) -> None:
    """Open MLflow's pages on the runs, figures, plots and versions in NEXTBEST_HOME, on this machine, until Ctrl-C.
    Where MLFLOW_TRACKING_URI names a server, they are there already, and this says where."""
    from serving.deployment import NotStartable, require_free_port

    with one_line():
        chosen = settings()
        if chosen.mlflow_pages:
            print(chosen.mlflow_pages)
            return
        _require_runs(chosen)
        try:
            require_free_port(_HERE, port)
        except NotStartable as error:
            stop(str(error))
        console.print(f"MLflow's pages are at http://{_HERE}:{port} within half a minute; Ctrl-C ends them")
        told = ("--host", _HERE, "--port", str(port), "--workers", "1", "--no-serve-artifacts", *_QUIETLY)
        store = ("--backend-store-uri", chosen.effective_tracking_uri)
        root = ("--default-artifact-root", (chosen.absolute_home / "artifacts").as_uri())
        command = (sys.executable, "-m", "mlflow", "server", *store, *root, *told)
        os.execve(sys.executable, command, os.environ | _SMALL)  # noqa: S606 it takes this process's place


def _require_runs(chosen: Settings) -> None:
    if find_spec("mlflow") is None:
        stop("mlflow is absent; only training needs it; install nextbest with the extra `train`")
    if not chosen.tracking_uri and not (chosen.absolute_home / "mlflow.db").exists():
        stop(f"mlflow.db is absent in {chosen.absolute_home}; a first run makes it; run `nextbest train`")
