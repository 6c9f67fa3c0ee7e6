"""The numbers of docs/data/complete-journey.md: `python docs/data/complete_journey.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import polars as pl

from training.sources.journey import frames
from training.sources.journey.credit import credited

DAYS_BEFORE = 56
DAY_MS = 86_400_000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def main() -> None:
    tables = frames.read_tables(frames.package_folder())
    lines = frames.purchase_lines(tables)
    credit = credited(tables, lines)
    counts(tables, lines)
    odd_lines(tables, lines)
    campaign_types(tables, credit)
    credit_levels(tables, credit)
    delays(tables)
    coupons_of_type_a(tables)
    confounding(tables, lines)
    category_history(tables, lines, credit)
    gaps(lines)
    edges(tables)


def show(title: str, frame: pl.DataFrame) -> None:
    with pl.Config(
        tbl_formatting="ASCII_MARKDOWN",
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
        tbl_rows=40,
        tbl_cols=20,
        tbl_width_chars=160,
        fmt_str_lengths=60,
        thousands_separator=",",
        float_precision=3,
    ):
        sys.stdout.write(f"\n### {title}\n\n{frame}\n")


def table(**values: object) -> pl.DataFrame:
    return pl.DataFrame({"what": list(values), "value": [str(value) for value in values.values()]})


def counts(tables: frames.JourneyTables, lines: pl.DataFrame) -> None:
    told = table(
        transaction_lines=tables.transactions.height,
        households=tables.transactions["household_id"].n_unique(),
        baskets=tables.transactions["basket_id"].n_unique(),
        products=tables.products.height,
        product_categories=tables.products["product_category"].n_unique() - 1,
        campaigns=tables.campaign_descriptions.height,
        mailings=tables.campaigns.height,
        households_mailed=tables.campaigns["household_id"].n_unique(),
        coupon_rows=tables.coupons.height,
        different_coupon_rows=tables.coupons.unique().height,
        coupons=tables.coupons["coupon_upc"].n_unique(),
        redemptions=tables.coupon_redemptions.height,
        households_redeeming=tables.coupon_redemptions["household_id"].n_unique(),
        households_with_demographics=tables.demographics.height,
        first_line_utc=tables.transactions["transaction_timestamp"].min(),
        last_line_utc=tables.transactions["transaction_timestamp"].max(),
        purchase_lines_kept=lines.height,
    )
    show("Counts", told)


def odd_lines(tables: frames.JourneyTables, lines: pl.DataFrame) -> None:
    sales = tables.transactions
    unlisted = sales.join(tables.products, on="product_id", how="anti")
    nothing = (pl.col("quantity") == 0) & (pl.col("sales_value").round(2) == 0)
    petrol = frames.catalogued(tables.products).filter("petrol").select("product_id")
    fuel = sales.join(petrol, on="product_id")
    show(
        "Odd lines",
        table(
            no_units_and_no_money=sales.filter(nothing).height,
            of_them_with_a_coupon_discount=sales.filter(nothing & (pl.col("coupon_disc") > 0)).height,
            no_units_but_money=lines["quantity"].is_nan().sum(),
            units_but_no_price_and_no_discount=lines["amount"].is_nan().sum(),
            lines_of_products_not_listed=unlisted.height,
            of_them_with_units=unlisted.filter(pl.col("quantity") > 0).height,
            petrol_lines=fuel.height,
            petrol_lines_in_thousandths_of_a_gallon=fuel.filter(pl.col("quantity") >= frames.THOUSANDTHS).height,
        ),
    )


def campaign_types(tables: frames.JourneyTables, credit: pl.DataFrame) -> None:
    offered = frames.offers(tables).select("campaign_id", "campaign_type", "category").unique()
    exposures = tables.campaigns.join(offered, on="campaign_id")
    positives = credit.drop_nulls("category").select("household_id", "campaign_id", "category").unique()
    joined = exposures.join(
        positives.with_columns(converted=1), on=["household_id", "campaign_id", "category"], how="left"
    )
    mailings = joined.group_by("campaign_type", "campaign_id", "household_id").agg(pl.col("converted").max())
    told = (
        joined.group_by("campaign_type")
        .agg(
            pl.n_unique("campaign_id").alias("campaigns"),
            pl.n_unique("category").alias("offers"),
            pl.len().alias("exposures"),
            pl.col("converted").sum(),
        )
        .join(
            mailings.group_by("campaign_type").agg(
                pl.len().alias("mailings"), pl.col("converted").sum().alias("mailings_answered")
            ),
            on="campaign_type",
        )
        .with_columns(
            per_1000_exposures=1000 * pl.col("converted") / pl.col("exposures"),
            per_100_mailings=100 * pl.col("mailings_answered") / pl.col("mailings"),
        )
        .sort("campaign_type")
    )
    show("Campaign types: exposures are household x campaign x category", told)
    show("All", told.select(pl.col("exposures", "converted", "mailings", "mailings_answered").sum()))


def credit_levels(tables: frames.JourneyTables, credit: pl.DataFrame) -> None:
    show(
        "Redemptions by evidence",
        credit.group_by("evidence").agg(pl.len().alias("redemptions"), pl.col("ambiguous").sum()).sort("evidence"),
    )
    categories = (
        tables.coupons.unique()
        .join(tables.products, on="product_id")
        .select("campaign_id", "coupon_upc", "product_category")
        .unique()
    )
    naive = tables.coupon_redemptions.join(categories, on=["campaign_id", "coupon_upc"]).height
    most = categories.group_by("campaign_id", "coupon_upc").len()["len"].max()
    show(
        "A join of redemptions with the categories of their coupons",
        table(rows=naive, most_categories_of_a_coupon=most),
    )


def delays(tables: frames.JourneyTables) -> None:
    told = tables.coupon_redemptions.join(tables.campaign_descriptions, on="campaign_id").with_columns(
        days=(pl.col("redemption_date") - pl.col("start_date")).dt.total_days()
    )
    both = pl.concat([told, told.with_columns(campaign_type=pl.lit("all"))])
    show(
        "Days from the campaign's start to the redemption, quantiles",
        both.group_by("campaign_type")
        .agg(pl.len().alias("redemptions"), *(pl.col("days").quantile(q).alias(f"{q:.0%}") for q in QUANTILES))
        .sort("campaign_type"),
    )
    windows = pl.DataFrame({"window_days": [14, 28, 42, 49, 56, 63]})
    show(
        "Share of the redemptions within a window",
        windows.with_columns(
            pl.col("window_days")
            .map_elements(lambda w: float((told["days"] <= w).mean()), return_dtype=pl.Float64)
            .alias("share")
        ),
    )


def coupons_of_type_a(tables: frames.JourneyTables) -> None:
    kinds = tables.campaign_descriptions.select("campaign_id", "campaign_type")
    listed = (
        tables.coupons.group_by("campaign_id")
        .agg(pl.n_unique("coupon_upc").alias("coupons"))
        .join(kinds, on="campaign_id")
    )
    used = (
        tables.coupon_redemptions.group_by("campaign_id", "household_id")
        .agg(pl.n_unique("coupon_upc").alias("used"))
        .join(kinds, on="campaign_id")
    )
    show(
        "Coupons of a campaign, and different ones that a household redeemed of it",
        listed.group_by("campaign_type")
        .agg(pl.col("coupons").min().alias("fewest"), pl.col("coupons").max().alias("most"))
        .join(
            used.group_by("campaign_type").agg(pl.col("used").max().alias("most_used_by_a_household")),
            on="campaign_type",
        )
        .sort("campaign_type"),
    )


def before(tables: frames.JourneyTables, lines: pl.DataFrame) -> pl.DataFrame:
    """Household x campaign that starts DAYS_BEFORE days or more after the data begin: what was bought in those days."""
    starts = tables.campaign_descriptions.select(
        "campaign_id", "campaign_type", frames.new_york_midnight(pl.col("start_date")).alias("start")
    ).filter(pl.col("start") >= lines["occurred_at"].min() + DAYS_BEFORE * DAY_MS)
    grid = starts.join(lines.select(pl.col("household").unique()), how="cross")
    sent = tables.campaigns.select(
        "campaign_id", pl.col("household_id").alias("household"), pl.lit(value=True).alias("sent")
    )
    told = []
    for campaign, start in starts.select("campaign_id", "start").iter_rows():
        window = lines.filter(pl.col("occurred_at").is_between(start - DAYS_BEFORE * DAY_MS, start - 1))
        told.append(
            window.group_by("household").agg(
                pl.lit(campaign).cast(pl.Int64).alias("campaign_id"),
                pl.col("amount").fill_nan(0).sum().alias("spend"),
                pl.n_unique("basket").alias("baskets"),
                pl.n_unique("category").alias("categories"),
                ((start - pl.col("occurred_at").max()) / DAY_MS).alias("days_since_last"),
            )
        )
    return (
        grid.join(pl.concat(told), on=["campaign_id", "household"], how="left")
        .join(sent, on=["campaign_id", "household"], how="left")
        .with_columns(
            pl.col("sent").fill_null(value=False),
            pl.col("spend", "baskets", "categories").fill_null(0),
            pl.col("days_since_last").fill_null(DAYS_BEFORE),
        )
    )


def confounding(tables: frames.JourneyTables, lines: pl.DataFrame) -> None:
    grid = before(tables, lines)
    rows = []
    for (kind,), group in grid.group_by("campaign_type", maintain_order=True):
        sent, unsent = group.filter("sent"), group.filter(~pl.col("sent"))
        for name in ("spend", "baskets", "categories", "days_since_last"):
            spread = ((sent[name].var() + unsent[name].var()) / 2) ** 0.5
            rows.append(
                (kind, name, sent[name].mean(), unsent[name].mean(), (sent[name].mean() - unsent[name].mean()) / spread)
            )
    names = ["campaign_type", f"in the {DAYS_BEFORE} days before", "sent", "not sent", "standardised difference"]
    show("Who is sent a campaign", pl.DataFrame(rows, schema=names, orient="row").sort("campaign_type"))


def category_history(tables: frames.JourneyTables, lines: pl.DataFrame, credit: pl.DataFrame) -> None:
    """Response by whether the household had bought of the category in the DAYS_BEFORE days before."""
    offered = frames.offers(tables).select("campaign_id", "campaign_type", "category", "starts_at").unique()
    exposures = tables.campaigns.join(offered, on="campaign_id").filter(
        pl.col("starts_at") >= lines["occurred_at"].min() + DAYS_BEFORE * DAY_MS
    )
    days = lines.select(pl.col("household").alias("household_id"), "category", "occurred_at").sort("occurred_at")
    last = exposures.sort("starts_at").join_asof(
        days, left_on="starts_at", right_on="occurred_at", by=["household_id", "category"], check_sortedness=False
    )
    positives = credit.drop_nulls("category").select("household_id", "campaign_id", "category").unique()
    told = last.join(
        positives.with_columns(converted=1), on=["household_id", "campaign_id", "category"], how="left"
    ).with_columns(
        bought_before=(pl.col("starts_at") - pl.col("occurred_at") <= DAYS_BEFORE * DAY_MS).fill_null(value=False)
    )
    show(
        "Response by what was bought of the category before",
        told.group_by("campaign_type", "bought_before")
        .agg(pl.len().alias("exposures"), pl.col("converted").sum())
        .with_columns(per_1000=1000 * pl.col("converted") / pl.col("exposures"))
        .sort("campaign_type", "bought_before"),
    )


def gaps(lines: pl.DataFrame) -> None:
    days = (
        lines.drop_nulls("category")
        .select("household", "category", "day")
        .unique()
        .sort("household", "category", "day")
    )
    told = days.with_columns(gap=pl.col("day").diff().over("household", "category").dt.total_days()).drop_nulls("gap")
    show(
        "Days between two purchases of a household in a category, quantiles",
        told.select(pl.len().alias("returns"), *(pl.col("gap").quantile(q).alias(f"{q:.0%}") for q in QUANTILES)),
    )


def edges(tables: frames.JourneyTables) -> None:
    sizes = tables.campaigns.group_by("campaign_id").agg(pl.len().alias("mailings"))
    starts = tables.campaign_descriptions.join(sizes, on="campaign_id").sort("start_date")
    early = pl.col("start_date") < pl.datetime(2017, 1, 1)
    late = pl.col("start_date") > pl.datetime(2017, 12, 31) - pl.duration(days=DAYS_BEFORE - 1)
    told = starts.filter(early | late).select(
        "campaign_id", "campaign_type", pl.col("start_date").dt.date(), "mailings"
    )
    show("Campaigns that start before the data or within 56 days of their end", told)
    offered = frames.offers(tables).group_by("campaign_id").agg(pl.n_unique("category"))["category"].max()
    known = pl.col("household_id").is_in(tables.demographics["household_id"].to_list()).alias("demographics_known")
    spend = tables.transactions.group_by("household_id").agg(pl.col("sales_value").sum()).group_by(known)
    show("Most categories of a campaign", table(categories=offered))
    show("Mean spend of a household", spend.agg(pl.col("sales_value").mean()).sort("demographics_known"))


if __name__ == "__main__":
    main()
