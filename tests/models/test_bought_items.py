"""Items that nothing promotes are had by the very rules by which actions that promote them are refused. SYNTHETIC."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Event, Kind
from features.history import Records
from features.vocabulary import Vocabulary
from models.catalogue import CatalogueUncompiled
from models.catalogue_file import checked
from models.columns import CompiledCatalogue
from models.learned_windows import with_learned_windows
from models.policy.bought_items import had, item_rules
from models.policy.gates.already_purchased import AlreadyPurchased
from models.policy_rules import Arm
from tests.models.goods import BUNDLES, ITEMS, VARIANTS, Learned, repurchase_model
from tests.models.shelves import CHANNELS, catalogue_of
from tests.models.shop import DAY, NOW, ByAction, compiled, customer, event, items_table, records, request
from tests.models.worlds import World, purchases

KINDS = (Kind.BASKET_ADDED, Kind.BASKET_REMOVED, Kind.SUBSCRIPTION_STARTED, Kind.SUBSCRIPTION_ENDED)
OFFER = {"kind": "offer", "group": "g", "value": 1, "success": "converted", "suppression": {"rule": "by_category"}}


def promoting(document: dict[str, object]) -> tuple[CompiledCatalogue, Vocabulary]:
    """The same shop with an action for each item, and its category where it has one."""
    actions = [
        {
            **OFFER,
            "id": f"buy-{item}",
            "items": [item],
            "categories": [] if category is None else [category],
            "treatments": [{"id": "t", "channel": "web"}],
        }
        for item, category in ITEMS.items()
    ]
    bare = {"groups": [], "weights": [], "arms": None}
    return compiled(checked({**document, **bare, "actions": actions}, items_table(ITEMS, None, VARIANTS, BUNDLES)))


@st.composite
def pasts(draw: st.DrawFn) -> tuple[Event, ...]:
    """Purchases, some of which come back, baskets and subscriptions."""
    others = st.tuples(st.sampled_from(KINDS), st.sampled_from(list(ITEMS)), st.floats(0.0, 45.0))
    told = draw(st.lists(others, max_size=4))
    return (*draw(purchases()), *(event(kind, ago, item=item, order=item) for kind, item, ago in told))


def in_order(rows: Records) -> Records:
    return rows[np.lexsort((rows["sequence"], rows["occurred_at"]))]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), learned=st.booleans(), past=pasts())
def test_an_item_is_had_where_the_gate_refuses_what_promotes_it(
    seed: int, learned: bool, past: tuple[Event, ...]
) -> None:
    catalogue, vocabulary = promoting(catalogue_of(random.Random(seed), 1, Arm.FULL, exploring=False))
    model = repurchase_model(seed) if learned else None
    gated = with_learned_windows(catalogue, Learned(model), vocabulary) if learned else catalogue
    world = World(gated, vocabulary, past, customer(past, vocabulary), request("web"), ByAction())
    refused = {
        world.situation.action_id(place): bool(one)
        for place, one in enumerate(AlreadyPurchased().refuses(world.situation))
    }
    codes = np.array([vocabulary.code("item", item) for item in ITEMS], np.int32)
    found = had(item_rules(catalogue, codes, model, vocabulary), in_order(records(past, vocabulary)), NOW)
    assert {f"buy-{item}": bool(one) for item, one in zip(ITEMS, found, strict=True)} == refused


def test_who_has_one_durable_has_all_of_its_kind_until_it_comes_back() -> None:
    rules = [{"id": "washers", "repurchase": {"rule": "never"}}, {"id": "food", "repurchase": {"rule": "always"}}]
    document = {"currency": "EUR", "time_zone": "UTC", "channels": CHANNELS, "categories": rules, "actions": []}
    goods = {"w": "washers", "another": "washers", "bread": "food"}
    shop, vocabulary = compiled(checked(document, items_table(goods)))
    asked = item_rules(shop, np.array([vocabulary.code("item", one) for one in goods], np.int32), None, vocabulary)
    bought = [event(Kind.ORDERED, 900.0, item=item, order="o-1", quantity=1.0) for item in ("w", "bread")]
    assert had(asked, records(bought, vocabulary), NOW).tolist() == [True, True, False]
    assert had(asked, records(bought, vocabulary), NOW - 901 * DAY).tolist() == [False, False, False]
    back = event(Kind.REFUNDED, 1.0, item="w", order="o-1", quantity=1.0)
    assert had(asked, records([*bought, back], vocabulary), NOW).tolist() == [False, False, False]


def test_without_a_rule_nobody_can_say() -> None:
    document = {"currency": "EUR", "time_zone": "UTC", "channels": CHANNELS, "actions": []}
    shop, vocabulary = compiled(checked(document, items_table({"w": None})))
    with pytest.raises(CatalogueUncompiled, match="repurchase of item 'w' is unset; "):
        item_rules(shop, np.array([vocabulary.code("item", "w")], np.int32), None, vocabulary)
