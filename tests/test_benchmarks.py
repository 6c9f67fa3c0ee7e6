"""The benchmarks run, on sizes that measure nothing, so that they cannot rot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.checks.postgres import binaries

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.long
def test_ingest_is_measured_on_every_store_against_its_goals() -> None:
    command = [sys.executable, "benchmarks/ingest.py", "--quick"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr
    rows = [line.split() for line in ended.stdout.splitlines()]
    for name in ("sqlite",) if binaries() is None else ("sqlite", "postgresql"):
        mine = [row for row in rows if row[0] == name]
        assert len(mine) == 4
        assert any("10,000" in row for row in mine)
        assert any("100,000" in row for row in mine)


@pytest.mark.long
def test_the_policy_is_measured_beside_a_prediction() -> None:
    command = [sys.executable, "benchmarks/policy.py", "--quick"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr
    rows = {line.split("  ")[0].strip(): line for line in ended.stdout.splitlines()}
    assert "x Booster.predict, goal 0.33" in rows["policy of a decision"]
    assert "5 trees" in rows["Booster.predict"]


@pytest.mark.long
def test_off_policy_estimates_are_measured_on_synthetic_truth() -> None:
    command = [sys.executable, "benchmarks/offpolicy.py", "--quick"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("SYNTHETIC") == 4
    for name in ("DM", "IPS", "SNIPS", "DR", "Switch-DR"):
        assert ended.stdout.count(f"| {name} |") == 4
    assert "The Open Bandit data were not given" in ended.stdout


@pytest.mark.long
def test_scoring_is_measured_beside_lightgbm() -> None:
    command = [sys.executable, "benchmarks/forest.py", "--quick"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("SYNTHETIC; 5 trees")
    for name in ("31 leaves ", "7 leaves ", "31 leaves, hard "):
        mine = [line for line in lines if line.startswith(name)]
        assert len(mine) == 6
        assert all(" x" in line for line in mine)
