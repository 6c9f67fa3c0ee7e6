"""Nothing that the tests start outlives them: when their process ends, however it ends, whatever it began and did not
end is ended. A run that is cut off twice, or killed, tears nothing down itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "TESTS_RUN_AS"
"""The variable by which a process and all that it began are known."""
ROOT = Path(__file__).parents[2]
_PATIENCE, _ROUNDS = 5.0, 3
_watchers: list[subprocess.Popen[bytes]] = []


def watch_over_this_process() -> None:
    """Once; its children have the mark too, and the watcher sees the end of this process as the end of its input."""
    os.environ[MARK] = f"{os.getpid():x}-{time.time_ns():x}"
    command = [sys.executable, "-m", "tests.checks.leaving"]
    watcher = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True)
    _watchers.append(watcher)


def folder_prefix() -> str:
    """Of folders in /tmp that go too."""
    return f"nextbest-{os.environ.get(MARK, '')}-"


def _left() -> list[psutil.Process]:
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(MARK) == os.environ[MARK]:
                left.append(process)
    return left


def _end_what_is_left() -> None:
    """Politely, then not: what is left may begin something new while it ends."""
    for process in (left := _left()):
        with suppress(psutil.Error):
            process.terminate()
    psutil.wait_procs(left, _PATIENCE)
    for _ in range(_ROUNDS):
        for process in (left := _left()):
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, _PATIENCE)
    for folder in Path("/tmp").glob(f"{folder_prefix()}*"):  # noqa: S108 - where the cluster's socket has a short name
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.read()
    _end_what_is_left()
