"""The whole decision: who may be offered what, what it is worth, what is chosen, and why not the rest.

Pure: the moment, the dice and everything that is known are arguments, so that a live request, an audience, a replay and
a simulation are the same call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from features.candidates import take
from features.consent import objects_to_profiling
from features.history import CustomerRecord
from features.published import Published
from models import live_response
from models.columns import CompiledCatalogue
from models.decision import ChosenAction, Decision, DecisionRequest, Refusal, Slate
from models.policy.arbitration import Ranking, rank
from models.policy.arms import arm_of
from models.policy.exploration import Draw, Drawn, Thrown
from models.policy.maturity import maturity
from models.policy.screening import Screening, screen
from models.policy.situation import Situation
from models.policy.slates import draw_slates
from models.policy.trace import funnel, refusals
from models.policy.version import POLICY, Policy
from models.policy.withheld import withheld
from models.policy_rules import Arm
from models.reasons import Explains, reasons
from models.rows_digest import rows_digest
from models.scoring import Scorer

_STRANGER = CustomerRecord(person=-1, customer_id="", known=False)


def decide(
    request: DecisionRequest,
    customer: CustomerRecord,
    compiled: CompiledCatalogue,
    scorer: Scorer,
    moment: int,
    rng: np.random.Generator,
    published: Published,
    policy: Policy = POLICY,
) -> Decision:
    """The best actions for one customer as of `moment` (ms UTC), channel by channel in the order of the request.

    Whoever objects to profiling is ranked, by the model and by the weights of the context, as a person of whom nothing
    is known; the gates, which only withhold, know them still, and the arm, which is no inference, is theirs as
    anybody's. Raises UnknownChannel and UnknownPlacement. Gates that fail refuse; weights that fail weigh nothing; a
    model that fails degrades the ranking.
    """
    arm = arm_of(compiled.catalogue.arms, request.subject, moment)
    weighed = weigh(request, customer, compiled, scorer, moment, published, policy, arm)
    situation, screening, ranking = weighed.situation, weighed.screening, weighed.ranking
    drawn = draw_slates(policy.explorer, situation, ranking, Thrown(rng))
    told = _explained(scorer, situation, screening, ranking, drawn) if request.explain else None
    return Decision(
        slates=tuple(_slate(number, situation, screening, ranking, one, told) for number, one in enumerate(drawn)),
        arm=arm,
        degraded=ranking.fault is not None,
        personalised=weighed.personalised,
        feature_digest=rows_digest(ranking.rows),
        catalogue_version=compiled.version,
        model_version=scorer.version,
        policy_version=policy.version,
        faults=(*screening.faults, *ranking.doubts, *ranking.faults),
        ranked_by=ranking.ranked_by,
        effect_failed=ranking.effect_fault is not None,
        feature_rows=ranking.rows,
    )


@dataclass(frozen=True, slots=True)
class Weighed:
    """All of a decision but its draws. personalised: as in Decision."""

    situation: Situation
    screening: Screening
    ranking: Ranking
    personalised: bool


def weigh(
    request: DecisionRequest,
    customer: CustomerRecord,
    compiled: CompiledCatalogue,
    scorer: Scorer,
    moment: int,
    published: Published,
    policy: Policy,
    arm: Arm,
) -> Weighed:
    """Who may be offered what, and what it is worth. Raises UnknownChannel and UnknownPlacement."""
    candidates = compiled.channels(request.channels, request.placement)
    situation = Situation(request, customer, compiled, candidates, moment, published, arm)
    screening = screen(policy.gates, situation)
    personalised = not objects_to_profiling(customer.consents, moment)
    ranked = situation if personalised else replace(situation, customer=_STRANGER)
    return Weighed(situation, screening, rank(scorer, ranked, screening.eligible), personalised)


@dataclass(frozen=True, slots=True)
class _Explained:
    """refused and withheld: by channel of the request. reasons: by place in the ranking."""

    refused: tuple[tuple[Refusal, ...], ...]
    withheld: tuple[tuple[Refusal, ...], ...]
    reasons: Mapping[int, tuple[str, ...]]


def _explained(
    scorer: Scorer, situation: Situation, screening: Screening, ranking: Ranking, slates: Sequence[Drawn]
) -> _Explained:
    return _Explained(
        tuple(refusals(screening, situation, number) for number in range(len(slates))),
        withheld(situation, ranking, slates),
        _reasons(scorer, situation, ranking, slates),
    )


def _reasons(
    scorer: Scorer, situation: Situation, ranking: Ranking, slates: Sequence[Drawn]
) -> Mapping[int, tuple[str, ...]]:
    """By place in the ranking, of everything that was drawn. A model that cannot say why changes no decision."""
    chosen = sorted({one.candidate for drawn in slates for one in drawn.draws})
    if not chosen or ranking.fault is not None or not isinstance(scorer, Explains):
        return {}
    candidates = take(situation.candidates.candidates, ranking.place[chosen])
    try:
        additions = scorer.additions(ranking.rows[chosen], candidates, situation.compiled)
        currency = situation.compiled.catalogue.currency
        return {
            one: (*_lately(situation, scorer, int(ranking.place[one])), *reasons(additions, place, currency))
            for place, one in enumerate(chosen)
        }
    except Exception as error:  # noqa: BLE001 explaining must not change what it explains
        return {one: (f"the model could not say why ({type(error).__name__})",) for one in chosen}


def _lately(situation: Situation, scorer: Scorer, place: int) -> tuple[str, ...]:
    return live_response.reason(situation.lifts, scorer.version, situation.action_id(place), situation.channel(place))


def _slate(
    number: int,
    situation: Situation,
    screening: Screening,
    ranking: Ranking,
    drawn: Drawn,
    told: _Explained | None,
) -> Slate:
    return Slate(
        channel=situation.candidates.channels[number],
        actions=tuple(
            _chosen(position, one, situation, ranking, () if told is None else told.reasons.get(one.candidate, ()))
            for position, one in enumerate(drawn.draws, start=1)
        ),
        no_action_probability=drawn.no_action,
        end_probability=drawn.end,
        funnel=funnel(screening, situation, number),
        refused=() if told is None else told.refused[number],
        withheld=() if told is None else told.withheld[number],
    )


def _chosen(
    position: int, drawn: Draw, situation: Situation, ranking: Ranking, reasons: tuple[str, ...]
) -> ChosenAction:
    candidate = drawn.candidate
    place = ranking.place[candidate]
    action = situation.compiled.catalogue.actions[situation.candidates.action[place]]
    treatment = situation.candidates.treatments[place]
    if treatment is None:
        raise LookupError(f"treatment is missing of {action.id}; a chosen action has one; keep the channel gate")
    return ChosenAction(
        rank=position,
        action_id=action.id,
        kind=action.kind.value,
        treatment_id=treatment.id,
        content=treatment.content,
        response_probability=float(ranking.response[candidate]),
        model_probability=float(ranking.unlifted[candidate]),
        affinity=float(ranking.affinity[candidate]),
        value=action.value,
        priority=float(ranking.priority[candidate]),
        selection_probability=drawn.probability,
        maturity=maturity(action, situation.published),
        reasons=reasons,
        incremental_value=_known(float(ranking.incremental[candidate])),
    )


def _known(figure: float) -> float | None:
    """None for NaN, which is not equal to itself."""
    return None if math.isnan(figure) else figure
