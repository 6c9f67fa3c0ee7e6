"""The laws of a decision."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from msgspec import structs
from numpy.typing import NDArray

from features.event import Event, Kind
from features.history import CustomerRecord
from features.published import NOTHING
from features.vocabulary import Vocabulary
from models.catalogue import UnknownChannel, UnknownPlacement
from models.catalogue_file import checked
from models.columns import CompiledCatalogue
from models.cool_off import CoolOffModel, Rest
from models.decide import decide
from models.decision import ChosenAction, Decision, Slate
from models.learned_windows import with_learned_windows
from models.policy.arbitration import context_weight
from models.policy.exploration import Greedy
from models.policy.gate import Account, Gate
from models.policy.gates import GATES
from models.policy.gates.already_purchased import AlreadyPurchased
from models.policy.gates.consent import ConsentGiven
from models.policy.situation import Situation
from models.policy.version import POLICY, Policy
from models.policy_rules import Arm, Exploration
from models.scoring import Scorer
from tests.models.goods import CATEGORIES, ITEMS, Learned
from tests.models.shelves import CHANNELS, GREEDY_ARMS
from tests.models.shop import DAY, NOW, Absurd, Broken, ByAction, compiled, customer, event, items_table, request
from tests.models.worlds import World, worlds

LAW = settings(max_examples=40, deadline=None)


@dataclass(frozen=True, slots=True)
class Even:
    """An explorer that gives every candidate and no action the same chance."""

    name: str = "even"
    revision: int = 1

    def probabilities(
        self, priority: NDArray[np.float64], tie: NDArray[np.intp], exploration: Exploration | None
    ) -> NDArray[np.float64]:
        assert exploration is None
        return np.full(len(tie) + 1, 1.0 / (len(priority) + 1))


@dataclass(frozen=True, slots=True)
class Failing:
    """A gate that always raises."""

    name: str = "shaky"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        raise KeyError(situation.moment)

    def account(self, situation: Situation, place: int) -> Account:
        raise KeyError(place + situation.moment)


def answered(world: World, policy: Policy = POLICY, scorer: Scorer | None = None) -> Decision:
    rng = np.random.default_rng(world.request.seed)
    return decide(
        world.request, world.customer, world.compiled, scorer or world.scorer, NOW, rng, world.published, policy
    )


def chosen(decision: Decision) -> list[tuple[str, str]]:
    return [(slate.channel, action.action_id) for slate in decision.slates for action in slate.actions]


def going_first(world: World) -> set[str]:
    return {one.id for one in world.compiled.catalogue.actions if one.trigger is not None or one.urgent}


def weights_of(world: World) -> dict[tuple[str, str], float]:
    """The context's weight by channel and action."""
    situation = world.situation
    places = np.arange(len(situation.candidates), dtype=np.intp)
    weights, _ = context_weight(situation, places)
    return {(situation.channel(place), situation.action_id(place)): weights[place] for place in places}


def fallbacks(world: World) -> set[str]:
    return {action.id for action in world.compiled.catalogue.actions if action.fallback}


def eligible(slate: Slate, world: World) -> set[str]:
    """Ids of what every gate lets through. The world must have asked to explain."""
    listed = {world.compiled.catalogue.actions[number].id for number in world.compiled.channel(slate.channel).action}
    return listed - {refusal.action_id for refusal in slate.refused}


def in_order(actions: Sequence[ChosenAction], world: World) -> bool:
    first = going_first(world)
    ranked = [(one.action_id not in first, -one.priority, one.action_id) for one in actions]
    return ranked == sorted(ranked)


def refused_by(gate: Gate, world: World) -> set[tuple[str, str]]:
    situation = world.situation
    places = np.flatnonzero(gate.refuses(situation))
    return {(situation.channel(int(place)), situation.action_id(int(place))) for place in places}


@LAW
@given(world=worlds())
def test_what_was_bought_is_not_offered_within_its_window(world: World) -> None:
    assert not refused_by(AlreadyPurchased(), world) & set(chosen(answered(world)))


@LAW
@given(world=worlds())
def test_nobody_is_contacted_without_consent(world: World) -> None:
    assert not refused_by(ConsentGiven(), world) & set(chosen(answered(world)))


@LAW
@given(world=worlds())
def test_what_the_request_excludes_never_appears(world: World) -> None:
    assert not world.request.exclude & {action for _, action in chosen(answered(world))}


@LAW
@given(world=worlds())
def test_only_running_actions_with_a_fitting_treatment_are_offered(world: World) -> None:
    actions = {action.id: action for action in world.compiled.catalogue.actions}
    at = world.request.deliver_at
    for slate in answered(world).slates:
        for one in slate.actions:
            action = actions[one.action_id]
            assert (action.starts_at or 0) <= at < (action.ends_at or math.inf)
            [treatment] = [entry for entry in action.treatments if entry.id == one.treatment_id]
            assert treatment.channel == slate.channel
            asked = world.request.placement
            assert slate.channel != "web" or asked is None or treatment.placement in (None, asked)


@LAW
@given(world=worlds())
def test_the_funnel_counts_every_candidate_once(world: World) -> None:
    for slate in answered(world).slates:
        with_treatment = {
            action.id
            for action in world.compiled.catalogue.actions
            if any(treatment.channel == slate.channel for treatment in action.treatments)
        }
        assert list(slate.funnel) == ["candidates", *(gate.name for gate in GATES), "eligible"]
        dropped = sum(slate.funnel[gate.name] for gate in GATES)
        assert slate.funnel["candidates"] == len(with_treatment) == dropped + slate.funnel["eligible"]


@LAW
@given(world=worlds())
def test_the_funnel_counts_the_first_refusal_in_gate_order(world: World) -> None:
    asked = replace(world, request=replace(world.request, explain=True))
    sets = [(gate.name, refused_by(gate, world)) for gate in GATES]
    for slate in answered(asked).slates:
        for refusal in slate.refused:
            first = next(name for name, refused in sets if (slate.channel, refusal.action_id) in refused)
            assert refusal.gate == first
            assert refusal.reason
        counted = {name: sum(one.gate == name for one in slate.refused) for name, _ in sets}
        assert counted == {name: slate.funnel[name] for name, _ in sets}


@LAW
@given(world=worlds())
def test_the_limit_is_kept_and_ranks_count_up(world: World) -> None:
    for slate in answered(world).slates:
        assert len(slate.actions) <= world.request.limit
        assert [action.rank for action in slate.actions] == list(range(1, len(slate.actions) + 1))
        assert len({action.action_id for action in slate.actions}) == len(slate.actions)


@LAW
@given(world=worlds())
def test_the_same_seed_gives_the_same_decision(world: World) -> None:
    even = Policy(GATES, Even())
    assert answered(world, even) == answered(world, even)
    assert answered(world) == answered(world)


@LAW
@given(world=worlds())
def test_explaining_changes_nothing(world: World) -> None:
    def unexplained(explain: bool) -> Decision:
        decision = answered(replace(world, request=replace(world.request, explain=explain)), Policy(GATES, Even()))
        assert explain or not any((*slate.refused, *slate.withheld) for slate in decision.slates)
        bare = [tuple(replace(action, reasons=()) for action in slate.actions) for slate in decision.slates]
        slates = zip(decision.slates, bare, strict=True)
        kept = (replace(slate, refused=(), withheld=(), actions=own) for slate, own in slates)
        return replace(decision, slates=tuple(kept))

    assert unexplained(explain=True) == unexplained(explain=False)


@LAW
@given(world=worlds())
def test_distinct_offers_no_action_twice(world: World) -> None:
    distinct = replace(world, request=replace(world.request, distinct=True))
    for policy in (POLICY, Policy(GATES, Even())):
        offered = [action for _, action in chosen(answered(distinct, policy))]
        assert len(offered) == len(set(offered))


@LAW
@given(world=worlds(GREEDY_ARMS))
def test_best_across_is_one_pair_and_the_best_of_all(world: World) -> None:
    best = answered(replace(world, request=replace(world.request, across="best")))
    each = answered(replace(world, request=replace(world.request, across="each", distinct=False, limit=1)))
    first, last = going_first(world), fallbacks(world)

    def ranks(decision: Decision) -> list[tuple[bool, bool, float]]:
        found = [action for slate in decision.slates for action in slate.actions]
        return [(one.action_id not in last, one.action_id in first, one.priority) for one in found]

    found = ranks(best)
    assert found == ([max(ranks(each))] if ranks(each) else [])
    assert [slate.funnel for slate in best.slates] == [slate.funnel for slate in each.slates]
    assert {slate.no_action_probability for slate in best.slates} == {0.0 if found else 1.0}


@LAW
@given(world=worlds())
def test_what_happens_later_changes_nothing(world: World) -> None:
    later = [
        structs.replace(one, recorded_at=NOW + 1 + number, occurred_at=min(one.occurred_at, NOW))
        for number, one in enumerate(world.events)
    ]
    told = customer([*world.events, *later], world.vocabulary)
    twice = replace(world.customer, page=told.page, ledger=told.ledger, consents=told.consents)
    assert answered(replace(world, customer=twice)) == answered(world)


@LAW
@given(world=worlds())
def test_a_failed_model_degrades_the_ranking_and_opens_no_gate(world: World) -> None:
    sound, weights = answered(world), weights_of(world)
    for scorer in (Broken(), Absurd(math.nan), Absurd(1.5)):
        decision = answered(world, scorer=scorer)
        eligible = sum(slate.funnel["eligible"] for slate in decision.slates)
        assert [slate.funnel for slate in decision.slates] == [slate.funnel for slate in sound.slates]
        assert decision.degraded == bool(eligible)
        assert len(decision.faults) == int(bool(eligible))
        for slate in decision.slates:
            assert world.arm is Arm.RANDOM or in_order(slate.actions, world)
            assert all(math.isnan(action.response_probability) for action in slate.actions)
            levers = {action.id: action.lever for action in world.compiled.catalogue.actions}
            plain = world.arm in (Arm.NO_LEVERS, Arm.PROPENSITY)
            for action in slate.actions:
                weight = 1.0 if plain else levers[action.action_id] * weights[slate.channel, action.action_id]
                assert action.priority == pytest.approx(action.value * weight, rel=1e-12)


@LAW
@given(world=worlds())
def test_a_failed_gate_refuses_everything_by_name(world: World) -> None:
    asked = replace(world, request=replace(world.request, explain=True))
    decision = answered(asked, Policy((*GATES, Failing()), Greedy()))
    assert chosen(decision) == []
    assert all(slate.funnel["eligible"] == 0 for slate in decision.slates)
    assert len(decision.faults) == 1
    assert decision.faults[0].startswith("gate shaky: KeyError")
    failed = [refusal for slate in decision.slates for refusal in slate.refused if refusal.gate == "shaky"]
    assert all(refusal.rule == "gate_failed" for refusal in failed)
    assert len(failed) == sum(slate.funnel["shaky"] for slate in decision.slates)


@LAW
@given(world=worlds())
def test_only_what_the_gates_let_through_is_scored(world: World) -> None:
    decision = answered(world)
    eligible = sum(slate.funnel["eligible"] for slate in decision.slates)
    assert len(decision.feature_rows) == eligible
    situation = world.situation
    refused = np.zeros(len(situation.candidates), np.bool_)
    for gate in GATES:
        refused |= gate.refuses(situation)
    codes = situation.candidates.candidates.action[~refused]
    expected = [world.scorer.probability[int(code)] for code in codes]
    assert decision.feature_rows[:, :1].ravel().tolist() == expected


def small_shop(actions: Mapping[str, Mapping[str, object]], **sections: object) -> tuple[CompiledCatalogue, Vocabulary]:
    document = {
        "groups": [{"id": "g", "per_slate": 20}] * any("group" not in fields for fields in actions.values()),
        **sections,
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "channels": CHANNELS,
        "repurchase": {"rule": "never"},
        "categories": [{"id": name, "parent": above} for name, above in CATEGORIES.items()],
        "actions": [
            {
                "id": name,
                "kind": "offer",
                "group": "g",
                "value": 1,
                "success": "converted",
                "treatments": [{"id": channel, "channel": channel} for channel in ("mail", "web")],
                **fields,
            }
            for name, fields in actions.items()
        ],
    }
    return compiled(checked(document, items_table(ITEMS)))


ASKED = request("mail", "web", limit=3)
NOBODY = CustomerRecord(person=-1, customer_id="who", known=False)


def test_a_purchase_removes_an_offer_everywhere_and_a_refund_restores_it() -> None:
    shop, vocabulary = small_shop({"machine": {"items": ["w1"]}, "dryer": {"items": ["d1"]}})

    def offered(*events: Event) -> list[list[str]]:
        record = customer(events, vocabulary)
        decision = decide(ASKED, record, shop, ByAction(), NOW, np.random.default_rng(1), NOTHING)
        return [[action.action_id for action in slate.actions] for slate in decision.slates]

    bought = event(Kind.ORDERED, 9, item="w1", order="o-1", channel="store")
    back = event(Kind.REFUNDED, 2, order="o-1")
    in_basket = event(Kind.BASKET_ADDED, 1, item="d1", channel="web")
    assert offered() == [["dryer", "machine"]] * 2
    assert offered(bought) == [["dryer"]] * 2
    assert offered(bought, back) == [["dryer", "machine"]] * 2
    assert offered(bought, in_basket) == [[], []]
    assert offered(bought, in_basket, event(Kind.BASKET_REMOVED, 0.5, item="d1")) == [["dryer"]] * 2


def test_what_was_rejected_rests_as_long_as_was_learned_and_no_longer() -> None:
    rest = {"action_days": "learned", "action_fallback_days": 30, "group_days": "learned", "group_fallback_days": 30}
    bare, vocabulary = small_shop({"sore": {}, "other": {}, "set": {"group": "h", "cool_off_days": 1}}, cool_off=rest)
    model = CoolOffModel(
        NOW, 1.5, {"sore": Rest(14.0, at_least=False, people=80)}, {}, {}, None, Rest(2.0, at_least=False, people=40)
    )
    shop = with_learned_windows(bare, Learned(cool_off=model), vocabulary)

    def offered(days: float, compiled: CompiledCatalogue = shop) -> list[str]:
        record = customer([event(Kind.REJECTED, days, action="sore")], vocabulary)
        decision = decide(ASKED, record, compiled, ByAction(), NOW, np.random.default_rng(1), NOTHING)
        return [action.action_id for action in decision.slates[0].actions]

    assert [offered(days) for days in (1.0, 2.0, 13.9, 14.0)] == [
        ["set"],
        ["other", "set"],
        ["other", "set"],
        ["other", "set", "sore"],
    ]
    for unlearned in (bare, with_learned_windows(shop, Learned(), vocabulary)):
        assert [offered(days, unlearned) for days in (29.0, 30.0)] == [["set"], ["other", "set", "sore"]]


def test_an_unknown_customer_gets_an_answer() -> None:
    shop, _ = small_shop({"a": {}, "b": {"value": 2}})
    decision = decide(ASKED, NOBODY, shop, ByAction(), NOW, np.random.default_rng(1), NOTHING)
    assert [[action.action_id for action in slate.actions] for slate in decision.slates] == [["b", "a"]] * 2


def test_the_local_clock_is_the_customers_else_the_catalogues() -> None:
    shop, _ = small_shop({"a": {}})
    hours = {}
    for zone in (None, "Asia/Tokyo", "Not/AZone"):
        decision = decide(
            ASKED, replace(NOBODY, time_zone=zone), shop, ByAction(), NOW, np.random.default_rng(1), NOTHING
        )
        hours[zone] = decision.feature_rows[0, 1] / DAY * 24
    assert hours == {None: 1.0, "Asia/Tokyo": 9.0, "Not/AZone": 1.0}


def test_unknown_channels_and_placements_are_refused_by_name() -> None:
    shop, _ = small_shop({"a": {}})
    rng = np.random.default_rng(1)
    with pytest.raises(UnknownChannel, match="channel is 'fax'; channels are"):
        decide(request("fax"), NOBODY, shop, ByAction(), NOW, rng, NOTHING)
    with pytest.raises(UnknownPlacement, match="placement is 'roof'; placements are"):
        decide(request("web", placement="roof"), NOBODY, shop, ByAction(), NOW, rng, NOTHING)


def test_the_feature_digest_follows_every_bit() -> None:
    shop, _ = small_shop({"a": {}, "b": {}})

    def digest(chance: float) -> str:
        return decide(ASKED, NOBODY, shop, ByAction({}, chance), NOW, np.random.default_rng(1), NOTHING).feature_digest

    assert digest(0.25) == digest(0.25)
    assert digest(0.25) != digest(math.nextafter(0.25, 1))
    assert len(digest(0.25).removeprefix("v2-")) == 64
