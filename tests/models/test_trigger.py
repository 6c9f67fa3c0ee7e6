"""What a journey triggers: who gets it, for how long, and that it goes before everything else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from features.event import Event, Kind
from features.journey import handoffs, present
from features.published import NOTHING
from features.vocabulary import Vocabulary
from models.columns import CompiledCatalogue
from models.decide import decide
from models.decision import Decision
from models.journey_rules import MINUTE, Trigger, escalated
from models.policy.gates.trigger import ANSWERS, TriggerHolds
from models.policy.version import POLICY
from tests.models.shelves import GREEDY_ARMS
from tests.models.shop import DAY, NOW, ByAction, customer, event, request
from tests.models.test_decide import LAW, small_shop
from tests.models.worlds import World, worlds

ASKED = request("web", limit=3, explain=True)


def minutes(kind: Kind, ago: float, channel: str = "web", hand_off: str | None = None, action: str = "") -> Event:
    return event(kind, ago * MINUTE / DAY, channel=channel, decision=hand_off, action=action or None)


@pytest.fixture(scope="module")
def shop() -> tuple[CompiledCatalogue, Vocabulary]:
    """Escalated after 30 minutes or 2 transfers; idle after 60; a hand-off waits 10 minutes, its loss calls 2 hours."""
    service = {"kind": "service", "success": "accepted", "value": 0, "treatments": [{"id": "t", "channel": "web"}]}
    return small_shop(
        {
            "offer": {"value": 100, "lever": 1000},
            "take-over": {**service, "trigger": "escalation"},
            "call-back": {**service, "trigger": "handoff_lost"},
        },
        journey={
            "idle_minutes": 60,
            "escalation": {"after_minutes": 30, "after_transfers": 2},
            "handoff": {"take_within_minutes": 10, "call_back_within_hours": 2},
        },
    )


def decided(shop: tuple[CompiledCatalogue, Vocabulary], *events: Event) -> Decision:
    compiled, vocabulary = shop
    return decide(ASKED, customer(events, vocabulary), compiled, ByAction(), NOW, np.random.default_rng(1), NOTHING)


def offered(shop: tuple[CompiledCatalogue, Vocabulary], *events: Event) -> list[str]:
    return [action.action_id for action in decided(shop, *events).slates[0].actions]


CALL, CHAT, PASSED = Kind.CALL_STARTED, Kind.CHAT_STARTED, Kind.CALL_TRANSFERRED
OUT, TAKEN = minutes(Kind.HANDED_OFF, 40, "mail", "h"), Kind.HANDOFF_TAKEN


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), ["offer"]),
        ((minutes(CALL, 20, "mail"), minutes(PASSED, 15, "mail")), ["offer"]),
        ((minutes(CALL, 20, "mail"), minutes(PASSED, 15, "mail"), minutes(PASSED, 5, "mail")), ["take-over", "offer"]),
        ((minutes(CHAT, 30, "web"), minutes(CALL, 0, "web")), ["take-over", "offer"]),
        ((minutes(Kind.PAGE_SEEN, 29), minutes(Kind.PAGE_SEEN, 0)), ["offer"]),
        ((minutes(Kind.PAGE_SEEN, 30), minutes(Kind.PAGE_SEEN, 0)), ["take-over", "offer"]),
        ((minutes(Kind.PAGE_SEEN, 120), minutes(Kind.PAGE_SEEN, 60)), ["take-over", "offer"]),
        ((minutes(Kind.PAGE_SEEN, 120), minutes(Kind.PAGE_SEEN, 61)), ["offer"]),
    ],
)
def test_an_escalation_turns_into_a_service_and_ends_with_its_journey(
    shop: tuple[CompiledCatalogue, Vocabulary], events: tuple[Event, ...], expected: list[str]
) -> None:
    assert offered(shop, *events) == expected


@pytest.mark.parametrize(
    ("events", "calls"),
    [
        ((minutes(Kind.HANDED_OFF, 10, "mail", "h"),), False),
        ((minutes(Kind.HANDED_OFF, 10.01, "mail", "h"),), True),
        ((OUT, minutes(CALL, 35, "mail")), False),
        ((OUT, minutes(CALL, 25, "mail")), True),
        ((OUT, minutes(TAKEN, 20, "mail", "h")), False),
        ((OUT, minutes(TAKEN, 20, "mail", "another")), True),
        ((minutes(Kind.HANDED_OFF, 130, "mail", "h"),), True),
        ((minutes(Kind.HANDED_OFF, 131, "mail", "h"),), False),
        ((OUT, minutes(Kind.ACCEPTED, 5, "web", action="call-back")), False),
        ((OUT, minutes(Kind.SENT, 29, "web", action="call-back")), False),
        ((OUT, minutes(Kind.SENT, 30, "web", action="call-back")), False),
        ((OUT, minutes(Kind.SENT, 31, "web", action="call-back")), True),
        ((OUT, minutes(Kind.DISPLAYED, 5, "web", action="call-back")), True),
        ((OUT, minutes(Kind.ACCEPTED, 5, "web", action="offer")), True),
        ((OUT, minutes(Kind.SENT, 29, "web", action="call-back"), minutes(Kind.HANDED_OFF, 15, "mail", "i")), True),
    ],
)
def test_a_lost_handoff_becomes_a_call_back_until_it_is_answered(
    shop: tuple[CompiledCatalogue, Vocabulary], events: tuple[Event, ...], calls: bool
) -> None:
    assert ("call-back" in offered(shop, *events)) is calls


def test_a_refusal_says_what_was_observed_and_what_is_required(shop: tuple[CompiledCatalogue, Vocabulary]) -> None:
    lost = (minutes(Kind.HANDED_OFF, 100, "mail", "h"), minutes(Kind.SENT, 29, action="call-back"))
    told = (*lost, minutes(CALL, 20, "mail"), minutes(PASSED, 8, "mail"))
    refused = {one.action_id: one for one in decided(shop, *told).slates[0].refused}
    assert refused["take-over"].gate == refused["call-back"].gate == "trigger"
    assert refused["take-over"].rule == "escalation"
    assert refused["take-over"].observed == "one of 20 minutes and 1 transfer"
    assert refused["take-over"].required == "30 minutes or 2 transfers"
    assert refused["call-back"].required == "a hand-off that nobody took within 10 minutes"
    assert refused["call-back"].observed == "only the one lost on 2025-12-31T22:30:00Z, which it has answered"
    nothing = {one.action_id: one.observed for one in decided(shop).slates[0].refused}
    assert nothing == {"take-over": "no journey", "call-back": "none that is still to be answered"}


@LAW
@given(world=worlds())
def test_the_trigger_gate_agrees_with_the_oracle(world: World) -> None:
    rules = world.compiled.catalogue.journey
    journey = present(world.customer.page, NOW, rules.idle)
    lost = [
        one.at + rules.patience for one in handoffs(world.customer.page, NOW, rules.patience) if one.state == "lost"
    ]
    lost = [at for at in lost if at + rules.call_back_within >= NOW]

    def holds(number: int) -> bool:
        action = world.compiled.catalogue.actions[number]
        if action.trigger is Trigger.ESCALATION:
            return escalated(journey, rules)
        told = [one for one in world.events if one.action == action.id and one.kind in ANSWERS]
        answered = any(one.occurred_at >= max(lost) and one.recorded_at <= NOW for one in told) if lost else True
        return action.trigger is None or not answered

    expected = [not holds(number) for number in world.situation.candidates.action]
    assert TriggerHolds().refuses(world.situation).tolist() == expected


@LAW
@given(world=worlds(GREEDY_ARMS))
def test_what_a_journey_triggers_comes_before_everything_else(world: World) -> None:
    """Of all that is eligible: a slate holds an ordinary action only once no triggered one is left."""
    asked = replace(world.request, limit=20, across="each", distinct=False, explain=True)
    rng = np.random.default_rng(asked.seed)
    decision = decide(asked, world.customer, world.compiled, world.scorer, NOW, rng, NOTHING, POLICY)
    trigger = {action.id: action.trigger for action in world.compiled.catalogue.actions}
    for slate in decision.slates:
        ordinary = [trigger[action.action_id] is None for action in slate.actions]
        assert ordinary == sorted(ordinary)
        closed = {one.action_id for one in (*slate.refused, *slate.withheld) if one.gate != "fallback"}
        fallback = {action.id: action.fallback for action in world.compiled.catalogue.actions}
        here = [world.compiled.catalogue.actions[number].id for number in world.compiled.channel(slate.channel).action]
        passed = [fallback[name] for name in here if name not in closed]
        assert len(slate.actions) == (passed.count(False) or len(passed))
