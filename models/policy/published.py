"""What is true of everybody together, as one numbered snapshot: what actions have used of their budgets, and which
items are to be had.

The store counts; a decision reads the newest snapshot and records its number, so that a replay reads the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Spent:
    """Contacts made or reserved, and their cost in the catalogue's currency: on the snapshot's day, and ever."""

    contacts_today: int = 0
    contacts_ever: int = 0
    money_today: float = 0.0
    money_ever: float = 0.0


@dataclass(frozen=True, slots=True)
class Published:
    """number: 0 before anything was counted. spent: by action id; an action that is not in it has spent nothing.
    unavailable: ids of items that cannot be had."""

    number: int = 0
    spent: Mapping[str, Spent] = field(default_factory=dict)
    unavailable: frozenset[str] = frozenset()


NOTHING = Published()
"""Of a store that has counted nothing yet."""
