"""Purchases, mailings and redemptions as the columns that a store imports.

A purchase line is an ORDERED event on channel "store", its basket the order. A campaign sent to a household is one
mailing: one decision id, and one SENT event on channel "mail" for each product category that the campaign offered,
all at the campaign's start. A redemption is one CONVERTED event of its mailing, credited by
training.sources.journey.credit.
"""

from __future__ import annotations

import json
from typing import Final

import polars as pl
import pyarrow as pa

from features.columns import CUSTOMER_SCHEMA, IMPORT_SCHEMA
from features.event import Kind
from training.sources.journey.frames import JourneyTables, action_id, mailing_id, offers

STORE: Final = "store"
MAIL: Final = "mail"

_ORDER: Final = ("occurred_at", "customer_id", "kind", "order", "item", "action")
_TEXTS: Final = ("name", "channel", "customer_id", "item", "action", "order", "decision", "properties")


def events(tables: JourneyTables, lines: pl.DataFrame, credit: pl.DataFrame) -> pa.Table:
    """Everything that happened, sorted by time, columns of IMPORT_SCHEMA."""
    frames = [_orders(lines), _sends(tables), _conversions(credit)]
    together = pl.concat(frames, how="diagonal_relaxed").sort(_ORDER)
    return _arrow(together.with_columns(recorded_at=pl.col("occurred_at")))


def customers(tables: JourneyTables) -> pa.Table:
    """The households whose demographics are known, columns of CUSTOMER_SCHEMA. Traits are texts as published."""
    rows = [
        (str(row.pop("household_id")), json.dumps({name: value for name, value in row.items() if value is not None}))
        for row in tables.demographics.sort("household_id").iter_rows(named=True)
    ]
    return pa.Table.from_pydict(
        {
            "customer_id": [household for household, _ in rows],
            "traits": [traits for _, traits in rows],
            "identifiers": [None] * len(rows),
            "time_zone": [None] * len(rows),
        },
        schema=CUSTOMER_SCHEMA,
    )


def _orders(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.select(
        pl.col("household").cast(pl.String).alias("customer_id"),
        pl.lit(int(Kind.ORDERED)).alias("kind"),
        pl.lit("Order Completed").alias("name"),
        "occurred_at",
        pl.lit(STORE).alias("channel"),
        pl.col("product_id").cast(pl.String).alias("item"),
        pl.col("basket").cast(pl.String).alias("order"),
        "quantity",
        "amount",
    )


def _sends(tables: JourneyTables) -> pl.DataFrame:
    offered = offers(tables).select("campaign_id", "campaign_type", "category", "starts_at").unique()
    return tables.campaigns.join(offered, on="campaign_id").select(
        pl.col("household_id").cast(pl.String).alias("customer_id"),
        pl.lit(int(Kind.SENT)).alias("kind"),
        pl.lit("Action Sent").alias("name"),
        pl.col("starts_at").alias("occurred_at"),
        pl.lit(MAIL).alias("channel"),
        action_id().alias("action"),
        mailing_id().alias("decision"),
    )


def _conversions(credit: pl.DataFrame) -> pl.DataFrame:
    return credit.select(
        pl.col("household_id").cast(pl.String).alias("customer_id"),
        pl.lit(int(Kind.CONVERTED)).alias("kind"),
        pl.lit("Action Converted").alias("name"),
        "occurred_at",
        pl.lit(MAIL).alias("channel"),
        pl.col("product_id").cast(pl.String).alias("item"),
        pl.when(pl.col("category").is_not_null()).then(action_id()).alias("action"),
        pl.col("basket").cast(pl.String).alias("order"),
        pl.col("mailing").alias("decision"),
        "amount",
        pl.struct("evidence", "ambiguous").struct.json_encode().alias("properties"),
    )


def _arrow(frame: pl.DataFrame) -> pa.Table:
    """The frame with exactly the columns of IMPORT_SCHEMA, its texts dictionary-encoded."""
    encoded = frame.with_columns(pl.col(name).cast(pl.Categorical) for name in _TEXTS)
    columns = {}
    for field in IMPORT_SCHEMA:
        if field.name not in encoded.columns:
            continue
        column = encoded[field.name].to_arrow()
        wanted = pa.dictionary(pa.int32(), pa.string()) if field.name in _TEXTS else field.type
        columns[field.name] = column.cast(wanted)
    return pa.table(columns)
