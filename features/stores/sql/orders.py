"""Whose an order is, by its number: no claim, so that a number never makes two people one. Each order leads to the
profiles under which it was told, and so to whoever they belong to now."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
from numpy.typing import NDArray

from features.event import ORDERS, Identifier
from features.history import Records, text_code
from features.stores import packed
from features.stores.sql.session import Session, columns, table
from features.vault import Vault

ORDER_ROWS = table("order_of", code="integer", person="integer")
_CODE = columns(code="integer")
_TOLD = columns(person="integer", number="text")
_KINDS = [int(kind) for kind in ORDERS]
_AT_A_TIME = 50_000

Order = tuple[int, int]
"""(text_code, profile). In the table stands the vault's code of it: whoever reads the table learns no number."""


def insert_orders(session: Session, vault: Vault, orders: Collection[Order]) -> None:
    if orders:
        _insert(session, vault, np.array(list(orders), dtype=np.int64))


def _insert(session: Session, vault: Vault, orders: NDArray[np.int64]) -> None:
    rows = zip(vault.codes(orders[:, 0]).tolist(), orders[:, 1].tolist(), strict=True)
    session.insert(ORDER_ROWS, sorted(rows), "ON CONFLICT DO NOTHING")


def orders_in(records: Records, numbers: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """int64[n, 2]: every Order in the records, each once, ascending. numbers: the profile of each record."""
    told = np.isin(records["kind"], _KINDS) & (records["order"] != 0)
    pairs = np.column_stack((records["order"], np.broadcast_to(numbers, len(records))))[told]
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    first = np.ones(len(pairs), dtype=np.bool_)
    first[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    found: NDArray[np.int64] = pairs[first]
    return found


def import_orders(session: Session, vault: Vault, records: Records, numbers: NDArray[np.int64]) -> None:
    found = orders_in(records, numbers)
    for start in range(0, len(found), _AT_A_TIME):
        _insert(session, vault, found[start : start + _AT_A_TIME])


def delete_orders(session: Session, vault: Vault, profiles: Iterable[int]) -> None:
    """While their events are still there: nothing else leads from a profile to its orders."""
    for profile in profiles:
        log = session.rows("SELECT record FROM event WHERE person = ? AND order_id IS NOT NULL", (profile,))
        orders = orders_in(packed.events(b"".join(record for (record,) in log)), profile)
        for code in vault.codes(orders[:, 0]).tolist():
            session.execute("DELETE FROM order_of WHERE code = ? AND person = ?", (code, profile))


def told_under(
    session: Session, vault: Vault, identifier: Identifier, limit: int, moment: int | None
) -> dict[int, int]:
    """The root by profile of those under which the order was told (by `moment`, ms UTC), up to a limit; without those
    from which the number was cut off."""
    query = """SELECT o.person, p.root FROM order_of o JOIN person p ON p.person = o.person
               WHERE o.code = ? AND NOT EXISTS (SELECT 1 FROM claim c WHERE c.digest = ? AND c.profile = o.person
               AND c.severed = 1) LIMIT ?"""
    (code,) = vault.codes(np.array([text_code(identifier.value)])).tolist()
    found: dict[int, int] = dict(session.rows(query, (code, vault.digest(identifier), limit)))
    return found if moment is None else _by_then(session, identifier.value, found, moment)


def _by_then(session: Session, number: str, found: dict[int, int], moment: int) -> dict[int, int]:
    query = """SELECT e.person, e.record FROM wanted w CROSS JOIN event e
               WHERE e.person = w.person AND e.order_id = w.number"""
    then = set()
    for profile, record in session.wanted(_TOLD, query, [(one, number) for one in found]):
        (event,) = packed.events(record)
        if event["kind"] in _KINDS and event["recorded_at"] <= moment:
            then.add(profile)
    return {profile: root for profile, root in found.items() if profile in then}


def lost_orders(session: Session, vault: Vault, log: Records, profiles: Collection[int]) -> int:
    """How many orders in the log do not lead to one of the profiles."""
    codes = set(vault.codes(orders_in(log, 0)[:, 0]).tolist())
    query = "SELECT o.code, o.person FROM wanted w CROSS JOIN order_of o WHERE o.code = w.code"
    found = {code for code, person in session.wanted(_CODE, query, [(one,) for one in codes]) if person in profiles}
    return len(codes - found)
