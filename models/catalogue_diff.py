"""What tells two catalogues from one another, field by field.

Lists of entries with ids are compared by id, so that an entry in front of another does not change that one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import JsonValue

from features.stores.protocol import StoredCatalogue
from models.catalogue_document import CatalogueDocument
from models.catalogue_file import CatalogueSource
from models.catalogue_items import ITEM_SCHEMA, from_ipc

NAMED = 5
"""Items that are named of those that are counted."""


@dataclass(frozen=True, slots=True)
class Change:
    """One place of the document. path: names of fields and ids of entries, ("actions", "care-refill", "value"). before,
    after: what is there, null where there is nothing (and where null is). reordered: the same entries in another
    order, which is told without them."""

    what: Literal["added", "removed", "changed", "reordered"]
    path: tuple[str, ...]
    before: JsonValue
    after: JsonValue


@dataclass(frozen=True, slots=True)
class ItemsApart:
    """Some items of one of the two. count: how many; first: the ids of the first NAMED of them."""

    count: int
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CatalogueDiff:
    """From one catalogue to another. items_reordered: the items of both stand in another order."""

    changes: tuple[Change, ...]
    items_added: ItemsApart
    items_removed: ItemsApart
    items_changed: ItemsApart
    items_reordered: bool

    def __bool__(self) -> bool:
        """Whether they differ."""
        apart = (self.items_added, self.items_removed, self.items_changed)
        return bool(self.changes) or self.items_reordered or any(items.count for items in apart)


def difference(
    before: Mapping[str, JsonValue], items_before: pa.Table, after: Mapping[str, JsonValue], items_after: pa.Table
) -> CatalogueDiff:
    """before, after: documents without items, every field in them. items: ITEM_SCHEMA."""
    shared = items_before.filter(pc.is_in(items_before["id"], items_after["id"]))
    kept = items_after.filter(pc.is_in(items_after["id"], items_before["id"]))
    return CatalogueDiff(
        changes=tuple(_within(before, after, ())),
        items_added=_apart(items_after, pc.invert(pc.is_in(items_after["id"], items_before["id"]))),
        items_removed=_apart(items_before, pc.invert(pc.is_in(items_before["id"], items_after["id"]))),
        items_changed=_apart(kept, _unlike(shared.take(pc.index_in(kept["id"], shared["id"])), kept)),
        items_reordered=not shared["id"].equals(kept["id"]),
    )


def since(stored: StoredCatalogue | None, source: CatalogueSource) -> CatalogueDiff:
    """What publishing `source` would change. stored: None when nothing was published yet. Raises CatalogueInvalid when
    it is unreadable."""
    after: dict[str, JsonValue] = json.loads(source.document)
    if stored is None:
        told = {name: value for name, value in after.items() if isinstance(value, dict) or _by_id(value) is not None}
        empty = {name: type(value)() for name, value in told.items() if isinstance(value, list | dict)}
        return difference(empty, ITEM_SCHEMA.empty_table(), after, source.items)
    before = CatalogueDocument.model_validate_json(stored.document).model_dump(mode="json")
    return difference(before, from_ipc(stored.items), after, source.items)


def _apart(items: pa.Table, chosen: pa.ChunkedArray) -> ItemsApart:
    ids = items["id"].filter(chosen)
    return ItemsApart(len(ids), tuple(ids[:NAMED].to_pylist()))


def _unlike(before: pa.Table, after: pa.Table) -> pa.ChunkedArray:
    """Row by row, whether anything differs; null is like null only."""
    unlike = pa.chunked_array([pa.array([False] * after.num_rows, pa.bool_())])
    for name in after.column_names:
        if not before[name].equals(after[name]):
            unlike = pc.or_(unlike, _unlike_values(before[name], after[name]))
    return unlike


def _unlike_values(before: pa.ChunkedArray, after: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    if pa.types.is_nested(after.type):  # which Arrow does not compare
        pairs = zip(before.to_pylist(), after.to_pylist(), strict=True)
        return pa.array([was != becomes for was, becomes in pairs], pa.bool_())
    one_is_null = pc.xor(pc.is_null(before), pc.is_null(after))
    return pc.or_(one_is_null, pc.fill_null(pc.not_equal(before, after), False))


def _between(before: JsonValue, after: JsonValue, path: tuple[str, ...]) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _within(before, after, path)
        return
    were, are = _by_id(before), _by_id(after)
    if were is None or are is None:
        if not _alike(before, after):
            yield Change("changed", path, before, after)
        return
    yield from _within(were, are, path)
    if [one for one in were if one in are] != [one for one in are if one in were]:
        yield Change("reordered", path, None, None)


def _within(before: Mapping[str, JsonValue], after: Mapping[str, JsonValue], path: tuple[str, ...]) -> Iterator[Change]:
    for name, value in before.items():
        if name not in after:
            yield Change("removed", (*path, name), value, None)
    for name, value in after.items():
        if name in before:
            yield from _between(before[name], value, (*path, name))
        else:
            yield Change("added", (*path, name), None, value)


def _by_id(value: JsonValue) -> dict[str, JsonValue] | None:
    """A list of entries by their ids; None when it is something else."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    entries = {entry["id"]: entry for entry in value if isinstance(entry, Mapping) and isinstance(entry.get("id"), str)}
    return {str(name): entry for name, entry in entries.items()} if len(entries) == len(value) else None


def _alike(one: JsonValue, other: JsonValue) -> bool:
    """As JSON has it: true is not 1, and 1 is not 1.0, for the text of a document tells them apart."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
