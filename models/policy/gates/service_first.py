"""Whoever waits to be helped is not sold to, on any channel: service passes, selling stops. Retention passes on a
cancellation, of which the request tells or an event of the contact under way, and only where they speak with us: on
inbound channels, for a letter is no answer to a call."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.cases import worded
from models.contact_moment import reason_under_way
from models.policy.gate import Account
from models.policy.situation import Situation
from models.policy.trouble import Trouble, trouble
from models.policy_rules import Direction, ServiceFirst


@dataclass(frozen=True, slots=True)
class ServiceBeforeSales:
    name: str = "service_first"
    revision: int = 5

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        rule, columns, action = _rule(situation), situation.compiled.policy, situation.candidates.action
        if rule is None or trouble(rule, situation) is None:
            return situation.nobody
        held = ~columns.owed[action]
        if _cancels(rule, situation):
            held &= ~(columns.retention[action] & _inbound(situation))
        return np.asarray(held, np.bool_)

    def account(self, situation: Situation, place: int) -> Account:  # noqa: ARG002 all are refused for one reason
        found = _found(situation)
        reason = f"{found.story}; nothing is sold until that is over: {found.ends}"
        return Account(found.rule, found.observed, found.ends, reason)


def _cancels(rule: ServiceFirst, situation: Situation) -> bool:
    """As the request says, or whoever told of the contact under way."""
    if worded(situation.request.context.get("reason")) in rule.retention:
        return True
    return reason_under_way(situation.known, situation.moment) in rule.cancelling


def _inbound(situation: Situation) -> NDArray[np.bool_]:
    """bool[candidates]: whether each is on a channel on which the customer comes to us."""
    channels, known = situation.candidates.channels, situation.compiled.catalogue.channels
    inbound = [known[name].direction is Direction.INBOUND for name in channels]
    return np.array(inbound, np.bool_)[situation.candidates.channel]


def _rule(situation: Situation) -> ServiceFirst | None:
    return situation.compiled.catalogue.service_first


def _found(situation: Situation) -> Trouble:
    rule = _rule(situation)
    found = None if rule is None else trouble(rule, situation)
    if found is None:
        raise LookupError("service_first refuses nothing here; nothing has gone wrong; ask for what it refuses")
    return found
