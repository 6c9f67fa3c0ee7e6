"""What a person has bought, on any channel, is not offered again within its window (t - w, t].

Each thing that an action promotes has a window: for ever, N days, or none (models.promotions). An item counts by itself
and for every category above it. What lies in the basket and the plan of a running subscription count as bought now;
what came back, and a subscription that has ended, do not count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.ledger import owned
from models.document_fields import text_of
from models.policy.basket import in_basket
from models.policy.gate import Account
from models.policy.situation import Situation
from models.promotions import DAY, FOREVER

NEVER_BOUGHT = -(2**63)


@dataclass(frozen=True, slots=True)
class AlreadyPurchased:
    name: str = "already_purchased"
    revision: int = 2

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        promoted = situation.compiled.promotions
        last, _ = _held(situation)
        columns = (promoted.start, promoted.thing, promoted.window, promoted.needs_all)
        by_purchase = _refused(last, *columns, situation.moment)
        _add_basket(last, situation)
        refused = np.where(_minds_basket(situation), _refused(last, *columns, situation.moment), by_purchase)
        return refused[situation.candidates.action]

    def account(self, situation: Situation, place: int) -> Account:
        promoted = situation.compiled.promotions
        held, running = _held(situation)
        last, number = held.copy(), int(situation.candidates.action[place])
        if _minds_basket(situation)[number]:
            _add_basket(last, situation)
        places = range(promoted.start[number], promoted.start[number + 1])
        counting = [at for at in places if last[promoted.thing[at]] > situation.moment - int(promoted.window[at])]
        newest = max(counting, key=lambda at: (last[promoted.thing[at]], -at))
        name = _name(situation, number, newest - int(promoted.start[number]))
        thing, window = promoted.thing[newest], int(promoted.window[newest])
        if held[thing] < last[thing]:
            return Account(
                "in_basket", f"{name} in the basket", "not in it", f"{name} lies in the basket, about to be bought"
            )
        if running[thing] != NEVER_BOUGHT:
            return _account_of_subscription(name, int(running[thing]))
        return _account_of_purchase(name, int(held[thing]), window, situation.moment)


def _minds_basket(situation: Situation) -> NDArray[np.bool_]:
    """bool[actions]: what lies in the basket counts as bought."""
    return ~(situation.compiled.policy.requires_basket | situation.compiled.policy.ignores_basket)


def _account_of_subscription(name: str, since: int) -> Account:
    when = text_of(since)
    story = f"{name} is subscribed to since {when} and is not offered before the subscription ends"
    return Account("subscribed", f"subscribed since {when}", "no running subscription", story)


def _account_of_purchase(name: str, bought_at: int, window: int, moment: int) -> Account:
    when, days = text_of(bought_at), (moment - bought_at) // DAY
    story = f"{name} was bought {days} {'day' if days == 1 else 'days'} ago ({when})"
    if window == FOREVER:
        return Account("never", f"bought {when}", "never bought", f"{story} and is not offered again")
    again = text_of(bought_at + window)
    return Account("after", f"bought {when}", f"from {again}", f"{story} and is not offered again before {again}")


def _name(situation: Situation, number: int, place: int) -> str:
    action = situation.compiled.catalogue.actions[number]
    if place < len(action.items):
        return f"item {action.items[place]}"
    return f"category {action.categories[place - len(action.items)]}"


def _held(situation: Situation) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[things], twice: when each promoted thing was last bought and kept (ms UTC; the moment itself while it is
    subscribed to), and since when the newest running subscription to it runs. NEVER_BOUGHT where there is none."""
    last = np.full(situation.compiled.promotions.things, NEVER_BOUGHT, np.int64)
    running = last.copy()
    have = owned(situation.customer.ledger, situation.moment)
    plans = have[have["subscribed"]]
    at = np.where(have["subscribed"], situation.moment, have["occurred_at"])
    _raise_to(last, have["item"], at, situation)
    if len(plans):
        _raise_to(running, plans["item"], plans["occurred_at"], situation)
    return last, running


def _add_basket(last: NDArray[np.int64], situation: Situation) -> None:
    wanted = in_basket(situation.customer.page, situation.moment)
    if len(wanted):
        _raise_to(last, wanted, np.full(len(wanted), situation.moment, np.int64), situation)


def _raise_to(last: NDArray[np.int64], item: NDArray[np.int32], at: NDArray[np.int64], situation: Situation) -> None:
    facts, promoted = situation.compiled.facts, situation.compiled.promotions
    _mark(
        last,
        np.ascontiguousarray(item),
        np.ascontiguousarray(at),
        facts.category,
        facts.parent,
        promoted.thing_of_item,
        promoted.first_category,
    )


@compiled
def _mark(
    last: NDArray[np.int64],
    item: NDArray[np.int32],
    at: NDArray[np.int64],
    category_of: NDArray[np.int32],
    parent: NDArray[np.int32],
    thing_of_item: NDArray[np.int32],
    first_category: int,
) -> None:
    """Raise `last` of each item, of its category and of all above it to the newest of `at`."""
    for line in range(len(item)):
        code = item[line]
        if code < 0 or code >= len(thing_of_item):
            continue
        thing = thing_of_item[code]
        if thing >= 0:
            last[thing] = max(last[thing], at[line])
        category = category_of[code]
        while category >= 0:
            last[first_category + category] = max(last[first_category + category], at[line])
            category = parent[category]


@compiled
def _refused(
    last: NDArray[np.int64],
    start: NDArray[np.int32],
    thing: NDArray[np.int32],
    window: NDArray[np.int64],
    needs_all: NDArray[np.bool_],
    moment: int,
) -> NDArray[np.bool_]:
    """bool[actions]: any, or where needed all, of what it promotes was bought within its window."""
    count = len(start) - 1
    refused = np.zeros(count, np.bool_)
    for action in range(count):
        counting = 0
        for place in range(start[action], start[action + 1]):
            if last[thing[place]] > moment - window[place]:
                counting += 1
        wanted = start[action + 1] - start[action] if needs_all[action] else 1
        refused[action] = counting > 0 and counting >= wanted
    return refused
