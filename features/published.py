"""What is true of everybody together at one moment: what actions have used of their budgets, which items are to be
had and at which price, and how actions do by now against what the model expected.

The store counts; a decision reads what was published last, and the store checks what it reserves against its own count
and keeps what was read, so that the decision can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from features.live_response import NO_LIFTS, Lifts
from features.spending import NOTHING_SPENT, Spent


@dataclass(frozen=True, slots=True)
class Published:
    """day: of the catalogue's clock (1 for 0001-01-01) whose spending is the one of today, 0 of none. spent: by action
    id; an action that is not in it has spent nothing. unavailable: ids of items that cannot be had, of those that a
    decision may ask for. lifts: how actions do by now. prices: the number of the newest price of the item
    feed that is known, 0 of none; what it was stays in the store (PriceStore)."""

    day: int = 0
    spent: Mapping[str, Spent] = field(default_factory=dict)
    unavailable: frozenset[str] = frozenset()
    lifts: Lifts = NO_LIFTS
    prices: int = 0

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return bool(self.spent or self.unavailable or self.lifts or self.prices)

    def spent_by(self, action_id: str, day: int) -> Spent:
        """On another day than what was published is of, nothing is known to be spent yet."""
        found = self.spent.get(action_id, NOTHING_SPENT)
        return found if day == self.day else replace(found, contacts_today=0, money_today=0)


NOTHING = Published()
"""Of a store that has counted nothing yet, and of a moment that is past and that no decision was made in."""
