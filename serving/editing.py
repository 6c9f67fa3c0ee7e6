"""Changing the catalogue: what the command line and HTTP share. Every change is made to a version, and refused when
another was published meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.catalogue import parse
from models.catalogue_items import from_ipc

if TYPE_CHECKING:
    import pyarrow as pa

    from features.stores.protocol import CatalogueStore, StoredCatalogue
    from models.catalogue_file import CatalogueSource

Reader = Callable[["pa.Table | None"], "CatalogueSource"]
"""Reads and checks a catalogue, given the items that stay where it names none."""


@dataclass(frozen=True, slots=True)
class Signed:
    """at: ms UTC."""

    at: int
    author: str
    note: str


@dataclass(frozen=True, slots=True)
class Published:
    """published: False when the newest version said the same already and stays."""

    version: int
    digest: str
    published: bool


def publish(
    store: CatalogueStore, read: Reader, base: StoredCatalogue | None, forced: bool, signed: Signed
) -> Published:
    """What `read` gives, as the version after `base` (None: as the first one). forced: whatever is there; only items
    that were kept must still be the newest. Raises CatalogueInvalid, CatalogueConflict."""
    kept = items_of(base)
    source = read(kept)
    expected = None if forced and source.items is not kept else number_of(base)
    return _published(store, source.document, source.items_ipc(), expected, signed)


def roll_back(store: CatalogueStore, older: StoredCatalogue, expected: int | None, signed: Signed) -> Published:
    """What `older` says, byte for byte, as a new version. expected: the version that it replaces, None: whatever is
    there. Raises CatalogueInvalid when it cannot be read any more, CatalogueConflict."""
    parse(older.document, older.version)
    return _published(store, older.document, older.items, expected, signed)


def _published(store: CatalogueStore, document: str, items: bytes, expected: int | None, signed: Signed) -> Published:
    before = store.catalogue_version()
    made = store.publish_catalogue(document, items, expected, signed.at, signed.author, signed.note)
    return Published(made.version, made.digest, made.version > before)


def items_of(stored: StoredCatalogue | None) -> pa.Table | None:
    return None if stored is None else from_ipc(stored.items)


def number_of(stored: StoredCatalogue | None) -> int:
    """0 for none."""
    return 0 if stored is None else stored.version
