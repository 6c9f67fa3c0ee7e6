"""What actions have spent of their budgets, the contacts that it is made of, and which items can be had."""

from __future__ import annotations

from features.stores.sql.migrations.running import execute

revision = "0007"
down_revision = "0006"

_TABLES = """
CREATE TABLE spent(
    action {text} NOT NULL,
    day {integer} NOT NULL,            -- of the catalogue's clock, 1 for 0001-01-01; 0 for ever
    contacts {integer} NOT NULL,
    money {integer} NOT NULL,          -- millionths of the catalogue's currency
    PRIMARY KEY (action, day)
){clustered};
CREATE TABLE charge(
    decision {text} NOT NULL,
    action {text} NOT NULL,
    channel {text} NOT NULL,
    person {integer} NOT NULL,         -- the profile for which it was decided
    day {integer} NOT NULL,            -- that of its decision
    money {integer} NOT NULL,
    stage {integer} NOT NULL,          -- features.stores.sql.spending.Stage
    PRIMARY KEY (decision, action, channel)
){clustered};
CREATE INDEX charge_of ON charge(person);
CREATE TABLE item_state(
    item {text} PRIMARY KEY,
    stock {integer},                   -- units; null unknown
    updated_at {integer} NOT NULL,     -- ms UTC when the stock became so
    changed {integer} NOT NULL         -- a number of the counter `sequence`, higher with every change
){clustered};
CREATE INDEX item_state_changed ON item_state(changed);
"""


def upgrade() -> None:
    execute(_TABLES)
