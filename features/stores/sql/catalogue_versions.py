"""What was published when, by whom and how much of it, without the content itself."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from features.stores.catalogues import CatalogueVersion
from features.stores.sql.admin import item_table
from features.stores.sql.session import Session


class _Called(msgspec.Struct, frozen=True):
    id: str
    name: str | None = None


class _Actions(msgspec.Struct, frozen=True):
    """Of a document, what its actions are called; of the rest nothing is read, for it may be long."""

    actions: tuple[_Called, ...] = ()


def action_names(session: Session, version: int) -> Mapping[str, str]:
    rows = session.rows("SELECT document FROM catalogue WHERE version = ?", (version,))
    called = [one for (document,) in rows for one in msgspec.json.decode(document, type=_Actions).actions]
    return {one.id: one.id if one.name is None else one.name for one in called}


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
