"""What is true of everybody together, as one numbered snapshot: what actions have used of their budgets, and which
items are to be had.

The store counts; a decision reads the newest snapshot, and the store checks what it reserves against its own count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from features.spending import NOTHING_SPENT, Spent


@dataclass(frozen=True, slots=True)
class Published:
    """number: grows with what it was read from, 0 before anything was counted. day: of the catalogue's clock (1 for
    0001-01-01) whose spending is the one of today, 0 of none. spent: by action id; an action that is not in it has
    spent nothing. unavailable: ids of items that cannot be had."""

    number: int = 0
    day: int = 0
    spent: Mapping[str, Spent] = field(default_factory=dict)
    unavailable: frozenset[str] = frozenset()

    def spent_by(self, action_id: str, day: int) -> Spent:
        """On another day than the snapshot's nothing is known to be spent yet."""
        found = self.spent.get(action_id, NOTHING_SPENT)
        return found if day == self.day else replace(found, contacts_today=0, money_today=0)


NOTHING = Published()
"""Of a store that has counted nothing yet, and of a moment that is past: of these only the present is kept."""
