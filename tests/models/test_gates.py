"""Each gate: the contract, and its own rule against a slow and obvious telling of it."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.consent import objects_to_profiling
from features.event import Event, Kind
from features.vocabulary import Vocabulary
from models.catalogue import Action, Repurchase
from models.catalogue_file import checked
from models.policy.basket import in_basket
from models.policy.gates import GATES
from models.policy.gates.accepted import NotPending
from models.policy.gates.already_purchased import AlreadyPurchased
from models.policy.gates.arm import OutsideHoldout
from models.policy.gates.available import Available
from models.policy.gates.budget import WithinBudget
from models.policy.gates.ceiling import BelowCeiling
from models.policy.gates.channel import ChannelPlacement
from models.policy.gates.consent import ConsentGiven
from models.policy.gates.contact_limits import WithinContactLimits
from models.policy.gates.eligibility import Eligibility
from models.policy.gates.excluded import Excluded
from models.policy.gates.in_basket import LiesInBasket
from models.policy.gates.quiet_hours import OutsideQuietHours
from models.policy.gates.reachable import Reachable
from models.policy.gates.rejected import CooledOff
from models.policy.gates.schedule import Schedule
from models.policy.gates.service_first import ServiceBeforeSales
from models.policy.gates.survey import AfterwardsOnly
from models.policy.gates.trigger import TriggerHolds
from models.policy_rules import Purpose
from models.repurchase import EDGES, MOST_UNITS, Pace
from tests.checks.gate_contract import (
    CASES_MORE,
    CONTACTS_MORE,
    PURCHASES_MORE,
    REJECTIONS_MORE,
    TROUBLES_MORE,
    WITHDRAWALS_MORE,
    Closing,
    GateContract,
)
from tests.models.goods import BUNDLES, CATEGORIES, ITEMS, VARIANTS
from tests.models.shelves import CHANNELS
from tests.models.shop import DAY, NOW, ByAction, compiled, customer, event, items_table, request
from tests.models.worlds import World, worlds


class TestSchedule(GateContract):
    gate = Schedule()


class TestChannelPlacement(GateContract):
    gate = ChannelPlacement()


class TestConsentGiven(Closing, GateContract):
    gate, more = ConsentGiven(), WITHDRAWALS_MORE


class TestTriggerHolds(GateContract):
    gate = TriggerHolds()


class TestAlreadyPurchased(Closing, GateContract):
    gate, more = AlreadyPurchased(), PURCHASES_MORE
    learned = False  # whoever buys more often is soon likely to buy again


class TestReachable(GateContract):
    gate = Reachable()


class TestOutsideQuietHours(GateContract):
    gate = OutsideQuietHours()


class TestServiceBeforeSales(Closing, GateContract):
    gate, more = ServiceBeforeSales(), TROUBLES_MORE


class TestAfterwardsOnly(Closing, GateContract):
    gate, more = AfterwardsOnly(), CASES_MORE


class TestNotPending(GateContract):
    gate = NotPending()


class TestLiesInBasket(GateContract):
    gate = LiesInBasket()


class TestCooledOff(Closing, GateContract):
    gate, more = CooledOff(), REJECTIONS_MORE


class TestWithinContactLimits(Closing, GateContract):
    gate, more = WithinContactLimits(), CONTACTS_MORE


class TestWithinBudget(GateContract):
    gate = WithinBudget()


class TestBelowCeiling(GateContract):
    gate = BelowCeiling()


class TestAvailable(GateContract):
    gate = Available()


class TestEligibility(GateContract):
    gate = Eligibility()


class TestExcluded(GateContract):
    gate = Excluded()


class TestOutsideHoldout(GateContract):
    gate = OutsideHoldout()


def test_the_contract_covers_every_gate_in_force() -> None:
    covered = {contract.gate.name for contract in GateContract.__subclasses__()}
    assert covered == {gate.name for gate in GATES}


def kept(events: tuple[Event, ...]) -> list[tuple[str, int, float]]:
    """Slow and obvious: (item, bought at, units) of every line that did not come back, as we know it at NOW."""
    known = [one for one in events if one.recorded_at <= NOW and one.occurred_at <= NOW]
    found = []
    for line in known:
        if line.kind is not Kind.ORDERED or line.item is None:
            continue
        units = 1.0 if math.isnan(line.quantity) else line.quantity
        for back in known:
            if (
                back.kind in (Kind.REFUNDED, Kind.CANCELLED)
                and back.order == line.order
                and back.item in (None, line.item)
            ):
                units -= math.inf if back.item is None or math.isnan(back.quantity) else back.quantity
        if units > 0:
            found.append((line.item, line.occurred_at, units))
    return found


def basket(events: tuple[Event, ...]) -> list[tuple[str, int]]:
    """Slow and obvious: what was put into the basket last, within 30 days, counts as bought now."""
    kinds = (Kind.BASKET_ADDED, Kind.BASKET_REMOVED, Kind.ORDERED)
    newest: dict[str, tuple[int, int, Kind]] = {}
    for place, one in enumerate(events):
        in_time = NOW - 30 * DAY < one.occurred_at <= NOW and one.recorded_at <= NOW
        if one.item in ITEMS and one.kind in kinds and in_time:
            newest[one.item] = max(newest.get(one.item, (0, 0, one.kind)), (one.occurred_at, place, one.kind))
    return [(item, NOW) for item, (_, _, kind) in newest.items() if kind is Kind.BASKET_ADDED]


_STEPS = st.lists(
    st.tuples(
        st.sampled_from([Kind.BASKET_ADDED, Kind.BASKET_REMOVED, Kind.ORDERED, Kind.VIEWED]),
        st.sampled_from(["f1", "f2"]),
        st.sampled_from([0.0, 1.0, 1.0, 29.9, 30.0, 31.0]),
        st.sampled_from([0.0, 0.0, 2.0]),
    ),
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(steps=_STEPS)
def test_the_basket_agrees_with_the_oracle(steps: list[tuple[Kind, str, float, float]]) -> None:
    vocabulary = Vocabulary()
    vocabulary.learn("item", [(0, "f1"), (1, "f2")])
    events = tuple(event(kind, days, item=item, lag_days=lag) for kind, item, days, lag in steps)
    found = in_basket(customer(events, vocabulary).page, NOW)
    assert [vocabulary.text("item", code) for code in found] == sorted(item for item, _ in basket(events))


def line_up(category: str | None, world: World) -> list[str]:
    return [above.id for above in world.compiled.catalogue.lineage(category)]


def bought_too(item: str) -> list[str]:
    """What a purchase of the item is a purchase of."""
    return [item, *BUNDLES.get(item, [])]


def is_of(item: str, thing: str, is_item: bool, world: World) -> bool:
    if is_item:
        return VARIANTS.get(item, item) == VARIANTS.get(thing, thing)
    return thing in line_up(ITEMS.get(item), world)


def rates(world: World, thing: str, is_item: bool) -> tuple[np.ndarray, Pace] | None:
    """Slow and obvious: those of the thing itself, else of its kind in the nearest known category."""
    model = world.model
    assert model is not None
    head = VARIANTS.get(thing, thing)
    if is_item and head in model.items:
        place = model.items.index(head)
        return model.factor[place] * model.within[model.home[place]], model.item_pace
    lineage = line_up(ITEMS[head] if is_item else thing, world)
    known = [model.categories.index(name) for name in lineage if name in model.categories]
    if not known:
        return None
    if is_item:
        return model.within[known[0]], model.item_pace
    return (model.own if thing in model.categories else model.below)[known[0]], model.category_pace


def likely(told: tuple[np.ndarray, Pace], bought: list[tuple[int, float]]) -> float:
    """Slow and obvious: the chance of buying again within 28 days. bought: (at, units), the oldest first."""
    rate, pace = told
    spells: list[list[float]] = []
    for at, units in bought:
        if spells and at - spells[-1][0] < DAY:
            spells[-1][1] += units
        else:
            spells.append([at, units])

    def expected(days: float, units: float) -> float:
        days /= min(max(units, 1.0), MOST_UNITS) ** pace.wear
        ends = [*EDGES[1:], math.inf]
        return sum(one * max(0.0, min(days, end) - start) for one, start, end in zip(rate, EDGES, ends, strict=True))

    spent = sum(expected((one[0] - before[0]) / DAY, before[1]) for before, one in itertools.pairwise(spells))
    at, units = spells[-1]
    spent += expected((NOW - at) / DAY, units)
    ahead = expected((NOW - at) / DAY + 28, units) - expected((NOW - at) / DAY, units)
    return 1.0 - ((pace.shape + spent) / (pace.shape + spent + ahead)) ** (pace.shape + len(spells) - 1)


def counts(world: World, action: Action, thing: str, is_item: bool) -> bool:
    rule = action.suppression.rule
    if rule.repurchase is Repurchase.BY_CATEGORY:
        by_category = world.compiled.catalogue.repurchase_of(ITEMS[thing] if is_item else thing)
        assert by_category is not None
        rule = by_category
    lying = [one for item, _ in basket(world.events) for one in bought_too(item) if is_of(one, thing, is_item, world)]
    lying = lying if action.basket == "exclude" else []
    own = [
        (at, units)
        for item, at, units in kept(world.events)
        for one in bought_too(item)
        if is_of(one, thing, is_item, world)
    ]
    if rule.repurchase is Repurchase.ALWAYS or not (own or lying):
        return False
    if rule.repurchase is Repurchase.NEVER or (lying and rule.days > 0):
        return True
    if rule.repurchase is Repurchase.LEARNED and world.model is not None:
        told = rates(world, thing, is_item)
        if told is not None:
            return likely(told, sorted(own)[-1:] if objects(world) else sorted(own)) < rule.chance
    return any(at > NOW - rule.days * DAY for at, _ in own)


def objects(world: World) -> bool:
    return objects_to_profiling(world.customer.consents, NOW)


@settings(max_examples=600, deadline=None)
@given(world=worlds(), again=st.none() | st.sampled_from(sorted(ITEMS)))
def test_already_purchased_agrees_with_the_oracle(world: World, again: str | None) -> None:
    """again: bought this very moment, and put into the basket once more."""
    if again is not None:
        told = event(Kind.ORDERED, 0, item=again, order="now"), event(Kind.BASKET_ADDED, 0, item=again)
        world = world.after(*told)
    expected = []
    for number in world.situation.candidates.action:
        action = world.compiled.catalogue.actions[number]
        things = [counts(world, action, item, True) for item in action.items]
        things += [counts(world, action, category, False) for category in action.categories]
        expected.append(bool(things) and (all(things) if action.suppression.match == "all" else any(things)))
    assert AlreadyPurchased().refuses(world.situation).tolist() == expected


def allowed(world: World, channel: str, topic: str | None, purpose: Purpose) -> bool:
    """Slow and obvious: no withdrawal stands that nothing later lifts, and silence means what the catalogue says. What
    is owed stops for a withdrawal of its own topic alone, what the law demands for none."""
    if purpose in (Purpose.SERVICE, Purpose.LEGAL):
        said = [one for one in world.events if "CONSENT" in one.name and one.topic == topic and topic is not None]
        said = [one for one in said if one.recorded_at <= NOW and one.channel in (channel, None)]
        said = [one for one in said if one.kind is Kind.CONSENT_WITHDRAWN or one.channel is not None]
        newest = max(said, key=lambda one: (one.occurred_at, one.kind is Kind.CONSENT_WITHDRAWN), default=None)
        return purpose is Purpose.LEGAL or newest is None or newest.kind is Kind.CONSENT_GRANTED
    regime = "opt_in" if topic == "offers" else CHANNELS[channel]["consent"]
    if regime == "not_needed":
        return True
    said = [one for one in world.events if "CONSENT" in one.name and one.topic in (None, topic)]
    said = [one for one in said if one.recorded_at <= NOW and one.channel in (channel, None)]
    grants = [one for one in said if one.kind is Kind.CONSENT_GRANTED and one.channel == channel]
    withdrawals = [one for one in said if one.kind is Kind.CONSENT_WITHDRAWN]

    def lifted(withdrawal: Event) -> bool:
        later = [one for one in grants if one.occurred_at > withdrawal.occurred_at]
        return any(withdrawal.topic is None or one.topic == withdrawal.topic for one in later)

    if not all(lifted(withdrawal) for withdrawal in withdrawals):
        return False
    return bool(grants) or regime == "opt_out"


@settings(max_examples=100, deadline=None)
@given(world=worlds())
def test_consent_agrees_with_the_oracle(world: World) -> None:
    situation = world.situation
    actions = (world.compiled.catalogue.actions[number] for number in situation.candidates.action)
    expected = [
        not allowed(world, situation.channel(place), action.topic, action.purpose)
        for place, action in enumerate(actions)
    ]
    assert ConsentGiven().refuses(situation).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(world=worlds())
def test_schedule_is_judged_at_delivery_and_half_open(world: World) -> None:
    actions, at = world.compiled.catalogue.actions, world.request.deliver_at
    running = [
        (action.starts_at is None or action.starts_at <= at) and (action.ends_at is None or at < action.ends_at)
        for action in (actions[number] for number in world.situation.candidates.action)
    ]
    assert Schedule().refuses(world.situation).tolist() == [not one for one in running]


@pytest.mark.parametrize(("days_ago", "refused"), [(0.0, True), (29.999, True), (30.0, False), (30.001, False)])
def test_the_window_is_open_at_its_far_end(days_ago: float, refused: bool, one_action: World) -> None:
    world = one_action
    record = customer([event(Kind.ORDERED, days_ago, item="f1", order="o")], world.vocabulary)
    situation = World(world.compiled, world.vocabulary, (), record, world.request, world.scorer).situation
    assert AlreadyPurchased().refuses(situation).tolist() == [refused]


@pytest.fixture
def one_action() -> World:
    """One action that promotes the item f1, not again for 30 days."""
    document = {
        "currency": "EUR",
        "time_zone": "UTC",
        "channels": CHANNELS,
        "categories": [{"id": name, "parent": above} for name, above in CATEGORIES.items()],
        "actions": [
            {
                "id": "a",
                "kind": "offer",
                "group": "g",
                "items": ["f1"],
                "value": 1,
                "success": "converted",
                "suppression": {"rule": "after", "days": 30},
                "treatments": [{"id": "t", "channel": "web"}],
            }
        ],
    }
    shop, vocabulary = compiled(checked(document, items_table(ITEMS)))
    return World(shop, vocabulary, (), customer((), vocabulary), request("web"), ByAction())


def test_an_item_unknown_to_the_catalogue_refuses_nothing(one_action: World) -> None:
    world = one_action
    world.vocabulary.learn("item", [(world.vocabulary.size("item"), "newer than the catalogue")])
    bought = [event(Kind.ORDERED, 1, item="newer than the catalogue"), event(Kind.ORDERED, 1, item="unlisted")]
    record = customer(bought, world.vocabulary)
    situation = World(world.compiled, world.vocabulary, (), record, world.request, world.scorer).situation
    assert not np.any(AlreadyPurchased().refuses(situation))


@pytest.mark.parametrize(
    ("happened", "rule", "reason"),
    [
        (Kind.ORDERED, "after", "item f1 was bought 9 days ago (2025-12-23T00:00:00Z) and is not offered again before"),
        (Kind.BASKET_ADDED, "in_basket", "item f1 lies in the basket, about to be bought"),
    ],
)
def test_the_reason_says_what_happened(happened: Kind, rule: str, reason: str, one_action: World) -> None:
    record = customer([event(happened, 9, item="f1", order="o")], one_action.vocabulary)
    account = AlreadyPurchased().account(replace(one_action, customer=record).situation, 0)
    assert account.rule == rule
    assert account.reason.startswith(reason)
