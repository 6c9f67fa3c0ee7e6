"""Small synthetic tables in the shape of The Complete Journey: invented households, products and coupons."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from training.sources.journey.frames import TABLES, JourneyTables

_PUBLISHED = {
    1: "SOUP",
    2: "SOUP",
    3: "EGGS",
    4: "FRZN NOVELTIES/WTR ICE",
    5: None,
    6: "COUPON/MISC ITEMS",
    7: "COUPON/MISC ITEMS",
}
CATEGORIES = _PUBLISHED | {6: "FUEL"}
"""The category that we take a product to be in; 6 is petrol, and 9 is sold but not listed."""
DAY = datetime(2017, 6, 1)  # noqa: DTZ001 the published days carry no zone

Line = tuple[int, int, int, int, float, float, datetime]
"""household, basket, product, quantity, sales value, coupon discount, time (UTC)."""


def tables(
    lines: list[Line],
    redemptions: list[tuple[int, int, int, datetime]],
    coupons: list[tuple[int, int, int]],
    sends: list[tuple[int, int]],
) -> JourneyTables:
    """redemptions: household, coupon, campaign, day. coupons: coupon, product, campaign. sends: campaign, household."""
    return JourneyTables(
        transactions=_transactions(lines),
        products=_products(),
        campaigns=pl.DataFrame(sends, schema={"campaign_id": pl.Int64, "household_id": pl.Int64}, orient="row"),
        campaign_descriptions=pl.DataFrame(
            {
                "campaign_id": [1, 2],
                "campaign_type": ["Type A", "Type B"],
                "start_date": [DAY, DAY - timedelta(days=150)],
                "end_date": [DAY + timedelta(days=40), DAY],
            }
        ),
        coupons=pl.DataFrame(
            coupons, schema={"coupon_upc": pl.Int64, "product_id": pl.Int64, "campaign_id": pl.Int64}, orient="row"
        ),
        coupon_redemptions=pl.DataFrame(
            redemptions,
            schema={
                "household_id": pl.Int64,
                "coupon_upc": pl.Int64,
                "campaign_id": pl.Int64,
                "redemption_date": pl.Datetime("ns"),
            },
            orient="row",
        ),
        demographics=pl.DataFrame({"household_id": [1], "age": ["45-54"], "kids_count": [None]}),
    )


def _transactions(lines: list[Line]) -> pl.DataFrame:
    schema = {
        "household_id": pl.Int64,
        "basket_id": pl.Int64,
        "product_id": pl.Int64,
        "quantity": pl.Int64,
        "sales_value": pl.Float64,
        "coupon_disc": pl.Float64,
        "transaction_timestamp": pl.Datetime("ns"),
    }
    frame = pl.DataFrame(lines, schema=schema, orient="row")
    return frame.with_columns(retail_disc=0.0, coupon_match_disc=0.0, store_id=1, week=1)


def _products() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "product_id": list(_PUBLISHED),
            "department": ["GROCERY", "GROCERY", "DAIRY", "FROZEN GROCERY", "MISCELLANEOUS", "FUEL", "MISCELLANEOUS"],
            "product_category": list(_PUBLISHED.values()),
            "product_type": [
                "SOUP",
                None,
                "EGGS - X LARGE",
                "STICKS",
                None,
                "GASOLINE-REG UNLEADED",
                "MISC SALES TRANS",
            ],
            "package_size": ["10 OZ", None, None, None, None, None, None],
        }
    )


def write(made: JourneyTables, folder: Path) -> Path:
    for name in TABLES:
        getattr(made, name).write_parquet(folder / f"{name}.parquet")
    return folder
