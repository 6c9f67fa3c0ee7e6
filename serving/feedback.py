"""POST /feedback: what became of a recommended action, as events of the person it was recommended to."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from pydantic import JsonValue, TypeAdapter

from features.event import Event, Identifier
from features.history import CustomerRecord
from features.instants import TOLERATED_LEAD, render_instant
from features.stores.protocol import Append, Appended, LoggedDecision
from features.wire.contacts import contact_of_decision, contents_key
from serving import metrics
from serving.body import checked
from serving.call import Call
from serving.clock import occurred_at
from serving.desk_answers import ANSWERS, DESK_DECISION, message_id, other_answer
from serving.errors import Refusal, conflict, invalid
from serving.notices import is_notice
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


@dataclass(slots=True)
class _LookUps:
    """What reports are about, read once however many there are: each decision, and the record of whom it was asked
    about."""

    runtime: Runtime
    _decisions: dict[str, LoggedDecision | None] = field(default_factory=dict)
    _records: dict[Identifier, CustomerRecord] = field(default_factory=dict)

    def decision(self, decision_id: str) -> LoggedDecision | None:
        if decision_id not in self._decisions:
            self._decisions[decision_id] = self.runtime.store.decision(decision_id)
        return self._decisions[decision_id]

    def record(self, decision: LoggedDecision) -> CustomerRecord:
        """Of whom it was asked about: of two of one person who were parted since, each has their own."""
        asked = asked_about(decision)
        if asked not in self._records:
            self._records[asked] = self.runtime.store.read(asked)
        return self._records[asked]


_REPORT: TypeAdapter[FeedbackReport] = TypeAdapter(FeedbackReport)
_REPORTS: TypeAdapter[list[FeedbackReport]] = TypeAdapter(FeedbackReports)


async def feedback(runtime: Runtime, body: JsonValue, call: Call) -> bytes:
    """One report or a list of them. All become durable together; one that is refused refuses the rest."""
    reports = checked(_REPORTS, body) if isinstance(body, list) else [checked(_REPORT, body)]
    in_force = runtime.in_force
    in_force.keyring.admit("write", call)
    received_at = in_force.clock.present(call.now)
    paths = [""] if len(reports) == 1 else [f"[{position}]." for position in range(len(reports))]
    look_ups = _LookUps(runtime)
    appends = [_append(look_ups, report, path, received_at) for report, path in zip(reports, paths, strict=True)]
    _require_agreed(appends, paths)
    outcomes = await asyncio.wrap_future(runtime.store.append(appends))
    runtime.watch.told(appends, outcomes)
    stored = sum(outcome.stored for outcome in outcomes)
    duplicates = sum(outcome.duplicates for outcome in outcomes)
    metrics.EVENTS.labels("stored").inc(stored)
    metrics.EVENTS.labels("duplicate").inc(duplicates)
    await asyncio.to_thread(_require_kept, runtime, appends, paths, outcomes)
    return msgspec.json.encode({"stored": stored, "duplicates": duplicates})


def _append(look_ups: _LookUps, report: FeedbackReport, path: str, received_at: int) -> Append:
    runtime = look_ups.runtime
    claims = _claims(runtime, report, path)
    decision = look_ups.decision(claims.decision_id)
    if decision is None:
        raise no_decision(runtime, f"{path}decision_id", claims.decision_id, "send the id that was answered")
    if report.token is None:
        _require_chosen(decision, claims, path)
    when = received_at
    if report.occurred_at is not None:
        when = occurred_at(f"{path}occurred_at", int(report.occurred_at), received_at)
        _require_later(decision, when, f"{path}occurred_at")
    event = Event(
        message_id=_message_id(look_ups, claims, report, decision, path),
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


def _message_id(
    look_ups: _LookUps, claims: TokenClaims, report: FeedbackReport, decision: LoggedDecision, path: str
) -> str:
    """What the customer answered to an agent has one id whatever the answer is and whoever tells it: of several the
    store keeps the first. Raises Refusal when the log has another answer, and of an answer to a notice."""
    runtime, answered = look_ups.runtime, OUTCOME_KINDS[report.outcome] in ANSWERS
    if answered and is_notice(runtime, claims.action_id, decision.catalogue_version):
        rule = f"“{claims.action_id}” is a notice, which is only told: nobody accepts or refuses it"
        raise invalid(f"{path}outcome", report.outcome, rule, "report “displayed”, or nothing")
    if not answered or not DESK_DECISION.fullmatch(claims.decision_id):
        return report.message_id or _derived_id(runtime, claims, report)
    _require_alone(look_ups, decision, claims, report.outcome, path)
    return message_id(claims, "answer")


def _require_alone(look_ups: _LookUps, decision: LoggedDecision, claims: TokenClaims, outcome: str, path: str) -> None:
    """Raises Refusal when the log has another answer to the suggestion."""
    other = other_answer(look_ups.record(decision), look_ups.runtime.store.vocabulary, claims, outcome)
    if other is not None:
        raise _contradicts(path, outcome, f"the customer answered “{other}” to an agent")


def _contradicts(path: str, outcome: str, stands: str) -> Refusal:
    rule = f"{stands}, and one answer counts"
    return conflict(f"{path}outcome", outcome, rule, "report what they answered first, or nothing")


def _answered(append: Append) -> tuple[TokenClaims, str] | None:
    """The suggestion of the desk and what was answered to it; None of every other report."""
    (event,) = append.events
    answer = ANSWERS.get(event.kind)
    if answer is None or event.decision is None or event.action is None or event.channel is None:
        return None
    claims = TokenClaims(event.decision, event.action, event.channel, 0)
    return (claims, answer) if DESK_DECISION.fullmatch(event.decision) else None


def _require_agreed(appends: Sequence[Append], paths: Sequence[str]) -> None:
    """Raises Refusal when two reports of one list contradict each other, of which the log knows nothing yet."""
    first: dict[TokenClaims, tuple[str, str]] = {}
    for append, path in zip(appends, paths, strict=True):
        if (answered := _answered(append)) is not None:
            claims, outcome = answered
            before, there = first.setdefault(claims, (outcome, path))
            if before != outcome:
                raise _contradicts(path, outcome, f"{there}outcome is “{before}” of the same suggestion")


def _require_kept(
    runtime: Runtime, appends: Sequence[Append], paths: Sequence[str], outcomes: Sequence[Appended]
) -> None:
    """Raises Refusal when the store kept another answer, which was told at the same moment."""
    now = _LookUps(runtime)
    for append, path, outcome in zip(appends, paths, outcomes, strict=True):
        if outcome.duplicates and (answered := _answered(append)) is not None:
            decision = now.decision(answered[0].decision_id)
            if decision is not None:  # else erased meanwhile
                _require_alone(now, decision, *answered, path)


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


def _require_later(decision: LoggedDecision, when: int, path: str) -> None:
    """Of two machines' clocks one may be behind by a little."""
    if when < decision.decided_at - TOLERATED_LEAD:
        decided = render_instant(decision.decided_at)
        raise invalid(path, render_instant(when), f"not before its decision, at {decided}", "send when it happened")


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
