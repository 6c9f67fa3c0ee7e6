"""Clients that others wrote, each run as a program of its own: their warnings and threads are theirs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.checks.node import installed
from tests.sdk.session import Session
from tests.serving.running import Running

HERE = Path(__file__).resolve().parent
_PATIENCE = 120


def send_with_segment(running: Running, key: str, session: Session) -> None:
    _run([sys.executable, HERE / "drivers" / "send_with_python.py", "segment"], running, key, session, gzip=False)


def send_with_rudder(running: Running, key: str, session: Session) -> None:
    _run([sys.executable, HERE / "drivers" / "send_with_python.py", "rudderstack"], running, key, session, gzip=True)


def send_with_node(running: Running, key: str, session: Session) -> None:
    _run(
        ["node", HERE / "drivers" / "send_with_node.mjs", installed(HERE / "node", "sdk")],
        running,
        key,
        session,
        gzip=False,
    )


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
