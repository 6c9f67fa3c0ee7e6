"""GET /decisions/{id}: what was logged, and what the same decision is when it is made again."""

from __future__ import annotations

import asyncio

import msgspec

from features.instants import render_instant
from features.stores.protocol import LoggedDecision
from serving.call import Call
from serving.replaying import Difference, Replay
from serving.rights import no_decision
from serving.runtime import Runtime


async def logged_decision(runtime: Runtime, decision_id: str, call: Call) -> bytes:
    """Replayed beside the requests, for it may compile a catalogue of then."""
    runtime.in_force.keyring.admit("replay", call)
    logged = runtime.store.decision(decision_id)
    if logged is None:
        raise no_decision(runtime, "decision_id", decision_id, "look at the answer of /recommend")
    made = await asyncio.to_thread(runtime.replayer.replay, logged)
    return msgspec.json.encode({**_logged(logged), "replay": _replay(made)})


def _logged(decision: LoggedDecision) -> dict[str, object]:
    return {
        "decision_id": decision.decision_id,
        "customer_id": decision.customer_id,
        "decided_at": render_instant(decision.decided_at),
        "request": msgspec.Raw(decision.request.encode()),
        "answer": msgspec.Raw(decision.response.encode()),
        "seed": str(decision.seed),
        "arm": decision.arm,
        "history_version": decision.history_version,
        "snapshot": decision.snapshot,
        "catalogue_version": decision.catalogue_version,
        "model_version": decision.model_version,
        "model_digest": decision.model_digest,
        "policy_version": decision.policy_version,
        "code_revision": decision.code_revision,
        "feature_digest": decision.feature_digest,
    }


def _replay(made: Replay) -> dict[str, object]:
    return {
        "identical": made.identical,
        "same_revision": made.same_revision,
        "differences": [_difference(one) for one in made.differences],
        "missing": made.missing,
        "answer": None if made.answer is None else msgspec.Raw(made.answer),
    }


def _difference(one: Difference) -> dict[str, object]:
    """What is on one side only has no value on the other."""
    sides = {"logged": one.logged, "replayed": one.replayed}
    return {"path": one.path, **{name: msgspec.Raw(text) for name, text in sides.items() if text is not None}}
