"""Answers that were told stay for a day: those that are due are found beside them without a look at each."""

from __future__ import annotations

from features.stores.sql.migrations.running import execute

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    execute("DROP INDEX desk_answer_due;\nCREATE INDEX desk_answer_due ON desk_answer(claimed, due_at);")
