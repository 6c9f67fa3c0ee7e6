"""The question and the answer of a decision, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.policy_rules import Arm, RankBy


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """channels: in the order asked, never empty here. limit: actions per channel, 1..20. across: "each" or "best".
    deliver_at: ms UTC, not before the decision, at which schedule, quiet hours, contact limits and `now` are judged.
    exclude: action ids. seed: of this decision's draws. subject: the outside name of the customer, or for somebody
    unknown what they were asked by; their arm goes by it. context: what the caller tells of the situation, for
    conditions; JSON values."""

    channels: tuple[str, ...]
    limit: int
    across: str
    distinct: bool
    deliver_at: int
    placement: str | None
    exclude: frozenset[str]
    explain: bool
    seed: int
    subject: str
    context: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChosenAction:
    """response_probability is calibrated, and lifted by how the action does lately; model_probability is the model's
    own; selection_probability is the policy's, conditional on the arm and on the earlier ranks. affinity: how likely
    the person needs what it promotes. The two probabilities and affinity are NaN when unknown (the model failed).
    maturity: 0..1, see models.policy.maturity. reasons: what added most to the response probability, in words; empty
    unless asked for. incremental_value: what the contact earns against no contact, less its cost, catalogue currency;
    None where it was not ranked by that."""

    rank: int
    action_id: str
    kind: str
    treatment_id: str
    content: Mapping[str, object]
    response_probability: float
    model_probability: float
    affinity: float
    value: float
    priority: float
    selection_probability: float
    maturity: float
    reasons: tuple[str, ...] = ()
    incremental_value: float | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an action was dropped: the gate, its rule, what was observed and what would have been required, and a
    sentence."""

    action_id: str
    gate: str
    rule: str
    observed: str
    required: str
    reason: str


@dataclass(frozen=True, slots=True)
class Slate:
    """One channel's answer. no_action_probability: of no action in the first draw. end_probability: that the slate
    ended where it did, given its actions: of no action in the draw after the last, 1 where the limit ended it. funnel:
    "candidates", first refusals per gate in gate order, "eligible"; it sums up. refused: of the candidates. withheld:
    of the eligible, what models.policy.withheld tells of. Both are empty unless asked for."""

    channel: str
    actions: tuple[ChosenAction, ...]
    no_action_probability: float
    end_probability: float
    funnel: Mapping[str, int]
    refused: tuple[Refusal, ...]
    withheld: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """arm: the customer's, on which every probability is conditional. degraded: the model failed and the fallback
    ranking answered. personalised: False when the person objects to profiling, and the ranking read nothing of theirs,
    not even their time zone. feature_rows: float64[eligible, F], channel by channel in the order of candidates, without
    columns when the model failed. feature_digest: their hex digest. faults: what raised in gates, weights and model, a
    line each, for the log; empty is good. ranked_by: what its marketing was ranked by, whatever the catalogue wants.
    effect_failed: it went by response, for the effects of a model that knows them could not be used."""

    slates: tuple[Slate, ...]
    arm: Arm
    degraded: bool
    personalised: bool
    feature_digest: str
    catalogue_version: int
    model_version: str
    policy_version: str
    faults: tuple[str, ...] = ()
    ranked_by: RankBy = RankBy.RESPONSE
    effect_failed: bool = False
    feature_rows: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)), compare=False, repr=False)
