"""A decision as the caller reads it."""

from __future__ import annotations

import msgspec

from features.instants import render_instant
from models.decision import ChosenAction, Decision, Slate
from serving.errors import Refusal
from serving.tokens import Signer, TokenClaims

_encode = msgspec.json.Encoder().encode


def decision_answer(
    decision: Decision,
    decision_id: str | None,
    customer_id: str,
    moment: int,
    explain: bool,
    known: bool,
    signer: Signer | None,
) -> bytes:
    """JSON of schemas.DecisionAnswer; NaN is null. decision_id None: a dry run. moment: ms UTC. The actions of a dry
    run carry no token, nor do any without a signer: those of a replay."""
    return _encode(
        {
            "decision_id": decision_id,
            "customer_id": customer_id,
            "decided_at": render_instant(moment),
            "model_version": decision.model_version,
            "catalogue_version": decision.catalogue_version,
            "policy_version": decision.policy_version,
            "arm": decision.arm.value,
            "known": known,
            "degraded": decision.degraded,
            "personalised": decision.personalised,
            "ranked_by": decision.ranked_by.value,
            "channels": [_slate(slate, decision_id, explain, signer) for slate in decision.slates],
        }
    )


def _slate(slate: Slate, decision_id: str | None, explain: bool, signer: Signer | None) -> dict[str, object]:
    answer: dict[str, object] = {
        "channel": slate.channel,
        "actions": [_action(action, slate.channel, decision_id, explain, signer) for action in slate.actions],
        "no_action": {
            "selection_probability": slate.no_action_probability,
            "end_probability": slate.end_probability,
        },
        "funnel": dict(slate.funnel),
    }
    if explain:
        answer["refused"] = [msgspec.to_builtins(refusal) for refusal in slate.refused]
        answer["withheld"] = [msgspec.to_builtins(refusal) for refusal in slate.withheld]
    return answer


def _action(
    action: ChosenAction, channel: str, decision_id: str | None, explain: bool, signer: Signer | None
) -> dict[str, object]:
    claims = None if decision_id is None else TokenClaims(decision_id, action.action_id, channel, action.rank)
    answer: dict[str, object] = {
        "rank": action.rank,
        "action_id": action.action_id,
        "kind": action.kind,
        "treatment_id": action.treatment_id,
        "content": dict(action.content),
        "response_probability": action.response_probability,
        "value": action.value,
        "priority": action.priority,
        "incremental_value": action.incremental_value,
        "selection_probability": action.selection_probability,
        "maturity": action.maturity,
        "token": None if claims is None or signer is None else signer.sign(claims),
    }
    if explain:
        answer["reasons"] = list(action.reasons)
    return answer


def error_entry(customer_id: str, refusal: Refusal) -> bytes:
    """What stands in a batch in the place of a decision that could not be made."""
    return _encode({"customer_id": customer_id, "error": refusal.body})
