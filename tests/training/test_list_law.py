"""The first law of lists, whatever was bought: none holds what the plain law, or the gate, says is not to be offered.
SYNTHETIC."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Event, Kind
from features.history import Records
from features.progress import Silent
from features.vocabulary import Vocabulary
from models.columns import CompiledCatalogue
from models.policy.bought import not_to_be_offered
from models.policy.bought_items import item_rules
from models.policy.gates.already_purchased import AlreadyPurchased
from tests.models.shop import DAY, NOW, ByAction, compiled, customer, event, records, request
from tests.models.worlds import World
from tests.training.corner_shop import GOODS, NOT_SOLD, basket, source
from training.next_purchase.baskets import baskets, renumbered
from training.next_purchase.ranker import Ranker, Settings, Why, fit, rank
from training.next_purchase.shelf import Shelf

Goods = tuple[CompiledCatalogue, Vocabulary]
SPAN = st.floats(0.0, 60.0)


@pytest.fixture(scope="module")
def goods() -> Goods:
    return compiled(source())


def history(past: tuple[Event, ...], vocabulary: Vocabulary) -> Records:
    rows = records(past, vocabulary)
    return rows[np.lexsort((rows["sequence"], rows["occurred_at"]))]


@pytest.fixture(scope="module")
def ranker(goods: Goods) -> Ranker:
    _, vocabulary = goods
    rng = np.random.default_rng(8)
    pasts = [
        tuple(
            event(Kind.ORDERED, 30.0 - 3 * day, item=item, order=f"o-{day}", quantity=1.0)
            for day in range(6)
            for item in sorted(basket(person, day, rng) - {NOT_SOLD})
        )
        for person in range(120)
    ]
    everything = np.arange(vocabulary.size("item"), dtype=np.int32)
    known, _ = renumbered(baskets([history(past, vocabulary) for past in pasts], everything, NOW))
    return fit(known, Settings(rounds=20), Silent())


@st.composite
def pasts(draw: st.DrawFn) -> tuple[Event, ...]:
    """A few orders, of which some come back, and a subscription or a full basket now and then."""
    told: list[Event] = []
    for number in range(draw(st.integers(1, 5))):
        ago, order = draw(SPAN), f"o-{number}"
        held = draw(st.sets(st.sampled_from(sorted(GOODS)), min_size=1, max_size=4))
        told += [event(Kind.ORDERED, ago, item=item, order=order, quantity=1.0) for item in sorted(held)]
        if draw(st.integers(0, 3)) == 0:
            told.append(event(Kind.REFUNDED, ago / 2, item=min(held), order=order, quantity=1.0))
    others = st.sampled_from([Kind.BASKET_ADDED, Kind.SUBSCRIPTION_STARTED])
    for kind in draw(st.lists(others, max_size=3)):
        item = draw(st.sampled_from(sorted(GOODS)))
        told.append(
            event(
                kind, draw(st.floats(0.0, 12.0)), item=item, order=item if kind is Kind.SUBSCRIPTION_STARTED else None
            )
        )
    return tuple(told)


@settings(max_examples=40, deadline=None)
@given(people=st.lists(pasts(), min_size=2, max_size=5), late=st.integers(0, 15))
def test_no_list_holds_what_is_not_to_be_offered(
    goods: Goods, ranker: Ranker, people: list[tuple[Event, ...]], late: int
) -> None:
    catalogue, vocabulary = goods
    histories, moment = [history(past, vocabulary) for past in people], NOW + late * DAY
    everything = np.arange(vocabulary.size("item"), dtype=np.int32)
    known, item = renumbered(baskets(histories, everything, moment))
    rules = item_rules(catalogue, item, None, vocabulary)
    moments = np.full(len(people), moment, np.int64)
    shelf = Shelf(np.zeros(len(item), np.int8), np.arange(len(item)), rules, histories, moments)
    asked = np.arange(len(people))
    whole, listed = rank(ranker, known, asked, len(GOODS), Silent(), None, shelf)
    for person, past in enumerate(people):
        record = customer(past, vocabulary)
        found = {str(vocabulary.text("item", int(item[thing]))) for thing in listed.thing[person] if thing >= 0}
        asked_about = replace(
            World(catalogue, vocabulary, past, record, request("web"), ByAction()).situation, moment=moment
        )
        refuses = AlreadyPurchased().refuses(asked_about)
        refused = {asked_about.action_id(place) for place in np.flatnonzero(refuses).tolist()}
        assert not_to_be_offered(record, catalogue, moment) <= refused
        could = {str(vocabulary.text("item", int(item[thing]))) for thing in whole.thing[person] if thing >= 0}
        assert found == could - refused
    counted = int((listed.thing >= 0).sum() + listed.withheld[Why.HAD])
    assert counted == int((whole.thing >= 0).sum())
