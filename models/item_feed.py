"""A file of an item feed: columns id and stock."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from features.spending import LARGEST
from features.stores.shared import ItemState

_SCHEMA = pa.schema([("id", pa.string()), ("stock", pa.int64())])


class FeedInvalid(Exception):
    """The file is no item feed; nothing of it is taken."""


def read(path: Path) -> list[ItemState]:
    """path: .csv or .parquet, with the columns id and stock, and others that are left unread. An empty stock is
    unknown. Raises FeedInvalid, OSError."""
    try:
        table = _table(path).select(_SCHEMA.names).cast(_SCHEMA)
    except (pa.ArrowException, KeyError, ValueError) as error:
        rule = "it is a .csv or .parquet with columns id and stock, whole numbers"
        raise FeedInvalid(f"feed is {path.name}; {rule}; correct it ({str(error).splitlines()[0]})") from error
    ids, stock = table["id"], table["stock"]
    wrong = pc.or_kleene(pc.less(stock, 0), pc.greater(stock, LARGEST))
    for column, bad, rule in (
        (ids, pc.fill_null(pc.equal(ids, ""), fill_value=True), "every row names an item"),
        (stock, pc.fill_null(wrong, fill_value=False), f"it is 0 to {LARGEST} units, or empty"),
    ):
        if (place := pc.index(bad, value=True).as_py()) >= 0:
            name = "id" if column is ids else "stock"
            raise FeedInvalid(f"{name} is {column[place].as_py()} in row {place + 1}; {rule}; correct the file")
    return [ItemState(item, left) for item, left in zip(ids.to_pylist(), stock.to_pylist(), strict=True)]


def _table(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path)
    if path.suffix != ".csv":
        raise ValueError(f"its name ends in {path.suffix!r}")
    types = {column.name: column.type for column in _SCHEMA}
    convert = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""])
    return pyarrow.csv.read_csv(path, convert_options=convert)
