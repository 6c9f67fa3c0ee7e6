"""Which schema this program speaks, without importing what migrates."""

from __future__ import annotations

import logging
from pathlib import Path

from features.stores.protocol import StoreCorrupt

_VERSIONS = Path(__file__).parent / "versions"


def newest() -> int:
    """The number of the last revision."""
    return max(int(one.name[:4]) for one in _VERSIONS.glob("[0-9][0-9][0-9][0-9]_*.py"))


def revision(number: int) -> str:
    return f"{number:04d}"


def tell(present: int, target: int) -> None:
    """Say in the log that an earlier store, if it was one, is at another revision now."""
    if present:
        message = (
            "store was brought up from revision %s to %s; programs of before cannot open it; keep the copy of before"
        )
        logging.getLogger("nextbest.store").warning(message, revision(present), revision(target))


def failed(present: int, target: int, error: Exception) -> StoreCorrupt:
    """What to say of a store that resists."""
    message = f"schema version is {present} and could not be brought to {target} ({error})"
    return StoreCorrupt(f"{message}; the store is as it was; use the program that wrote it, or restore a copy")
