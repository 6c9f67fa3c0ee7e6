"""Tables handed over for import, checked column by column before anything is written."""

from __future__ import annotations

import json
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.columns import CUSTOMER_SCHEMA, IMPORT_SCHEMA
from features.event import Identifier, Kind
from features.identity import IdentityError, customer_identifier, normalise
from features.stores.acceptance import EARLIEST, LATEST
from features.stores.protocol import InvalidImport

Columns = dict[str, pa.Array]

LARGEST_LINE = 2**31 - 1
_NO_NUL = "control characters such as NUL are no text"


def filled(column: Any, missing: float) -> NDArray[Any]:
    """The column as a numpy array, nulls replaced."""
    return np.asarray(pc.fill_null(column, pa.scalar(missing, column.type)) if column.null_count else column)


def checked_events(table: pa.Table) -> Columns:
    """IMPORT_SCHEMA's columns, each one array of its declared type. Raises InvalidImport naming column and row."""
    columns = _conformed(table, IMPORT_SCHEMA)
    known = np.isin(filled(columns["kind"], 0), [int(kind) for kind in Kind])
    _refuse(~known, "kind", columns["kind"], "it is a code of features.event.Kind")
    occurred, recorded = filled(columns["occurred_at"], 0), filled(columns["recorded_at"], 0)
    _refuse((occurred < EARLIEST) | (occurred > LATEST), "occurred_at", columns["occurred_at"], "it is ms UTC")
    _refuse((recorded < EARLIEST) | (recorded > LATEST), "recorded_at", columns["recorded_at"], "it is ms UTC")
    _refuse(occurred > recorded, "occurred_at", columns["occurred_at"], "it is not after recorded_at")
    _refuse(filled(columns["line"], 0) < 0, "line", columns["line"], f"it is 0 to {LARGEST_LINE}")
    for name in ("quantity", "amount"):
        _refuse(np.isinf(filled(columns[name], np.nan)), name, columns[name], "it is finite, or null for unknown")
    for name in ("customer_id", "message_id"):
        _refuse(filled(pc.equal(columns[name], ""), missing=False), name, columns[name], "it is not empty")
    for name in (field.name for field in IMPORT_SCHEMA if pa.types.is_string(field.type)):
        _refuse(filled(pc.match_substring(columns[name], "\0"), missing=False), name, columns[name], _NO_NUL)
    return columns


def _conformed(table: pa.Table, schema: pa.Schema) -> Columns:
    unknown = sorted(set(table.column_names) - set(schema.names))
    if unknown:
        raise InvalidImport(f"column is {unknown[0]}; known are {', '.join(schema.names)}; rename or drop it")
    return {field.name: _column(table, field) for field in schema}


def _column(table: pa.Table, field: pa.Field) -> pa.Array:
    if field.name not in table.column_names:
        if not field.nullable:
            raise InvalidImport(f"column {field.name} is missing; every row needs it; add it")
        return pa.nulls(table.num_rows, field.type)
    column = table.column(field.name)
    try:
        array = column.cast(field.type).combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        message = f"column {field.name} is {column.type}; it must be {field.type} ({error}); convert it"
        raise InvalidImport(message) from error
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.nulls(0, field.type)
    if not field.nullable:
        _refuse(np.asarray(array.is_null()), field.name, array, "every row needs it")
    return array


def _refuse(wrong: NDArray[np.bool_], name: str, column: Any, rule: str) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        value = column[int(rows[0])].as_py()
        message = f"{name} of row {rows[0]} is {value!r}; {rule}; correct it (and {len(rows) - 1} rows after it)"
        raise InvalidImport(message)


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One row of a customer file. others: further identifiers of the same person."""

    identifier: Identifier
    traits: Mapping[str, object]
    others: tuple[Identifier, ...]


def checked_customers(table: pa.Table) -> Sequence[CustomerRow]:
    """Raises InvalidImport naming column and row."""
    columns = _conformed(table, CUSTOMER_SCHEMA)
    zones = zoneinfo.available_timezones()
    return [_customer(number, row, zones) for number, row in enumerate(pa.table(columns).to_pylist())]


def _customer(number: int, row: Mapping[str, str | None], zones: set[str]) -> CustomerRow:
    traits = _json(number, "traits", row["traits"] or "{}")
    if not isinstance(traits, dict):
        raise InvalidImport(f"traits of row {number} is {row['traits']!r}; it is a JSON object; correct it")
    zone = row["time_zone"]
    if zone is not None and zone not in zones:
        raise InvalidImport(f"time_zone of row {number} is {zone!r}; it is an IANA name; correct it, e.g. Europe/Paris")
    if zone is not None:
        traits["time_zone"] = zone
    listed = _json(number, "identifiers", row["identifiers"] or "[]")
    try:
        others = tuple(normalise(type_, value) for type_, value in listed)
        return CustomerRow(customer_identifier(row["customer_id"] or ""), traits, others)
    except (IdentityError, ValueError, TypeError, AttributeError) as error:
        message = f"row {number} names its customer wrongly ({error}); identifiers are [[type, value], ...]; correct it"
        raise InvalidImport(message) from error


def _json(number: int, column: str, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        raise InvalidImport(f"{column} of row {number} is {text[:60]!r}; it is JSON ({error}); correct it") from error


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
