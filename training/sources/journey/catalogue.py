"""The catalogue of the demo: the retailer's products and categories, and one offer per campaign type and category."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl
import pyarrow as pa
from pydantic import JsonValue

from models.catalogue_file import CatalogueSource, checked
from training.sources.journey.frames import NEW_YORK, JourneyTables, catalogued, offers, slug
from training.sources.journey.readable import phrase

MAIL_WINDOW_DAYS: Final = 56
"""99.4 % of the redemptions come within 56 days of their campaign's start (docs/data/complete-journey.md)."""
USUAL_GAP_DAYS: Final = 8
"""A quarter of all households' returns to a category come within 8 days of the last purchase in it."""
COOL_OFF_DAYS: Final = 28
"""How long a coupon rests that somebody turned down. Set by hand, to four of the weeks in which most people shop:
nobody turns one down in the data, so that no figure depends on it."""
ENOUGH_GAPS: Final = 200
"""Returns that a category needs for a lower quartile of its own."""

# direction, consent, reward window in days: of mail as the data show, of the others set by hand (the data have none of
# them).
_CHANNELS: Final[Mapping[str, tuple[str, str, float]]] = {
    "mail": ("outbound", "opt_out", MAIL_WINDOW_DAYS),
    "email": ("outbound", "opt_in", 14),
    "sms": ("outbound", "opt_in", 7),
    "push": ("outbound", "opt_in", 3),
    "social": ("outbound", "opt_in", 7),
    "web": ("inbound", "not_needed", 7),
    "app": ("inbound", "not_needed", 7),
    "store": ("inbound", "not_needed", 7),
    "agent": ("inbound", "not_needed", 14),
    "ivr": ("inbound", "not_needed", 7),
    "chat": ("inbound", "not_needed", 7),
}


def catalogue(tables: JourneyTables, lines: pl.DataFrame) -> CatalogueSource:
    """Everything that the demo may offer. Raises CatalogueInvalid when it contradicts itself."""
    document: dict[str, JsonValue] = {
        "currency": "USD",
        "time_zone": NEW_YORK,
        "repurchase": {"rule": "after", "days": USUAL_GAP_DAYS},
        "cool_off": {"action_days": COOL_OFF_DAYS},
        "channels": {name: _channel(*settings) for name, settings in _CHANNELS.items()},
        "categories": [*_categories(tables, lines)],
        "groups": _groups(tables),
        "actions": [*_actions(tables, lines)],
    }
    return checked(document, _items(tables, lines))


def _channel(direction: str, consent: str, days: float) -> JsonValue:
    return {"direction": direction, "consent": consent, "reward_window_days": days}


def department_id(department: str) -> str:
    return f"department/{slug(department)}"


def category_id(category: str) -> str:
    return slug(category)


def _items(tables: JourneyTables, lines: pl.DataFrame) -> pa.Table:
    """All products; the price is the median price per unit over the year, null for what was never sold for money."""
    prices = lines.group_by("product_id").agg(
        (pl.col("amount") / pl.col("quantity")).fill_nan(None).median().round(2).alias("price")
    )
    products = catalogued(tables.products).join(prices, on="product_id", how="left").sort("product_id")
    return pa.table(
        {
            "id": pa.array([str(number) for number in products["product_id"]], pa.string()),
            "category": pa.array(
                [
                    department_id(department) if category is None else category_id(category)
                    for department, category in products.select("department", "category").iter_rows()
                ],
                pa.string(),
            ),
            "name": pa.array(
                [_item_name(*row) for row in products.select("product_type", "package_size").iter_rows()], pa.string()
            ),
            "price": pa.array(products["price"].to_list(), pa.float64()),
        }
    )


def _item_name(product_type: str | None, package_size: str | None) -> str | None:
    if product_type is None:
        return None
    return phrase(product_type) + ("" if package_size is None else f", {package_size.lower().strip()}")


def _categories(tables: JourneyTables, lines: pl.DataFrame) -> list[JsonValue]:
    """Departments, and under them the categories; one in several departments belongs to that with most of its
    products."""
    products = catalogued(tables.products).filter(pl.col("category").is_not_null())
    parents = (
        products.group_by("category", "department")
        .len()
        .sort(["category", "len", "department"], descending=[False, True, False])
        .unique("category", keep="first", maintain_order=True)
    )
    gaps = repurchase_gaps(lines)
    roots: list[JsonValue] = [
        {"id": department_id(name), "name": phrase(name)} for name in sorted(tables.products["department"].unique())
    ]
    return roots + [
        {
            "id": category_id(category),
            "name": phrase(category),
            "parent": department_id(department),
            "repurchase": {"rule": "after", "days": gaps[category]} if category in gaps else None,
        }
        for category, department in parents.select("category", "department").iter_rows()
    ]


def repurchase_gaps(lines: pl.DataFrame) -> dict[str, int]:
    """Days, by raw category name, after which a quarter of the households' returns to the category have come: before
    that a further purchase would be unusual. Only categories with ENOUGH_GAPS returns."""
    days = lines.filter(pl.col("category").is_not_null()).select("household", "category", "day").unique()
    gaps = (
        days.sort("household", "category", "day")
        .with_columns(gap=pl.col("day").diff().over("household", "category").dt.total_days())
        .drop_nulls("gap")
        .group_by("category")
        .agg(pl.len(), pl.col("gap").quantile(0.25, "nearest").cast(pl.Int64).alias("days"))
        .filter(pl.col("len") >= ENOUGH_GAPS)
        .sort("category")
    )
    return dict(gaps.select("category", "days").iter_rows())


def basket_values(lines: pl.DataFrame) -> dict[str, float]:
    """Mean spend in US dollars on a category in a basket that has it, by raw category name. Revenue: costs are not
    known."""
    spend = (
        lines.filter(pl.col("category").is_not_null())
        .group_by("category", "basket")
        .agg(pl.col("amount").fill_nan(0).sum())
        .group_by("category")
        .agg(pl.col("amount").mean().round(2))
        .sort("category")
    )
    return dict(spend.select("category", "amount").iter_rows())


def _groups(tables: JourneyTables) -> list[JsonValue]:
    """A group is a type of campaign, which says how coupons were mailed and not what they are for: a slate may have
    many of one."""
    types = offers(tables)["campaign_type"].unique().sort().to_list()
    return [{"id": slug(one), "per_slate": 20} for one in types]


def _actions(tables: JourneyTables, lines: pl.DataFrame) -> list[JsonValue]:
    values = basket_values(lines)
    offered = offers(tables).select("campaign_type", "category").unique().sort("campaign_type", "category")
    return [
        {
            "id": f"{slug(campaign_type)}/{category_id(category)}",
            "name": f"{phrase(category)}: {_coupon(campaign_type)}",
            "kind": "offer",
            "group": slug(campaign_type),
            "categories": [category_id(category)],
            "value": values.get(category, 0.0),
            "success": "converted",
            "treatments": _treatments(category, campaign_type),
        }
        for campaign_type, category in offered.iter_rows()
    ]


def _coupon(campaign_type: str) -> str:
    """How it came to a household, which is all that tells types apart: of type A each got the 16 that fitted what it
    had bought, of the others all got the same."""
    whose = "personal" if _is_picked(campaign_type) else "general"
    return f"{whose} coupon ({campaign_type[:1].lower()}{campaign_type[1:]})"


def _is_picked(campaign_type: str) -> bool:
    return campaign_type == "Type A"


def _treatments(category: str, campaign_type: str) -> list[JsonValue]:
    goods = phrase(category)
    said = goods[:1].lower() + goods[1:]
    picked = _is_picked(campaign_type)
    general = f"there is a coupon for {said} for all our customers"
    coupon = f"we picked a coupon for {said} for you" if picked else general
    path = f"/offers/{slug(campaign_type)}/{category_id(category)}"
    contents: Mapping[str, Mapping[str, JsonValue]] = {
        "mail": {"headline": f"Your coupon for {said}", "body": f"Money off {said} in any of our stores."},
        "email": {
            "subject": f"{goods}: a coupon for you",
            "body": f"Money off {said} on your next visit.",
            "link": path,
        },
        "web": {"headline": f"Save on {said}", "button": "Get the coupon", "link": path},
        "app": {"headline": f"Save on {said}", "button": "Add to my coupons", "link": path},
        "agent": {"say": f"By the way, {coupon}. Shall I add it to your account?"},
        "store": {"till": f"Coupon for your next visit: {said}"},
    }
    return [{"id": channel, "channel": channel, "content": dict(content)} for channel, content in contents.items()]
