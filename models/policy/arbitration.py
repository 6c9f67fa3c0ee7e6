"""Ranking what the gates let through: priority = P x V x L x C.

P is the calibrated response probability, V the worth of a positive outcome, L the lever that people set, C the weight
of the context. The arm no_levers ranks by P x V, the arm propensity by P. Without a usable model P is left out (and V
comes in for propensity, which would have nothing else), and the decision is flagged. Equal priorities go by action id.
What a journey has triggered comes before everything else, fallbacks after it, whatever the priorities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.columns import take
from models.local_time import utc_offset
from models.policy.situation import Situation
from models.policy_rules import Arm
from models.scoring import Scorer, Scores, checked

FORMULA = "P*V*L*C, no_levers P*V, propensity P; without P V*L*C, V, V; ties by action id; triggered, others, fallbacks"

CONTEXT_WEIGHT = 1.0
"""C: no context weighs more than another yet."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The e eligible candidates. place: intp[e], in the situation's candidates. priority: float64[e]. tie: intp[e],
    lower first. triggered and fallback: bool[e]. response and affinity: float64[e], NaN when degraded. rows:
    float64[e, F]. fault: what the model raised, None when it did not."""

    place: NDArray[np.intp]
    priority: NDArray[np.float64]
    tie: NDArray[np.intp]
    triggered: NDArray[np.bool_]
    fallback: NDArray[np.bool_]
    response: NDArray[np.float64]
    affinity: NDArray[np.float64]
    rows: NDArray[np.float64]
    fault: str | None


def rank(scorer: Scorer, situation: Situation, eligible: NDArray[np.intp]) -> Ranking:
    """Score and weigh the candidates at `eligible`; the others are never scored."""
    worth, action = _worth(situation, eligible), situation.candidates.action[eligible]
    tie, triggered = situation.compiled.alphabetical[action], situation.compiled.trigger[action] != 0
    fallback = situation.compiled.policy.fallback[action]
    if not len(eligible):
        nothing = np.zeros(0)
        return Ranking(eligible, nothing, tie, triggered, fallback, nothing, nothing, np.zeros((0, 0)), None)
    try:
        scores = _scores(scorer, situation, eligible)
    except Exception as error:  # noqa: BLE001 a model that fails, however it fails, must not stop the decision
        unknown = np.full(len(eligible), np.nan)
        fault, rows = f"model {scorer.version}: {type(error).__name__}: {error}", np.zeros((len(eligible), 0))
        return Ranking(eligible, worth, tie, triggered, fallback, unknown, unknown, rows, fault)
    priority = scores.response if situation.arm is Arm.PROPENSITY else scores.response * worth
    return Ranking(eligible, priority, tie, triggered, fallback, scores.response, scores.affinity, scores.rows, None)


def _worth(situation: Situation, eligible: NDArray[np.intp]) -> NDArray[np.float64]:
    """What P is multiplied by, and what ranks without it: float64[e]."""
    value = situation.candidates.candidates.value[eligible]
    if situation.arm in (Arm.NO_LEVERS, Arm.PROPENSITY):
        return value
    return value * situation.candidates.lever[eligible] * CONTEXT_WEIGHT


def _scores(scorer: Scorer, situation: Situation, eligible: NDArray[np.intp]) -> Scores:
    customer, compiled, moment = situation.customer, situation.compiled, situation.moment
    offset = utc_offset(customer.time_zone, compiled.catalogue.time_zone, moment)
    columns = take(situation.candidates.candidates, eligible)
    return checked(scorer.score(customer, moment, offset, columns, compiled), len(eligible))
