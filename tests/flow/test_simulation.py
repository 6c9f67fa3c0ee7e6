"""`nextbest simulate` on a handful of SYNTHETIC people, through the real service: what it prints, writes and leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]


def begun(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """With folder as the place of everything temporary."""
    return subprocess.Popen(
        [sys.executable, "-m", "nextbest", "simulate", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def homes(folder: Path) -> list[Path]:
    return list(folder.glob("nextbest-*"))


def of_home(home: Path) -> list[int]:
    """Processes that serve it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("NEXTBEST_HOME") == str(home):
                found.append(process.pid)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_round_through_the_service_and_what_is_reported(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    run = begun(tmp_path, "--people", "60", "--rounds", "2", "--decisions", "140", "--out", str(out))
    said, errors = run.communicate()
    assert run.returncode == 0, errors
    report = json.loads(out.read_text())
    assert "SYNTHETIC" in report["synthetic"]
    assert "SYNTHETIC" in said
    assert [one["round"] for one in report["rounds"]] == ["1", "2", "all"]
    assert [one["decisions"] for one in report["rounds"]] == [140, 140, 280]
    for one in report["rounds"]:
        assert one["reward"]["oracle"] >= max(one["reward"].values())
        assert one["reward"]["oracle"] > one["reward"]["random"]
        assert one["share"]["low"] <= one["share"]["share"] <= one["share"]["high"]
        assert said.count(f"| {one['round']} | ") == 1
    assert homes(tmp_path) == []


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    run = begun(tmp_path, "--people", "60", "--rounds", "1", "--decisions", "140")
    end = time.monotonic() + 600
    while time.monotonic() < end and not (homes(tmp_path) and of_home(homes(tmp_path)[0])):
        assert run.poll() is None
        time.sleep(0.2)
    (home,) = homes(tmp_path)
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=300)
    assert run.returncode == 130, errors
    assert "Traceback" not in errors
    assert errors.strip().splitlines()[-1].startswith("stopped; ")
    assert homes(tmp_path) == []
    assert of_home(home) == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--people", "20", "--decisions", "5000"],
            "decisions is 5000; it is at most 280 for 20 people; ask for fewer",
        ),
        (
            ["--out", "nowhere/at/all.json"],
            "out is nowhere/at/all.json; its folder must be there; make it or name another",
        ),
        (["--out", "docs"], "out is docs; that is a folder; name a file"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path: Path, arguments: list[str], line: str) -> None:
    run = begun(tmp_path, *arguments)
    said, errors = run.communicate(timeout=120)
    assert (run.returncode, said) == (2, "")
    assert errors.startswith(line)
    assert homes(tmp_path) == []
