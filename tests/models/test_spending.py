"""What is true of everybody together: budgets, ceilings, and what can be had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.published import Published
from features.spending import MILLIONTHS, Charge, Most, Spent, millionths
from models.policy.gate import Gate
from models.policy.gates.available import Available
from models.policy.gates.budget import WithinBudget
from models.policy.gates.ceiling import BelowCeiling
from models.policy.spending import charges, day_of
from models.policy_rules import Direction
from tests.models.shop import NOW, ByAction, customer, request
from tests.models.spending_oracle import above_ceiling, over_budget
from tests.models.test_decide import LAW, NOBODY, answered, small_shop
from tests.models.worlds import TODAY, World, worlds


@settings(max_examples=150, deadline=None)
@given(world=worlds())
def test_the_gates_agree_with_the_oracle(world: World) -> None:
    situation, gone = world.situation, world.published.unavailable
    expected: dict[str, list[bool]] = {"budget": [], "ceiling": [], "available": []}
    for place, number in enumerate(situation.candidates.action):
        action = world.compiled.catalogue.actions[number]
        expected["budget"].append(over_budget(world, action.id, situation.channel(place)))
        expected["ceiling"].append(above_ceiling(world, action.id))
        to_be_had = [item for item in action.items if item not in gone]
        expected["available"].append(bool(action.items) and not to_be_had and not action.categories)
    gates: tuple[Gate, ...] = (WithinBudget(), BelowCeiling(), Available())
    assert {gate.name: gate.refuses(situation).tolist() for gate in gates} == expected


@LAW
@given(world=worlds(), money=st.sampled_from([0.0, 0.5, 2.5]))
def test_one_more_contact_opens_no_budget_and_a_ceiling_only_at_its_end(world: World, money: float) -> None:
    actions = {action.id: action for action in world.compiled.catalogue.actions}
    spent = {one: world.published.spent_by(one, TODAY).with_contact(millionths(money)) for one in actions}
    later = replace(world, published=replace(world.published, day=TODAY, spent=spent))
    for gate in (WithinBudget(), BelowCeiling()):
        opened = gate.refuses(world.situation) & ~gate.refuses(later.situation)
        for place in np.flatnonzero(opened):
            ceiling = actions[world.situation.action_id(int(place))].ceiling
            assert isinstance(gate, BelowCeiling)
            assert ceiling is not None
            assert spent[world.situation.action_id(int(place))].contacts_ever == ceiling.until


@LAW
@given(world=worlds())
def test_a_decision_charges_what_it_chose_of_what_is_counted(world: World) -> None:
    decision, catalogue = answered(world), world.compiled.catalogue
    by_id = {action.id: action for action in catalogue.actions}
    expected = [
        (one.action_id, slate.channel)
        for slate in decision.slates
        for one in slate.actions
        if by_id[one.action_id].budgets or by_id[one.action_id].ceiling
    ]
    found = charges(decision, world.compiled, NOW)
    assert [(one.action, one.channel) for one in found] == expected
    for one in found:
        assert one.day == TODAY
        assert one.reserves == (catalogue.channels[one.channel].direction is Direction.OUTBOUND)
        assert one.money == millionths(by_id[one.action].cost) + millionths(catalogue.channels[one.channel].cost)
        spent = world.published.spent_by(one.action, one.day)
        assert not any(most.exceeded(spent, one.money) for most in one.most)


def test_money_is_counted_in_millionths_and_ends_somewhere() -> None:
    assert [millionths(one) for one in (0.0, 0.02, 1.25, 0.1 + 0.2)] == [0, 20_000, 1_250_000, 300_000]
    assert millionths(1e300) == 2**53
    assert Charge("a", "web", 1, millionths(1.0), True, (Most(True, None, MILLIONTHS),)).money == MILLIONTHS


def test_the_day_is_that_of_the_catalogues_clock() -> None:
    midnight = NOW - 3_600_000
    assert (day_of("Europe/Berlin", midnight) - day_of("Europe/Berlin", midnight - 1)) == 1
    assert day_of("UTC", midnight) == day_of("Europe/Berlin", midnight - 1)


@pytest.mark.parametrize(
    ("entry", "spent", "gate", "rule", "reason"),
    [
        (
            {"budgets": [{"per": "day", "contacts": 5}]},
            Spent(5, 9),
            WithinBudget(),
            "spent",
            "a may have 5 contacts a day for everybody together; 5 contacts spent; "
            "open again from 2026-01-01T23:00:00Z on",
        ),
        (
            {"budgets": [{"per": "total", "money": 20}], "cost": 0.5},
            Spent(0, 40, 0, 20 * MILLIONTHS),
            WithinBudget(),
            "never",
            "a may have 20.00 EUR in total for everybody together; 20.00 EUR spent, and one more is 0.50 EUR",
        ),
        (
            {"budgets": [{"per": "day", "money": 1}], "cost": 2},
            Spent(),
            WithinBudget(),
            "never",
            "a may have 1.00 EUR a day for everybody together; 0.00 EUR spent, and one more is 2.00 EUR",
        ),
        (
            {"ceiling": {"contacts_per_day": 1, "until": 3}},
            Spent(1, 2),
            BelowCeiling(),
            "spent",
            "a may have 1 contact a day until it has had 3 for everybody together; 1 contact spent; "
            "open again from 2026-01-01T23:00:00Z on",
        ),
    ],
)
def test_the_account_says_what_was_spent_of_how_much_and_until_when(
    entry: dict[str, object], spent: Spent, gate: Gate, rule: str, reason: str
) -> None:
    shop, vocabulary = small_shop({"a": entry})
    world = World(shop, vocabulary, (), NOBODY, request("web"), ByAction(), Published(TODAY, {"a": spent}))
    assert gate.refuses(world.situation).tolist() == [True]
    account = gate.account(world.situation, 0)
    assert (account.rule, account.reason) == (rule, reason)
    tomorrow = replace(world.published, day=world.published.day + 1)
    reopened = gate.refuses(replace(world, published=tomorrow).situation)
    assert reopened.tolist() == [rule == "never"]


def test_a_ceiling_is_over_once_the_action_has_had_enough() -> None:
    shop, vocabulary = small_shop({"a": {"ceiling": {"contacts_per_day": 1, "until": 3}}})
    spent = Published(TODAY, {"a": Spent(2, 3)})
    world = World(shop, vocabulary, (), customer((), vocabulary), request("web"), ByAction(), spent)
    assert not np.any(BelowCeiling().refuses(world.situation))
