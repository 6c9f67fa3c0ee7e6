"""What each action may spend at most, for all people together, compiled once per version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.spending import LARGEST, Most, millionths
from models.catalogue import Action, Catalogue, Channel


@dataclass(frozen=True, slots=True)
class SpendingRules:
    """budgets and ceilings: by the action's place in the catalogue, of those that have any. money: int64[channels,
    actions], the cost of one contact in millionths of the catalogue's currency. channel: places of channels by id."""

    budgets: Mapping[int, tuple[Most, ...]]
    ceilings: Mapping[int, tuple[Most, ...]]
    money: NDArray[np.int64]
    channel: Mapping[str, int]

    @property
    def counted(self) -> frozenset[int]:
        """The actions whose contacts are counted."""
        return frozenset(self.budgets) | frozenset(self.ceilings)

    def most(self, action: int) -> tuple[Most, ...]:
        return (*self.budgets.get(action, ()), *self.ceilings.get(action, ()))

    def price(self, action: int, channel: str) -> int:
        return int(self.money[self.channel[channel], action])


def spending_rules(catalogue: Catalogue) -> SpendingRules:
    actions, channels = catalogue.actions, catalogue.channels
    money = [[_price(action, channel) for action in actions] for channel in channels.values()]
    return SpendingRules(
        budgets={number: _budgets(action) for number, action in enumerate(actions) if action.budgets},
        ceilings={number: _ceiling(action) for number, action in enumerate(actions) if action.ceiling is not None},
        money=np.array(money, np.int64).reshape(len(channels), len(actions)),
        channel={name: place for place, name in enumerate(channels)},
    )


def _price(action: Action, channel: Channel) -> int:
    return min(millionths(action.cost) + millionths(channel.cost), LARGEST)


def _budgets(action: Action) -> tuple[Most, ...]:
    return tuple(
        Most(one.daily, one.contacts, None if one.money is None else millionths(one.money)) for one in action.budgets
    )


def _ceiling(action: Action) -> tuple[Most, ...]:
    ceiling = action.ceiling
    return () if ceiling is None else (Most(True, ceiling.contacts_per_day, None, ceiling.until),)
