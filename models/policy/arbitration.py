"""Ranking what the gates let through: priority = P x V x L x C.

P is the calibrated response probability, V the worth of a positive outcome, L the lever that people set, C the weight
of the context. Without a usable model the ranking is V x L and the decision is flagged. Equal priorities go by action
id. What a journey has triggered comes before everything else, whatever the priorities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.columns import take
from models.local_time import utc_offset
from models.policy.situation import Situation
from models.scoring import Scorer, Scores, checked

FORMULA = "P*V*L*C; fallback V*L; ties by action id; triggered first"

CONTEXT_WEIGHT = 1.0
"""C: no context weighs more than another yet."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The e eligible candidates. place: intp[e], in the situation's candidates. priority: float64[e]. tie: intp[e],
    lower first. triggered: bool[e]. response and affinity: float64[e], NaN when degraded. rows: float64[e, F]. fault:
    what the model raised, None when it did not."""

    place: NDArray[np.intp]
    priority: NDArray[np.float64]
    tie: NDArray[np.intp]
    triggered: NDArray[np.bool_]
    response: NDArray[np.float64]
    affinity: NDArray[np.float64]
    rows: NDArray[np.float64]
    fault: str | None


def rank(scorer: Scorer, situation: Situation, eligible: NDArray[np.intp]) -> Ranking:
    """Score and weigh the candidates at `eligible`; the others are never scored."""
    candidates = situation.candidates
    worth = candidates.candidates.value[eligible] * candidates.lever[eligible]
    action = candidates.action[eligible]
    tie, triggered = situation.compiled.alphabetical[action], situation.compiled.trigger[action] != 0
    if not len(eligible):
        nothing = np.zeros(0)
        return Ranking(eligible, nothing, tie, triggered, nothing, nothing, np.zeros((0, 0)), None)
    try:
        scores = _scores(scorer, situation, eligible)
    except Exception as error:  # noqa: BLE001 a model that fails, however it fails, must not stop the decision
        unknown = np.full(len(eligible), np.nan)
        fault = f"model {scorer.version}: {type(error).__name__}: {error}"
        return Ranking(eligible, worth, tie, triggered, unknown, unknown, np.zeros((len(eligible), 0)), fault)
    priority = scores.response * worth * CONTEXT_WEIGHT
    return Ranking(eligible, priority, tie, triggered, scores.response, scores.affinity, scores.rows, None)


def _scores(scorer: Scorer, situation: Situation, eligible: NDArray[np.intp]) -> Scores:
    customer, compiled, moment = situation.customer, situation.compiled, situation.moment
    offset = utc_offset(customer.time_zone, compiled.catalogue.time_zone, moment)
    columns = take(situation.candidates.candidates, eligible)
    return checked(scorer.score(customer, moment, offset, columns, compiled), len(eligible))
