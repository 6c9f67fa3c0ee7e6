"""The columns in which whole histories and customer files are handed to a store."""

from __future__ import annotations

import pyarrow as pa

IMPORT_SCHEMA = pa.schema(
    [
        pa.field("customer_id", pa.string(), nullable=False),
        pa.field("kind", pa.uint8(), nullable=False),
        pa.field("name", pa.string()),
        pa.field("occurred_at", pa.int64(), nullable=False),
        pa.field("recorded_at", pa.int64(), nullable=False),
        pa.field("message_id", pa.string()),
        pa.field("line", pa.int32()),
        pa.field("channel", pa.string()),
        pa.field("item", pa.string()),
        pa.field("action", pa.string()),
        pa.field("order", pa.string()),
        pa.field("decision", pa.string()),
        pa.field("quantity", pa.float32()),
        pa.field("amount", pa.float64()),
        pa.field("severity", pa.int16()),
        pa.field("properties", pa.string()),
    ]
)
"""One event a row; the meanings are those of features.event.Event.

customer_id: the outside name, `anon:<id>` for an anonymous one. kind: the code of features.event.Kind. name: null when
the kind says it all. occurred_at, recorded_at: ms UTC, the first never after the second. message_id: null for an id
made of the import's source and the row's number in the table as given. line: null is 0. channel, item, action, order,
decision: null is none. quantity (units) and amount (currency, whole line): null or NaN is unknown. severity: null is 0.
properties: JSON text, null is {}. A column that may be null may be left out; strings may be dictionary-encoded.
"""

CUSTOMER_SCHEMA = pa.schema(
    [
        pa.field("customer_id", pa.string(), nullable=False),
        pa.field("traits", pa.string()),
        pa.field("identifiers", pa.string()),
        pa.field("time_zone", pa.string()),
    ]
)
"""One customer a row. traits: a JSON object as text; a null in it removes the trait. identifiers: a JSON list of
[type, value] as text, normalised on the way in. time_zone: an IANA name, kept as the trait `time_zone`."""
