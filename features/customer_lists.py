"""A file that names customers: a text of one id a line, or a table with the column `customer_id`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

COLUMN = "customer_id"
_PORTION = 10_000


class NotAList(Exception):
    """The file names no customers in a way that we read; the text says the rule and what is wrong."""


def names_in(path: Path) -> Iterator[str]:
    """As they stand there, blank ones left out. Raises NotAList, OSError."""
    try:
        for batch in _batches(path):
            yield from (name for name in batch if name and name.strip())
    except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError, UnicodeDecodeError) as error:
        line = str(error).splitlines()[0]
        rule = f"it must be a text of one id a line, or a .parquet or .csv with the column {COLUMN}"
        raise NotAList(f"{rule} ({line}); correct it") from error


def _batches(path: Path) -> Iterator[list[str | None]]:
    kind = path.suffix.lower()
    if kind == ".parquet":
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_PORTION, columns=[COLUMN]):
                yield batch.column(COLUMN).cast(pa.string()).to_pylist()
    elif kind == ".csv":
        convert = pyarrow.csv.ConvertOptions(include_columns=[COLUMN], column_types={COLUMN: pa.string()})
        with pyarrow.csv.open_csv(path, convert_options=convert) as reader:
            for batch in reader:
                yield batch.column(COLUMN).to_pylist()
    else:
        with path.open(encoding="utf-8-sig") as file:
            while portion := list(islice(file, _PORTION)):
                yield [line.strip() for line in portion]
