"""POST /v1/...: events in Segment's shape, durable before they are acknowledged."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice

import msgspec
from pydantic import JsonValue

from features.event import Event, Identifier
from features.stores.protocol import AmbiguousIdentifier, Append, Appended, DeadLetter, InvalidEvent, Store
from features.wire import fields, segment
from features.wire.contacts import contents_key
from features.wire.errors import WireError
from features.wire.identifiers import mentioned
from features.wire.segment import WireMessage, WireRules
from models.policy_rules import Direction
from serving import metrics
from serving.call import Call
from serving.errors import ErrorBody, Refusal, invalid, malformed
from serving.page_keys import OUTBOUND, NotForPages, as_a_page_may
from serving.runtime import Runtime

EVENT_LIMIT = 32 * 1024
"""Bytes of one event, as JSON."""
BATCH_BYTES = 500 * 1024
"""Bytes of one batch, unpacked."""
LETTER_LIMIT = 32 * 1024
"""Characters of a refused payload that are kept."""
FROM_PAGE = "told by a web page: "
"""How the reason of a letter begins that came with a web page's key: read again, it may no more than before."""
INHERITED_LIMIT = 4 * BATCH_BYTES
"""Bytes of context that the letters of one batch may repeat: each of 100,000 empty calls inherits all of it."""

_SHOWN = 64
"""Characters of a batch's sentAt that is no time, in each of its letters."""

Payload = Mapping[str, JsonValue]


class Understood(msgspec.Struct, frozen=True):
    """message: a call as it came. appends: what it asks of the store, all for one person."""

    message: JsonValue
    appends: tuple[Append, ...]


class Taken(msgspec.Struct, frozen=True):
    """How many of a call's events were new, and how many known already."""

    stored: int
    duplicates: int


async def single(runtime: Runtime, payload: JsonValue, call: Call, name: str) -> bytes:
    """One call of the type `name` that the address says; a refused one becomes a dead letter and is answered 422."""
    body = _object(payload)
    reader = _reader(runtime, body, call)
    message = {field: value for field, value in body.items() if field != "writeKey"}
    try:
        appends = reader.appends(message, name)
    except NotForPages as error:
        metrics.EVENTS.labels("refused").inc()
        told = ErrorBody("forbidden", error.field, error.value, error.rule, error.message)
        raise Refusal(HTTPStatus.FORBIDDEN, told) from error
    except WireError as error:
        metrics.EVENTS.labels("refused").inc()
        letter = reader.letter({"type": name, **message}, message, error.message)
        runtime.tell_letters_left(await asyncio.wrap_future(runtime.store.bury([letter])))
        raise refusal_of(error) from error
    appended = await asyncio.wrap_future(runtime.store.append(appends))
    runtime.watch.told(appends, appended)
    _count([_taken(appended)], 0)
    return b'{"success":true}'


async def batch(runtime: Runtime, payload: JsonValue, call: Call, key: str | None = None) -> bytes:
    """Many calls; a refused one becomes a dead letter and loses no other. key: of the address, which is all that a
    page's farewell (sendBeacon) can carry."""
    body = _object(payload)
    reader = _reader(runtime, body, call, key)
    messages = body.get("batch")
    if not isinstance(messages, list):
        raise invalid("batch", messages, "must be a list of calls", 'send {"batch": [...]}')
    if not messages:
        raise invalid("batch", "[]", "must hold one call or more", "send no empty batch")
    inherited = Inherited.of(body, len(messages))
    calls: list[Understood] = []
    letters: list[DeadLetter] = []
    for message in messages:
        try:
            calls.append(Understood(message, _read(reader, message, inherited)))
        except WireError as error:
            letters.append(reader.letter(inherited.kept(message), inherited.whole(message), error.message))
    outcomes, refused = await _store(runtime, calls, reader, inherited)
    letters.extend(refused)
    if letters:
        runtime.tell_letters_left(await asyncio.wrap_future(runtime.store.bury(letters)))
    duplicates = _count(outcomes, len(letters))
    return msgspec.json.encode(
        {"success": True, "accepted": len(outcomes), "duplicates": duplicates, "refused": len(letters)}
    )


def _read(reader: Reader, message: JsonValue, inherited: Inherited) -> tuple[Append, ...]:
    """Raises WireError."""
    undated = _within(message, inherited.context)
    _check_size(undated)
    if inherited.sent_at is None:
        return reader.appends(_within(undated, inherited.dated))
    return reader.appends(undated, None, inherited.sent_at)


def _object(payload: JsonValue) -> Payload:
    if not isinstance(payload, dict):
        raise malformed("", payload, "the body must be a JSON object", "send an object")
    return payload


@dataclass(frozen=True, slots=True)
class Reader:
    """Of the calls of one request. received_at: ms UTC. from_page: told with a web page's key. strong: types of
    external ids that the company declares to be of one person alone. outbound: channels of that direction."""

    store: Store
    received_at: int
    rules: WireRules
    from_page: bool
    strong: Collection[str]
    outbound: Collection[str]

    @classmethod
    def of(cls, runtime: Runtime, received_at: int, from_page: bool) -> Reader:
        strong, outbound = runtime.settings.declared_strong, outbound_of(runtime)
        return cls(runtime.store, received_at, rules_of(runtime), from_page, strong, outbound)

    def appends(
        self, payload: JsonValue | Payload, name: str | None = None, sent_at: int | None = None
    ) -> tuple[Append, ...]:
        """What the call asks of the store: one for all that is not addressed and one for each way in which withdrawals
        were. name, sent_at: as in features.wire.segment.read. Raises WireError."""
        message = segment.read(payload, self.received_at, sent_at, name, self.rules)
        if self.from_page:
            message = as_a_page_may(message, self._is_known, self.strong, self.outbound)
        for place in message.unusable:
            metrics.UNUSABLE.labels(_NUMBERS.sub("[]", place)).inc()
        return tuple(_appends(message))

    def letter(self, payload: JsonValue | Payload, whole: JsonValue | Payload, reason: str) -> DeadLetter:
        if isinstance(payload, dict):  # some senders put the key into each call
            payload = {field: value for field, value in payload.items() if field != "writeKey"}
        text = msgspec.json.encode(payload).decode("utf-8", "replace")
        told = f"{FROM_PAGE}{reason}" if self.from_page else reason
        return DeadLetter(self.received_at, told, text[:LETTER_LIMIT], mentioned(whole, self.rules.region))

    def _is_known(self, identifier: Identifier) -> bool:
        try:
            return self.store.resolve(identifier) is not None
        except AmbiguousIdentifier:
            return True


def _reader(runtime: Runtime, body: Payload, call: Call, in_address: str | None = None) -> Reader:
    """Once the write key has been found good. Raises Refusal."""
    told = body.get("writeKey")
    in_body = told if isinstance(told, str) else None
    key = next((one for one in (call.key, in_body, in_address) if one is not None), None)
    in_force = runtime.in_force
    from_page = in_force.keyring.require_on_wire(key, call.peer, call.origin)
    return Reader.of(runtime, in_force.clock.present(call.now), from_page)


def rules_of(runtime: Runtime) -> WireRules:
    key, region = contents_key(runtime.store.vault), runtime.settings.region
    compiled = runtime.in_force.catalogue
    if compiled is None:
        return WireRules(region=region, key=key)
    catalogue = compiled.catalogue
    return WireRules(catalogue.channels, catalogue.currency, region, key, catalogue.traits)


def outbound_of(runtime: Runtime) -> Collection[str]:
    """Channels that no page is."""
    compiled = runtime.in_force.catalogue
    if compiled is None:
        return OUTBOUND
    return [name for name, one in compiled.catalogue.channels.items() if one.direction is Direction.OUTBOUND]


@dataclass(frozen=True, slots=True)
class Inherited:
    """What calls have of their batch where they bring none of their own: sentAt, and what else there is. sent_at: ms
    UTC, None where there is none or it is no time. repeatable: whether there is room for the context in each letter."""

    context: Payload
    dated: Payload
    sent_at: int | None
    repeatable: bool

    @classmethod
    def of(cls, body: Payload, calls: int) -> Inherited:
        """A sentAt that is no time is refused with each call that brings none of its own: the SDKs drop a batch that is
        refused whole."""
        context = {key: body[key] for key in ("context", "integrations") if key in body}
        repeatable = len(msgspec.json.encode(context)) * calls <= INHERITED_LIMIT
        try:
            sent_at = fields.optional_moment(body, "sentAt")
        except WireError:
            return cls(context, {"sentAt": str(body["sentAt"])[:_SHOWN]}, None, repeatable)
        return cls(context, {} if sent_at is None else {"sentAt": body["sentAt"]}, sent_at, repeatable)

    def whole(self, message: JsonValue) -> JsonValue:
        return _within(_within(message, self.context), self.dated)

    def kept(self, message: JsonValue) -> JsonValue:
        """What a letter keeps of the call."""
        return self.whole(message) if self.repeatable else _within(message, self.dated)


def _within(message: JsonValue, inherited: Payload) -> JsonValue:
    """`message` with what it inherits from its batch where it brings none."""
    if not isinstance(message, dict):
        return message
    missing = {key: value for key, value in inherited.items() if message.get(key) is None}
    return {**message, **missing} if missing else message


def _check_size(message: JsonValue) -> None:
    """Raises WireError."""
    if len(msgspec.json.encode(message)) > EVENT_LIMIT:
        raise WireError("", "too large", f"an event has at most {EVENT_LIMIT} bytes", "send less in one event")


_NUMBERS = re.compile(r"\[\d+\]")
"""Places in lists, which would make a series each."""


def _appends(message: WireMessage) -> Iterator[Append]:
    """A withdrawal binds whoever holds an identifier that it is addressed to, so those addressed alike go together."""
    if not any(message.addressed):
        yield Append(message.anchor, message.events, message.traits, message.also, message.previous)
        return
    told: dict[tuple[Identifier, ...], list[Event]] = {(): []}
    for event, addressed in zip(message.events, message.addressed, strict=True):
        told.setdefault(addressed, []).append(event)
    first = True
    for addressed, events in told.items():
        if events:
            traits, claims = (message.traits, (message.also, message.previous)) if first else ({}, ((), ()))
            yield Append(message.anchor, tuple(events), traits, *claims, addressed)
            first = False


async def _store(
    runtime: Runtime, calls: Sequence[Understood], reader: Reader, inherited: Inherited
) -> tuple[Sequence[Taken], list[DeadLetter]]:
    """What the store took, durable, and the letters for what only the store could refuse. It takes all of a write or
    nothing, so that after a refusal each call is a write of its own."""
    if not calls:
        return (), []
    try:
        appended = await asyncio.wrap_future(runtime.store.append([one for call in calls for one in call.appends]))
    except _REFUSALS:
        outcomes = await asyncio.gather(*(_alone(runtime, call, reader, inherited) for call in calls))
        taken = [outcome for outcome in outcomes if isinstance(outcome, Taken)]
        return taken, [outcome for outcome in outcomes if isinstance(outcome, DeadLetter)]
    runtime.watch.told([one for call in calls for one in call.appends], appended)
    answers = iter(appended)
    return [_taken(tuple(islice(answers, len(call.appends)))) for call in calls], []


def _taken(appended: Sequence[Appended]) -> Taken:
    return Taken(sum(one.stored for one in appended), sum(one.duplicates for one in appended))


async def _alone(runtime: Runtime, call: Understood, reader: Reader, inherited: Inherited) -> Taken | DeadLetter:
    try:
        appended = await asyncio.wrap_future(runtime.store.append(call.appends))
    except _REFUSALS as error:
        kept = inherited.kept(call.message)
        return reader.letter(kept, kept, str(error))
    runtime.watch.told(call.appends, appended)
    return _taken(appended)


_REFUSALS = (AmbiguousIdentifier, InvalidEvent)
"""What the store says of one call, and not of itself."""


def _count(outcomes: Sequence[Taken], refused: int) -> int:
    """Shows the calls in the metrics; how many were known already."""
    duplicates = sum(1 for outcome in outcomes if outcome.duplicates and not outcome.stored)
    metrics.EVENTS.labels("stored").inc(sum(outcome.stored for outcome in outcomes))
    metrics.EVENTS.labels("duplicate").inc(duplicates)
    metrics.EVENTS.labels("refused").inc(refused)
    return duplicates


def refusal_of(error: WireError) -> Refusal:
    plain = invalid(error.field, error.value, error.rule)
    return Refusal(plain.status, ErrorBody("invalid_value", error.field, error.value, error.rule, error.message))
