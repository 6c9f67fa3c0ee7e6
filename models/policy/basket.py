"""What lies in the basket: added, and neither removed nor ordered since."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.event import NO_CODE, Kind
from features.history import Records, as_of
from models.promotions import DAY

BASKET_DAYS = 30
"""A basket that was not touched for longer is taken for abandoned, and its items for not about to be bought."""

_TOUCHING = np.zeros(256, np.bool_)
_TOUCHING[[Kind.BASKET_ADDED, Kind.BASKET_REMOVED, Kind.ORDERED]] = True


def in_basket(page: Records, moment: int) -> NDArray[np.int32]:
    """Vocabulary codes of the items, ascending. page: EVENT records sorted by (occurred_at, sequence); the newest
    event of an item decides, so removing some of several takes the item out. moment: ms UTC."""
    if not (page["kind"] == Kind.BASKET_ADDED).any():
        return np.zeros(0, np.int32)
    known = as_of(page, moment)
    touching = known[
        _TOUCHING[known["kind"]] & (known["item"] != NO_CODE) & (known["occurred_at"] > moment - BASKET_DAYS * DAY)
    ]
    newest_first = touching[::-1]
    items, newest = np.unique(newest_first["item"], return_index=True)
    return np.asarray(items[newest_first["kind"][newest] == Kind.BASKET_ADDED], np.int32)
