"""What a decision was made from, as far as no other table says it, is kept with it: so it can be made again.

Of the decisions there are nothing is known of it: null.
"""

from __future__ import annotations

from features.stores.sql.migrations.running import execute

revision = "0008"
down_revision = "0007"

_COLUMNS = """
ALTER TABLE decision ADD COLUMN model_digest {text};
ALTER TABLE decision ADD COLUMN snapshot {integer};
ALTER TABLE decision ADD COLUMN subject {bytes};
ALTER TABLE decision ADD COLUMN addresses {text};
"""


def upgrade() -> None:
    execute(_COLUMNS)
