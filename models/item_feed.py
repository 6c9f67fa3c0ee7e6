"""A file of an item feed: columns id, and stock, price or both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from features.spending import LARGEST, LARGEST_PRICE
from features.stores.shared import UNTOLD, ItemState

_TYPES = {"id": pa.string(), "stock": pa.int64(), "price": pa.float64()}


class FeedInvalid(Exception):
    """The file is no item feed; nothing of it is taken."""


def read(path: Path, sold: frozenset[str]) -> list[ItemState]:
    """path: .csv or .parquet, with the columns id, and stock, price or both, and others that are left unread. An empty
    stock is unknown, an empty price is the catalogue's own. sold: ids of the catalogue's items, which alone have a
    price. Raises FeedInvalid, OSError."""
    try:
        table = _typed(_table(path))
    except (pa.ArrowException, KeyError, ValueError) as error:
        rule = "it is a .csv or .parquet with columns id and stock, whole numbers, or price, or both"
        raise FeedInvalid(f"feed is {path.name}; {rule}; correct it ({str(error).splitlines()[0]})") from error
    for name, bad, rule in _faults(table, sold):
        if (place := pc.index(pc.fill_null(bad, fill_value=False), value=True).as_py()) >= 0:
            raise FeedInvalid(f"{name} is {table[name][place].as_py()} in row {place + 1}; {rule}; correct the file")
    told = {name: table[name].to_pylist() for name in table.column_names}
    nothing = [UNTOLD] * len(table)
    columns = (told["id"], told.get("stock", nothing), told.get("price", nothing))
    return [ItemState(*one) for one in zip(*columns, strict=True)]


def _typed(table: pa.Table) -> pa.Table:
    """The columns that are read. Raises ValueError, ArrowException."""
    names = [name for name in _TYPES if name in table.column_names]
    if "id" not in names or names == ["id"]:
        raise ValueError(f"its columns are {', '.join(table.column_names)}")
    return table.select(names).cast(pa.schema([(name, _TYPES[name]) for name in names]))


def _faults(table: pa.Table, sold: frozenset[str]) -> Iterator[tuple[str, pa.ChunkedArray, str]]:
    """A column's name, bool[rows] where it is wrong, and what must hold."""
    ids = table["id"]
    yield "id", pc.fill_null(pc.equal(ids, ""), fill_value=True), "every row names an item"
    if "stock" in table.column_names:
        yield "stock", _outside(table["stock"], LARGEST), f"it is 0 to {LARGEST} units, or empty"
    if "price" in table.column_names:
        price = table["price"]
        wrong = pc.or_kleene(_outside(price, LARGEST_PRICE), pc.is_nan(price))
        yield "price", wrong, f"it is 0 to {LARGEST_PRICE:.0f}, or empty"
        known = pc.is_in(ids, value_set=pa.array(sorted(sold), pa.string()))
        yield "id", pc.and_(pc.is_valid(price), pc.invert(known)), "a price is told of an item of the catalogue"


def _outside(column: pa.ChunkedArray, most: float) -> pa.ChunkedArray:
    return pc.or_kleene(pc.less(column, 0), pc.greater(column, most))


def _table(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path)
    if path.suffix != ".csv":
        raise ValueError(f"its name ends in {path.suffix!r}")
    convert = pyarrow.csv.ConvertOptions(column_types=_TYPES, strings_can_be_null=True, null_values=[""])
    return pyarrow.csv.read_csv(path, convert_options=convert)
