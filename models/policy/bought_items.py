"""Which of many items a person has by the rules of the gate `already_purchased`, whether anything promotes them or not.

An item is had where the gate would refuse an action that promotes the item, or one that promotes its category, going by
the categories' rules: who owns one washing machine is listed no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features import ledger
from features.candidates import ItemFacts
from features.event import NO_CODE
from features.history import CustomerRecord, Records, as_of, page
from features.vocabulary import Vocabulary
from models.catalogue import CatalogueUncompiled, RepurchaseRule
from models.columns import CompiledCatalogue
from models.item_relations import ItemRelations
from models.learned_windows import curves_of
from models.policy.gates.already_purchased import refused_by
from models.promotions import Promotions, window_of
from models.repurchase import Curves, RepurchaseModel


@dataclass(frozen=True, slots=True)
class ItemRules:
    """The catalogue as if each of n items were promoted by an action of its own, together with its category where it
    has one. curves: None where no model says when things are bought again."""

    promotions: Promotions = field(repr=False)
    facts: ItemFacts = field(repr=False)
    relations: ItemRelations = field(repr=False)
    curves: Curves | None = field(repr=False)


def item_rules(
    compiled: CompiledCatalogue, items: NDArray[np.int32], model: RepurchaseModel | None, vocabulary: Vocabulary
) -> ItemRules:
    """items: int32[n], codes. model: of the bundle in service, by which learned windows go; None: by their days. Raises
    CatalogueUncompiled where no rule covers an item."""
    category = compiled.facts.category[items]
    of_category = dict(_rules(compiled, items, category, vocabulary))
    heads, thing = np.unique(compiled.relations.head[items], return_inverse=True)
    thing_of_head = np.full(len(compiled.relations.head), NO_CODE, np.int32)
    thing_of_head[heads] = np.arange(len(heads))
    has_category = category >= 0
    start = np.zeros(len(items) + 1, np.int32)
    np.cumsum(1 + has_category, out=start[1:])
    things = np.empty(start[-1], np.int32)
    things[start[:-1]] = thing
    things[start[:-1][has_category] + 1] = len(heads) + category[has_category]
    by_item = [of_category[one] for one in category.tolist()]
    rules = [rule for rule, count in zip(by_item, np.diff(start).tolist(), strict=True) for _ in range(count)]
    promoted = Promotions(
        category=category,
        start=start,
        thing=things,
        window=np.array([window_of(rule) for rule in rules], np.int64),
        chance=np.array([rule.chance for rule in rules], np.float64),
        needs_all=np.zeros(len(items), np.bool_),
        thing_of_item=thing_of_head[compiled.relations.head],
        heads=heads.astype(np.int32),
        first_category=len(heads),
        things=len(heads) + len(compiled.catalogue.categories),
    )
    known = None if model is None else curves_of(compiled, promoted.heads, model, vocabulary)
    return ItemRules(promoted, compiled.facts, compiled.relations, known)


def had(rules: ItemRules, records: Records, moment: int) -> NDArray[np.bool_]:
    """bool[n]. records: all EVENT records of the person, sorted by (occurred_at, sequence). moment: ms UTC."""
    seen = as_of(records, moment)
    record = CustomerRecord(person=-1, customer_id="", known=True, page=page(seen), ledger=ledger.entries(seen))
    return refused_by(_Person(rules, record, moment, record.page, record.page["kind"].tobytes()), minding=True)


@dataclass(frozen=True, slots=True)
class _Person:
    """As a Situation."""

    compiled: ItemRules
    customer: CustomerRecord
    moment: int
    known: Records
    kinds: bytes


def _rules(
    compiled: CompiledCatalogue, items: NDArray[np.int32], category: NDArray[np.int32], vocabulary: Vocabulary
) -> Iterator[tuple[int, RepurchaseRule]]:
    """By category, -1 none."""
    names = tuple(compiled.catalogue.categories)
    for one, first in zip(*np.unique(category, return_index=True), strict=True):
        rule = compiled.catalogue.repurchase_of(names[one] if one >= 0 else None)
        if rule is None:
            item = vocabulary.text("item", int(items[first]))
            raise CatalogueUncompiled(
                f"repurchase of item {item!r} is unset; what may be listed when it was bought must be known; set "
                "`repurchase` in the catalogue (docs/catalogue.md)"
            )
        yield int(one), rule
