"""What was published when, by whom and how much of it, without the content itself."""

from __future__ import annotations

import json

from features.stores.catalogues import CatalogueVersion
from features.stores.sql.admin import item_table
from features.stores.sql.session import Session


def versions(session: Session, limit: int, before: int | None) -> tuple[CatalogueVersion, ...]:
    """Newest first; before: only lower numbers. Items are counted once for all the versions that share them."""
    query = "SELECT version, digest, published_at, author, note, document, items_digest FROM catalogue"
    place, values = ("", (limit,)) if before is None else (" WHERE version < ?", (before, limit))
    counted: dict[str, int] = {}
    found = []
    for version, digest, published_at, author, note, document, items in session.rows(
        f"{query}{place} ORDER BY version DESC LIMIT ?", values
    ):
        if items not in counted:
            counted[items] = _items(session, items)
        channels, topics, categories, actions = _entries(document)
        said = (version, digest, published_at, author, note)
        found.append(CatalogueVersion(*said, channels, topics, categories, actions, counted[items]))
    return tuple(found)


def _entries(document: str) -> tuple[int, int, int, int]:
    """How many channels, topics, categories and actions; 0 of what documents did not have yet."""
    parts = json.loads(document)
    channels, topics, categories, actions = (
        len(parts.get(name, ())) for name in ("channels", "topics", "categories", "actions")
    )
    return channels, topics, categories, actions


def _items(session: Session, digest: str) -> int:
    rows = session.rows("SELECT items FROM catalogue_items WHERE digest = ?", (digest,))
    return int(item_table(rows[0][0]).num_rows)
