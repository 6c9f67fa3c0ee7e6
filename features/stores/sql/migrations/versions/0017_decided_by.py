"""Which decisions were made by earlier catalogues: training looks for them, and most often there are none."""

from __future__ import annotations

from features.stores.sql.migrations.running import execute

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    execute("CREATE INDEX decision_by ON decision(catalogue_version);")
