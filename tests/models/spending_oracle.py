"""Slow and obvious: what actions may spend, rule by rule, in decimals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from models.catalogue import Action
from tests.models.shelves import COSTS
from tests.models.shop import NOW
from tests.models.worlds import World


def costs(action: Action, channel: str) -> Decimal:
    return Decimal(str(action.cost)) + Decimal(str(COSTS[channel]))


def had(world: World, action: Action, chosen: Sequence[tuple[str, str]]) -> tuple[int, int, Decimal, Decimal]:
    """Contacts of today and ever, money of today and ever; with what was chosen beside: (action id, channel)."""
    spent = world.published.spent.get(action.id)
    today = dt.datetime.fromtimestamp(NOW / 1000, ZoneInfo("Europe/Berlin")).date()
    same_day = dt.date.fromordinal(world.published.day) == today
    mine = [costs(action, channel) for action_id, channel in chosen if action_id == action.id]
    if spent is None:
        return len(mine), len(mine), sum(mine, Decimal()), sum(mine, Decimal())
    contacts, money = (spent.contacts_today, spent.money_today) if same_day else (0, 0)
    return (
        contacts + len(mine),
        spent.contacts_ever + len(mine),
        Decimal(money) / 1_000_000 + sum(mine, Decimal()),
        Decimal(spent.money_ever) / 1_000_000 + sum(mine, Decimal()),
    )


def over_budget(world: World, action_id: str, channel: str, chosen: Sequence[tuple[str, str]] = ()) -> bool:
    (action,) = (one for one in world.compiled.catalogue.actions if one.id == action_id)
    today, ever, money_today, money_ever = had(world, action, chosen)
    for budget in action.budgets:
        contacts, money = (today, money_today) if budget.daily else (ever, money_ever)
        if budget.contacts is not None and contacts + 1 > budget.contacts:
            return True
        if budget.money is not None and money + costs(action, channel) > Decimal(str(budget.money)):
            return True
    return False


def above_ceiling(world: World, action_id: str, chosen: Sequence[tuple[str, str]] = ()) -> bool:
    """What a decision chooses itself does not lift the ceiling within it."""
    (action,) = (one for one in world.compiled.catalogue.actions if one.id == action_id)
    today, *_ = had(world, action, chosen)
    _, before, *_ = had(world, action, ())
    ceiling = action.ceiling
    return ceiling is not None and before < ceiling.until and today + 1 > ceiling.contacts_per_day


def overspends(world: World, action_id: str, channel: str, chosen: Sequence[tuple[str, str]]) -> bool:
    return over_budget(world, action_id, channel, chosen) or above_ceiling(world, action_id, chosen)
