"""The events file: one row an event, one row an order line. Its columns are documented in docs/importing.md."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping
from typing import Final

import polars as pl
import pyarrow as pa

from features.columns import IMPORT_SCHEMA
from features.event import Kind
from features.stores.acceptance import json_text
from features.stores.import_columns import checked_events
from features.stores.protocol import InvalidEvent
from features.wire.names import EVENT_NAMES, SAID_BY_PROPERTIES
from training.sources.files.accepted import check_acceptable, customer_ids
from training.sources.files.columns import Faults, moments, numbers, texts, whole_numbers
from training.sources.files.tables import FileRows, check_columns

REQUIRED: Final = ("customer_id", "event", "occurred_at")
OPTIONAL: Final = (
    "recorded_at",
    "message_id",
    "line",
    "name",
    "channel",
    "item",
    "action",
    "order",
    "decision",
    "quantity",
    "amount",
    "severity",
    "properties",
)

MAX_LINE: Final = 2**31 - 1
MAX_SEVERITY: Final = 10

_TEXTS: Final = ("message_id", "name", "channel", "item", "action", "order", "decision")
_OWN_KINDS: Final = frozenset({Kind.DECIDED, Kind.RESERVED})
"""What only the service itself says."""
_EVENTS: Final[Mapping[str, tuple[int, str]]] = {
    **{kind.name.lower(): (int(kind), kind.name.lower()) for kind in Kind if kind not in _OWN_KINDS},
    **{
        name: (int(meaning.kind), name)
        for name, meaning in EVENT_NAMES.items()
        if meaning.shape not in SAID_BY_PROPERTIES
    },
}
"""What the column `event` may say: a kind, or a name on the wire."""
_NEED_CHANNEL: Final = [Kind.SENT, Kind.DISPLAYED, Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN]
_NEED_THING: Final = [Kind.ORDERED, Kind.REFUNDED, Kind.CANCELLED]


def checked(file: FileRows, present: int, channels: Collection[str] | None) -> pa.Table:
    """The rows as columns of IMPORT_SCHEMA, in their order. present: ms UTC, nothing lies later. channels: the
    catalogue's; None when there is none to check against. Raises InvalidRows with the first faults."""
    check_columns(file.name, file.rows.columns, REQUIRED, (*REQUIRED, *OPTIONAL))
    faults = file.faults()
    columns = _read(file.rows, faults, present)
    _check_rows(columns, faults, channels)
    faults.check()
    table = _arrow(columns)
    check_acceptable(faults, checked_events, table)
    return table


def _read(rows: pl.DataFrame, faults: Faults, present: int) -> pl.DataFrame:
    said = texts(rows["event"], faults, required=True)
    kind = said.replace_strict({key: code for key, (code, _) in _EVENTS.items()}, default=None, return_dtype=pl.UInt8)
    _unknown_events(said, kind, faults)
    occurred_at = moments(rows["occurred_at"], faults, present, required=True)
    found = [
        customer_ids(rows["customer_id"], faults),
        kind.alias("kind"),
        occurred_at.alias("occurred_at"),
        *(texts(rows[column], faults) for column in _TEXTS if column in rows.columns),
    ]
    if "recorded_at" in rows.columns:
        recorded_at = moments(rows["recorded_at"], faults, present)
        early = recorded_at < occurred_at
        faults.add("recorded_at", rows["recorded_at"], early, "this is not before occurred_at", "swap or correct them")
        found.append(recorded_at.fill_null(occurred_at).alias("recorded_at"))
    else:
        found.append(occurred_at.alias("recorded_at"))
    if "name" not in rows.columns:
        found.append(said.alias("name"))
    found += _numbers(rows, faults)
    if "properties" in rows.columns:
        found.append(objects(rows["properties"], faults))
    return pl.DataFrame(found)


def _numbers(rows: pl.DataFrame, faults: Faults) -> list[pl.Series]:
    found = []
    if "quantity" in rows.columns:
        found.append(numbers(rows["quantity"], faults, positive=True))
    if "amount" in rows.columns:
        found.append(numbers(rows["amount"], faults))
    for name, most in (("line", MAX_LINE), ("severity", MAX_SEVERITY)):
        if name in rows.columns:
            found.append(whole_numbers(rows[name], faults, most))
    return found


def _unknown_events(said: pl.Series, kind: pl.Series, faults: Faults) -> None:
    wrong = said.is_not_null() & kind.is_null()
    if not wrong.any():
        return
    first = str(said.filter(wrong)[0])
    near = difflib.get_close_matches(first, _EVENTS, n=1) or difflib.get_close_matches(first.lower(), _EVENTS, n=1)
    meant = f"did you mean {near[0]!r}?" if near else "for an event of your own write other, and its name in `name`"
    faults.add("event", said, wrong, "an event is one of those in docs/importing.md", meant)


def objects(column: pl.Series, faults: Faults) -> pl.Series:
    """JSON objects as text. A structured column of a .parquet is written as JSON."""
    if isinstance(column.dtype, pl.Struct):
        known = column.to_frame().select(pl.when(column.is_not_null()).then(column.struct.json_encode())).to_series()
        column = known.alias(column.name)
    written = column.cast(pl.String, strict=False)
    wrong = written.map_elements(_is_no_object, return_dtype=pl.Boolean)
    faults.add(column.name, column, wrong, "this is a JSON object of finite numbers and valid Unicode", "correct it")
    return written


def _is_no_object(text: str) -> bool:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        if not isinstance(value, dict):
            return True
        json_text(value)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError, InvalidEvent):
        return True
    return False


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _check_rows(columns: pl.DataFrame, faults: Faults, channels: Collection[str] | None) -> None:
    """Rules that need more than one column."""
    kind = columns["kind"]
    nothing = pl.Series([True] * columns.height, dtype=pl.Boolean)
    empty = {
        name: columns[name].is_null() if name in columns.columns else nothing for name in ("channel", "item", "order")
    }
    nulls = pl.Series([None] * columns.height, dtype=pl.String)
    need = kind.is_in([int(one) for one in _NEED_CHANNEL]) & empty["channel"]
    faults.add("channel", nulls, need, "a contact or a consent is about a channel", "fill it in")
    need = kind.is_in([int(one) for one in _NEED_THING]) & empty["item"] & empty["order"]
    faults.add("item", nulls, need, "a purchase or its return has an item or an order", "fill one in")
    if channels is not None and "channel" in columns.columns:
        channel = columns["channel"]
        known = ", ".join(sorted(channels))
        faults.add(
            "channel",
            channel,
            channel.is_not_null() & ~channel.is_in(sorted(channels)),
            f"the catalogue's channels are {known}",
            "correct it, or add it to the catalogue",
        )
    _check_lines(columns, faults)


def _check_lines(columns: pl.DataFrame, faults: Faults) -> None:
    """A store takes a message's line once, so a row that says something else under the same name would be lost."""
    if faults.total or "message_id" not in columns.columns:
        return
    line = pl.col("line").fill_null(0) if "line" in columns.columns else pl.lit(0, pl.Int64)
    named = columns.with_columns(line.alias("line")).with_row_index("place").filter(pl.col("message_id").is_not_null())
    told = named.unique(columns.columns, keep="first", maintain_order=True)
    again = told.filter(~pl.struct("message_id", "line").is_first_distinct())["place"]
    lost = pl.Series("place", range(columns.height)).is_in(again.implode())
    rule = "another row has the same message_id and line, and says something else"
    faults.add("message_id", columns["message_id"], lost, rule, "give each line of a message its `line`")


def _arrow(columns: pl.DataFrame) -> pa.Table:
    """Exactly the columns of IMPORT_SCHEMA that there are, of its types."""
    return pa.table(
        {
            field.name: columns[field.name].to_arrow().cast(field.type)
            for field in IMPORT_SCHEMA
            if field.name in columns.columns
        }
    )
