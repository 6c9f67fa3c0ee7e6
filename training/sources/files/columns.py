"""Columns of a file, each read into its type with the faults of its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from training.sources.errors import InvalidRows

SHOWN: Final = 20
MAX_ID: Final = 256
MAX_NUMBER: Final = 1e12
EARLIEST: Final = 946_684_800_000
"""2000-01-01T00:00:00Z in ms."""
AHEAD_LIMIT: Final = 10 * 60 * 1000
"""ms that a time may lie after the present."""

_TIME: Final = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$"
_EPOCH_MS: Final = r"^\d{1,15}$"
_TEXT_TYPES: Final = (pl.String, pl.Null, pl.Categorical, pl.Enum)
_BAD_ID: Final = r"[\p{Cc}\p{Zl}\p{Zp}]"


@dataclass(slots=True)
class Faults:
    """What is wrong in one file, gathered column by column; `check` raises it, first rows first. rows: of the file, by
    place in the values that are checked; None when they are the same."""

    file: str
    rows: list[int] | None = None
    found: list[tuple[int, str]] = field(default_factory=list)
    total: int = 0

    def add(self, column: str, values: pl.Series, wrong: pl.Series, rule: str, advice: str) -> None:
        """Rows where `wrong` is true; null counts as false. Rows are numbered from 1, the header not counted."""
        places = wrong.fill_null(value=False).arg_true()
        self.total += len(places)
        for place in places.head(SHOWN).to_list():
            row = self.number(place)
            sentence = f"{self.file} row {row}: {column} is {_shown(values[place])}; {rule}; {advice}"
            self.found.append((row, sentence))

    def number(self, place: int) -> int:
        """The row of the file, from 1, that a value at `place` comes from."""
        return (place if self.rows is None else self.rows[place]) + 1

    def of(self, places: list[int]) -> Faults:
        """The faults of values that come from those at these places, several from one perhaps, gathered on their
        own."""
        return Faults(self.file, places if self.rows is None else [self.rows[place] for place in places])

    def take(self, other: Faults) -> None:
        self.found += other.found
        self.total += other.total

    def check(self) -> None:
        """Raises InvalidRows when there are any."""
        if self.total:
            self.found.sort(key=lambda fault: fault[0])
            raise InvalidRows(tuple(sentence for _, sentence in self.found[:SHOWN]), self.total)


def _shown(value: object) -> str:
    text = "empty" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def texts(column: pl.Series, faults: Faults, *, required: bool = False) -> pl.Series:
    """Ids and other short texts: not blank, at most MAX_ID characters, no control characters. Integers become their
    digits; a fraction has lost what was written, and is refused."""
    name = column.name
    if not (column.dtype.is_integer() or column.dtype in _TEXT_TYPES):
        faults.add(name, column, column.is_not_null(), f"this is text, not {column.dtype}", "write the column as text")
        return pl.Series(name, [None] * len(column), dtype=pl.String)
    written = column.cast(pl.String)
    if required:
        faults.add(name, column, written.is_null(), "every row needs it", "fill it in")
    faults.add(name, column, written.str.strip_chars().str.len_chars() == 0, "this is not blank", "leave it empty")
    too_long = written.str.len_chars() > MAX_ID
    faults.add(name, column, too_long, f"this has at most {MAX_ID} characters", "shorten it")
    faults.add(
        name, column, written.str.contains(_BAD_ID), "this holds no control characters", "clean it at its source"
    )
    return written


def numbers(column: pl.Series, faults: Faults, *, positive: bool = False) -> pl.Series:
    """Finite numbers of at least 0 (positive: above 0) and at most MAX_NUMBER; null is unknown."""
    if column.dtype == pl.Boolean or column.dtype.is_nested() or column.dtype.is_temporal():
        faults.add(column.name, column, column.is_not_null(), f"this is a number, not {column.dtype}", "write numbers")
        return column.is_null().cast(pl.Float64)
    value = column.cast(pl.Float64, strict=False)
    no_number = (column.is_not_null() & value.is_null()) | value.is_nan() | value.is_infinite()
    faults.add(column.name, column, no_number, "this is a finite number", "leave it empty when it is unknown")
    low = (value <= 0) if positive else (value < 0)
    rule = f"this is {'above' if positive else 'at least'} 0 and at most {MAX_NUMBER:g}"
    out = ~no_number & (low | (value > MAX_NUMBER))
    faults.add(column.name, column, out, rule, "leave it empty when it is unknown")
    return value


def whole_numbers(column: pl.Series, faults: Faults, most: int) -> pl.Series:
    """Integers of 0 to `most`."""
    value = column.cast(pl.Int64, strict=False)
    wrong = (column.is_not_null() & value.is_null()) | (value < 0) | (value > most)
    if column.dtype.is_float():
        wrong = wrong | (column != value.cast(pl.Float64))
    faults.add(column.name, column, wrong, f"this is a whole number of 0 to {most}", "correct it")
    return value


def moments(column: pl.Series, faults: Faults, present: int, *, required: bool = False) -> pl.Series:
    """ms UTC of RFC 3339 texts with an offset, of epoch milliseconds, or of stored timestamps with a time zone; from
    the year 2000 to 10 minutes after `present`."""
    if required:
        faults.add(column.name, column, column.is_null(), "every row needs it", "fill it in")
    value = _moments(column)
    wrong = column.is_not_null() & value.is_null()
    if column.dtype == pl.String:
        absent = wrong & column.str.contains(_TIME)
        faults.add(column.name, column, absent, "there is no such day or time of day", "correct it at its source")
        wrong = wrong & ~absent
    faults.add(
        column.name,
        column,
        wrong,
        "a time has an offset, or is in epoch milliseconds",
        'write it like "2026-01-31T09:00:00Z"',
    )
    early, late = value < EARLIEST, value > present + AHEAD_LIMIT
    faults.add(column.name, column, early, "a time lies after the year 2000", "check its unit: milliseconds?")
    faults.add(column.name, column, late, "a time lies not in the future", "check its unit and offset")
    return value


def _moments(column: pl.Series) -> pl.Series:
    """ms UTC; null where the value is no moment."""
    if column.dtype.is_integer():
        return column.cast(pl.Int64)
    if isinstance(column.dtype, pl.Datetime):
        known = column.dtype.time_zone is not None
        return column.dt.epoch("ms") if known else pl.Series(column.name, [None] * len(column), dtype=pl.Int64)
    if column.dtype != pl.String:
        return pl.Series(column.name, [None] * len(column), dtype=pl.Int64)
    text = pl.col(column.name)
    upper = text.str.to_uppercase().str.replace(" ", "T", literal=True).str.replace("Z$", "+00:00")
    parsed = upper.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="ms", time_zone="UTC", strict=False)
    return (
        column.to_frame()
        .select(
            pl.when(text.str.contains(_EPOCH_MS))
            .then(text.cast(pl.Int64, strict=False))
            .when(text.str.contains(_TIME))
            .then(parsed.dt.epoch("ms"))
        )
        .to_series()
    )
