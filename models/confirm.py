"""Whether what was decided may still be sent: every gate again, just before.

Pure, like models.decide. What a decision reserved itself counts against none of its own actions that are asked about:
they are judged in order, and each counts for those after it. Of budgets and ceilings it took its part when it was
decided, and that is not given back before it is reported not sent: they are not asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from features.history import CustomerRecord, text_code
from features.published import Published
from models.columns import ChannelCandidates, CompiledCatalogue
from models.decision import DecisionRequest
from models.policy.allowance import allowance
from models.policy.arms import arm_of
from models.policy.contacts import Stage, stage, without_reservation
from models.policy.gates.contact_limits import WithinContactLimits
from models.policy.screening import ELIGIBLE, Screening, account_of, screen
from models.policy.situation import Situation
from models.policy.version import POLICY, Policy

CATALOGUE, REPORTED = "catalogue", "reported"
"""What cancels beside the gates: the catalogue offers it no more; it was reported sent or not sent already."""


@dataclass(frozen=True, slots=True)
class Queued:
    """An action that a decision chose for a channel, and that waits to be sent. line: its place in the decision.
    channel_code, action_code: of the vocabulary, for the catalogue may know neither any more."""

    channel: str
    action_id: str
    line: int
    channel_code: int
    action_code: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """gate and reason: what cancels it and why, None when it may be sent. stage: what had become of it before."""

    queued: Queued
    stage: Stage
    gate: str | None
    reason: str | None

    @property
    def sends(self) -> bool:
        return self.gate is None


def confirm(
    request: DecisionRequest,
    queued: Sequence[Queued],
    decision_id: str,
    customer: CustomerRecord,
    compiled: CompiledCatalogue,
    moment: int,
    published: Published,
    policy: Policy = POLICY,
) -> tuple[Verdict, ...]:
    """For each of `queued`, as of `moment` (ms UTC). request: its channels are the queued ones' that the catalogue
    knows, each once, and deliver_at is the moment of sending."""
    candidates = compiled.channels(request.channels, request.placement) if request.channels else None
    places = {one: None if candidates is None else _place(candidates, compiled, one) for one in queued}
    own = text_code(decision_id)
    stages = {one: stage(customer.page, moment, own, one.action_code, one.channel_code) for one in queued}
    open_ = [one for one in queued if places[one] is not None and stages[one] in (Stage.HELD, Stage.LAPSED)]
    refused: dict[Queued, tuple[str, str]] = {}
    if candidates is not None and open_:
        page = customer.page
        for one in open_:
            page = without_reservation(page, own, one.action_code, one.channel_code)
        there = candidates.at(np.array([places[one] for one in open_], np.intp))
        asking = replace(customer, page=page)
        arm = arm_of(compiled.catalogue.arms, request.subject, moment)
        situation = Situation(request, asking, compiled, there, moment, replace(published, spent={}), arm)
        refused = _judged(situation, open_, policy)
    return tuple(_verdict(one, stages[one], places[one] is not None, refused.get(one)) for one in queued)


def _judged(situation: Situation, queued: Sequence[Queued], policy: Policy) -> dict[Queued, tuple[str, str]]:
    """Gate and reason of those that are refused. The situation's candidates are the queued ones."""
    screening = screen(policy.gates, situation)
    left = allowance(situation, np.arange(len(queued), dtype=np.intp))
    refused: dict[Queued, tuple[str, str]] = {}
    for place, one in enumerate(queued):
        if screening.first[place] != ELIGIBLE:
            refused[one] = _told(screening, situation, place)
        elif not left.allowed(np.array([place], np.intp))[0]:
            limits = WithinContactLimits()
            refused[one] = limits.name, "with what the same decision sends before it, it is one contact too many"
        else:
            left.take(place)
    return refused


def _told(screening: Screening, situation: Situation, place: int) -> tuple[str, str]:
    gate, account = account_of(screening, situation, place)
    return gate.name, account.reason


def _place(candidates: ChannelCandidates, compiled: CompiledCatalogue, one: Queued) -> int | None:
    row = compiled.candidate_index(one.action_id, one.channel)
    if row is None or one.channel not in candidates.channels:
        return None
    return int(np.flatnonzero(candidates.row == row)[0])


def _verdict(one: Queued, before: Stage, offered: bool, refused: tuple[str, str] | None) -> Verdict:
    if before is Stage.SENT:
        return Verdict(one, before, REPORTED, "it was reported sent already")
    if before is Stage.CANCELLED:
        return Verdict(one, before, REPORTED, "it was cancelled or reported not sent, and that stands")
    if not offered:
        return Verdict(one, before, CATALOGUE, f"the catalogue has no {one.action_id} on {one.channel} any more")
    return Verdict(one, before, None, None) if refused is None else Verdict(one, before, *refused)
