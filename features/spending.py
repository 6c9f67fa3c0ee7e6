"""What all people together have had of an action, and the most that they may have: the arithmetic of budgets, for
those who decide by it and for the store, which counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MILLIONTHS = 1_000_000
"""Money is counted in whole millionths of the catalogue's currency, so that no order of adding matters."""

LARGEST = 2**53
"""Of money in millionths and of contacts: nine milliards of a currency."""

LARGEST_PRICE = LARGEST / MILLIONTHS


def millionths(money: float) -> int:
    """money: currency, 0 or more; what is beyond all counting counts as the largest."""
    return min(round(min(money, float(LARGEST)) * MILLIONTHS), LARGEST)


@dataclass(frozen=True, slots=True)
class Spent:
    """Contacts made or reserved, and their cost in millionths of the catalogue's currency: on one day, and ever."""

    contacts_today: int = 0
    contacts_ever: int = 0
    money_today: int = 0
    money_ever: int = 0

    def with_contact(self, money: int) -> Spent:
        """One more of today, at this cost."""
        return Spent(self.contacts_today + 1, self.contacts_ever + 1, self.money_today + money, self.money_ever + money)


NOTHING_SPENT = Spent()


@dataclass(frozen=True, slots=True)
class Most:
    """At most so many contacts, or so much money in millionths; one of the two is set. daily: on each day of the
    catalogue's clock, else ever. until: only while the action has had fewer contacts than that, ever; None: always."""

    daily: bool
    contacts: int | None
    money: int | None
    until: int | None = None

    def price(self, money: int) -> int:
        """What one contact takes of it. money: the contact's cost."""
        return money if self.contacts is None else 1

    def used(self, spent: Spent) -> int:
        if self.contacts is None:
            return spent.money_today if self.daily else spent.money_ever
        return spent.contacts_today if self.daily else spent.contacts_ever

    def left(self, spent: Spent) -> int | None:
        """Below 0 where more was spent; None where it does not bind."""
        if self.until is not None and spent.contacts_ever >= self.until:
            return None
        return (self.contacts if self.contacts is not None else self.money or 0) - self.used(spent)

    def exceeded(self, spent: Spent, money: int) -> bool:
        """By one more contact at that cost."""
        left = self.left(spent)
        return left is not None and self.price(money) > left


@dataclass(frozen=True, slots=True)
class Charge:
    """One contact that a decision may lead to, with an action whose contacts are counted. day: of the catalogue's clock
    at the moment of the decision, 1 for 0001-01-01. money: its cost, in millionths. reserves: it counts from the
    decision on, and only within `most`; else from when it is displayed, whatever was spent."""

    action: str
    channel: str
    day: int
    money: int
    reserves: bool
    most: tuple[Most, ...]


Counts = Mapping[str, Spent]
"""By action id; an action that is not in it has spent nothing."""
