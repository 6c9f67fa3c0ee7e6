"""What docs/postgresql.md says of distributing the tables is true of them."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg

from tests.checks.postgres import Server

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "postgresql.md"

_UNIQUE = """
SELECT t.relname, array_agg(a.attname::text)
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey)
WHERE i.indisunique AND n.nspname = current_schema() GROUP BY i.indexrelid, t.relname
"""


def documented() -> dict[str, str]:
    """The distribution column of each table, or "reference tables"."""
    rows = re.findall(r"^\| (`\w+`|reference tables) \| ([`\w ]+) \|", DOCUMENT.read_text(), re.MULTILINE)
    return {table: by.strip("`") for by, tables in rows for table in re.findall(r"`(\w+)`", tables)}


def test_every_table_has_a_place_and_every_unique_index_its_distribution_column(postgres: Server) -> None:
    division = documented()
    with postgres.store() as url, psycopg.connect(url) as connection:
        listed = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        assert {row[0] for row in connection.execute(listed)} == set(division)
        unique = connection.execute(_UNIQUE).fetchall()
    assert {table for table, _ in unique} == set(division)
    distributed = [(table, columns) for table, columns in unique if division[table] != "reference tables"]
    assert [one for one in distributed if division[one[0]] not in one[1]] == []
    assert len({table for table, _ in distributed}) == 16
