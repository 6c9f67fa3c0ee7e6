"""Files of rows, read without guessing: what is written is kept as it is written."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from training.sources.errors import InvalidRows, SourceMissing
from training.sources.files.columns import Faults

SUFFIXES: Final = (".parquet", ".csv")


@dataclass(frozen=True, slots=True)
class FileRows:
    """name: of the file. numbers: the place in the file, from 0, of each of the rows when blank lines, which have one
    too, are left out; else None."""

    name: str
    rows: pl.DataFrame
    numbers: list[int] | None = None

    def faults(self) -> Faults:
        """None yet, of these rows."""
        return Faults(self.name, self.numbers)


def read(path: Path) -> FileRows:
    """The table in a .csv, every column text, an empty field null and blank lines left out, or in a .parquet, types as
    stored. Raises SourceMissing, InvalidRows."""
    rows = _table(path)
    if path.suffix == ".parquet":
        return FileRows(path.name, rows)
    said = rows.select(pl.any_horizontal(pl.all().str.strip_chars() != "").fill_null(value=False).alias("said"))["said"]
    return (
        FileRows(path.name, rows) if said.all() else FileRows(path.name, rows.filter(said), said.arg_true().to_list())
    )


def _table(path: Path) -> pl.DataFrame:
    if path.suffix not in SUFFIXES:
        raise SourceMissing(f"{path.name} is no table; a file's name ends in .parquet or .csv; convert it")
    if not path.is_file():
        raise SourceMissing(f"{path} is not there; check the path")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path, glob=False)
        _check_header(path)
        return pl.read_csv(path, infer_schema=False, glob=False)
    except pl.exceptions.NoDataError:
        raise InvalidRows((f"{path.name} is empty; its first line names the columns; write them",), 1) from None
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidRows(
            (f"{path.name} is unreadable ({reason}); it is UTF-8 with equal rows; mend it",), 1
        ) from error


def _check_header(path: Path) -> None:
    """Raises InvalidRows for a name that stands twice: the table that is read has another one in its place."""
    header = pl.read_csv(path, infer_schema=False, glob=False, has_header=False, n_rows=1).row(0)
    doubled = [name for name, count in Counter(header).items() if count > 1]
    rule = "each column has one name of its own; rename or drop one"
    if doubled:
        raise InvalidRows(tuple(f"{path.name}: column {name} is doubled; {rule}" for name in doubled), len(doubled))


def digest(path: Path) -> str:
    """Hex digest of the file's bytes: with the row's number it names an event that brings no id."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def check_columns(name: str, given: Collection[str], required: Collection[str], known: Collection[str]) -> None:
    """Raises InvalidRows for columns that are missing or unknown; a known one that ends in a dot is a prefix."""
    prefixes = tuple(column for column in known if column.endswith("."))
    faults = [
        f"{name}: column {column} is missing; every row needs it; add it" for column in required if column not in given
    ]
    faults += [
        f"{name}: column {column} is unknown; columns are {', '.join(known)}; rename or drop it"
        for column in given
        if column not in known and not (prefixes and column.startswith(prefixes) and column not in prefixes)
    ]
    if faults:
        raise InvalidRows(tuple(faults), len(faults))
