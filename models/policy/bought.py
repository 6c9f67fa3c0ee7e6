"""What nobody may be offered for they have it: the law of the gate `already_purchased`, line by line.

Slow and plain, to hold decisions against: rules by days and for ever. Learned windows are left out, for they are what a
model says; so is the basket, which holds what is not bought yet.
"""

from __future__ import annotations

import numpy as np

from features.history import CustomerRecord
from features.ledger import owned
from models.columns import CompiledCatalogue


def not_to_be_offered(customer: CustomerRecord, compiled: CompiledCatalogue, moment: int) -> frozenset[str]:
    """Ids of the actions whose things were bought and kept in (moment - window, moment], or are subscribed to. moment:
    ms UTC."""
    newest = _newest(customer, compiled, moment)
    promoted = compiled.promotions
    found = []
    for number, action in enumerate(compiled.catalogue.actions):
        places = range(int(promoted.start[number]), int(promoted.start[number + 1]))
        counting = [
            np.isnan(promoted.chance[at])
            and int(promoted.thing[at]) in newest
            and newest[int(promoted.thing[at])] > moment - int(promoted.window[at])
            for at in places
        ]
        if counting and (all(counting) if promoted.needs_all[number] else any(counting)):
            found.append(action.id)
    return frozenset(found)


def _newest(customer: CustomerRecord, compiled: CompiledCatalogue, moment: int) -> dict[int, int]:
    """By thing, ms UTC of when it was last bought: as an item, and as every category that it is in."""
    promoted, facts = compiled.promotions, compiled.facts
    have = owned(customer.ledger, moment)
    line, items = compiled.relations.bought_with(np.ascontiguousarray(have["item"]))
    found: dict[int, int] = {}
    for row, item in zip(have[line], items.tolist(), strict=True):
        if not 0 <= item < len(promoted.thing_of_item):
            continue
        things = [int(promoted.thing_of_item[item])]
        category = int(facts.category[item])
        while category >= 0:
            things.append(promoted.first_category + category)
            category = int(facts.parent[category])
        at = moment if row["subscribed"] else int(row["occurred_at"])
        for thing in things:
            found[thing] = max(found.get(thing, at), at)
    return found
