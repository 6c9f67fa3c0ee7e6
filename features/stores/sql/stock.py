"""Which items can be had, and what they cost, as an item feed tells it: the newest stock of each, and every price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from features.spending import MILLIONTHS, millionths
from features.stores.shared import UNTOLD, ItemState, PriceChange
from features.stores.sql.session import Session, columns, table, value

_ROWS = table("item_state", item="text", stock="integer", updated_at="integer", changed="integer")
_PRICE_ROWS = table("item_price", number="integer", item="text", price="integer", told_at="integer")
_ITEM = columns(item="text")
_STANDS = """ON CONFLICT(item) DO UPDATE SET stock = excluded.stock, updated_at = excluded.updated_at,
changed = excluded.changed"""
_STOCK = "SELECT s.item, s.stock FROM wanted w CROSS JOIN item_state s WHERE s.item = w.item"
_PRICE = """SELECT p.item, p.price FROM wanted w CROSS JOIN item_price p WHERE p.item = w.item
AND p.number = (SELECT max(q.number) FROM item_price q WHERE q.item = p.item)"""


def feed_items(session: Session, states: Sequence[ItemState], at: int) -> int:
    """How many are other than before; of an item told twice the last holds, of its stock and of its price."""
    stock = {one.item: one.stock for one in states if one.stock is not UNTOLD}
    price = {one.item: _kept(one.price) for one in states if one.price is not UNTOLD}
    stocked = _changed(_held(session, _STOCK, stock), stock, known=False)
    priced = _changed(_held(session, _PRICE, price), price, known=True)
    if stocked or priced:
        (number,) = session.numbers("sequence", 1)
        session.insert(_ROWS, [(item, stock[item], at, number) for item in stocked], _STANDS)
        session.insert(_PRICE_ROWS, [(number, item, price[item], at) for item in priced])
    return len({*stocked, *priced})


def _kept(price: float | None) -> int | None:
    return None if price is None else millionths(price)


def _held(session: Session, query: str, told: Mapping[str, object]) -> dict[str, object]:
    return dict(session.wanted(_ITEM, query, [(one,) for one in sorted(told)]))


def _changed(held: Mapping[str, object], told: Mapping[str, object], *, known: bool) -> list[str]:
    """known: an item of which nothing is held is one that was told None."""
    return sorted(item for item, one in told.items() if not (known or item in held) or held.get(item) != one)


def stock_version(session: Session) -> int:
    return int(value(session, "SELECT coalesce(max(changed), 0) FROM item_state"))


def unavailable(session: Session) -> frozenset[str]:
    return frozenset(item for (item,) in session.rows("SELECT item FROM item_state WHERE stock = 0"))


def price_version(session: Session) -> int:
    return int(value(session, "SELECT coalesce(max(number), 0) FROM item_price"))


def price_changes(session: Session, after: int) -> Sequence[PriceChange]:
    query = "SELECT p.number, p.told_at, p.item, p.price FROM item_price p WHERE p.number > ? ORDER BY p.number, p.item"
    return [
        PriceChange(number, at, item, None if price is None else price / MILLIONTHS)
        for number, at, item, price in session.rows(query, (after,))
    ]


def damaged(session: Session) -> Iterator[str]:
    """Snapshots whose prices are not there."""
    query = """SELECT count(*) FROM snapshot s WHERE s.prices IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM item_price p WHERE p.number = s.prices)"""
    if count := value(session, query):
        yield f"{count} snapshots name prices that are not there"
