"""What became of every candidate: counts always, sentences when asked."""

from __future__ import annotations

import numpy as np

from models.decision import Refusal
from models.policy.screening import ELIGIBLE, Screening, account_of
from models.policy.situation import Situation


def funnel(screening: Screening, situation: Situation, channel: int) -> dict[str, int]:
    """ "candidates", the first refusals of each gate in gate order, and "eligible", for one channel of the request. The
    refusals sum to candidates - eligible."""
    alone = len(situation.candidates.channels) == 1
    here = screening.first if alone else screening.first[situation.candidates.channel == channel]
    eligible, *counts = np.bincount(here, minlength=len(screening.gates) + 1).tolist()
    names = (gate.name for gate in screening.gates)
    return {"candidates": len(here), **dict(zip(names, counts, strict=True)), "eligible": eligible}


def refusals(screening: Screening, situation: Situation, channel: int) -> tuple[Refusal, ...]:
    """Every refused candidate of one channel, in the order of candidates."""
    here = (situation.candidates.channel == channel) & (screening.first != ELIGIBLE)
    return tuple(_refusal(screening, situation, int(place)) for place in np.flatnonzero(here))


def _refusal(screening: Screening, situation: Situation, place: int) -> Refusal:
    gate, account = account_of(screening, situation, place)
    return Refusal(
        action_id=situation.action_id(place),
        gate=gate.name,
        rule=account.rule,
        observed=account.observed,
        required=account.required,
        reason=account.reason,
    )
