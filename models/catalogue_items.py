"""The items of a catalogue as an Arrow table: their schema, their stored form, their checks by row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.catalogue import CatalogueInvalid, Fault

ITEM_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("category", pa.string()),
        ("name", pa.string()),
        ("price", pa.float64()),
        ("variant_of", pa.string()),
        ("contains", pa.list_(pa.string())),
    ]
)
"""id: the outside world's. category: id, null unknown. name: null none. price: per unit, catalogue currency, null
unknown. variant_of: the id of the item that it is a variant of, null none. contains: the ids of what a bundle is made
of, null or empty for what is none."""

SEPARATOR = ";"
"""Between the ids of `contains` where it is one text, as in a CSV file."""

_SHOWN = 20
_BAD_ID = r"[\x00-\x1f\x7f]|^\s|\s$|^$"
_ID_LIMIT = 200


def to_ipc(items: pa.Table) -> bytes:
    """The stored form: an Arrow IPC stream with the columns of ITEM_SCHEMA."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, ITEM_SCHEMA) as writer:
        writer.write_table(items.combine_chunks())
    return bytes(sink.getvalue().to_pybytes())


def from_ipc(stored: bytes) -> pa.Table:
    """Raises CatalogueInvalid when the bytes are not an item table."""
    try:
        with pa.ipc.open_stream(stored) as reader:
            return conformed(reader.read_all())
    except (pa.ArrowInvalid, OSError) as error:
        message = f"items is unreadable; it must be an Arrow IPC stream of items; publish the catalogue again ({error})"
        raise CatalogueInvalid((Fault(None, "items", message),)) from error


def conformed(items: pa.Table) -> pa.Table:
    """The table with exactly the columns of ITEM_SCHEMA; one that is missing, but for the ids, is null throughout.

    Integer ids become texts; other types are refused. Raises CatalogueInvalid.
    """
    faults = [
        Fault(None, f"items.{name}", f"items column is {name!r}; columns are {ITEM_SCHEMA.names}; remove or rename it")
        for name in items.column_names
        if name not in ITEM_SCHEMA.names
    ]
    columns = []
    for column in ITEM_SCHEMA:
        try:
            columns.append(_column(items, column))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError) as error:
            message = (
                f"items column {column.name!r} is unusable; it must be of type {column.type}; convert it ({error})"
            )
            faults.append(Fault(None, f"items.{column.name}", message))
    if faults:
        raise CatalogueInvalid(tuple(faults))
    return pa.Table.from_arrays(columns, schema=ITEM_SCHEMA)


def _column(items: pa.Table, column: pa.Field) -> pa.ChunkedArray:
    if column.name not in items.column_names:
        if column.name == "id":
            raise KeyError("it is missing")
        return pa.chunked_array([pa.array([None] * items.num_rows, column.type)])
    given = items[column.name]
    if column.type == pa.string() and pa.types.is_floating(given.type):
        raise pa.ArrowInvalid("an id as a floating-point number has lost its text")
    if not pa.types.is_list(column.type):
        return given.cast(column.type)
    parts = pc.split_pattern(given, SEPARATOR) if pa.types.is_string(given.type) else given
    # Made anew, for lists of the same texts come in several layouts, and the digest of a catalogue is of bytes.
    told = parts.cast(column.type).to_pylist()
    return pa.chunked_array([pa.array([ids or None for ids in told], column.type)])


def item_faults(items: pa.Table, categories: frozenset[str]) -> list[Fault]:
    """Every faulty row, row numbers from 1; the same kind of fault more than twenty times is cut with a count."""
    ids, category, price = items["id"], items["category"], items["price"]
    unknown = pc.and_(pc.is_valid(category), pc.invert(pc.is_in(category, pa.array(sorted(categories), pa.string()))))
    bad_price = pc.or_(pc.invert(pc.is_finite(price)), pc.less(price, 0.0))
    bad_id = pc.or_(pc.match_substring_regex(ids, _BAD_ID), pc.greater(pc.utf8_length(ids), _ID_LIMIT))
    return [
        *_rows(items, "id", pc.is_null(ids), "an item must have an id; add it"),
        *_rows(items, "id", bad_id, f"an id must have 1 to {_ID_LIMIT} characters, no control ones; correct it"),
        *_rows(items, "id", _repeated(ids), "an item may be listed once; remove the repetition"),
        *_rows(items, "category", unknown, "an item's category must be listed; add it to categories or leave it empty"),
        *_rows(items, "price", bad_price, "a price must be a finite number, 0 or more; correct it or leave it empty"),
        *_relation_faults(items),
    ]


def _relation_faults(items: pa.Table) -> list[Fault]:
    """Variants and bundles are one step deep: a head is no variant, a part is no bundle and no variant's head counts
    twice."""
    ids, head = items["id"], items["variant_of"]
    heads = ids.filter(pc.is_null(head))
    odd_head = pc.and_(pc.is_valid(head), pc.invert(pc.is_in(head, heads.combine_chunks())))
    is_bundle = pc.greater(pc.fill_null(pc.list_value_length(items["contains"]), 0), 0)
    parts = ids.filter(pc.invert(is_bundle)).combine_chunks()
    contains = items["contains"].combine_chunks()
    row, part = pc.list_parent_indices(contains), pc.list_flatten(contains)
    odd = set(row.filter(pc.invert(pc.is_in(part, parts))).to_pylist())
    odd_bundle = pa.chunked_array([pa.array([place in odd for place in range(items.num_rows)], pa.bool_())])
    return [
        *_rows(items, "variant_of", odd_head, "it must be a listed item that is no variant itself; correct the id"),
        *_rows(items, "contains", odd_bundle, "parts must be listed items that are no bundles; correct the ids"),
    ]


def _repeated(ids: pa.ChunkedArray) -> pa.Array:
    plain = ids.combine_chunks()
    if len(plain) == 0:
        return pa.array([], pa.bool_())
    first = pc.index_in(plain, value_set=plain)
    return pc.and_(pc.is_valid(plain), pc.not_equal(first, pa.array(range(len(plain)), first.type)))


def _rows(items: pa.Table, column: str, wrong: pa.ChunkedArray, rule: str) -> list[Fault]:
    rows = np.flatnonzero(pc.fill_null(wrong, False).to_numpy(zero_copy_only=False)).tolist()
    faults = [
        Fault(None, f"items[{row}].{column}", f"item row {row + 1}: {column} is {items[column][row].as_py()!r}; {rule}")
        for row in rows[:_SHOWN]
    ]
    if len(rows) > _SHOWN:
        faults.append(Fault(None, f"items.{column}", f"items: {len(rows) - _SHOWN} more rows like that ({rule})"))
    return faults
