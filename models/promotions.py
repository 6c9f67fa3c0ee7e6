"""What each action promotes, and for how long a purchase of it refuses the action, as columns.

A thing is an item, one with all its variants, or a category. Only things that some action promotes have a number: items
first, then all categories, so that one array of "last bought" per thing serves the whole catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.event import NO_CODE
from features.vocabulary import Vocabulary
from models.catalogue import Action, Catalogue, CatalogueUncompiled, Repurchase, RepurchaseRule

DAY = 86_400_000
"""Milliseconds."""

FOREVER = 2**62
"""The window of `never`, ms; longer than any time there is."""

NO_WINDOW = 0
"""The window of `always`: (t, t] holds nothing."""


@dataclass(frozen=True, slots=True)
class Promotions:
    """category: int32[actions], the narrowest category over all that the action promotes, -1 none. start:
    int32[actions + 1] and thing: int32[...]: action a promotes thing[start[a]:start[a + 1]]. window: int64[...] ms
    beside `thing`: the purchase of that thing counts in (t - window, t]. chance: float64[...] beside `thing`, of a
    learned window, which holds while a model knows the thing and buying it again is less likely; NaN of any other.
    needs_all: bool[actions], refused when all of them count, else when any does. thing_of_item: int32[items] by item
    code, -1 for an item that nothing promotes by name, itself or by a variant. heads: the item code of each thing that
    is an item, of variants their head's. first_category: the thing number of category 0; things: how many there are."""

    category: NDArray[np.int32]
    start: NDArray[np.int32]
    thing: NDArray[np.int32]
    window: NDArray[np.int64]
    chance: NDArray[np.float64]
    needs_all: NDArray[np.bool_]
    thing_of_item: NDArray[np.int32]
    heads: NDArray[np.int32]
    first_category: int
    things: int


def promotions(
    catalogue: Catalogue,
    item_category: NDArray[np.int32],
    parent: NDArray[np.int32],
    head: NDArray[np.int32],
    vocabulary: Vocabulary,
) -> Promotions:
    """item_category and parent as in ItemFacts, head as in ItemRelations.

    Raises CatalogueUncompiled when a promoted item has no code or no repurchase rule covers a thing.
    """
    names = tuple(catalogue.categories)
    numbers = {name: number for number, name in enumerate(names)}
    code_of = {item: _code(item, vocabulary) for action in catalogue.actions for item in action.items}
    heads = list(dict.fromkeys(int(head[code]) for code in code_of.values()))
    thing_of_head = np.full(len(head), NO_CODE, np.int32)
    thing_of_head[heads] = np.arange(len(heads))
    start, things, rules, categories = [0], list[int](), list[RepurchaseRule](), list[int]()
    for action in catalogue.actions:
        codes, listed = [code_of[item] for item in action.items], [numbers[name] for name in action.categories]
        homes = [*(int(item_category[code]) for code in codes), *listed]
        things += [int(thing_of_head[head[code]]) for code in codes]
        things += [len(heads) + number for number in listed]
        rules += [rule_for(catalogue, action, names[home] if home >= 0 else None) for home in homes]
        categories.append(_narrowest(homes, parent))
        start.append(len(things))
    return Promotions(
        category=np.array(categories, np.int32),
        start=np.array(start, np.int32),
        thing=np.array(things, np.int32),
        window=np.array([window_of(rule) for rule in rules], np.int64),
        chance=np.array([rule.chance for rule in rules], np.float64),
        needs_all=np.array([action.suppression.match == "all" for action in catalogue.actions], np.bool_),
        thing_of_item=thing_of_head[head],
        heads=np.array(heads, np.int32),
        first_category=len(heads),
        things=len(heads) + len(names),
    )


def _code(item: str, vocabulary: Vocabulary) -> int:
    code = vocabulary.code("item", item)
    if code == NO_CODE:
        raise CatalogueUncompiled(f"item is {item!r}; it has no code in the vocabulary; read the vocabulary again")
    return code


def rule_for(catalogue: Catalogue, action: Action, category: str | None) -> RepurchaseRule:
    """The rule of one promoted thing in `category`. Raises CatalogueUncompiled when nothing covers it."""
    if action.suppression.rule.repurchase is not Repurchase.BY_CATEGORY:
        return action.suppression.rule
    rule = catalogue.repurchase_of(category)
    if rule is None:
        raise CatalogueUncompiled(f"action is {action.id!r}; no repurchase rule covers what it promotes; set one")
    return rule


def window_of(rule: RepurchaseRule) -> int:
    """ms, as in Promotions."""
    if rule.repurchase in (Repurchase.AFTER, Repurchase.LEARNED):
        return int(rule.days * DAY)
    return FOREVER if rule.repurchase is Repurchase.NEVER else NO_WINDOW


def _narrowest(homes: list[int], parent: NDArray[np.int32]) -> int:
    """The lowest category that is at or above all of `homes`; -1 when there is none."""
    if not homes or min(homes) < 0:
        return NO_CODE
    lines = [_upwards(home, parent) for home in homes]
    return next((category for category in lines[0] if all(category in line for line in lines[1:])), NO_CODE)


def _upwards(category: int, parent: NDArray[np.int32]) -> list[int]:
    line = []
    while category >= 0:
        line.append(category)
        category = int(parent[category])
    return line
