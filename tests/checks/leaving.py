"""Nothing that the tests start outlives them: when their process ends, however it ends, whatever it began and did not
end is ended. A run that is cut off twice, or killed, tears nothing down itself."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "TESTS_RUN_AS"
"""The variable by which a process and all that it began are known."""
_PATIENCE, _ROUNDS = 5.0, 3


def watch_over_this_process() -> None:
    """Once; its children have the mark too, and the watcher sees the end of this process as the end of its input. It is
    no `Popen`, which would complain at the end that it still runs."""
    os.environ[MARK] = f"{os.getpid():x}-{time.time_ns():x}"
    its_input, _ours = os.pipe()  # ours is closed with this process, and nobody inherits it
    to_it = (os.POSIX_SPAWN_DUP2, its_input, 0)
    os.posix_spawn(sys.executable, [sys.executable, __file__], os.environ, file_actions=[to_it])
    os.close(its_input)


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
    os.setsid()  # Ctrl-C is not meant for it
    sys.stdin.read()
    _end_what_is_left()
