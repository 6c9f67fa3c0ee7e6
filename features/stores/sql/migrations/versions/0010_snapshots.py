"""What was published when decisions were made is kept under the number that they name.

The numbers that decisions named before were those of the log, and nobody kept what they meant: null.
"""

from __future__ import annotations

from features.stores.sql.migrations.running import counter, execute

revision = "0010"
down_revision = "0009"

_TABLES = """
UPDATE decision SET snapshot = NULL WHERE snapshot <> 0;
CREATE TABLE snapshot(
    number {integer} PRIMARY KEY,      -- of the counter `snapshot`; 0 is nothing, and has no row
    digest {bytes} NOT NULL UNIQUE,    -- of what follows, so that equal contents have one number
    day {integer} NOT NULL,            -- of the catalogue's clock, 1 for 0001-01-01; 0 for none
    spent {bytes} NOT NULL,            -- digests of parts, one after another
    unavailable {bytes} NOT NULL       -- likewise
);
CREATE TABLE snapshot_part(
    digest {bytes} PRIMARY KEY,
    snapshot {integer} NOT NULL,       -- the first that has the part
    content {bytes} NOT NULL           -- features.stores.sql.snapshots
){clustered};
"""


def upgrade() -> None:
    execute(_TABLES)
    counter("snapshot", "SELECT 0")
