"""What a challenger would have made of a decision that it did not make."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np

from features.history import CustomerRecord
from features.live_response import NO_LIFTS
from features.published import Published
from models.columns import CompiledCatalogue
from models.decide import weigh
from models.decision import Decision, DecisionRequest
from models.policy.exploration import Thrown
from models.policy.slates import draw_slates
from models.policy.version import POLICY, Policy
from models.scoring import Scorer


class Choice(msgspec.Struct, frozen=True):
    channel: str
    action: str


class Scored(msgspec.Struct, frozen=True):
    """An action that the champion chose, and what each of the two says by itself, without live response: the challenger
    has no contacts that it could be corrected by. response: the challenger's probability; None where its windows let
    the action not through. champion: the champion's, None where it failed."""

    channel: str
    action: str
    champion: float | None
    response: float | None


class ShadowScores(msgspec.Struct, frozen=True):
    """version, digest: of the challenger. first: its first choice of each slate with the decision's own dice, without
    live response, None for no action; of a request for the best over all channels, its one. fault: what it raised, and
    then nothing else is known."""

    version: str
    digest: str
    first: tuple[Choice | None, ...]
    chosen: tuple[Scored, ...]
    fault: str | None = None


def shadowed(
    request: DecisionRequest,
    customer: CustomerRecord,
    compiled: CompiledCatalogue,
    scorer: Scorer,
    digest: str,
    moment: int,
    published: Published,
    decision: Decision,
    policy: Policy = POLICY,
) -> ShadowScores:
    """decision: the champion's, made from the same. compiled: the same version of the catalogue as the challenger sees
    it. The rest as in models.decide."""
    bare = replace(published, lifts=NO_LIFTS)  # whoever they are of: two trials may try one version
    weighed = weigh(request, customer, compiled, scorer, moment, bare, policy, decision.arm)
    situation, ranking = weighed.situation, weighed.ranking
    if ranking.fault is not None:
        return ShadowScores(scorer.version, digest, (), (), ranking.fault)
    names = [Choice(situation.channel(one), situation.action_id(one)) for one in ranking.place.tolist()]
    drawn = draw_slates(policy.explorer, situation, ranking, Thrown(np.random.default_rng(request.seed)))
    first = [names[one.draws[0].candidate] if one.draws else None for one in drawn]
    if request.across == "best":
        first = [next((one for one in first if one is not None), None)]
    scores = dict(zip(names, ranking.response.tolist(), strict=True))
    pairs = [(Choice(slate.channel, one.action_id), one) for slate in decision.slates for one in slate.actions]
    chosen = tuple(
        Scored(name.channel, name.action, _known(one.model_probability), scores.get(name)) for name, one in pairs
    )
    return ShadowScores(scorer.version, digest, tuple(first), chosen)


def _known(probability: float) -> float | None:
    return None if np.isnan(probability) else probability
