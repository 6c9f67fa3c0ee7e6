"""Where histories live: one protocol, one function that opens an implementation of it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from features.stores.engines.sqlite import SQLiteEngine
from features.stores.protocol import Store, StoreError
from features.stores.sql.store import SQLStore

__all__ = ["Store", "StoreError", "open_store"]

PATIENCE = 5.0
"""Seconds to wait for another process's write."""

_SQLITE = "sqlite:///"


def open_store(url: str, patience: float = PATIENCE) -> Store:
    """The store at `url`: `sqlite:///relative/path` or `sqlite:////absolute/path`, created when missing. patience:
    seconds to wait for another process's write. Raises StoreError."""
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        return SQLStore(SQLiteEngine(Path(unquote(url.removeprefix(_SQLITE))), patience))
    if url.startswith(("postgresql://", "postgres://")):
        raise StoreError("store is on PostgreSQL; that is not supported yet; use sqlite:///<path>")
    raise StoreError(f"store is {url.split(':', 1)[0]}:...; it is a URL such as sqlite:///nextbest.db; correct it")
