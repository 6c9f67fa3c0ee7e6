"""Catalogue versions, bundles, keys, settings and dead letters: small tables, plain statements."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from features.candidates import CHANNELS
from features.stores.keeping import ServingModel
from features.stores.protocol import (
    AccessKey,
    CatalogueConflict,
    Conflict,
    StoredCatalogue,
    StoreError,
)
from features.stores.sql.session import Session, table, value
from features.stores.sql.vocabulary import Interning, SharedVocabulary

PRESENT = "present"

_ACCESS_KEY = table(
    "access_key", key_id="text", digest="text", rights="text", created_at="integer", note="text", origins="text"
)
_BUNDLE = table("bundle", digest="text", name="text", content="bytes")

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


def publish(session: Session, shared: SharedVocabulary, draft: Draft) -> StoredCatalogue:
    """The new version, or the newest when it says the same already. Raises CatalogueConflict."""
    items_digest = hashlib.sha256(draft.items).hexdigest()
    digest = hashlib.sha256(f"{items_digest}\n{draft.document}".encode()).hexdigest()
    newest = catalogue(session, None)
    if newest is not None and newest.digest == digest:
        return newest
    version = 0 if newest is None else newest.version
    if draft.expected_version is not None and draft.expected_version != version:
        message = f"catalogue version is {version}; the change was made to {draft.expected_version}; read and redo it"
        raise CatalogueConflict(message)
    interning = Interning(session, shared)
    for domain, text in _ids(draft):
        interning.code(domain, text)
    interning.store()
    made = StoredCatalogue(
        version + 1, digest, draft.document, draft.items, draft.published_at, draft.author, draft.note
    )
    session.execute("INSERT INTO catalogue_items VALUES (?, ?) ON CONFLICT DO NOTHING", (items_digest, draft.items))
    row = (made.version, digest, draft.document, items_digest, draft.published_at, draft.author, draft.note)
    session.execute("INSERT INTO catalogue VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    return made


def _ids(draft: Draft) -> Iterator[tuple[str, str]]:
    """(domain, id) of everything in the catalogue that events can name, and of the channels that features are about: a
    catalogue compiled before the first event of one would not see it, and one compiled after would."""
    try:
        document = json.loads(draft.document)
        channels, actions = document.get("channels", []), document.get("actions", [])
        channel_ids = list(channels) if isinstance(channels, Mapping) else [one["id"] for one in channels]
        action_ids = list(actions) if isinstance(actions, Mapping) else [one["id"] for one in actions]
        item_ids = item_table(draft.items).column("id").to_pylist()
    except (ValueError, KeyError, TypeError, AttributeError, pa.ArrowInvalid) as error:
        message = (
            f"catalogue is unreadable ({error}); it is JSON with ids and an Arrow table of items; compile it again"
        )
        raise StoreError(message) from error
    for domain, ids in (("channel", channel_ids), ("action", action_ids), ("item", item_ids)):
        yield from ((domain, str(one)) for one in ids)
    yield from (("channel", one) for one in CHANNELS)


def item_table(items: bytes) -> pa.Table:
    """The items of a catalogue as they are stored, as a file or as a stream. Raises pa.ArrowInvalid."""
    opened = pa.ipc.open_file if items[:6] == b"ARROW1" else pa.ipc.open_stream
    return opened(pa.BufferReader(items)).read_all()


def catalogue(session: Session, version: int | None) -> StoredCatalogue | None:
    if version is None:
        rows = session.rows(f"{_CATALOGUE} ORDER BY c.version DESC LIMIT 1")
    else:
        rows = session.rows(f"{_CATALOGUE} WHERE c.version = ?", (version,))
    return StoredCatalogue(*rows[0]) if rows else None


def catalogue_version(session: Session) -> int:
    return int(value(session, "SELECT coalesce(max(version), 0) FROM catalogue"))


def put_bundle(session: Session, digest: str, files: Mapping[str, bytes]) -> None:
    if not files:
        raise StoreError(f"bundle {digest[:12]} is empty; it holds at least one file; write it again")
    rows = [(digest, name, content) for name, content in files.items()]
    session.insert(_BUNDLE, rows, "ON CONFLICT DO NOTHING")


def bundle(session: Session, digest: str) -> dict[str, bytes] | None:
    rows = session.rows("SELECT name, content FROM bundle WHERE digest = ? ORDER BY name", (digest,))
    return dict(rows) if rows else None


def set_serving(session: Session, model: ServingModel) -> None:
    if not session.rows("SELECT 1 FROM bundle WHERE digest = ? LIMIT 1", (model.digest,)):
        raise StoreError(f"bundle is {model.digest[:12]}; what serves is stored first; put the bundle and set it again")
    row = (model.version, model.digest, model.run_id, model.since)
    session.execute("DELETE FROM serving")
    session.execute("INSERT INTO serving VALUES (1, ?, ?, ?, ?)", row)


def serving(session: Session) -> ServingModel | None:
    rows = session.rows("SELECT version, digest, run_id, since FROM serving")
    return ServingModel(*rows[0]) if rows else None


def add_key(session: Session, key: AccessKey) -> None:
    rights, origins = ",".join(sorted(key.rights)), " ".join(sorted(key.origins))
    if session.rows("SELECT 1 FROM access_key WHERE key_id = ?", (key.key_id,)):
        raise Conflict(f"key_id is {key.key_id}; it is taken; use another")
    row = (key.key_id, key.digest, rights, key.created_at, key.note, origins)
    session.insert(_ACCESS_KEY, [row])


def revoke_key(session: Session, key_id: str) -> bool:
    return session.execute("DELETE FROM access_key WHERE key_id = ?", (key_id,)) > 0


def keys(session: Session) -> tuple[AccessKey, ...]:
    query = "SELECT key_id, digest, rights, created_at, note, origins FROM access_key ORDER BY created_at, key_id"
    return tuple(
        AccessKey(
            key_id, digest, frozenset(filter(None, rights.split(","))), created_at, note, frozenset(origins.split())
        )
        for key_id, digest, rights, created_at, note, origins in session.rows(query)
    )


def setting(session: Session, name: str) -> str | None:
    stored: str | None = value(session, "SELECT value FROM setting WHERE name = ?", (name,))
    return stored


def put_setting(session: Session, name: str, text: str) -> None:
    statement = "INSERT INTO setting VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value"
    session.execute(statement, (name, text))


def put_setting_once(session: Session, name: str, text: str) -> str:
    session.execute("INSERT INTO setting VALUES (?, ?) ON CONFLICT DO NOTHING", (name, text))
    return str(setting(session, name))


def advance_present(session: Session, moment: int) -> int:
    stored = setting(session, PRESENT)
    present = moment if stored is None else max(moment, int(stored))
    put_setting(session, PRESENT, str(present))
    return present
