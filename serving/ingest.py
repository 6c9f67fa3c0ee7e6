"""POST /v1/...: events in Segment's shape, durable before they are acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
from pydantic import JsonValue

from features.identity import IdentityError, normalise
from features.instants import parse_instant
from features.stores.protocol import AmbiguousIdentifier, Append, Appended, DeadLetter, InvalidEvent
from features.wire import segment
from features.wire.errors import WireError
from features.wire.segment import WireRules
from serving import metrics
from serving.call import Call
from serving.errors import ErrorBody, Refusal, invalid, malformed
from serving.runtime import Runtime

EVENT_LIMIT = 32 * 1024
"""Bytes of one event, as JSON."""
BATCH_BYTES = 500 * 1024
"""Bytes of one batch, unpacked."""
LETTER_LIMIT = 32 * 1024
"""Characters of a refused payload that are kept."""

Payload = Mapping[str, JsonValue]
Understood = tuple[JsonValue, Append]
"""A call as it came, and what it asks of the store."""


async def single(runtime: Runtime, payload: JsonValue, call: Call, name: str) -> bytes:
    """One call of the type `name` that the address says; a refused one becomes a dead letter and is answered 422."""
    body = _object(payload)
    received_at = _admitted(runtime, body, call)
    message = {field: value for field, value in body.items() if field != "writeKey"}
    try:
        append = _append(message, received_at, None, name, _rules(runtime))
    except WireError as error:
        metrics.EVENTS.labels("refused").inc()
        await asyncio.wrap_future(runtime.store.bury([_letter(message, error.message, received_at)]))
        raise refusal_of(error) from error
    outcomes = await asyncio.wrap_future(runtime.store.append([append]))
    _count(outcomes, 0)
    return b'{"success":true}'


async def batch(runtime: Runtime, payload: JsonValue, call: Call) -> bytes:
    """Many calls; a refused one becomes a dead letter and loses no other."""
    body = _object(payload)
    received_at = _admitted(runtime, body, call)
    sent_at = _sent_at(body)
    messages = body.get("batch")
    if not isinstance(messages, list):
        raise invalid("batch", messages, "must be a list of calls", 'send {"batch": [...]}')
    if not messages:
        raise invalid("batch", "[]", "must hold one call or more", "send no empty batch")
    rules = _rules(runtime)
    calls: list[Understood] = []
    letters: list[DeadLetter] = []
    for message in messages:
        try:
            calls.append((message, _append(_within(body, message), received_at, sent_at, None, rules)))
        except WireError as error:
            letters.append(_letter(message, error.message, received_at))
    outcomes, refused = await _store(runtime, calls, received_at)
    letters.extend(refused)
    if letters:
        await asyncio.wrap_future(runtime.store.bury(letters))
    duplicates = _count(outcomes, len(letters))
    return msgspec.json.encode(
        {"success": True, "accepted": len(outcomes), "duplicates": duplicates, "refused": len(letters)}
    )


def _object(payload: JsonValue) -> Payload:
    if not isinstance(payload, dict):
        raise malformed("", payload, "the body must be a JSON object", "send an object")
    return payload


def _admitted(runtime: Runtime, body: Payload, call: Call) -> int:
    """The moment of receipt (ms UTC), once the write key has been found good."""
    told = body.get("writeKey")
    key = call.key if call.key is not None else told if isinstance(told, str) else None
    in_force = runtime.in_force
    in_force.keyring.require("write", key, call.peer)
    return in_force.clock.present(call.now)


def _rules(runtime: Runtime) -> WireRules:
    compiled = runtime.in_force.catalogue
    if compiled is None:
        return segment.ANY
    return WireRules(channels=compiled.catalogue.channels, currency=compiled.catalogue.currency)


def _sent_at(body: Payload) -> int | None:
    told = body.get("sentAt")
    if told is None:
        return None
    if not isinstance(told, str):
        raise invalid("sentAt", told, "must be an RFC 3339 time with an offset")
    try:
        return parse_instant(told)
    except ValueError as error:
        raise invalid("sentAt", told, str(error)) from error


def _within(body: Payload, message: JsonValue) -> JsonValue:
    """`message` with the batch's context and integrations where it brings none. Raises WireError when too large."""
    if isinstance(message, dict):
        inherited = {key: body[key] for key in ("context", "integrations") if key in body and key not in message}
        message = {**message, **inherited} if inherited else message
    if len(msgspec.json.encode(message)) > EVENT_LIMIT:
        raise WireError("", "too large", f"an event has at most {EVENT_LIMIT} bytes", "send less in one event")
    return message


def _append(
    payload: JsonValue | Payload, received_at: int, sent_at: int | None, name: str | None, rules: WireRules
) -> Append:
    """Raises WireError."""
    message = segment.read(payload, received_at, sent_at, name, rules)
    try:
        identifier = normalise(message.identifier.type, message.identifier.value)
    except IdentityError as error:
        field = "userId" if message.identifier.type == "user_id" else "anonymousId"
        raise WireError(field, message.identifier.value, "must be usable as an identifier", str(error)) from error
    return Append(identifier, message.events, message.traits)


async def _store(
    runtime: Runtime, calls: Sequence[Understood], received_at: int
) -> tuple[Sequence[Appended], list[DeadLetter]]:
    """What the store took, durable, and the letters for what only the store could refuse. It takes all of a write or
    nothing, so that after a refusal each call is a write of its own."""
    if not calls:
        return (), []
    try:
        return await asyncio.wrap_future(runtime.store.append([append for _, append in calls])), []
    except _REFUSALS:
        outcomes = await asyncio.gather(*(_alone(runtime, call, received_at) for call in calls))
    taken = [outcome for outcome in outcomes if isinstance(outcome, Appended)]
    return taken, [outcome for outcome in outcomes if isinstance(outcome, DeadLetter)]


async def _alone(runtime: Runtime, call: Understood, received_at: int) -> Appended | DeadLetter:
    message, append = call
    try:
        return (await asyncio.wrap_future(runtime.store.append([append])))[0]
    except _REFUSALS as error:
        return _letter(message, str(error), received_at)


_REFUSALS = (AmbiguousIdentifier, InvalidEvent)
"""What the store says of one call, and not of itself."""


def _count(outcomes: Sequence[Appended], refused: int) -> int:
    """Shows the calls in the metrics; how many were known already."""
    duplicates = sum(1 for outcome in outcomes if outcome.duplicates and not outcome.stored)
    metrics.EVENTS.labels("stored").inc(sum(outcome.stored for outcome in outcomes))
    metrics.EVENTS.labels("duplicate").inc(duplicates)
    metrics.EVENTS.labels("refused").inc(refused)
    return duplicates


def _letter(payload: JsonValue | Payload, reason: str, received_at: int) -> DeadLetter:
    if isinstance(payload, dict):  # some senders put the key into each call
        payload = {field: value for field, value in payload.items() if field != "writeKey"}
    text = msgspec.json.encode(payload).decode("utf-8", "replace")
    return DeadLetter(received_at, reason, text[:LETTER_LIMIT])


def refusal_of(error: WireError) -> Refusal:
    plain = invalid(error.field, error.value, error.rule)
    return Refusal(plain.status, ErrorBody("invalid_value", error.field, error.value, error.rule, error.message))
