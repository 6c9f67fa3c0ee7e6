"""Opening the store that the settings name."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from features.stores import Store, open_store
from features.stores.protocol import StoreError, StoreUnavailable
from features.vault import KEY_FILE
from serving.settings import Settings

_SQLITE = "sqlite:///"


def is_there(settings: Settings) -> bool:
    """Whether there may be something to read; a server is not asked."""
    url = settings.effective_store_url
    return not url.startswith(_SQLITE) or Path(unquote(url.removeprefix(_SQLITE))).exists()


def open_configured(settings: Settings) -> Store:
    """Makes the store, and its key, when they are missing. A key that was made for a store which then refuses it was
    never used, and is taken away again. Raises StoreError, VaultError, OSError."""
    path = settings.absolute_home / KEY_FILE
    is_new = not settings.identity_key.get_secret_value() and not path.exists()
    vault = settings.vault()
    try:
        return open_store(
            settings.effective_store_url, vault=vault, declared=settings.declared_strong, letters=settings.letter_limits
        )
    except StoreUnavailable:  # it may have taken the key before it went away
        raise
    except StoreError:
        if is_new:
            path.unlink(missing_ok=True)
        raise
