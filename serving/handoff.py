"""POST /customers/{id}/handoff: pass a journey on, so that the next channel knows what the last one heard.

An agent's desktop needs the rights `write` and `read`: it tells something, and is answered with the customer's journey,
which a key that may only write, like one in a browser, must not see.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from features.discretion import discreet
from features.event import Event, Kind
from features.history import NO_CHANNEL, as_of, text_code
from features.journey import STEPS, present
from features.stores.people import LoggedEvent
from features.stores.protocol import Append
from models.catalogue import Catalogue
from serving.call import Call
from serving.context import check_channel, told_of
from serving.context_parts import captured_fields
from serving.errors import conflict, not_found
from serving.handoff_answers import HANDOFF_KINDS, HandedOff, HandoffTaken, HandoffView, answer_of, first_of, kept_in
from serving.journey_answers import journey_answer
from serving.know_answers import HANDOFF, HandoffAnswer
from serving.person import Known, known_customer
from serving.runtime import Runtime
from serving.schemas import HandoffRequest, TakeRequest
from serving.words import id_of

ACCOUNT_TRAIT = "account_id"
ACCOUNT_FIELDS = ("account_id", "account", "account_number")
"""Captured form fields that hold the account, when neither the request nor the trait names it."""

_LOOKED_AT = 400
"""The newest hand-offs and takings of a customer, among which one is found."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A hand-off as the log has it. taken: by whom, once somebody has."""

    made: Event
    taken: Event | None


async def hand_off(runtime: Runtime, customer_id: str, request: HandoffRequest, call: Call) -> bytes:
    """Durable before it is answered, and once for each handoff_id. Raises Refusal."""
    catalogue = _admitted(runtime, call)
    check_channel("to_channel", request.to_channel, catalogue)
    if request.from_channel is not None:
        check_channel("from_channel", request.from_channel, catalogue)
    known = known_customer(runtime, customer_id, call)
    handoff_id = request.handoff_id or f"handoff-{secrets.token_hex(12)}"
    passed = await _passed(runtime, known, handoff_id)
    if passed is None:
        made = await asyncio.to_thread(_made, runtime, known, request, handoff_id, catalogue)
        await asyncio.wrap_future(runtime.store.append([Append(known.identifier, (made,))]))
        passed = await _passed(runtime, known, handoff_id)
    if passed is None or kept_in(passed.made, HandedOff).request != _digest(request):
        raise conflict("handoff_id", handoff_id, "it stands for another hand-off", "use a new one, or send the same")
    return HANDOFF.dump_json(_answer(runtime, known, passed, catalogue))


async def take(runtime: Runtime, customer_id: str, handoff_id: str, request: TakeRequest, call: Call) -> bytes:
    """Of several who take one hand-off the first has it. Raises Refusal."""
    catalogue = _admitted(runtime, call)
    known = known_customer(runtime, customer_id, call)
    passed = await _passed(runtime, known, handoff_id)
    if passed is None:
        raise not_found("handoff_id", handoff_id, "the customer has no such hand-off", "see the customer's context")
    if passed.taken is None:
        taken = _event(
            Kind.HANDOFF_TAKEN,
            handoff_id,
            (passed.made.channel, passed.made.order),
            known.moment,
            HandoffTaken(request.agent_id),
        )
        await asyncio.wrap_future(runtime.store.append([Append(known.identifier, (taken,))]))
        passed = await _passed(runtime, known, handoff_id)
    if passed is None or passed.taken is None:
        raise not_found("handoff_id", handoff_id, "the customer has no such hand-off", "see the customer's context")
    if (agent := kept_in(passed.taken, HandoffTaken).agent_id) != request.agent_id:
        rule = "somebody has taken it" if agent is None or request.agent_id is None else "another agent has taken it"
        raise conflict("handoff_id", handoff_id, rule, "leave the customer to them")
    return HANDOFF.dump_json(_answer(runtime, known, passed, catalogue))


def _admitted(runtime: Runtime, call: Call) -> Catalogue:
    for right in ("write", "read"):
        runtime.in_force.keyring.admit(right, call)
    return runtime.catalogue().catalogue


async def _passed(runtime: Runtime, known: Known, handoff_id: str) -> Passed | None:
    told = await asyncio.to_thread(runtime.store.timeline, known.identifier, None, _LOOKED_AT, HANDOFF_KINDS)
    made = first_of(told, Kind.HANDED_OFF).get(handoff_id)
    return None if made is None else Passed(made, first_of(told, Kind.HANDOFF_TAKEN).get(handoff_id))


def _answer(runtime: Runtime, known: Known, passed: Passed, catalogue: Catalogue) -> HandoffAnswer:
    page = runtime.store.read(known.identifier).page
    return answer_of(passed.made, passed.taken, HandoffView.of(page, known.moment, catalogue.journey.patience))


def _made(runtime: Runtime, known: Known, request: HandoffRequest, handoff_id: str, catalogue: Catalogue) -> Event:
    """The hand-off with everything that the journey tells and the request does not."""
    names, told = told_of(runtime, known, catalogue.version)
    page, vocabulary = known.record.page, runtime.store.vocabulary
    journey = journey_answer(page, told, catalogue.journey, known.moment, vocabulary, names)
    kept = HandedOff(
        request=_digest(request),
        from_channel=request.from_channel or _here(runtime, known, catalogue),
        account=request.account or _account(known, told),
        inquiry=discreet(request.inquiry),
        reason=discreet(request.reason),
        note=None if request.note is None else discreet(request.note),
        agent_id=request.agent_id,
        elapsed_seconds=0 if journey is None else journey.elapsed_seconds,
        transfers=0 if journey is None else journey.transfers,
        channels=() if journey is None else tuple(journey.channels),
        about=() if journey is None else tuple(journey.about),
    )
    order = request.order_id or _order(known, told, catalogue)
    return _event(Kind.HANDED_OFF, handoff_id, (request.to_channel, order), known.moment, kept)


def _here(runtime: Runtime, known: Known, catalogue: Catalogue) -> str | None:
    """The channel of the newest step of the journey under way."""
    journey = present(known.record.page, known.moment, catalogue.journey.idle)
    if journey is None:
        return None
    page = as_of(known.record.page, known.moment)
    steps = page[(page["channel"] != NO_CHANNEL) & (page["occurred_at"] >= journey.started_at)]
    at = [int(one["channel"]) for one in steps if one["kind"] in STEPS - {Kind.HANDED_OFF}]
    return runtime.store.vocabulary.text("channel", at[-1]) if at else None


def _account(known: Known, told: Sequence[LoggedEvent]) -> str | None:
    fields = {
        one.field: one.value
        for one in captured_fields(one for one in told if one.event.kind == Kind.FORM_FIELD_CAPTURED)
    }
    return id_of({"trait": known.record.traits.get(ACCOUNT_TRAIT), **fields}, "trait", *ACCOUNT_FIELDS)


def _order(known: Known, told: Sequence[LoggedEvent], catalogue: Catalogue) -> str | None:
    """The newest order of the journey under way."""
    journey = present(known.record.page, known.moment, catalogue.journey.idle)
    orders = {text_code(one.event.order): one.event.order for one in told}
    return next((orders[code] for code in journey.orders if code in orders), None) if journey else None


def _event(
    kind: Kind, handoff_id: str, where: tuple[str | None, str | None], moment: int, kept: HandedOff | HandoffTaken
) -> Event:
    """where: channel and order."""
    return Event(
        message_id=f"{kind.name.lower()}:{handoff_id}",
        kind=kind,
        name="Handed Off" if kind == Kind.HANDED_OFF else "Handoff Taken",
        occurred_at=moment,
        recorded_at=moment,
        channel=where[0],
        order=where[1],
        decision=handoff_id,
        properties=msgspec.json.encode(kept).decode(),
    )


def _digest(request: HandoffRequest) -> str:
    asked = request.model_dump_json(exclude={"handoff_id"})
    return hashlib.sha256(asked.encode()).hexdigest()[:32]
