"""Whose promises stand in the log: an index of the notes that name somebody where a decision's id would stand."""

from __future__ import annotations

from features.stores.sql.migrations.running import dialect, execute
from features.stores.sql.timeline import is_note

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    execute(f"CREATE INDEX event_promised ON event(decision_id, sequence) WHERE {is_note(dialect(), 'record')};")
