"""Ranking what the gates let through: priority = P x V x L x C.

P is the calibrated response probability, V the worth of a positive outcome, L the lever that people set, C the weight
of the context: the product of the catalogue's weights whose condition is met, 1 without any. The arm no_levers ranks by
P x V, the arm propensity by P. Without a usable model P is left out (and V comes in for propensity, which would have
nothing else), and the decision is flagged. P is the model's, lifted by how the action does lately
(models.live_response). Equal priorities go by action id. What is urgent or was triggered by a journey comes before
everything else, fallbacks after it, whatever the priorities.

Where the catalogue ranks by incremental value and a model knows it, P x V of marketing is N, what the contact earns
against no contact: the sales that it adds times the margin, less its cost. Below 0 it is worse than no action, and
neither lever nor weight makes it better. What is owed, urgent or triggered is not made to sell, and keeps P x V. So
does everything in a decision for which the model's effects cannot be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from features.candidates import take
from features.spending import MILLIONTHS
from models.conditions.truth import Truth
from models.live_response import lifted
from models.local_time import utc_offset
from models.policy.situation import Situation
from models.policy_rules import Arm, RankBy
from models.scoring import Scorer, Scores, checked

FORMULA = (
    "P*V*L*C, no_levers P*V, propensity P; without P V*L*C, V, V; C product of the weights that are met; "
    "ties by action id; urgent and triggered, others, fallbacks; P lifted by live response; "
    "incremental N = effect * margin - cost of marketing in place of P*V, below 0 unweighed, in all but propensity; "
    "without a usable effect P*V"
)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The e eligible candidates. place: intp[e], in the situation's candidates. priority: float64[e]. tie: intp[e],
    lower first. first: bool[e], before all that are not. fallback: bool[e]. response, affinity and unlifted, the
    response that the model expects by itself: float64[e], NaN when degraded. rows: float64[e, F]. fault: what the
    model raised, None when it did not. doubts: weights whose condition could not be evaluated, and which weigh nothing,
    a line each. incremental: float64[e], N, NaN where it is not known or not what the candidate is ranked by;
    ranked_by: INCREMENTAL where any is. effect_fault: why a model that knows effects gave none that can be used."""

    place: NDArray[np.intp]
    priority: NDArray[np.float64]
    tie: NDArray[np.intp]
    first: NDArray[np.bool_]
    fallback: NDArray[np.bool_]
    response: NDArray[np.float64]
    unlifted: NDArray[np.float64]
    affinity: NDArray[np.float64]
    rows: NDArray[np.float64]
    fault: str | None
    doubts: tuple[str, ...]
    incremental: NDArray[np.float64]
    effect_fault: str | None = None

    @property
    def ranked_by(self) -> RankBy:
        none = self.incremental is unknown(len(self.place)) or np.isnan(self.incremental).all()
        return RankBy.RESPONSE if none else RankBy.INCREMENTAL

    @property
    def faults(self) -> tuple[str, ...]:
        """Of the model."""
        return tuple(one for one in (self.fault, self.effect_fault) if one is not None)


def rank(scorer: Scorer, situation: Situation, eligible: NDArray[np.intp]) -> Ranking:
    """Score and weigh the candidates at `eligible`; the others are never scored."""
    action, columns = situation.candidates.action[eligible], situation.compiled.policy
    tie, first, fallback = situation.compiled.alphabetical[action], columns.first[action], columns.fallback[action]
    if not len(eligible):
        nothing = np.zeros(0)
        rows = np.zeros((0, 0))
        return Ranking(eligible, nothing, tie, first, fallback, nothing, nothing, nothing, rows, None, (), nothing)
    factor, doubts = _factor(situation, eligible)
    worth = situation.candidates.candidates.value[eligible] * factor
    try:
        scores = _scores(scorer, situation, eligible)
    except Exception as error:  # noqa: BLE001 a model that fails, however it fails, must not stop the decision
        nan = unknown(len(eligible))
        fault, rows = f"model {scorer.version}: {type(error).__name__}: {error}", np.zeros((len(eligible), 0))
        return Ranking(eligible, worth, tie, first, fallback, nan, nan, nan, rows, fault, doubts, nan)
    unlifted = scores.response
    response = lifted(unlifted, log_odds) if (log_odds := _lift(scorer, situation, eligible)) is not None else unlifted
    priority = response if situation.arm is Arm.PROPENSITY else response * worth
    net = _net(situation, eligible, scores)
    if net is None:
        net = unknown(len(eligible))
    else:
        priority = np.where(np.isnan(net), priority, np.where(net < 0.0, net, net * factor))
    told, broken = (scores.affinity, scores.rows), scores.effect_fault
    broken = None if broken is None else f"model {scorer.version}: {broken}"
    return Ranking(eligible, priority, tie, first, fallback, response, unlifted, *told, None, doubts, net, broken)


def _lift(scorer: Scorer, situation: Situation, eligible: NDArray[np.intp]) -> NDArray[np.float64] | None:
    """Log odds, float64[e]; None where nothing is known of how this model's expectations were met, or nothing shall."""
    lifts, candidates = situation.lifts, situation.candidates
    if not lifts or lifts.model != scorer.version:
        return None
    actions = situation.compiled.action_number
    by_channel = np.stack([lifts.log_odds(actions, one) for one in candidates.channels])
    log_odds: NDArray[np.float64] = by_channel[candidates.channel[eligible], candidates.action[eligible]]
    return log_odds


@lru_cache(maxsize=256)
def unknown(count: int) -> NDArray[np.float64]:
    """float64[count] of NaN; the same array each time, read-only."""
    nan = np.full(count, np.nan)
    nan.flags.writeable = False
    return nan


def _net(situation: Situation, eligible: NDArray[np.intp], scores: Scores) -> NDArray[np.float64] | None:
    """N of the candidates at `eligible`, float64[e], catalogue currency; NaN of those that are not ranked by it. None
    where none is."""
    compiled, candidates = situation.compiled, situation.candidates
    margin = compiled.catalogue.margin
    if scores.effect is None or margin is None or situation.arm is Arm.PROPENSITY:
        return None
    action, policy = candidates.action[eligible], compiled.policy
    rows = np.array([compiled.spending.channel[name] for name in candidates.channels], np.intp)
    cost = compiled.spending.money[rows[candidates.channel[eligible]], action] / MILLIONTHS
    return np.where(policy.owed[action] | policy.first[action], np.nan, scores.effect * margin - cost)


def _factor(situation: Situation, eligible: NDArray[np.intp]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """L x C, float64[e], and the weights that could not be evaluated."""
    if situation.arm in (Arm.NO_LEVERS, Arm.PROPENSITY):
        return np.ones(len(eligible)), ()
    weight, doubts = context_weight(situation, eligible)
    return situation.candidates.lever[eligible] * weight, doubts


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
    columns = situation.candidates.candidates
    if len(eligible) < len(columns):
        columns = take(columns, eligible)
    return checked(scorer.score(customer, moment, offset, columns, compiled), len(eligible))
