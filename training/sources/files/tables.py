"""Files of rows, read without guessing: what is written is kept as it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Final

import polars as pl

from training.sources.errors import InvalidRows, SourceMissing

SUFFIXES: Final = (".parquet", ".csv")


def read(path: Path) -> pl.DataFrame:
    """The table in a .csv, every column text and an empty field null, or in a .parquet, types as stored. Raises
    SourceMissing, InvalidRows."""
    if path.suffix not in SUFFIXES:
        raise SourceMissing(f"{path.name} is no table; a file's name ends in .parquet or .csv; convert it")
    if not path.is_file():
        raise SourceMissing(f"{path} is not there; check the path")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path, glob=False)
        return pl.read_csv(path, infer_schema=False, glob=False)
    except pl.exceptions.NoDataError:
        raise InvalidRows((f"{path.name} is empty; its first line names the columns; write them",), 1) from None
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidRows(
            (f"{path.name} is unreadable ({reason}); it is UTF-8 with equal rows; mend it",), 1
        ) from error


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
