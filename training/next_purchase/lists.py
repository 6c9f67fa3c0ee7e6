"""Lists of next items as a file: whole or not at all, the same bytes for the same lists."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.instants import render_instant
from training.errors import InvalidList

PARQUET, LINES = ".parquet", ".jsonl"

SCHEMA = pa.schema(
    [
        pa.field("customer_id", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("bought_before", pa.bool_(), nullable=False),
        pa.field("as_of", pa.timestamp("ms", tz="UTC"), nullable=False),
    ]
)
"""Described in docs/next-items.md."""


@dataclass(frozen=True, slots=True)
class Lists:
    """n rows, a customer's together, best first. customer_id: as asked for. item_id: the outside world's. rank:
    int32[n] from 1. score: float64[n], orders one customer's items and says nothing beyond that. bought_before:
    bool[n]. as_of: ms UTC; nothing recorded later was seen."""

    customer_id: tuple[str, ...]
    item_id: tuple[str, ...]
    rank: NDArray[np.int32]
    score: NDArray[np.float64]
    bought_before: NDArray[np.bool_]
    as_of: int

    def __len__(self) -> int:
        return len(self.rank)


def require_writable(out: Path, read: Path | None, *, overwrite: bool) -> None:
    """read: a file that is read from and must stay. Raises InvalidList."""
    if out.suffix not in (PARQUET, LINES):
        raise InvalidList(f"out is {out}; its name ends in {PARQUET} or {LINES}; name it so")
    if not out.absolute().parent.is_dir():
        raise InvalidList(f"out is {out}; there is no such folder; make it or name another")
    if out.is_dir():
        raise InvalidList(f"out is {out}; that is a folder; name a file")
    if read is not None and out.resolve() == read.resolve():
        raise InvalidList(f"out is {out}; the customers are read from there; name another file")
    if out.exists() and not overwrite:
        raise InvalidList(f"out is {out}; there is a file already; name another, or add --overwrite")


def write(lists: Lists, out: Path) -> None:
    """Raises OSError, and leaves whatever was there."""
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            if out.suffix == PARQUET:
                pq.write_table(_table(lists), file, compression="zstd")
            else:
                file.writelines(_lines(lists))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def _table(lists: Lists) -> pa.Table:
    as_of = pa.array(np.full(len(lists), lists.as_of), pa.int64()).cast(SCHEMA.field("as_of").type)
    columns = (lists.customer_id, lists.rank, lists.item_id, lists.score, lists.bought_before)
    return pa.Table.from_arrays(
        [*(pa.array(one, field.type) for one, field in zip(columns, SCHEMA, strict=False)), as_of], schema=SCHEMA
    )


def _lines(lists: Lists) -> Iterator[bytes]:
    as_of = render_instant(lists.as_of)
    columns = (lists.rank.tolist(), lists.item_id, lists.score.tolist(), lists.bought_before.tolist())
    for row in zip(lists.customer_id, *columns, strict=True):
        yield json.dumps(dict(zip(SCHEMA.names, (*row, as_of), strict=True)), ensure_ascii=False).encode() + b"\n"
