"""The logged probabilities against thousands of decisions, after all gates, for the slates that were served.

A slate's probability is the product of its actions' and of its end; a decision's is the product over its channels. In
every arm each outcome must come as often as the decisions in which it came say themselves.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from functools import cache
from statistics import NormalDist

import numpy as np
import pytest

from features.event import Kind
from features.history import CustomerRecord
from features.published import NOTHING
from models.catalogue_file import checked
from models.columns import CompiledCatalogue
from models.decide import decide
from models.decision import Decision
from models.policy_rules import Arm
from tests.models.shop import NOW, ByAction, compiled, customer, event, items_table, request

DECISIONS = 4_000
SIGNIFICANCE = 1e-4
"""Of one arm's test of all its outcomes together (Bonferroni). The seeds are fixed: it passes for good, or never."""

CHANNELS = {
    "web": {"direction": "inbound", "consent": "not_needed", "exploration": {"share": 0.5, "gamma": 3}},
    "email": {"direction": "outbound", "consent": "opt_out", "exploration": {"share": 0.25, "gamma": 20}},
    "ivr": {"direction": "inbound", "consent": "not_needed"},
    "phone": {"direction": "inbound", "consent": "not_needed", "exploration": {"share": 0}},
}
"""Nobody is explored on by phone, in no arm."""
EXPLORED = ("web", "email", "ivr")
EVERY = ("email", "phone", "web", "ivr")
ACTIONS: Mapping[str, Mapping[str, object]] = {
    "a": {"value": 4.0, "on": ["web", "email", "phone"]},
    "b": {"value": 3.0, "on": ["web", "email", "phone"], "lever": 1.5},
    "c": {"value": 3.0, "on": ["web", "ivr"]},
    "bought": {"value": 90.0, "on": ["web", "email"], "items": ["w1"]},
    "later": {"value": 90.0, "on": ["web", "email"], "starts_at": "2027-01-01T00:00:00Z"},
    "unwanted": {"value": 90.0, "on": ["web", "email"], "topic": "offers"},
    "help": {"value": 1.0, "on": ["web", "email"], "kind": "service"},
    "notice": {"value": 0.0, "on": ["email", "ivr"], "kind": "message", "purpose": "legal"},
    "anyway": {"value": 90.0, "on": ["web", "email", "ivr"], "fallback": True},
}
CHANCES = {"a": 0.5, "b": 0.4, "c": 0.6, "help": 0.9, "notice": 0.2}


@cache
def shop() -> tuple[CompiledCatalogue, CustomerRecord, ByAction]:
    document = {
        "currency": "EUR",
        "time_zone": "UTC",
        "channels": {name: {**fields, "reward_window_days": 7} for name, fields in CHANNELS.items()},
        "repurchase": {"rule": "never"},
        "groups": [{"id": "rest", "per_slate": 2}],
        "topics": [{"id": "offers", "consent": "opt_in"}],
        "arms": {"period_days": 90, "holdout": 0.2, "random": 0.2, "propensity": 0.2, "no_levers": 0.2},
        "actions": [
            {
                "kind": "offer",
                "group": "ab" if action in ("a", "b") else "rest",
                "success": "converted",
                **{name: value for name, value in fields.items() if name != "on"},
                "id": action,
                "treatments": [{"id": channel, "channel": channel} for channel in fields["on"]],  # type: ignore[attr-defined]
            }
            for action, fields in ACTIONS.items()
        ],
    }
    made, vocabulary = compiled(checked(document, items_table({"w1": None})))
    buyer = customer([event(Kind.ORDERED, 3, item="w1", order="o-1")], vocabulary)
    return made, buyer, ByAction({vocabulary.code("action", name): chance for name, chance in CHANCES.items()})


def decided(number: int, limit: int, distinct: bool, across: str, channels: tuple[str, ...] = EXPLORED) -> Decision:
    made, buyer, scorer = shop()
    asked = request(*channels, limit=limit, distinct=distinct, across=across, subject=f"c-{number}")
    return decide(asked, buyer, made, scorer, NOW, np.random.default_rng([20260101, limit, number]), NOTHING)


Outcome = tuple[tuple[str, ...], ...]


def outcome(decision: Decision) -> Outcome:
    return tuple(tuple(action.action_id for action in slate.actions) for slate in decision.slates)


def slate_by_slate(decision: Decision) -> float:
    return math.prod(
        math.prod(action.selection_probability for action in slate.actions) * slate.end_probability
        for slate in decision.slates
    )


def one_draw(decision: Decision) -> float:
    """Of the one pair, or of no action."""
    chosen = [action.selection_probability for slate in decision.slates for action in slate.actions]
    return chosen[0] if chosen else decision.slates[0].no_action_probability


@pytest.mark.parametrize(
    ("limit", "distinct", "across", "channels"),
    [
        (2, True, "each", EXPLORED),
        (3, False, "each", EXPLORED),
        (1, False, "best", EXPLORED),
        (2, True, "each", EVERY),
        (1, False, "best", EVERY),
    ],
)
def test_what_is_logged_is_what_happens(limit: int, distinct: bool, across: str, channels: tuple[str, ...]) -> None:
    decisions = [decided(number, limit, distinct, across, channels) for number in range(DECISIONS)]
    probability = one_draw if across == "best" else slate_by_slate
    for arm in Arm:
        inside = [decision for decision in decisions if decision.arm is arm]
        assert len(inside) > DECISIONS / 6
        said = {outcome(decision): probability(decision) for decision in inside}
        came = Counter(outcome(decision) for decision in inside)
        assert all(math.isclose(probability(one), said[outcome(one)], rel_tol=1e-12) for one in inside)
        common = [one for one in said if said[one] * len(inside) >= 10]
        rare = 1.0 - math.fsum(said[one] for one in common)
        cells = [(came[one], said[one]) for one in common]
        cells += [(len(inside) - sum(count for count, _ in cells), rare)] if rare > 1e-9 else []
        limit_of_z = NormalDist().inv_cdf(1.0 - SIGNIFICANCE / (2 * len(cells)))
        assert max(abs(_z(count, chance, len(inside))) for count, chance in cells) < limit_of_z
        assert math.fsum(said.values()) < 1.0 + 1e-9


def _z(count: int, chance: float, of: int) -> float:
    if chance > 1.0 - 1e-9:
        return 0.0 if count == of else math.inf
    return (count - of * chance) / math.sqrt(of * chance * (1.0 - chance))


def test_by_phone_the_best_that_is_left_is_certain_in_every_arm() -> None:
    decisions = [decided(number, 2, True, "each", EVERY) for number in range(1_000)]
    assert {one.arm for one in decisions} == set(Arm)
    phone = [(one.arm, one.slates[1]) for one in decisions]
    assert {action.selection_probability for _, slate in phone for action in slate.actions} == {1.0}
    assert {slate.end_probability for _, slate in phone} == {1.0}
    shown = {tuple(action.action_id for action in slate.actions) for arm, slate in phone if arm is Arm.RANDOM}
    assert shown == {("a",), ("b",)}, "what was drawn on email is left out, and they are of a group"
    best = [decided(number, 1, False, "best", EVERY) for number in range(400)]
    assert {one_draw(one) for one in best} == {1.0}


def test_the_world_has_something_to_choose_everywhere() -> None:
    """Else the test above would be true of nothing."""
    decisions = [decided(number, 2, True, "each") for number in range(1_000)]
    kinds = {arm: len({outcome(one) for one in decisions if one.arm is arm}) for arm in Arm}
    assert min(kinds.values()) > 5
    full = [one for one in decisions if one.arm is Arm.FULL]
    assert {one.slates[2].no_action_probability for one in full} == {0.0}
    assert {len(one.slates[0].actions) for one in full} == {0, 1, 2}
    funnel = full[0].slates[0].funnel
    assert [funnel[gate] for gate in ("schedule", "consent", "already_purchased", "arm")] == [1, 1, 1, 0]
    came = {name for one in decisions for slate in outcome(one) for name in slate}
    assert came == {"a", "b", "c", "help", "notice", "anyway"}
    assert {names for one in full for names in outcome(one) if "anyway" in names} == {("anyway",)}
