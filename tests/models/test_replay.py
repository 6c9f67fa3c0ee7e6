"""A decision is the same again from a record cut where it had read, whatever is told, late or early, in between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features import consent, ledger
from features.event import Event
from features.history import CustomerRecord, Records, page
from models.decide import decide
from tests.models.shop import NOW, customer
from tests.models.worlds import World, contacts_told, purchases, worlds

more_told = st.composite(contacts_told)


@settings(max_examples=40, deadline=None)
@given(worlds(exploring=True), purchases(), st.lists(more_told(), max_size=4), st.integers(0, 2**63 - 1))
def test_events_told_after_the_read_change_no_replay(
    world: World, bought: tuple[Event, ...], contacts: list[Event], seed: int
) -> None:
    """Also those that happened before it: they come in with the decision's own moment on their clocks."""
    before = customer(world.vocabulary, world.events, world.customer)
    after = customer(world.vocabulary, (*world.events, *bought, *contacts), world.customer)
    version = int(before["sequence"].max()) if len(before) else 0
    assert answer(world, cut(world, after, version), seed) == answer(world, cut(world, before, version), seed)


def cut(world: World, log: Records, version: int) -> CustomerRecord:
    kept = log[log["sequence"] <= version]
    return replace(world.customer, page=page(kept), ledger=ledger.entries(kept), consents=consent.entries(kept))


def answer(world: World, record: CustomerRecord, seed: int) -> object:
    dice = np.random.default_rng(seed)
    return decide(world.request, record, world.compiled, world.scorer, NOW, dice, world.published)
