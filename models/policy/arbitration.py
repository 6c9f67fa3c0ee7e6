"""Ranking what the gates let through: priority = P x V x L x C.

P is the calibrated response probability, V the worth of a positive outcome, L the lever that people set, C the weight
of the context: the product of the catalogue's weights whose condition is met, 1 without any. Without a usable model the
ranking is V x L x C and the decision is flagged. Equal priorities go by action id. What is urgent or was triggered by a
journey comes before everything else, whatever the priorities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.columns import take
from models.conditions.answers import Truth
from models.local_time import utc_offset
from models.policy.situation import Situation
from models.scoring import Scorer, Scores, checked

FORMULA = "P*V*L*C; C product of the weights that are met; fallback V*L*C; ties by action id; urgent, triggered first"


@dataclass(frozen=True, slots=True)
class Ranking:
    """The e eligible candidates. place: intp[e], in the situation's candidates. priority: float64[e]. tie: intp[e],
    lower first. first: bool[e], before all that are not. response and affinity: float64[e], NaN when degraded. rows:
    float64[e, F]. fault: what the model raised, None when it did not. doubts: weights whose condition could not be
    evaluated, and which weigh nothing, a line each."""

    place: NDArray[np.intp]
    priority: NDArray[np.float64]
    tie: NDArray[np.intp]
    first: NDArray[np.bool_]
    response: NDArray[np.float64]
    affinity: NDArray[np.float64]
    rows: NDArray[np.float64]
    fault: str | None
    doubts: tuple[str, ...]


def rank(scorer: Scorer, situation: Situation, eligible: NDArray[np.intp]) -> Ranking:
    """Score and weigh the candidates at `eligible`; the others are never scored."""
    candidates = situation.candidates
    action = candidates.action[eligible]
    tie, first = situation.compiled.alphabetical[action], situation.compiled.first[action]
    if not len(eligible):
        nothing = np.zeros(0)
        return Ranking(eligible, nothing, tie, first, nothing, nothing, np.zeros((0, 0)), None, ())
    worth = candidates.candidates.value[eligible] * candidates.lever[eligible]
    weight, doubts = context_weight(situation, eligible)
    try:
        scores = _scores(scorer, situation, eligible)
    except Exception as error:  # noqa: BLE001 a model that fails, however it fails, must not stop the decision
        unknown = np.full(len(eligible), np.nan)
        fault = f"model {scorer.version}: {type(error).__name__}: {error}"
        rows = np.zeros((len(eligible), 0))
        return Ranking(eligible, worth * weight, tie, first, unknown, unknown, rows, fault, doubts)
    priority = scores.response * worth * weight
    return Ranking(eligible, priority, tie, first, scores.response, scores.affinity, scores.rows, None, doubts)


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
