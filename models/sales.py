"""What a person bought, in money, and what of it came back: the rewards that no contact need have brought.

The lines are netted as the ledger nets them (features.ledger): of several reports of an order the latest stands, a
refund or cancellation takes back units, of a whole order everything. A line keeps the share of its amount that it keeps
of its units; what a refund says in money is not read. A line without an item is a whole order told as one: it counts
while no line of that order names an item, and until the order comes back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.event import Kind
from features.history import Records, as_of
from features.ledger import entries, owned

SALE = np.dtype(
    [
        ("at", "<i8"),  # ms UTC, when it was bought
        ("settled_at", "<i8"),  # ms UTC, recorded: the line, and whatever came back of its order or item, if anything
        ("order", "<i8"),  # text_code; 0 none
        ("amount", "<f8"),  # currency of the catalogue, of the whole line as bought; NaN unknown
        ("kept", "<f8"),  # 0..1, the share of it that did not come back
        ("item", "<i4"),  # vocabulary code; -1 none
    ]
)

RETURNS = (int(Kind.REFUNDED), int(Kind.CANCELLED))


def sales(records: Records, known_at: int) -> Records:
    """One person's SALE records sorted by (at, order, item, amount). records: EVENT records in any order. known_at: ms
    UTC; nothing recorded later exists."""
    known = as_of(records, known_at)
    lines = _standing(known[known["kind"] == Kind.ORDERED])
    found = np.zeros(len(lines), SALE)
    if not len(lines):
        return found
    found["at"], found["settled_at"] = lines["occurred_at"], lines["recorded_at"]
    for name in ("order", "item", "amount"):
        found[name] = lines[name]
    back = known[np.isin(known["kind"], RETURNS)]
    found["kept"] = _kept(lines, back, owned(entries(known), known_at)) if len(back) else _bought(lines) > 0.0
    for one in back:
        of_order = (found["order"] == one["order"]) & ((one["item"] < 0) | (found["item"] == one["item"]))
        touched = of_order & ((one["order"] != 0) | (one["item"] >= 0))
        found["settled_at"][touched] = np.maximum(found["settled_at"][touched], one["recorded_at"])
    return found[np.lexsort((found["amount"], found["item"], found["order"], found["at"]))]


def _standing(lines: Records) -> Records:
    """Of the reports of one (order, item) those of the latest clocks, without totals of orders whose lines are known;
    what has no order stands by itself."""
    latest: dict[tuple[int, int], tuple[int, int]] = {}
    names = [lines[name].tolist() for name in ("order", "item", "occurred_at", "recorded_at")]
    keys = [((order, item), (at, told)) for order, item, at, told in zip(*names, strict=True)]
    for key, clocks in keys:
        latest[key] = max(clocks, latest.get(key, clocks))
    itemised = {order for order, item in latest if item >= 0}
    stands = [
        key[0] == 0 or (latest[key] == clocks and not (key[1] < 0 and key[0] in itemised)) for key, clocks in keys
    ]
    return lines[np.array(stands, np.bool_)]


def _bought(lines: Records) -> NDArray[np.float64]:
    """Units; of a line that does not say how many, one."""
    units = lines["quantity"].astype(np.float64)
    return np.where(np.isnan(units), 1.0, np.maximum(units, 0.0))


def _kept(lines: Records, back: Records, left: Records) -> NDArray[np.float64]:
    """left: OWNED rows."""
    units, remaining = dict[tuple[int, int, int], float](), dict[tuple[int, int, int], float]()
    keys = list(zip(*(lines[name].tolist() for name in ("occurred_at", "order", "item")), strict=True))
    for key, bought in zip(keys, _bought(lines).tolist(), strict=True):
        units[key] = units.get(key, 0.0) + bought
    for row in left[~left["subscribed"]]:
        key = int(row["occurred_at"]), int(row["order"]), int(row["item"])
        remaining[key] = remaining.get(key, 0.0) + float(row["quantity"])
    whole = set(back["order"][(back["item"] < 0) & (back["order"] != 0)].tolist())
    return np.array(
        [
            float(key[1] not in whole) if key[2] < 0 else _share(remaining.get(key, 0.0), units[key])
            for key in keys
        ],
        np.float64,
    )  # fmt: skip


def _share(remaining: float, bought: float) -> float:
    """The ledger keeps units in single precision."""
    if remaining == float(np.float32(bought)):
        return 1.0 if bought > 0.0 else 0.0
    return min(1.0, remaining / bought) if bought > 0.0 else 0.0
