"""Columns as the bytes of PostgreSQL's binary COPY, made without touching a row in Python.

A row is its number of columns and, for each, the length and the bytes, all big-endian; a missing value has length -1.
(PostgreSQL manual, COPY, "Binary Format".)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.stores.sql.session import Column

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"

Bytes = NDArray[np.uint8]
"""One row of bytes per row of the table."""


def encoded(columns: Sequence[Column]) -> memoryview:
    """The rows, without header and trailer. columns: numpy arrays of integers or records, or pyarrow strings."""
    count = len(columns[0])
    fixed = [_repeated(np.array(len(columns), dtype=">i2"), count)]
    pieces: list[Any] = []
    for column in columns:
        if isinstance(column, np.ndarray):
            values = column if column.dtype.kind == "V" else column.astype(">i8")
            fixed += [_repeated(np.array(values.itemsize, dtype=">i4"), count), _as_bytes(values)]
        else:
            length = pc.fill_null(pc.binary_length(column), -1).to_numpy(zero_copy_only=False)
            pieces += [_joined([*fixed, _as_bytes(length.astype(">i4"))]), _filled(column)]
            fixed = []
    if fixed:
        pieces.append(_joined(fixed))
    rows = pc.binary_join_element_wise(*pieces, pa.scalar(b"", pa.binary()))
    offsets = np.frombuffer(rows.buffers()[1], dtype=np.int32)[rows.offset : rows.offset + len(rows) + 1]
    return memoryview(rows.buffers()[2])[offsets[0] : offsets[-1]]


def _repeated(value: NDArray[Any], count: int) -> Bytes:
    return np.broadcast_to(np.frombuffer(value.tobytes(), dtype=np.uint8), (count, value.itemsize))


def _as_bytes(values: NDArray[Any]) -> Bytes:
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), values.itemsize)


def _joined(fixed: Sequence[Bytes]) -> Any:
    block = np.concatenate(fixed, axis=1)
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(block.shape[1]), len(block), [None, pa.py_buffer(block)]
    ).cast(pa.binary())


def _filled(column: Any) -> Any:
    return pc.fill_null(column.cast(pa.binary()), b"")
