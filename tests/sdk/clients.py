"""Clients that others wrote, each run as a program of its own: their warnings and threads are theirs."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.sdk.session import Session
from tests.serving.running import Running

HERE = Path(__file__).resolve().parent
_PATIENCE = 120


def send_with_segment(running: Running, key: str, session: Session) -> None:
    _run([sys.executable, HERE / "drivers" / "send_with_python.py", "segment"], running, key, session, gzip=False)


def send_with_rudder(running: Running, key: str, session: Session) -> None:
    _run([sys.executable, HERE / "drivers" / "send_with_python.py", "rudderstack"], running, key, session, gzip=True)


def send_with_node(running: Running, key: str, session: Session) -> None:
    _run(["node", HERE / "drivers" / "send_with_node.mjs", _installed()], running, key, session, gzip=False)


CLIENTS: Mapping[str, Callable[[Running, str, Session], None]] = {
    "segment": send_with_segment,
    "rudder": send_with_rudder,
    "node": send_with_node,
}


def _run(command: Sequence[str | Path], running: Running, key: str, session: Session, *, gzip: bool) -> None:
    told = {"url": running.url, "key": key, "gzip": gzip, "calls": session.calls}
    ended = subprocess.run(
        command,
        input=json.dumps(told),
        capture_output=True,
        text=True,
        cwd=running.home,
        timeout=_PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@functools.cache
def _installed() -> Path:
    """A folder with the JavaScript client, of exactly the locked versions; kept outside of the project."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _missing("node and npm are not installed")
    lock = (HERE / "node" / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nextbest"
    folder = cache / f"sdk-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _install(folder)
    return folder


def _install(folder: Path) -> None:
    """Whole or not at all, whoever else does it at the same time."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "node" / name, draft)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        ended = subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        if ended.returncode:
            _missing(f"npm ci failed: {ended.stderr[-300:]}")
        if not folder.exists():
            Path(draft).rename(folder)
            Path(draft).mkdir()


def _missing(reason: str) -> None:
    """Where everything must be proven it is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
