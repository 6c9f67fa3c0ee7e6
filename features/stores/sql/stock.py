"""Which items can be had: the newest state of each, as an item feed tells it."""

from __future__ import annotations

from collections.abc import Sequence

from features.stores.shared import ItemState
from features.stores.sql.session import Session, columns, table, value

_ROWS = table("item_state", item="text", stock="integer", updated_at="integer", changed="integer")
_ITEM = columns(item="text")
_STANDS = """ON CONFLICT(item) DO UPDATE SET stock = excluded.stock, updated_at = excluded.updated_at,
changed = excluded.changed"""


def feed_items(session: Session, states: Sequence[ItemState], at: int) -> int:
    """How many are other than before; of an item told twice the last holds."""
    newest = {one.item: one.stock for one in states}
    query = "SELECT s.item, s.stock FROM wanted w CROSS JOIN item_state s WHERE s.item = w.item"
    stored: dict[str, int | None] = dict(session.wanted(_ITEM, query, [(one,) for one in sorted(newest)]))
    new = sorted(item for item, stock in newest.items() if item not in stored or stored[item] != stock)
    if new:
        (number,) = session.numbers("sequence", 1)
        session.insert(_ROWS, [(item, newest[item], at, number) for item in new], _STANDS)
    return len(new)


def stock_version(session: Session) -> int:
    return int(value(session, "SELECT coalesce(max(changed), 0) FROM item_state"))


def unavailable(session: Session) -> frozenset[str]:
    return frozenset(item for (item,) in session.rows("SELECT item FROM item_state WHERE stock = 0"))
