"""A challenger beside the champion: trials, and what a shadow scored with the decision that it stood beside."""

from __future__ import annotations

from features.stores.sql.migrations.running import execute

revision = "0012"
down_revision = "0011"

_CHANGES = """
ALTER TABLE decision ADD COLUMN shadow {text};   -- JSON of models.shadow.ShadowScores
CREATE TABLE trial(
    number {integer} PRIMARY KEY,   -- ascending by 1
    document {text} NOT NULL        -- JSON of features.stores.trials.Trial
);
"""


def upgrade() -> None:
    execute(_CHANGES)
