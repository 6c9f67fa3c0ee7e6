"""The plain law of what nobody may be offered, beside the gate that keeps it, in SYNTHETIC worlds."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from models.policy.bought import not_to_be_offered
from models.policy.gates.already_purchased import AlreadyPurchased
from tests.models.worlds import World, worlds


@settings(max_examples=25, deadline=None)
@given(world=worlds())
def test_the_gate_refuses_what_the_law_withholds_and_else_only_learned_windows_and_baskets(world: World) -> None:
    situation = world.situation
    withheld = not_to_be_offered(situation.customer, situation.compiled, situation.moment)
    refused = AlreadyPurchased().refuses(situation)
    promoted, policy = situation.compiled.promotions, situation.compiled.policy
    for place, number in enumerate(situation.candidates.action.tolist()):
        held = situation.action_id(place) in withheld
        assert not held or refused[place]
        things = slice(int(promoted.start[number]), int(promoted.start[number + 1]))
        by_days = np.isnan(promoted.chance[things]).all()
        if by_days and not policy.minds_basket[number]:
            assert held == refused[place]
