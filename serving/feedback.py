"""POST /feedback: what became of a recommended action, as events of the person it was recommended to."""

from __future__ import annotations

import asyncio
import hashlib
import math

import msgspec
from pydantic import JsonValue, TypeAdapter

from features.event import Event, Identifier
from features.stores.protocol import Append, LoggedDecision
from features.wire.contacts import contact_of_decision, contents_key
from serving import metrics
from serving.body import checked
from serving.call import Call
from serving.clock import occurred_at
from serving.errors import invalid
from serving.rights import no_decision
from serving.runtime import Runtime
from serving.schemas import OUTCOME_KINDS, FeedbackReport, FeedbackReports
from serving.tokens import InvalidToken, TokenClaims


class _Question(msgspec.Struct, frozen=True):
    identifier: tuple[str, str]


class _ChosenAction(msgspec.Struct, frozen=True):
    action_id: str


class _Slate(msgspec.Struct, frozen=True):
    channel: str
    actions: tuple[_ChosenAction, ...]


class _Answer(msgspec.Struct, frozen=True):
    channels: tuple[_Slate, ...]


_REPORT: TypeAdapter[FeedbackReport] = TypeAdapter(FeedbackReport)
_REPORTS: TypeAdapter[list[FeedbackReport]] = TypeAdapter(FeedbackReports)


async def feedback(runtime: Runtime, body: JsonValue, call: Call) -> bytes:
    """One report or a list of them. All become durable together; one that is refused refuses the rest."""
    reports = checked(_REPORTS, body) if isinstance(body, list) else [checked(_REPORT, body)]
    in_force = runtime.in_force
    in_force.keyring.admit("write", call)
    received_at = in_force.clock.present(call.now)
    single = len(reports) == 1
    appends = [
        _append(runtime, report, "" if single else f"[{position}].", received_at)
        for position, report in enumerate(reports)
    ]
    outcomes = await asyncio.wrap_future(runtime.store.append(appends))
    runtime.watch.told(appends, outcomes)
    stored = sum(outcome.stored for outcome in outcomes)
    duplicates = sum(outcome.duplicates for outcome in outcomes)
    metrics.EVENTS.labels("stored").inc(stored)
    metrics.EVENTS.labels("duplicate").inc(duplicates)
    return msgspec.json.encode({"stored": stored, "duplicates": duplicates})


def _append(runtime: Runtime, report: FeedbackReport, path: str, received_at: int) -> Append:
    claims = _claims(runtime, report, path)
    decision = runtime.store.decision(claims.decision_id)
    if decision is None:
        raise no_decision(runtime, f"{path}decision_id", claims.decision_id, "send the id that was answered")
    if report.token is None:
        _require_chosen(decision, claims, path)
    when = received_at
    if report.occurred_at is not None:
        when = occurred_at(f"{path}occurred_at", int(report.occurred_at), received_at)
    event = Event(
        message_id=report.message_id or _derived_id(runtime, claims, report),
        kind=OUTCOME_KINDS[report.outcome],
        name=f"Action {report.outcome.replace('_', ' ').title()}",
        occurred_at=when,
        recorded_at=received_at,
        channel=claims.channel,
        action=claims.action_id,
        decision=claims.decision_id,
        amount=math.nan if report.value is None else report.value,
    )
    return Append(asked_about(decision), (event,), decision=claims.decision_id)


def asked_about(decision: LoggedDecision) -> Identifier:
    """Whom the decision was asked about, by the identifier that it was asked by: a person known by a telephone number
    alone has no other."""
    return Identifier(*msgspec.json.decode(decision.request, type=_Question).identifier)


def _claims(runtime: Runtime, report: FeedbackReport, path: str) -> TokenClaims:
    if report.token is not None:
        try:
            return runtime.signer.read(report.token)
        except InvalidToken as error:
            raise invalid(f"{path}token", report.token, str(error).split("; ")[1]) from error
    if report.decision_id is None or report.action_id is None or report.channel is None:
        raise invalid(f"{path}decision_id", None, "the action must be named", "add token, or all three ids")
    return TokenClaims(report.decision_id, report.action_id, report.channel, 0)


def _require_chosen(decision: LoggedDecision, claims: TokenClaims, path: str) -> None:
    """A report about what was never recommended would teach the model something that did not happen."""
    answer = msgspec.json.decode(decision.response, type=_Answer)
    slates = [slate for slate in answer.channels if slate.channel == claims.channel]
    if not slates:
        raise invalid(
            f"{path}channel", claims.channel, "the decision has no such channel", "send the one that was answered"
        )
    if all(action.action_id != claims.action_id for slate in slates for action in slate.actions):
        raise invalid(
            f"{path}action_id",
            claims.action_id,
            "the decision chose no such action there",
            "send one that was answered",
        )


def _derived_id(runtime: Runtime, claims: TokenClaims, report: FeedbackReport) -> str:
    """Without a message id, the same report about the same action at the same moment is the same event; and what was
    sent was sent once, whether it is told here or by the tool that delivered it."""
    if report.outcome == "sent":
        key = contents_key(runtime.store.vault)
        return contact_of_decision(claims.channel, claims.decision_id, claims.action_id, key)
    at = None if report.occurred_at is None else int(report.occurred_at)
    parts = (claims.decision_id, claims.action_id, claims.channel, report.outcome, at, report.value)
    return f"feedback:{hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]}"
