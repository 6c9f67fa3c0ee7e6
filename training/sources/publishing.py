"""A catalogue made by an importer, published as the store's newest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from features.stores.protocol import Store
    from models.catalogue_file import CatalogueSource


def publish(store: Store, source: CatalogueSource, published_at: int, author: str, note: str) -> int:
    """The version's number, whatever was the newest before; the same content again is the same version."""
    stored = store.publish_catalogue(
        source.document,
        source.items_ipc(),
        expected_version=None,
        published_at=published_at,
        author=author,
        note=note,
    )
    return stored.version
