"""Where histories live: one protocol, one function that opens an implementation of it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from features.stores.engines.sqlite import SQLiteEngine
from features.stores.protocol import LetterLimits, Store, StoreError
from features.stores.sql.profiles import Rules
from features.stores.sql.session import Engine
from features.stores.sql.store import SQLStore
from features.vault import KEY_FILE, Vault, key_file

__all__ = ["Store", "StoreError", "open_store"]

PATIENCE = 5.0
"""Seconds to wait for another process's write."""

_SQLITE = "sqlite:///"
_LETTERS = LetterLimits()


def _postgres(url: str, patience: float, vault: Vault) -> Engine:
    try:
        from features.stores.engines.postgres import PostgresEngine  # noqa: PLC0415
    except ImportError as error:
        message = "store is on PostgreSQL; its driver is not installed; install nextbest[postgres]"
        raise StoreError(message) from error
    return PostgresEngine(url, patience, vault)


def _beside(path: Path) -> Vault:
    """Of the secret in the store's folder."""
    try:
        return Vault(key_file(path.with_name(KEY_FILE)))
    except OSError as error:
        message = f"store is {path.name}; its folder must be writable ({error.strerror}); name another"
        raise StoreError(message) from error


def open_store(
    url: str,
    patience: float = PATIENCE,
    vault: Vault | None = None,
    declared: frozenset[str] = frozenset(),
    letters: LetterLimits = _LETTERS,
) -> Store:
    """The store at `url`: `sqlite:///relative/path` or `sqlite:////absolute/path`, created when missing. patience:
    seconds to wait for another process's write. vault: what keeps identifiers unreadable; None: of the secret in the
    file identity.key beside an SQLite file, made on first use. declared: types of external ids that are strong.
    letters: how many refused events are kept. Raises StoreError, VaultError."""
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        path = Path(unquote(url.removeprefix(_SQLITE)))
        rules = Rules(vault or _beside(path), declared, letters)
        return SQLStore(SQLiteEngine(path, patience, rules.vault), rules)
    if url.startswith(("postgresql://", "postgres://")):
        if vault is None:
            message = "vault is missing; every replica needs the same identity key for a store on PostgreSQL"
            raise StoreError(f"{message}; set NEXTBEST_IDENTITY_KEY")
        rules = Rules(vault, declared, letters)
        return SQLStore(_postgres(url, patience, vault), rules)
    rule = "it is a URL such as sqlite:///nextbest.db or postgresql://host/name"
    raise StoreError(f"store is {url.split(':', 1)[0]}:...; {rule}; correct it")
