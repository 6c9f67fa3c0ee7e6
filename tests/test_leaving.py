"""A process of the tests that is killed leaves nothing running, and nothing of a cluster in /tmp."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from tests.serving.running import ROOT, until

SCRIPT = """
import subprocess, sys, tempfile
from tests.checks import leaving
leaving.watch_over_this_process()
one = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(one.pid, tempfile.mkdtemp(prefix=leaving.folder_prefix(), dir="/tmp"), flush=True)
sys.stdin.read()
"""


def ended(number: int) -> bool:
    """Whether nobody has waited for it yet does not matter."""
    try:
        return psutil.Process(number).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_what_a_killed_process_began_ends_with_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as begun:
        assert begun.stdout is not None
        number, folder = begun.stdout.readline().split()
        assert not ended(int(number))
        assert Path(folder).exists()
        begun.kill()
    assert until(lambda: not Path(folder).exists() and ended(int(number)), 60.0)
