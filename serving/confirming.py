"""POST /decisions/{id}/confirm: asked just before a queued message is sent; every gate again, as things are now.

A cancellation is durable before it is answered, and stands. What may be sent keeps its reservation; one whose time had
run out meanwhile is reserved anew, if that is still within the contact limits, and cancelled if not. What is written
stands only when nothing has happened to the person since their record was read; else it is judged afresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from features.event import Event, Identifier
from features.history import CustomerRecord
from features.instants import render_instant
from features.stores.protocol import AmbiguousIdentifier, Append, HistoryMoved, LoggedDecision
from models.catalogue import Channel
from models.columns import CompiledCatalogue
from models.confirm import Queued, Verdict, confirm
from models.decision import DecisionRequest
from models.policy.contacts import Stage
from models.policy_rules import Direction
from serving import metrics
from serving.addresses import with_addresses
from serving.call import Call
from serving.decided_events import after_reservations, cancellation, reservation
from serving.deciding import TRIES
from serving.errors import ambiguous, conflict, invalid, unavailable
from serving.rights import no_decision
from serving.runtime import Runtime
from serving.schemas import ConfirmRequest


class _Question(msgspec.Struct, frozen=True):
    """What was asked for the decision, as far as gates look at it."""

    identifier: tuple[str, str]
    placement: str | None
    context: dict[str, object]


class _Chosen(msgspec.Struct, frozen=True):
    action_id: str


class _Slate(msgspec.Struct, frozen=True):
    channel: str
    actions: tuple[_Chosen, ...]


class _Answer(msgspec.Struct, frozen=True):
    channels: tuple[_Slate, ...]


async def confirmed(runtime: Runtime, decision_id: str, request: ConfirmRequest, call: Call) -> bytes:
    in_force = runtime.in_force
    in_force.keyring.admit("decide", call)
    present, compiled = in_force.clock.present(call.now), runtime.catalogue()
    decision = runtime.store.decision(decision_id)
    if decision is None:
        raise no_decision(runtime, "decision_id", decision_id, "send the id that was answered")
    channels = compiled.catalogue.channels
    queued = _queued(runtime, decision, request, channels)
    question = msgspec.json.decode(decision.request, type=_Question)
    identifier = Identifier(*question.identifier)
    async with runtime.turns.of(identifier):
        for _ in range(TRIES):
            record = _record(runtime, identifier, decision, compiled, {one.channel for one in queued})
            moment = after_reservations(record.page, present)
            asked = _asked(question, queued, compiled, moment, record.customer_id)
            seen = in_force.beside(record.customer_id, moment).catalogue or compiled
            verdicts = confirm(asked, queued, decision_id, record, seen, moment, in_force.published)
            try:
                events = list(_events(decision_id, verdicts, channels, moment))
                await _written(runtime, decision_id, identifier, record, events)
            except HistoryMoved:
                metrics.DECIDED_AGAIN.inc()
                continue
            return _rendered(decision_id, verdicts, moment)
    raise unavailable("the customer's history kept moving; nothing was changed")


def _queued(
    runtime: Runtime, decision: LoggedDecision, request: ConfirmRequest, channels: Mapping[str, Channel]
) -> tuple[Queued, ...]:
    """What the decision chose on outbound channels, as far as it is asked about. Raises Refusal."""
    answer = msgspec.json.decode(decision.response, type=_Answer)
    chosen = [(slate.channel, one.action_id) for slate in answer.channels for one in slate.actions]
    code = runtime.store.vocabulary.code
    named = [
        Queued(channel, action_id, line, code("channel", channel), code("action", action_id))
        for line, (channel, action_id) in enumerate(chosen)
        if request.channel in (None, channel) and request.action_id in (None, action_id)
    ]
    _require_named(request, named, channels)
    return tuple(one for one in named if _outbound(channels, one.channel))


def _require_named(request: ConfirmRequest, named: Sequence[Queued], channels: Mapping[str, Channel]) -> None:
    if not named and request.action_id is not None:
        rule = "the decision chose no such action there"
        raise invalid("action_id", request.action_id, rule, "send one that was answered")
    if not named and request.channel is not None:
        rule = "the decision chose nothing on such a channel"
        raise invalid("channel", request.channel, rule, "send one that was answered with an action")
    if request.channel is not None and not _outbound(channels, request.channel):
        raise invalid("channel", request.channel, "inbound: nothing waits there to be sent", "show what was answered")


def _outbound(channels: Mapping[str, Channel], channel: str) -> bool:
    """One that the catalogue does not have any more was."""
    return channel not in channels or channels[channel].direction is Direction.OUTBOUND


def _record(
    runtime: Runtime,
    identifier: Identifier,
    decision: LoggedDecision,
    compiled: CompiledCatalogue,
    channels: Collection[str],
) -> CustomerRecord:
    try:
        record = with_addresses(runtime.store, identifier, runtime.store.read(identifier), compiled, channels)
    except AmbiguousIdentifier as error:
        raise ambiguous("identifier", identifier.type, error.customer_ids) from error
    if record.person != decision.person:
        rule = "the identifier that it was asked by names somebody else by now"
        raise conflict("decision_id", decision.decision_id, rule, "do not send it; decide again")
    return record


def _asked(
    question: _Question, queued: Sequence[Queued], compiled: CompiledCatalogue, moment: int, subject: str
) -> DecisionRequest:
    known = compiled.catalogue.channels
    placements = {placement for channel in known.values() for placement in channel.placements}
    return DecisionRequest(
        channels=tuple(dict.fromkeys(one.channel for one in queued if one.channel in known)),
        limit=max(1, len(queued)),
        across="each",
        distinct=False,
        deliver_at=moment,
        placement=question.placement if question.placement in placements else None,
        exclude=frozenset(),
        explain=False,
        seed=0,
        subject=subject,
        context=question.context,
    )


async def _written(
    runtime: Runtime, decision_id: str, identifier: Identifier, record: CustomerRecord, events: Sequence[Event]
) -> None:
    """Raises HistoryMoved."""
    if events:
        append = Append(identifier, tuple(events), decision=decision_id, seen=record.version)
        await asyncio.wrap_future(runtime.store.append([append]))


def _events(
    decision_id: str, verdicts: Sequence[Verdict], channels: Mapping[str, Channel], moment: int
) -> Iterator[Event]:
    for one in verdicts:
        queued = one.queued
        if one.stage in (Stage.HELD, Stage.LAPSED) and one.reason is not None:
            yield cancellation(queued.channel, queued.action_id, decision_id, queued.line, moment, one.reason)
        elif one.stage is Stage.LAPSED:
            message, channel = f"reserved:{decision_id}:{moment}", channels[queued.channel]
            yield reservation(channel, queued.action_id, decision_id, message, queued.line, moment, moment)


def _rendered(decision_id: str, verdicts: Sequence[Verdict], moment: int) -> bytes:
    told = [_one(verdict) for verdict in verdicts]
    single = {"verdict": told[0]["verdict"]} if len(told) == 1 else {}
    return msgspec.json.encode(
        {"decision_id": decision_id, "confirmed_at": render_instant(moment), **single, "actions": told}
    )


def _one(verdict: Verdict) -> dict[str, str | None]:
    return {
        "action_id": verdict.queued.action_id,
        "channel": verdict.queued.channel,
        "verdict": "send" if verdict.sends else "cancel",
        "gate": verdict.gate,
        "reason": verdict.reason,
    }
