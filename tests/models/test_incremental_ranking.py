"""Ranking by what a contact earns against no contact: what is worse than nothing never beats nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.candidates import Candidates
from features.history import CustomerRecord
from models import catalogue_file
from models.catalogue import CatalogueInvalid, parse
from models.columns import CompiledCatalogue
from models.decision import ChosenAction, Decision
from models.policy.exploration import GREEDY
from models.policy.gates import GATES
from models.policy.version import Policy
from models.policy_rules import OWED, Arm, RankBy
from models.scoring import Scores
from tests.models.shop import ByAction
from tests.models.test_catalogue import EXAMPLE, faults_of
from tests.models.test_decide import answered
from tests.models.test_replay import bare
from tests.models.worlds import World, worlds

FEW = settings(max_examples=60, deadline=None)
MARGIN = 0.5
EFFECTS = st.sampled_from([-8.0, -0.5, 0.0, 0.25, 4.0, 100.0])


@dataclass(frozen=True, slots=True)
class Effects:
    """A scorer that knows what each action adds to sales (by vocabulary code), `otherwise` for the rest."""

    chances: ByAction
    effect: Mapping[int, float] = field(default_factory=dict)
    otherwise: float = 1.0
    version: str = "effects"

    def score(
        self, record: CustomerRecord, moment: int, utc_offset: int, candidates: Candidates, compiled: CompiledCatalogue
    ) -> Scores:
        scores = self.chances.score(record, moment, utc_offset, candidates, compiled)
        effect = [self.effect.get(int(code), self.otherwise) for code in candidates.action]
        return replace(scores, effect=np.array(effect, np.float64))


def incremental(world: World) -> World:
    catalogue = replace(world.compiled.catalogue, rank_by=RankBy.INCREMENTAL, margin=MARGIN)
    return replace(world, compiled=replace(world.compiled, catalogue=catalogue))


@st.composite
def ranked(draw: st.DrawFn, arms: tuple[Arm, ...] = tuple(Arm), exploring: bool = True) -> tuple[World, Effects]:
    world = incremental(draw(worlds(arms, exploring=exploring)))
    ids = [action.id for action in world.compiled.catalogue.actions]
    codes = {world.vocabulary.code("action", one): draw(EFFECTS) for one in ids}
    return world, Effects(world.scorer, codes)


def drawn(decision: Decision) -> list[tuple[str, ChosenAction]]:
    return [(slate.channel, action) for slate in decision.slates for action in slate.actions]


def net(world: World, scorer: Effects, channel: str, action_id: str) -> float:
    """Slow and obvious."""
    catalogue = world.compiled.catalogue
    action = next(one for one in catalogue.actions if one.id == action_id)
    effect = scorer.effect[world.vocabulary.code("action", action_id)]
    return effect * MARGIN - round((action.cost + catalogue.channels[channel].cost) * 1e6) / 1e6


def sells(world: World, action_id: str) -> bool:
    action = next(one for one in world.compiled.catalogue.actions if one.id == action_id)
    return action.purpose not in OWED and not action.urgent and action.trigger is None


@FEW
@given(made=ranked((Arm.FULL, Arm.HOLDOUT, Arm.NO_LEVERS)))
def test_what_is_worse_than_nothing_is_drawn_by_exploration_only(made: tuple[World, Effects]) -> None:
    world, scorer = made
    for _, action in drawn(answered(world, Policy(GATES, GREEDY), scorer)):
        assert action.incremental_value is None or action.incremental_value >= 0.0
    allowed = world.compiled.catalogue.channels
    for slate in answered(world, scorer=scorer).slates:
        for action in slate.actions:
            if action.incremental_value is not None and action.incremental_value < 0.0:
                explored = [one.exploration for one in allowed.values() if one.exploration is not None]
                assert explored
                assert action.selection_probability <= max(one.share for one in explored) + 1e-12


@FEW
@given(made=ranked())
def test_the_net_is_the_margin_of_what_is_added_less_the_cost_and_only_of_what_sells(
    made: tuple[World, Effects],
) -> None:
    world, scorer = made
    decision = answered(world, scorer=scorer)
    for channel, action in drawn(decision):
        told = action.incremental_value
        if world.arm is Arm.PROPENSITY or not sells(world, action.action_id):
            assert told is None
        else:
            assert told is not None
            assert told == pytest.approx(net(world, scorer, channel, action.action_id), abs=1e-9)
            assert decision.ranked_by is RankBy.INCREMENTAL
            assert (told < 0.0) == (action.priority < 0.0)
            assert told >= 0.0 or action.priority == told
    if world.arm is Arm.PROPENSITY:
        assert decision.ranked_by is RankBy.RESPONSE


@FEW
@given(world=worlds(exploring=True))
def test_without_a_model_of_it_all_is_as_by_response_and_says_so(world: World) -> None:
    wanted, plain = answered(incremental(world)), answered(world)
    assert bare(wanted) == bare(plain)
    assert wanted.ranked_by is plain.ranked_by is RankBy.RESPONSE


@FEW
@given(made=ranked())
def test_a_replay_is_identical(made: tuple[World, Effects]) -> None:
    world, scorer = made
    one, again = (answered(world, scorer=scorer) for _ in range(2))
    assert (bare(one), one.ranked_by) == (bare(again), again.ranked_by)


@FEW
@given(world=worlds(exploring=True), unusable=st.sampled_from([math.nan, math.inf, -math.inf]))
def test_without_a_usable_effect_all_is_as_by_response_and_says_so(world: World, unusable: float) -> None:
    scorer = Effects(world.scorer, otherwise=unusable)
    decision, plain = answered(incremental(world), scorer=scorer), answered(world)
    assert [slate.actions for slate in decision.slates] == [slate.actions for slate in plain.slates]
    assert decision.feature_digest == plain.feature_digest
    assert decision.ranked_by is RankBy.RESPONSE
    assert not decision.degraded
    scored = any(slate.funnel["eligible"] for slate in decision.slates)
    assert decision.effect_failed == scored
    assert any("effect is not" in one for one in decision.faults) == scored
    assert not plain.effect_failed


def test_the_catalogue_says_what_is_ranked_by_and_what_the_shop_earns() -> None:
    told = EXAMPLE + "\nrank_by: incremental\nmargin: 0.3\n"
    catalogue = parse(catalogue_file.read_text(told).document, 1)
    assert (catalogue.rank_by, catalogue.margin) == (RankBy.INCREMENTAL, 0.3)
    plain = parse(catalogue_file.read_text(EXAMPLE).document, 1)
    assert (plain.rank_by, plain.margin) == (RankBy.RESPONSE, None)


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ("rank_by: incremental", "rank_by is 'incremental'; it needs a margin"),
        ("rank_by: uplift\nmargin: 0.5", "rank_by is 'uplift'"),
        ("margin: 0", "margin is 0"),
        ("margin: 1.5", "margin is 1.5"),
    ],
)
def test_a_ranking_that_cannot_be_is_told_of(told: str, named: str) -> None:
    faults = faults_of(f"{EXAMPLE}\n{told}\n")
    assert len(faults) == 1
    assert named in faults[0]
    with pytest.raises(CatalogueInvalid):
        catalogue_file.read_text(f"{EXAMPLE}\n{told}\n")
