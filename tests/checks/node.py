"""JavaScript that checks need, of exactly the locked versions; kept outside of the project."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

_PATIENCE = 120


@functools.cache
def installed(locked: Path, name: str) -> Path:
    """A folder with what the package-lock.json in the folder `locked` says, made when it is missing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _missing("node and npm are not installed")
    lock = (locked / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nextbest"
    folder = cache / f"{name}-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _install(locked, folder)
    return folder


def _install(locked: Path, folder: Path) -> None:
    """Whole or not at all, whoever else does it at the same time."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(locked / name, draft)
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
