"""Catalogue versions, bundles, keys, settings and dead letters: small tables, plain statements."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from features.stores.protocol import (
    AccessKey,
    CatalogueConflict,
    Conflict,
    DeadLetter,
    ServingModel,
    StoredCatalogue,
    StoreError,
)
from features.stores.sqlite_vocabulary import Interning, SharedVocabulary

PRESENT = "present"

_CATALOGUE = """SELECT c.version, c.digest, c.document, i.items, c.published_at, c.author, c.note
                FROM catalogue c JOIN catalogue_items i ON i.digest = c.items_digest"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A catalogue that asks to become a version."""

    document: str
    items: bytes
    expected_version: int | None
    published_at: int
    author: str
    note: str


def publish(connection: sqlite3.Connection, shared: SharedVocabulary, draft: Draft) -> StoredCatalogue:
    """The new version, or the newest when it says the same already. Raises CatalogueConflict."""
    items_digest = hashlib.sha256(draft.items).hexdigest()
    digest = hashlib.sha256(f"{items_digest}\n{draft.document}".encode()).hexdigest()
    newest = catalogue(connection, None)
    if newest is not None and newest.digest == digest:
        return newest
    version = 0 if newest is None else newest.version
    if draft.expected_version is not None and draft.expected_version != version:
        message = f"catalogue version is {version}; the change was made to {draft.expected_version}; read and redo it"
        raise CatalogueConflict(message)
    interning = Interning(connection, shared)
    for domain, text in _ids(draft):
        interning.code(domain, text)
    interning.store()
    made = StoredCatalogue(
        version + 1, digest, draft.document, draft.items, draft.published_at, draft.author, draft.note
    )
    connection.execute("INSERT OR IGNORE INTO catalogue_items VALUES (?, ?)", (items_digest, draft.items))
    row = (made.version, digest, draft.document, items_digest, draft.published_at, draft.author, draft.note)
    connection.execute("INSERT INTO catalogue VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    return made


def _ids(draft: Draft) -> Iterator[tuple[str, str]]:
    """(domain, id) of everything in the catalogue that events can name."""
    try:
        items = pa.ipc.open_file(pa.BufferReader(draft.items)) if draft.items[:6] == b"ARROW1" else _stream(draft.items)
        document = json.loads(draft.document)
        channels, actions = document.get("channels", []), document.get("actions", [])
        channel_ids = list(channels) if isinstance(channels, Mapping) else [one["id"] for one in channels]
        action_ids = list(actions) if isinstance(actions, Mapping) else [one["id"] for one in actions]
        item_ids = items.read_all().column("id").to_pylist()
    except (ValueError, KeyError, TypeError, AttributeError, pa.ArrowInvalid) as error:
        message = (
            f"catalogue is unreadable ({error}); it is JSON with ids and an Arrow table of items; compile it again"
        )
        raise StoreError(message) from error
    for domain, ids in (("channel", channel_ids), ("action", action_ids), ("item", item_ids)):
        yield from ((domain, str(one)) for one in ids)


def _stream(items: bytes) -> pa.RecordBatchReader:
    return pa.ipc.open_stream(pa.BufferReader(items))


def catalogue(connection: sqlite3.Connection, version: int | None) -> StoredCatalogue | None:
    if version is None:
        row = connection.execute(f"{_CATALOGUE} ORDER BY c.version DESC LIMIT 1").fetchone()
    else:
        row = connection.execute(f"{_CATALOGUE} WHERE c.version = ?", (version,)).fetchone()
    return None if row is None else StoredCatalogue(*row)


def catalogue_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(version), 0) FROM catalogue").fetchone()[0])


def put_bundle(connection: sqlite3.Connection, digest: str, files: Mapping[str, bytes]) -> None:
    if not files:
        raise StoreError(f"bundle {digest[:12]} is empty; it holds at least one file; write it again")
    rows = [(digest, name, content) for name, content in files.items()]
    connection.executemany("INSERT OR IGNORE INTO bundle VALUES (?, ?, ?)", rows)


def bundle(connection: sqlite3.Connection, digest: str) -> dict[str, bytes] | None:
    rows = connection.execute("SELECT name, content FROM bundle WHERE digest = ? ORDER BY name", (digest,)).fetchall()
    return dict(rows) if rows else None


def set_serving(connection: sqlite3.Connection, model: ServingModel) -> None:
    if connection.execute("SELECT 1 FROM bundle WHERE digest = ?", (model.digest,)).fetchone() is None:
        raise StoreError(f"bundle is {model.digest[:12]}; what serves is stored first; put the bundle and set it again")
    row = (model.version, model.digest, model.run_id, model.since)
    connection.execute("INSERT OR REPLACE INTO serving VALUES (1, ?, ?, ?, ?)", row)


def serving(connection: sqlite3.Connection) -> ServingModel | None:
    row = connection.execute("SELECT version, digest, run_id, since FROM serving").fetchone()
    return None if row is None else ServingModel(*row)


def add_key(connection: sqlite3.Connection, key: AccessKey) -> None:
    row = (key.key_id, key.digest, ",".join(sorted(key.rights)), key.created_at, key.note)
    if connection.execute("SELECT 1 FROM access_key WHERE key_id = ?", (key.key_id,)).fetchone():
        raise Conflict(f"key_id is {key.key_id}; it is taken; use another")
    connection.execute("INSERT INTO access_key VALUES (?, ?, ?, ?, ?)", row)


def revoke_key(connection: sqlite3.Connection, key_id: str) -> bool:
    return connection.execute("DELETE FROM access_key WHERE key_id = ?", (key_id,)).rowcount > 0


def keys(connection: sqlite3.Connection) -> tuple[AccessKey, ...]:
    query = "SELECT key_id, digest, rights, created_at, note FROM access_key ORDER BY created_at, key_id"
    return tuple(
        AccessKey(key_id, digest, frozenset(filter(None, rights.split(","))), created_at, note)
        for key_id, digest, rights, created_at, note in connection.execute(query)
    )


def setting(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def put_setting(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))


def put_setting_once(connection: sqlite3.Connection, name: str, value: str) -> str:
    connection.execute("INSERT OR IGNORE INTO setting VALUES (?, ?)", (name, value))
    row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return str(row[0])


def advance_present(connection: sqlite3.Connection, moment: int) -> int:
    stored = setting(connection, PRESENT)
    present = moment if stored is None else max(moment, int(stored))
    put_setting(connection, PRESENT, str(present))
    return present


def dead_letters(connection: sqlite3.Connection, limit: int) -> tuple[DeadLetter, ...]:
    query = "SELECT received_at, reason, payload FROM dead_letter ORDER BY number DESC LIMIT ?"
    return tuple(DeadLetter(*row) for row in connection.execute(query, (limit,)))
