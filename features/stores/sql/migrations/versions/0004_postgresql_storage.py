"""On PostgreSQL the projections lie as they are: packed numbers gain little by compression and cost twice the import.

A tail is at most 33 records, so it stays in its row, and rows leave room for their next version beside them.
"""

from __future__ import annotations

from features.stores.sql.migrations.running import dialect, execute

revision = "0004"
down_revision = "0003"

_STORAGE = """
ALTER TABLE sealed ALTER page SET STORAGE EXTERNAL;
ALTER TABLE sealed ALTER ledger SET STORAGE EXTERNAL;
ALTER TABLE sealed ALTER consents SET STORAGE EXTERNAL;
ALTER TABLE person ALTER tail SET STORAGE PLAIN;
ALTER TABLE person SET (fillfactor = 60);
"""


def upgrade() -> None:
    if dialect().name == "postgresql":
        execute(_STORAGE)
