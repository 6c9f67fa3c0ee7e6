"""Columns of values as PostgreSQL's binary arrays, so that one statement carries many rows.

An array is its number of dimensions, whether any element is missing, the element's type, the length, the first index,
and for each element its length (-1 missing) and bytes, all big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from psycopg.adapt import AdaptersMap, Buffer, Dumper
from psycopg.pq import Format

from features.stores.sql.session import Type

_HEAD = struct.Struct("!iiIii")
_LENGTH = struct.Struct("!i")
_MISSING = _LENGTH.pack(-1)
_INTEGER = np.dtype([("length", ">i4"), ("value", ">i8")])


class BigintArray(bytes):
    """Of bigint."""

    ELEMENT: Final = 20
    ARRAY: Final = 1016


class TextArray(bytes):
    """Of text."""

    ELEMENT: Final = 25
    ARRAY: Final = 1009


class ByteaArray(bytes):
    """Of bytea."""

    ELEMENT: Final = 17
    ARRAY: Final = 1001


AnyArray = type[BigintArray] | type[TextArray] | type[ByteaArray]
ARRAYS: dict[Type, AnyArray] = {"integer": BigintArray, "text": TextArray, "bytes": ByteaArray}
NAMES: dict[Type, str] = {"integer": "bigint[]", "text": "text[]", "bytes": "bytea[]"}


def array(of: Type, values: Sequence[Any]) -> bytes:
    """The values as an array of the type, ready to be sent; None is missing."""
    kind = ARRAYS[of]
    if of == "integer" and None not in values:
        made = np.empty(len(values), dtype=_INTEGER)
        made["length"], made["value"] = 8, values
        return kind(_HEAD.pack(1, 0, kind.ELEMENT, len(values), 1) + made.tobytes())
    parts: list[bytes] = []
    missing = 0
    for value in values:
        if value is None:
            missing = 1
            parts.append(_MISSING)
            continue
        element = (
            value.to_bytes(8, "big", signed=True) if of == "integer" else value.encode() if of == "text" else value
        )
        parts += (_LENGTH.pack(len(element)), element)
    return kind(_HEAD.pack(1, missing, kind.ELEMENT, len(values), 1) + b"".join(parts))


def register(adapters: AdaptersMap) -> None:
    for kind in ARRAYS.values():
        adapters.register_dumper(kind, type(f"{kind.__name__}Dumper", (_AsItIs,), {"oid": kind.ARRAY}))


class _AsItIs(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> Buffer:
        return bytes(obj)
