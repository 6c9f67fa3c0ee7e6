"""What holds for the project as a whole: its locks, its packages, its size of parts."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LONGEST_FILE, LONGEST_FUNCTION = 400, 60


def locked(name: str) -> set[str]:
    return {match[1].lower() for match in re.finditer(r"(?m)^([A-Za-z0-9_.-]+)==", (ROOT / "locks" / name).read_text())}


def direct(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~ \[;]", requirement)[0].lower() for requirement in requirements}


def sources() -> list[Path]:
    listed = subprocess.run(
        ["/usr/bin/env", "git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def test_the_locks_hold_every_direct_requirement() -> None:
    assert direct(PROJECT["dependencies"]) <= locked("service.txt")
    extras = [one for listed in PROJECT["optional-dependencies"].values() for one in listed]
    assert direct(PROJECT["dependencies"]) | direct(extras) <= locked("all.txt")


def test_a_replica_installs_no_training() -> None:
    """Nor do the servers of these tests see any: tests/checks/replica."""
    training = {
        "mlflow",
        "mlflow-skinny",
        "scikit-learn",
        "pandas",
        "polars",
        "implicit",
        "lightgbm",
        "scipy",
        "matplotlib",
        "optuna",
        "threadpoolctl",
    }
    assert locked("service.txt").isdisjoint(training)


def test_both_locks_agree() -> None:
    assert locked("service.txt") <= locked("all.txt")


@pytest.mark.parametrize("name", ["service.txt", "all.txt"])
def test_locks_name_no_index(name: str) -> None:
    assert "://" not in (ROOT / "locks" / name).read_text()


def test_files_and_functions_stay_small() -> None:
    long = []
    for path in sources():
        text = path.read_text()
        if text.count("\n") > LONGEST_FILE:
            long.append(f"{path.relative_to(ROOT)} has {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines")
    assert long == []
