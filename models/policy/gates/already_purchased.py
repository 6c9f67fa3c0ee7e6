"""What a person has bought, on any channel, is not offered again within its window (t - w, t].

Each thing that an action promotes has a window: for ever, N days, none, or a learned one, which holds while the person
is less likely to buy it again soon than the catalogue asks for (models.repurchase). An item counts for all its variants
and for every category above it, a bundle also for its parts. What lies in the basket and the plan of a running
subscription count as bought now; what came back, and a subscription that has ended, do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.candidates import ItemFacts
from features.compiled import compiled
from features.consent import objects_to_profiling
from features.event import Kind
from features.history import CustomerRecord, Records
from features.ledger import lines_kept, owned
from models.document_fields import text_of
from models.item_relations import ItemRelations
from models.policy.basket import in_basket
from models.policy.gate import Account
from models.policy.situation import Situation
from models.promotions import DAY, FOREVER, Promotions
from models.repurchase import EDGES, HORIZON_DAYS, NEVER, Curves, Evidence, evidence

_DAYS_AHEAD = np.arange(1.0, EDGES[-1])
"""Looked through for the day from which on something is likely enough again."""


class Goods(Protocol):
    """Of a CompiledCatalogue, or of anything else that promotes things."""

    @property
    def promotions(self) -> Promotions: ...

    @property
    def facts(self) -> ItemFacts: ...

    @property
    def relations(self) -> ItemRelations: ...

    @property
    def curves(self) -> Curves | None: ...


class Looked(Protocol):
    """Of a Situation, what the verdict rests on. known, kinds: as there."""

    @property
    def compiled(self) -> Goods: ...

    @property
    def customer(self) -> CustomerRecord: ...

    @property
    def moment(self) -> int: ...

    @property
    def known(self) -> Records: ...

    @property
    def kinds(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Bought:
    """Of each promoted thing. held: int64[things] ms UTC, last bought and kept (the moment itself while it is
    subscribed to). last: the same, or now where it lies in the basket. lying: bool[things], whether it lies there, also
    where one was bought at this very moment. running: since when the newest running subscription to it runs. NEVER
    where there is none. likely: float64[things], the chance of buying it again, NaN where no model says or something
    else decides. found: what that rests on, None without a model."""

    held: NDArray[np.int64]
    last: NDArray[np.int64]
    lying: NDArray[np.bool_]
    running: NDArray[np.int64]
    likely: NDArray[np.float64]
    found: Evidence | None


@dataclass(frozen=True, slots=True)
class AlreadyPurchased:
    name: str = "already_purchased"
    revision: int = 4

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        minds = situation.compiled.policy.minds_basket
        refused = refused_by(situation, minding=True)
        if Kind.BASKET_ADDED in situation.kinds and not minds.all():
            refused = np.where(minds, refused, refused_by(situation, minding=False))
        return refused[situation.candidates.action]

    def account(self, situation: Situation, place: int) -> Account:
        promoted, number = situation.compiled.promotions, int(situation.candidates.action[place])
        bought = _bought(situation, bool(situation.compiled.policy.minds_basket[number]))
        counts = _counts(bought.last, bought.likely, promoted.thing, promoted.window, promoted.chance, situation.moment)
        places = range(promoted.start[number], promoted.start[number + 1])
        newest = max((at for at in places if counts[at]), key=lambda at: (bought.last[promoted.thing[at]], -at))
        name = _name(situation, number, newest - int(promoted.start[number]))
        thing = promoted.thing[newest]
        if bought.running[thing] != NEVER:
            return _account_of_subscription(name, int(bought.running[thing]))
        if bought.lying[thing]:
            return Account(
                "in_basket", f"{name} in the basket", "not in it", f"{name} lies in the basket, about to be bought"
            )
        return _account_of_purchase(name, situation, newest, bought)


def refused_by(situation: Looked, *, minding: bool) -> NDArray[np.bool_]:
    """bool[actions of the promotions]. minding: the basket."""
    promoted, bought = situation.compiled.promotions, _bought(situation, minding)
    counts = _counts(bought.last, bought.likely, promoted.thing, promoted.window, promoted.chance, situation.moment)
    return _refused(counts, promoted.start, promoted.needs_all)


def _account_of_subscription(name: str, since: int) -> Account:
    when = text_of(since)
    story = f"{name} is subscribed to since {when} and is not offered before the subscription ends"
    return Account("subscribed", f"subscribed since {when}", "no running subscription", story)


def _account_of_purchase(name: str, situation: Situation, at: int, bought: _Bought) -> Account:
    promoted, moment = situation.compiled.promotions, situation.moment
    thing, window = int(promoted.thing[at]), int(promoted.window[at])
    bought_at = int(bought.held[thing])
    when, days = text_of(bought_at), (moment - bought_at) // DAY
    story = f"{name} was bought {days} {'day' if days == 1 else 'days'} ago ({when})"
    if window == FOREVER:
        return Account("never", f"bought {when}", "never bought", f"{story} and is not offered again")
    chance = float(promoted.chance[at])
    if not np.isnan(chance) and not np.isnan(bought.likely[thing]):
        again = _likely_again(situation, bought, thing, chance)
        soon = f"bought again within {HORIZON_DAYS:.0f} days with a chance of"
        observed = f"bought {when}, {soon} {bought.likely[thing]:.1%}"
        until = "unless it is bought again" if again is None else f"before {again}"
        told = f"{story}, is {soon} {bought.likely[thing]:.1%} and is not offered again {until}"
        return Account("learned", observed, f"a chance of {chance:.1%}", told)
    again = text_of(bought_at + window)
    rule = "after" if np.isnan(chance) else "fallback"
    why = "" if np.isnan(chance) else ", when it is bought again is not learned yet"
    return Account(rule, f"bought {when}", f"from {again}", f"{story}{why} and is not offered again before {again}")


def _likely_again(situation: Situation, bought: _Bought, thing: int, chance: float) -> str | None:
    """From when on, if nothing is bought until then; None: not in the years that the model looks ahead."""
    known, found = situation.compiled.curves, bought.found
    if known is None or found is None:
        return None
    days = (situation.moment - int(found.began[thing])) / DAY + _DAYS_AHEAD
    things = np.full(len(days), thing, np.int32)
    told = (np.full(len(days), one[thing]) for one in (found.units, found.count, found.spent))
    enough = np.flatnonzero(known.chance(things, days, *told) >= chance)
    return text_of(situation.moment + int(_DAYS_AHEAD[enough[0]]) * DAY) if len(enough) else None


def _name(situation: Situation, number: int, place: int) -> str:
    action = situation.compiled.catalogue.actions[number]
    if place < len(action.items):
        return f"item {action.items[place]}"
    return f"category {action.categories[place - len(action.items)]}"


def _bought(situation: Looked, minding: bool) -> _Bought:
    """minding: the basket."""
    things = situation.compiled.promotions.things
    held, running = np.full(things, NEVER, np.int64), np.full(things, NEVER, np.int64)
    known = situation.compiled.curves
    plain = known is None or np.isnan(situation.compiled.promotions.chance).all()
    lines = lines_kept(situation.customer.ledger, situation.moment) if plain else None
    if lines is not None:
        have = None
        _raise_to(held, *lines, situation)
    else:
        have = owned(situation.customer.ledger, situation.moment)
        plans = have[have["subscribed"]]
        at = np.where(have["subscribed"], situation.moment, have["occurred_at"])
        _raise_to(held, have["item"], at, situation)
        if len(plans):
            _raise_to(running, plans["item"], plans["occurred_at"], situation)
    basket = np.full(things, NEVER, np.int64)
    if minding and Kind.BASKET_ADDED in situation.kinds:
        wanted = in_basket(situation.known, situation.moment)
        _raise_to(basket, wanted, np.full(len(wanted), situation.moment, np.int64), situation)
    last, lying = np.maximum(held, basket), basket != NEVER
    likely = np.full(things, np.nan)
    if plain or known is None or have is None:
        return _Bought(held, last, lying, running, likely, None)
    found = _evidence(situation, have[~have["subscribed"]], known)
    decides = np.flatnonzero((found.began != NEVER) & (running == NEVER) & ~lying).astype(np.int32)
    days = (situation.moment - found.began[decides]) / DAY
    told = (one[decides] for one in (found.units, found.count, found.spent))
    likely[decides] = known.chance(decides, days, *told)
    return _Bought(held, last, lying, running, likely, found)


def _evidence(situation: Looked, have: Records, known: Curves) -> Evidence:
    """Of somebody who objects to profiling only what was bought last and when; the rest is as of anybody."""
    facts, promoted = situation.compiled.facts, situation.compiled.promotions
    line, item = situation.compiled.relations.bought_with(np.ascontiguousarray(have["item"]))
    order = np.argsort(have["occurred_at"][line], kind="stable")
    at, units = have["occurred_at"][line][order], have["quantity"][line][order].astype(np.float64)
    things = (facts.category, facts.parent, promoted.thing_of_item, promoted.first_category)
    found = evidence(item[order], at, units, things, known)
    if objects_to_profiling(situation.customer.consents, situation.moment):
        return Evidence(found.began, found.units, np.zeros_like(found.count), np.zeros_like(found.spent))
    return found


def _raise_to(last: NDArray[np.int64], item: NDArray[np.int32], at: NDArray[np.int64], situation: Looked) -> None:
    facts, promoted = situation.compiled.facts, situation.compiled.promotions
    line, bought = situation.compiled.relations.bought_with(np.ascontiguousarray(item))
    _mark(
        last,
        bought,
        np.ascontiguousarray(at[line]),
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
def _counts(
    last: NDArray[np.int64],
    likely: NDArray[np.float64],
    thing: NDArray[np.int32],
    window: NDArray[np.int64],
    chance: NDArray[np.float64],
    moment: int,
) -> NDArray[np.bool_]:
    """bool[...] beside `thing`: whether it was bought within its window."""
    counts = np.zeros(len(thing), np.bool_)
    for place in range(len(thing)):
        one = thing[place]
        if np.isnan(chance[place]) or np.isnan(likely[one]):
            counts[place] = last[one] > moment - window[place]
        else:
            counts[place] = likely[one] < chance[place]
    return counts


@compiled
def _refused(counts: NDArray[np.bool_], start: NDArray[np.int32], needs_all: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool[actions]: any, or where needed all, of what it promotes counts."""
    count = len(start) - 1
    refused = np.zeros(count, np.bool_)
    for action in range(count):
        counting = 0
        for place in range(start[action], start[action + 1]):
            counting += counts[place]
        wanted = start[action + 1] - start[action] if needs_all[action] else 1
        refused[action] = counting > 0 and counting >= wanted
    return refused
