"""A decision is the same again from its log cut where it had read, whatever was told since, late or early."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features import consent, ledger
from features.event import Event
from features.history import CustomerRecord, Records, page
from models.decide import decide
from models.decision import Decision
from tests.models.shop import NOW, records
from tests.models.worlds import World, purchases, worlds


@settings(max_examples=50, deadline=None)
@given(worlds(exploring=True), purchases(), st.integers(0, 2**63 - 1))
def test_a_replay_from_the_cut_log_is_the_decision(world: World, told: tuple[Event, ...], seed: int) -> None:
    """told: of before and at the decision's moment, but after it had read."""
    made = answered(world, world.customer, seed, world.request.explain)
    log = records((*world.events, *told), world.vocabulary)
    cut = log[log["sequence"] <= world.customer.version]
    assert len(cut) == len(world.events)
    again = answered(world, read(world, cut), seed, explain=True)
    assert (bare(again), again.feature_digest) == (bare(made), made.feature_digest)


def read(world: World, log: Records) -> CustomerRecord:
    return replace(world.customer, page=page(log), ledger=ledger.entries(log), consents=consent.entries(log))


def answered(world: World, record: CustomerRecord, seed: int, explain: bool) -> Decision:
    request, dice = replace(world.request, explain=explain), np.random.default_rng(seed)
    return decide(request, record, world.compiled, world.scorer, NOW, dice, world.published)


def bare(decision: Decision) -> str:
    """As text, in which NaN is NaN; without what is there when asked for."""
    slates = [
        replace(slate, refused=(), withheld=(), actions=tuple(replace(one, reasons=()) for one in slate.actions))
        for slate in decision.slates
    ]
    return repr((slates, decision.arm, decision.degraded, decision.personalised, decision.faults))
