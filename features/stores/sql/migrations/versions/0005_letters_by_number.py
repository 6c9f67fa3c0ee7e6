"""Whom a dead letter is about is found by its number too, so that dropping one looks at no other."""

from __future__ import annotations

from features.stores.sql.migrations.running import execute

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    execute("CREATE INDEX dead_letter_about_of ON dead_letter_about(number);")
