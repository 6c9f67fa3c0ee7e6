"""Prices of the item feed: all that was told, so that what a decision was made from stays known.

A snapshot names the newest that it knows.
"""

from __future__ import annotations

from features.stores.sql.migrations.running import execute

revision = "0013"
down_revision = "0012"

_CHANGES = """
CREATE TABLE item_price(
    number {integer} NOT NULL,         -- of the counter `sequence`, higher with every feed
    item {text} NOT NULL,
    price {integer},                   -- millionths of the catalogue's currency; null: the catalogue's own again
    told_at {integer} NOT NULL,        -- ms UTC
    PRIMARY KEY (number, item)
){clustered};
CREATE INDEX item_price_of ON item_price(item, number);
ALTER TABLE snapshot ADD COLUMN prices {integer};   -- number of item_price; null: none was told
"""


def upgrade() -> None:
    execute(_CHANGES)
