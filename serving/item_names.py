"""What people call the items of a catalogue."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from features.stores.protocol import CatalogueStore
from models.catalogue_items import from_ipc

ItemNames = Callable[[str], str]
"""The name of an item by its id; the id itself where there is no name."""
_REMEMBERED = 4096
"""Items whose names are at hand without being looked for."""


class NamedItems:
    """The items of one version that have a name, ids ascending. Held as two Arrow columns: names are wanted of a few
    items among a hundred thousand, and of those again and again."""

    def __init__(self, items: pa.Table) -> None:
        named = items.filter(pc.is_valid(items["name"])).select(["id", "name"]).sort_by("id").combine_chunks()
        self._ids, self._names = named["id"], named["name"]
        self._asked = lru_cache(_REMEMBERED)(self._name)

    def __call__(self, item: str) -> str:
        return self._asked(item)

    def _name(self, item: str) -> str:
        at = self._place(item)
        return item if at is None else str(self._names[at].as_py())

    def _place(self, item: str) -> int | None:
        wanted, low, high = item.encode(), 0, len(self._ids)
        while low < high:
            middle = (low + high) // 2
            if self._ids[middle].as_py().encode() < wanted:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self._ids) and self._ids[low].as_py() == item else None


class CurrentItemNames:
    """The names of the catalogue in force, read from the store when a version is asked for the first time."""

    def __init__(self, store: CatalogueStore) -> None:
        self._store = store
        self._held: tuple[int, ItemNames] = (0, str)

    def of_version(self, version: int) -> ItemNames:
        """version: of a catalogue that was published; 0: of none, so that items go by their ids."""
        held, names = self._held
        if held != version:
            stored = self._store.catalogue(version)
            names = str if stored is None else NamedItems(from_ipc(stored.items))
            self._held = (version, names)
        return names
