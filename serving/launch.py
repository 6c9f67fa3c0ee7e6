"""`nextbest serve`: BentoML with our settings, one clear line when it cannot start, a clean end on Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

from serving.deployment import NotStartable, greeting, prepare, require_free_port
from serving.leaving import LAUNCHER
from serving.settings import Settings

_ROOT = Path(__file__).resolve().parent.parent
_PATIENCE = 20.0  # seconds from asking the workers to end to making them


def serve(settings: Settings, workers: int, and_then: str = "") -> int:
    """Serve until interrupted; the exit code. and_then: what else to tell once a worker answers. Raises NotStartable
    with one line for people."""
    prepared = prepare(settings, settings.host)
    require_free_port(settings.host, settings.port)
    sys.stderr.write(greeting(prepared))
    server = subprocess.Popen(  # noqa: S603 - our own command, nothing of it from outside
        _command(settings), env=_environment(settings, workers), cwd=_ROOT, start_new_session=True
    )
    with server, _passing_on(server):
        if _ready(server, settings):
            sys.stdout.write(_where_to_look(settings) + and_then)
            sys.stdout.flush()
        code = server.wait()
    return 0 if code in {0, -signal.SIGTERM} else code


def _command(settings: Settings) -> list[str]:
    host, port = settings.host, str(settings.port)
    return [sys.executable, "-m", "bentoml", "serve", "serving.service:NextBest", "--host", host, "--port", port]


def _environment(settings: Settings, workers: int) -> dict[str, str]:
    """Metrics live in a folder of this very service: two services of one machine would sweep away one another's."""
    home = settings.absolute_home / "bentoml" / str(settings.port)
    shutil.rmtree(home / "prometheus_multiproc_dir", ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    return {
        **os.environ,
        **settings.environment(),
        "NEXTBEST_WORKERS": str(workers),
        LAUNCHER: str(os.getpid()),
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_QUIET": "True",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def _passing_on(server: subprocess.Popen[bytes]) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the server in an orderly way: its workers finish what they have begun. Asked twice, or
    too slow, it is made to."""
    deadline: list[threading.Timer] = []

    def end(_signal: int, _frame: object) -> None:
        if deadline:
            _kill(server)
            return
        deadline.append(threading.Timer(_PATIENCE, _kill, (server,)))
        deadline[0].start()
        server.terminate()

    previous = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        for timer in deadline:
            timer.cancel()


def _kill(server: subprocess.Popen[bytes]) -> None:
    """Its workers, who are of other process groups, notice and end themselves."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)


def _ready(server: subprocess.Popen[bytes], settings: Settings) -> bool:
    """Wait until a worker answers; False when the server ended before."""
    url = f"http://{settings.host}:{settings.port}/livez"
    while server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            time.sleep(0.2)
    return False


def _where_to_look(settings: Settings) -> str:
    url = f"http://{settings.host}:{settings.port}"
    return (
        f"nextbest: serving at {url}\n"
        f"  try it out       {url}/\n"
        f"  which model      {url}/model\n"
        f"  metrics          {url}/metrics\n"
        "  stop             Ctrl-C\n"
    )


__all__ = ["NotStartable", "serve"]
