"""Which category a redeemed coupon is credited to.

The data say that a household redeemed a coupon on a day, not what it bought with it, and a coupon covers up to 85
categories. A redemption is credited to one category at most, by the best evidence that the household's purchases of
that day (in New York) give:

    1  a product on the coupon's list, in a line with a coupon discount
    2  a product on the coupon's list
    3  a product of a category on the coupon's list, in a line with a coupon discount
    4  a product of a category on the coupon's list
    5  nothing bought that fits, but the list has one category only
    6  none: the redemption is kept and credited to nothing

Among several categories of equal evidence, the larger coupon discount wins, then the larger spend, then the name; such
a redemption is marked ambiguous. Levels 2 and 4 exist because the till often writes the discount to a line of its own.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from training.sources.journey.frames import JourneyTables, mailing_id, new_york_day, offers

UNCREDITED: Final = 6
_BY_LIST_ALONE: Final = 5


def credited(tables: JourneyTables, lines: pl.DataFrame) -> pl.DataFrame:
    """One row a redemption, in the order published: household_id, campaign_id, campaign_type, mailing, evidence (1 to
    6), ambiguous, category (null: none), basket, product_id, amount (spend on the category in that basket) and
    occurred_at (ms UTC; of the basket, or of the day's last one)."""
    redemptions = _redemptions(tables)
    offered = offers(tables).select("campaign_id", "coupon_upc", "product_id", "category").unique()
    bought = _bought(redemptions, offered, lines)
    listed = _single_category(redemptions, offered)
    credit = (
        redemptions.join(_best(bought), on="redemption", how="left")
        .join(listed, on="redemption", how="left")
        .join(_last_basket(redemptions, tables), on="redemption", how="left")
        .sort("redemption")
    )
    level = (
        pl.when(pl.col("category").is_not_null())
        .then(pl.col("evidence"))
        .when(pl.col("only_category").is_not_null())
        .then(_BY_LIST_ALONE)
        .otherwise(UNCREDITED)
    )
    return credit.select(
        "household_id",
        "campaign_id",
        "campaign_type",
        mailing_id().alias("mailing"),
        level.cast(pl.Int8).alias("evidence"),
        (pl.col("rivals").fill_null(1) > 1).alias("ambiguous"),
        pl.coalesce("category", "only_category").alias("category"),
        "basket",
        "product_id",
        "amount",
        pl.coalesce("occurred_at", "last_at").alias("occurred_at"),
    )


def _redemptions(tables: JourneyTables) -> pl.DataFrame:
    types = tables.campaign_descriptions.select("campaign_id", "campaign_type")
    return (
        tables.coupon_redemptions.with_row_index("redemption")
        .with_columns(day=pl.col("redemption_date").dt.date())
        .join(types, on="campaign_id", maintain_order="left")
    )


def _bought(redemptions: pl.DataFrame, offered: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Every line of the household's day that fits a redemption, with its evidence."""
    days = lines.filter(pl.col("category").is_not_null()).rename({"household": "household_id"})
    products = offered.select("campaign_id", "coupon_upc", "product_id").with_columns(listed=True)
    categories = offered.select("campaign_id", "coupon_upc", "category").unique()
    discounted = pl.col("coupon_disc") > 0
    listed = pl.col("listed").fill_null(value=False)
    return (
        redemptions.join(days, on=["household_id", "day"])
        .join(categories, on=["campaign_id", "coupon_upc", "category"])
        .join(products, on=["campaign_id", "coupon_upc", "product_id"], how="left")
        .with_columns(
            evidence=pl.when(listed & discounted).then(1).when(listed).then(2).when(discounted).then(3).otherwise(4)
        )
    )


def _best(bought: pl.DataFrame) -> pl.DataFrame:
    """The winning category of each redemption that has a fitting line, and the basket and product that speak for it."""
    strongest = bought.filter(pl.col("evidence") == pl.col("evidence").min().over("redemption"))
    spend = pl.col("amount").fill_nan(0)
    per_category = strongest.group_by("redemption", "category").agg(
        pl.col("evidence").first(),
        pl.col("coupon_disc").sum().round(2).alias("discount"),
        spend.sum().round(2).alias("spend"),
    )
    winner = (
        per_category.with_columns(rivals=pl.len().over("redemption"))
        .sort(["redemption", "discount", "spend", "category"], descending=[False, True, True, False])
        .unique("redemption", keep="first", maintain_order=True)
    )
    line = (
        strongest.join(winner.select("redemption", "category"), on=["redemption", "category"])
        .with_columns(spend=spend, basket_spend=spend.sum().over("redemption", "basket").round(2))
        .sort(
            ["redemption", "coupon_disc", "spend", "basket", "product_id"], descending=[False, True, True, False, False]
        )
        .unique("redemption", keep="first", maintain_order=True)
        .select("redemption", "basket", "product_id", pl.col("basket_spend").alias("amount"), "occurred_at")
    )
    return winner.select("redemption", "category", "evidence", "rivals").join(line, on="redemption")


def _single_category(redemptions: pl.DataFrame, offered: pl.DataFrame) -> pl.DataFrame:
    alone = (
        offered.group_by("campaign_id", "coupon_upc")
        .agg(pl.col("category").n_unique().alias("categories"), pl.col("category").first().alias("only_category"))
        .filter(pl.col("categories") == 1)
        .drop("categories")
    )
    return redemptions.join(alone, on=["campaign_id", "coupon_upc"]).select("redemption", "only_category")


def _last_basket(redemptions: pl.DataFrame, tables: JourneyTables) -> pl.DataFrame:
    at = pl.col("transaction_timestamp")
    last = tables.transactions.group_by("household_id", new_york_day(at).alias("day")).agg(
        at.max().dt.epoch("ms").alias("last_at")
    )
    return redemptions.join(last, on=["household_id", "day"]).select("redemption", "last_at")
