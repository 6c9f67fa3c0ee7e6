"""What came of contacts against what the model expected of them, and what of that decisions were made from.

Of the decisions there are nothing was logged of what the model expected: null, and they are not counted.
"""

from __future__ import annotations

from features.stores.sql.migrations.running import execute

revision = "0011"
down_revision = "0010"

_TABLES = """
ALTER TABLE decision ADD COLUMN expected {text};
ALTER TABLE snapshot ADD COLUMN model {text};
ALTER TABLE snapshot ADD COLUMN lifts {bytes};
CREATE TABLE tally(
    model {text} NOT NULL,
    action {text} NOT NULL,
    channel {text} NOT NULL,
    part {integer} NOT NULL,           -- of a process; who reads adds up
    at {integer} NOT NULL,             -- ms UTC, to which the sums are brought
    sums {bytes} NOT NULL,             -- features.live_response.Tally, doubles, little-endian
    PRIMARY KEY (model, action, channel, part)
){clustered};
CREATE TABLE exposure(
    decision {text} NOT NULL,
    action {text} NOT NULL,
    channel {text} NOT NULL,
    person {integer} NOT NULL,         -- the profile for which it was decided
    model {text} NOT NULL,
    expected {integer} NOT NULL,       -- the model's probability, in billionths
    success {integer} NOT NULL,        -- features.event.Kind
    reach {integer} NOT NULL,          -- ms after the contact
    contacted_at {integer},            -- ms UTC of the first sent or displayed; null not told yet
    outcomes {text} NOT NULL,          -- ms UTC of those told of, with commas between
    PRIMARY KEY (decision, action, channel)
){clustered};
CREATE INDEX exposure_of ON exposure(person);
"""


def upgrade() -> None:
    execute(_TABLES)
