"""When a journey is too long, and when a hand-off has failed: the catalogue's rules, and what they say of a journey."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from features.journey import Handoff, HandoffState, Journey
from models.catalogue_document import JourneyEntry

MINUTE = 60_000
"""Milliseconds."""

HOUR = 60 * MINUTE


class Trigger(StrEnum):
    """What must have happened before an action is meant for anybody. escalation: the person's present journey is
    escalated; handoff_lost: nobody took a hand-off of theirs in time."""

    ESCALATION = "escalation"
    HANDOFF_LOST = "handoff_lost"


@dataclass(frozen=True, slots=True)
class Escalation:
    """A journey is escalated once it has taken `after` ms or has been passed on `transfers` times, whichever comes
    first; None: that does not count. One of them is set."""

    after: int | None
    transfers: int | None


@dataclass(frozen=True, slots=True)
class JourneyRules:
    """All in ms. idle: without a step for longer, a journey has ended. patience: untaken for longer, a hand-off is
    lost. call_back_within: how long after its loss it calls for an answer. escalation None: nothing escalates."""

    idle: int
    patience: int
    call_back_within: int
    escalation: Escalation | None


def escalated(journey: Journey | None, rules: JourneyRules) -> bool:
    """journey: the present one, None when there is none."""
    if journey is None or rules.escalation is None:
        return False
    long = rules.escalation.after is not None and journey.elapsed >= rules.escalation.after
    passed_on = rules.escalation.transfers is not None and journey.transfers >= rules.escalation.transfers
    return long or passed_on


def lost_at(handoff: Handoff, rules: JourneyRules) -> int:
    """ms UTC of the last moment at which it could still have been taken."""
    return handoff.at + rules.patience


def calls_back(handoff: Handoff, rules: JourneyRules, moment: int) -> bool:
    """Whether the hand-off was lost so lately that it calls for an answer at `moment` (ms UTC)."""
    return handoff.state is HandoffState.LOST and moment - lost_at(handoff, rules) <= rules.call_back_within


def journey_rules_of(entry: JourneyEntry) -> JourneyRules:
    rule = entry.escalation
    after = None if rule is None or rule.after_minutes is None else round(rule.after_minutes * MINUTE)
    return JourneyRules(
        idle=round(entry.idle_minutes * MINUTE),
        patience=round(entry.handoff.take_within_minutes * MINUTE),
        call_back_within=round(entry.handoff.call_back_within_hours * HOUR),
        escalation=None if rule is None else Escalation(after, rule.after_transfers),
    )
