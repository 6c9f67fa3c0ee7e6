"""Ranking what the gates let through: priority = P x V x L x C.

P is the calibrated response probability, V the worth of a positive outcome, L the lever that people set, C the weight
of the context: the product of the catalogue's weights whose condition is met, 1 without any. The arm no_levers ranks by
P x V, the arm propensity by P. Without a usable model P is left out (and V comes in for propensity, which would have
nothing else), and the decision is flagged. Equal priorities go by action id. What is urgent or was triggered by a
journey comes before everything else, fallbacks after it, whatever the priorities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.columns import take
from models.conditions.answers import Truth
from models.local_time import utc_offset
from models.policy.situation import Situation
from models.policy_rules import Arm
from models.scoring import Scorer, Scores, checked

FORMULA = (
    "P*V*L*C, no_levers P*V, propensity P; without P V*L*C, V, V; C product of the weights that are met; "
    "ties by action id; urgent and triggered, others, fallbacks"
)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The e eligible candidates. place: intp[e], in the situation's candidates. priority: float64[e]. tie: intp[e],
    lower first. first: bool[e], before all that are not. fallback: bool[e]. response and affinity: float64[e], NaN when
    degraded. rows: float64[e, F]. fault: what the model raised, None when it did not. doubts: weights whose condition
    could not be evaluated, and which weigh nothing, a line each."""

    place: NDArray[np.intp]
    priority: NDArray[np.float64]
    tie: NDArray[np.intp]
    first: NDArray[np.bool_]
    fallback: NDArray[np.bool_]
    response: NDArray[np.float64]
    affinity: NDArray[np.float64]
    rows: NDArray[np.float64]
    fault: str | None
    doubts: tuple[str, ...]


def rank(scorer: Scorer, situation: Situation, eligible: NDArray[np.intp]) -> Ranking:
    """Score and weigh the candidates at `eligible`; the others are never scored."""
    action, columns = situation.candidates.action[eligible], situation.compiled.policy
    tie, first, fallback = situation.compiled.alphabetical[action], columns.first[action], columns.fallback[action]
    if not len(eligible):
        nothing = np.zeros(0)
        return Ranking(eligible, nothing, tie, first, fallback, nothing, nothing, np.zeros((0, 0)), None, ())
    worth, doubts = _worth(situation, eligible)
    try:
        scores = _scores(scorer, situation, eligible)
    except Exception as error:  # noqa: BLE001 a model that fails, however it fails, must not stop the decision
        unknown = np.full(len(eligible), np.nan)
        fault, rows = f"model {scorer.version}: {type(error).__name__}: {error}", np.zeros((len(eligible), 0))
        return Ranking(eligible, worth, tie, first, fallback, unknown, unknown, rows, fault, doubts)
    priority = scores.response if situation.arm is Arm.PROPENSITY else scores.response * worth
    return Ranking(
        eligible, priority, tie, first, fallback, scores.response, scores.affinity, scores.rows, None, doubts
    )


def _worth(situation: Situation, eligible: NDArray[np.intp]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """What P is multiplied by, and what ranks without it: float64[e]; and the weights that could not be evaluated."""
    value = situation.candidates.candidates.value[eligible]
    if situation.arm in (Arm.NO_LEVERS, Arm.PROPENSITY):
        return value, ()
    weight, doubts = context_weight(situation, eligible)
    return value * situation.candidates.lever[eligible] * weight, doubts


def context_weight(situation: Situation, eligible: NDArray[np.intp]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """C of the candidates at `eligible`, float64[e], and the weights whose condition could not be evaluated."""
    weight = np.ones(len(eligible))
    doubts: dict[str, None] = {}
    rows = situation.candidates.row[eligible]
    conditions = situation.compiled.conditions
    weighing = [one for one in conditions.weights if one.rows[rows].any()]
    truths = situation.answers.truths([one.condition for one in weighing])
    for one, truth in zip(weighing, truths, strict=True):
        if truth is Truth.MET:
            weight[one.rows[rows]] *= one.factor
        elif truth is Truth.BROKEN:
            words = situation.answers.of(one.condition).words
            doubts[f"weight {conditions.all[one.condition].text!r}: {words}"] = None
    return weight, tuple(doubts)


def _scores(scorer: Scorer, situation: Situation, eligible: NDArray[np.intp]) -> Scores:
    customer, compiled, moment = situation.customer, situation.compiled, situation.moment
    offset = utc_offset(customer.time_zone, compiled.catalogue.time_zone, moment)
    columns = take(situation.candidates.candidates, eligible)
    return checked(scorer.score(customer, moment, offset, columns, compiled), len(eligible))
