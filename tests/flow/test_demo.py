"""`nextbest demo` from nothing on the real data, and the very lines that it prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.serving.running import free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 900.0


def started(home: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    told = {key: value for key, value in os.environ.items() if not key.startswith(("NEXTBEST_", "MLFLOW_"))}
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "nextbest", "demo", "--port", str(port)],
            cwd=ROOT,
            env={**told, "NEXTBEST_HOME": str(home)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def lines_to_try(demo: subprocess.Popen[bytes], log: Path) -> list[str]:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and demo.poll() is None:
        text = log.read_text()
        lines = [line for line in text.splitlines() if line.startswith("curl ")]
        if len(lines) == 3:
            return lines
        time.sleep(0.5)
    raise AssertionError(log.read_text())


def interrupted(demo: subprocess.Popen[bytes]) -> int:
    demo.send_signal(signal.SIGINT)
    return demo.wait(60)


def asked(line: str) -> dict[str, object]:
    done = subprocess.run(["/bin/bash", "-c", line], capture_output=True, check=True, timeout=60)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def offered(answer: dict[str, object]) -> dict[str, list[str]]:
    return {slate["channel"]: [one["action_id"] for one in slate["actions"]] for slate in answer["channels"]}  # type: ignore[attr-defined]


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_demo_and_its_three_lines(tmp_path: Path) -> None:
    home, port, log = tmp_path / "home", free_port(), tmp_path / "demo.log"
    demo = started(home, port, log)
    try:
        ask, buy, ask_again = lines_to_try(demo, log)
        before = asked(ask)
        assert (before["known"], before["degraded"], before["model_version"]) == (True, False, "1")
        bought = offered(before)["mail"][0]
        assert asked(buy) == {"success": True}
        after = offered(asked(ask_again))
        assert set(after) == {"mail", "web"}
        assert all(actions and bought not in actions for actions in after.values())
        assert httpx.get(f"http://127.0.0.1:{port}/model").json()["registry_reachable"] is True
        assert interrupted(demo) == 0
        demo = started(home, port, log)
        again = lines_to_try(demo, log)
        assert "Import " not in log.read_text()
        assert bought not in offered(asked(again[0]))["mail"]
        assert interrupted(demo) == 0
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
