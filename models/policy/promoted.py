"""Whether an action promotes something: one of its items, or anything in one of its categories and below."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from models.columns import CompiledCatalogue


def things_of(compiled: CompiledCatalogue, items: Iterable[int]) -> frozenset[int]:
    """The things (models.promotions) that items, by vocabulary code, are, contain or belong to."""
    promoted, facts = compiled.promotions, compiled.facts
    found = set[int]()
    _, told = compiled.relations.bought_with(np.array(list(items), np.int32))
    for item in told.tolist():
        if 0 <= item < len(promoted.thing_of_item):
            found.add(int(promoted.thing_of_item[item]))
            category = int(facts.category[item])
            while category >= 0:
                found.add(promoted.first_category + category)
                category = int(facts.parent[category])
    return frozenset(found - {-1})


def promotes(compiled: CompiledCatalogue, number: int, things: frozenset[int]) -> bool:
    """number: the action's place in the catalogue."""
    start, end = compiled.promotions.start[number : number + 2].tolist()
    return not things.isdisjoint(compiled.promotions.thing[start:end].tolist())
