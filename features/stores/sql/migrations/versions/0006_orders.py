"""Under which profiles an order was told, found by its number."""

from __future__ import annotations

from features.history import text_code
from features.stores.sql.migrations.running import execute, session
from features.stores.sql.session import table

revision = "0006"
down_revision = "0005"

_ORDERS = """
CREATE TABLE order_of(
    code {integer} NOT NULL,           -- features.history.text_code of the order's number
    person {integer} NOT NULL,         -- the profile under which it was told
    PRIMARY KEY (code, person)
){clustered};
"""

_ROWS = table("order_of", code="integer", person="integer")
_KIND_AT = 61
_KINDS = (1, 2, 3, 10, 11, 12)
_PROFILES = 500


def upgrade() -> None:
    execute(_ORDERS)
    marks = ", ".join("?" * len(_KINDS))
    query = f"""SELECT DISTINCT e.person, e.order_id FROM event e WHERE e.person > ? AND e.person <= ?
                AND e.order_id IS NOT NULL AND substr(e.record, {_KIND_AT}, 1) IN ({marks})"""  # noqa: S608
    ((last,),) = session().rows("SELECT coalesce(max(person), 0) FROM person")
    for start in range(0, last, _PROFILES):
        told = session().rows(query, (start, start + _PROFILES, *(bytes([kind]) for kind in _KINDS)))
        session().insert(_ROWS, sorted((text_code(order), person) for person, order in told))
