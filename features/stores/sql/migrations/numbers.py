"""Which schema this program speaks, without importing what migrates."""

from __future__ import annotations

from pathlib import Path

_VERSIONS = Path(__file__).parent / "versions"


def newest() -> int:
    """The number of the last revision."""
    return max(int(one.name[:4]) for one in _VERSIONS.glob("[0-9][0-9][0-9][0-9]_*.py"))


def revision(number: int) -> str:
    return f"{number:04d}"
