"""A service that answers something that went wrong on a journey is for those only to whom it happened.

escalation: the journey now present takes too long or was passed on too often. handoff_lost: a hand-off was not taken in
time; it calls for an answer until it is taken after all, until this action has answered it (sent, accepted, rejected or
converted since), or until the catalogue's limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.event import Kind
from features.journey import Handoff, Journey, handoffs, present
from models.columns import TRIGGER_CODES
from models.document_fields import text_of
from models.journey_rules import MINUTE, Escalation, JourneyRules, Trigger, calls_back, escalated, lost_at
from models.policy.gate import Account
from models.policy.situation import Situation

ESCALATION, LOST = TRIGGER_CODES[Trigger.ESCALATION], TRIGGER_CODES[Trigger.HANDOFF_LOST]
ANSWERS = frozenset({Kind.SENT, Kind.ACCEPTED, Kind.REJECTED, Kind.CONVERTED})
"""What, reported of the action, answers a lost hand-off. Being displayed does not: nobody may have looked."""

_IS_ANSWER = np.isin(np.arange(256), sorted(ANSWERS))


@dataclass(frozen=True, slots=True)
class TriggerHolds:
    name: str = "trigger"
    revision: int = 1

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        if not situation.compiled.policy.any_trigger:
            return situation.nobody
        trigger = situation.compiled.trigger[situation.candidates.action]
        refused = np.zeros(len(trigger), np.bool_)
        waiting = trigger == ESCALATION
        if waiting.any():
            refused[waiting] = not escalated(_journey(situation), situation.compiled.catalogue.journey)
        waiting = trigger == LOST
        if waiting.any():
            refused[waiting] = ~_unanswered(situation, waiting)
        return refused

    def account(self, situation: Situation, place: int) -> Account:
        rules = situation.compiled.catalogue.journey
        if situation.compiled.trigger[situation.candidates.action[place]] == ESCALATION:
            observed, required = _course(_journey(situation)), _threshold(rules.escalation)
            reason = f"it is for a journey of {required}, and there is {observed}"
            return Account(Trigger.ESCALATION, observed, required, reason)
        required = f"a hand-off that nobody took within {rules.patience / MINUTE:g} minutes"
        observed = _latest_loss(situation)
        return Account(Trigger.HANDOFF_LOST, observed, required, f"it answers {required}, and there is {observed}")


def _journey(situation: Situation) -> Journey | None:
    return present(situation.known, situation.moment, situation.compiled.catalogue.journey.idle)


def _calling(situation: Situation) -> list[Handoff]:
    rules = situation.compiled.catalogue.journey
    found = handoffs(situation.known, situation.moment, rules.patience)
    return [one for one in found if calls_back(one, rules, situation.moment)]


def _unanswered(situation: Situation, waiting: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool[waiting candidates]: whether the latest loss has not been answered by that action since."""
    action = situation.candidates.candidates.action[waiting]
    calling = _calling(situation)
    if not calling:
        return np.zeros(len(action), np.bool_)
    since = max(lost_at(one, situation.compiled.catalogue.journey) for one in calling)
    known = situation.known
    answers = known[_IS_ANSWER[known["kind"]] & (known["occurred_at"] >= since)]
    return ~np.isin(action, answers["action"])


def _course(journey: Journey | None) -> str:
    if journey is None:
        return "no journey"
    return f"one of {journey.elapsed / MINUTE:.0f} minutes and {_times(journey.transfers, 'transfer')}"


def _threshold(rule: Escalation | None) -> str:
    if rule is None:
        return "no length: the catalogue has no escalation"
    parts = [] if rule.after is None else [f"{rule.after / MINUTE:g} minutes"]
    parts += [] if rule.transfers is None else [_times(rule.transfers, "transfer")]
    return " or ".join(parts)


def _latest_loss(situation: Situation) -> str:
    calling = _calling(situation)
    if not calling:
        return "none that is still to be answered"
    rules: JourneyRules = situation.compiled.catalogue.journey
    lost = text_of(max(lost_at(one, rules) for one in calling))
    return f"only the one lost on {lost}, which it has answered"


def _times(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
