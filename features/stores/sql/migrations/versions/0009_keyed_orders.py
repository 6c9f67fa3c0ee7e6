"""The numbers of orders are looked up by keyed codes, as identifiers are by keyed digests."""

from __future__ import annotations

import numpy as np

from features.stores.sql.migrations.running import execute, session, vault
from features.stores.sql.session import table

revision = "0009"
down_revision = "0008"

_ORDERS = """
ALTER TABLE order_of RENAME TO plain_order_of;
CREATE TABLE order_of(
    code {integer} NOT NULL,           -- features.vault.Vault.codes of the text_code of the order's number
    person {integer} NOT NULL,         -- the profile under which it was told
    PRIMARY KEY (code, person)
){clustered};
"""

_ROWS = table("order_of", code="integer", person="integer")
_AT_A_TIME = 50_000


def upgrade() -> None:
    execute(_ORDERS)
    query = """SELECT code, person FROM plain_order_of WHERE code > ? OR (code = ? AND person > ?)
               ORDER BY code, person LIMIT ?"""
    code, person = -(2**63), -1
    while told := session().rows(query, (code, code, person, _AT_A_TIME)):
        keyed = vault().codes(np.array([one for one, _ in told], dtype=np.int64)).tolist()
        session().insert(_ROWS, sorted(zip(keyed, (profile for _, profile in told), strict=True)))
        code, person = told[-1]
    execute("DROP TABLE plain_order_of;")
