"""Payloads of the Segment HTTP API -> events. The only reader of raw payloads, and a pure one: no clock, no store.

Whatever it is given, it returns a WireMessage or raises WireError, nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from features.declared_traits import TraitType
from features.event import Event, Identifier, Kind
from features.instants import EARLIEST, TOLERATED_LEAD
from features.wire import consents, fields, identifiers
from features.wire.contacts import contact_id, contact_of_decision, keyed_digest
from features.wire.errors import WireError
from features.wire.line import JsonObject, Line
from features.wire.lines import lines_of
from features.wire.names import EVENT_NAMES, FAMILY_CHANNELS, UNKNOWN_NAME, Meaning, Shape, called
from features.wire.texts import kept_text
from features.wire.traits import traits_of

CALLS: Final = frozenset({"track", "identify", "page", "screen", "group", "alias"})

_OTHER_CALLS: Final[Mapping[str, Meaning]] = {
    "identify": Meaning(Kind.IDENTIFIED, None, Shape.PLAIN),
    "page": Meaning(Kind.PAGE_SEEN, "web", Shape.PLAIN),
    "screen": Meaning(Kind.PAGE_SEEN, "app", Shape.PLAIN),
    # Kept in the log as they came; an alias is also a claim.
    "group": Meaning(Kind.OTHER, None, Shape.PLAIN),
    "alias": Meaning(Kind.OTHER, None, Shape.PLAIN),
}

_DAY: Final = 86_400_000
_NOBODY: Final[tuple[Identifier, ...]] = ()


class WireMessage(msgspec.Struct, frozen=True):
    """call: track, identify, ... anchor: the identifier of the person under which it is told; also, previous: further
    identifiers and older ids of the same person (features.stores.protocol.Append); all normalised. events: one per line
    with the call's message_id, and with ids of their own the contacts that it tells of; never empty. addressed: of each
    event, the identifiers through which a withdrawal of consent was made. traits: what an identify call told of the
    person, without identifiers; empty otherwise. unusable: places of what was no identifier of its type."""

    call: str
    message_id: str
    anchor: Identifier
    events: tuple[Event, ...]
    traits: Mapping[str, object]
    also: tuple[Identifier, ...] = ()
    previous: tuple[Identifier, ...] = ()
    addressed: tuple[tuple[Identifier, ...], ...] = ()
    unusable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WireRules:
    """What else a payload is read by. channels: those that `properties.channel` may name; None: any. currency:
    ISO 4217; an amount in another one is unknown. region: ISO 3166, of telephone numbers without country code; None
    refuses them. key: at most 64 bytes; ids that are made of a call's content tell nothing of it without the key.
    traits: types of those that the catalogue declares."""

    channels: Collection[str] | None = None
    currency: str | None = None
    region: str | None = None
    key: bytes = b""
    traits: Mapping[str, TraitType] = field(default_factory=dict)


ANY: Final = WireRules()


def read(
    payload: object, received_at: int, sent_at: int | None = None, call: str | None = None, rules: WireRules = ANY
) -> WireMessage:
    """payload: one call as parsed JSON. received_at: ms UTC, becomes recorded_at. sent_at: ms UTC, the batch's; None
    when the payload brings its own or none. call: what the address says it is; None when only the payload's `type`
    does. Raises WireError."""
    fields.check_json(payload)
    if not isinstance(payload, dict):
        raise WireError("", payload, "a call is an object", "send a JSON object")
    name = _call(payload, call)
    meaning, title = _meaning(payload, name)
    occurred_at = _occurred_at(payload, received_at, sent_at)
    message_id = _message_id(payload, received_at, rules.key)
    context, properties = fields.mapping(payload, "context"), fields.mapping(payload, "properties")
    channel = _channel(properties, meaning, rules)
    kept = identifiers.without_identifiers(properties, meaning)
    statements = consents.subscriptions(kept, meaning, context, rules.channels, rules.region)
    named = identifiers.naming(payload, name, meaning, context, statements, rules.region)
    lines = (*lines_of(payload, name, meaning, kept, channel, rules.currency), *statements)
    makes = _Maker(title, message_id, occurred_at, received_at, named.anchor, rules.key)
    return WireMessage(
        call=name,
        message_id=message_id,
        anchor=named.anchor,
        events=tuple([makes.event(line, i) for i, line in enumerate(lines)]),
        traits=traits_of(payload, context, rules.traits) if name == "identify" else {},
        also=named.also,
        previous=named.previous,
        addressed=tuple([_addressed(line, named) for line in lines]),
        unusable=named.unusable,
    )


class _Maker(msgspec.Struct, frozen=True):
    """Of events from the lines of one call."""

    title: str
    message_id: str
    occurred_at: int
    received_at: int
    anchor: Identifier
    key: bytes

    def event(self, line: Line, number: int) -> Event:
        own = line.contact is None
        return Event(
            message_id=self.message_id if own else self._contact_id(line),
            kind=line.kind,
            name=self.title,
            occurred_at=self.occurred_at,
            recorded_at=self.received_at,
            line=number if own else 0,
            channel=line.channel,
            item=line.item,
            action=line.action,
            order=line.order,
            decision=line.decision,
            quantity=line.quantity,
            amount=line.amount,
            severity=line.severity,
            properties=kept_text(line.properties),
            topic=line.topic,
            ends_at=line.ends_at,
        )

    def _contact_id(self, line: Line) -> str:
        """One message to one person on one channel. Without an id of its own a campaign counts once a day (UTC), and
        without a campaign every call counts."""
        kind, *names = line.contact or ("call",)
        if kind == "decision":
            decision, action = names
            return contact_of_decision(line.channel, decision, action, self.key)
        parts: list[object] = [line.channel, self.anchor.type, self.anchor.value, kind, *names]
        if kind == "campaign":
            parts.append(self.occurred_at // _DAY)
        elif kind == "call":
            parts.append(self.message_id)
        return contact_id(parts, self.key)


def _addressed(line: Line, named: identifiers.Naming) -> tuple[Identifier, ...]:
    """Through what a withdrawal came. Of one told by a user id, what the event itself names; whatever else the call
    says of the person, some senders say with every call."""
    if line.kind is not Kind.CONSENT_WITHDRAWN:
        return _NOBODY
    if line.through or named.known:
        return line.through or consents.addresses_of(line.channel, named.through)
    return consents.reached_by(line.channel, (named.anchor, *named.also))


def _call(payload: JsonObject, expected: str | None) -> str:
    told = payload.get("type")
    if told is None:
        told = expected
    if not isinstance(told, str) or told not in CALLS:
        raise WireError("type", told, f"a call is one of {', '.join(sorted(CALLS))}", "correct it")
    if expected is not None and told != expected:
        raise WireError("type", told, f"it was sent to the address of {expected}", "send it to its own address")
    return told


def _meaning(payload: JsonObject, call: str) -> tuple[Meaning, str]:
    if call != "track":
        return _OTHER_CALLS[call], call.capitalize()
    name = payload.get("event")
    if not isinstance(name, str):
        raise WireError("event", name, "a track call has the event's name", "send it as text")
    title = called(fields.checked_id(name, "event"))
    return EVENT_NAMES.get(title, UNKNOWN_NAME), title


def _message_id(payload: JsonObject, received_at: int, key: bytes) -> str:
    """The sender's, or a digest of the content. Without a time of its own a call may rightly come twice with one
    content, so the arrival then enters the digest."""
    told = fields.identifier(payload, "messageId", "messageId")
    if told is not None:
        return told
    timed = payload.get("timestamp") is not None or payload.get("originalTimestamp") is not None
    content = {name: value for name, value in payload.items() if name != "sentAt"}
    return "content:" + keyed_digest([content, None if timed else received_at], key)


def _occurred_at(payload: JsonObject, received_at: int, sent_at: int | None) -> int:
    field = "originalTimestamp" if payload.get("originalTimestamp") is not None else "timestamp"
    original = fields.optional_moment(payload, field)
    own_sent_at = fields.optional_moment(payload, "sentAt")
    sent = own_sent_at if own_sent_at is not None else sent_at
    if original is None:
        return received_at
    corrected = original if sent is None else received_at - (sent - original)
    if corrected > received_at + TOLERATED_LEAD:
        raise WireError(field, payload[field], "an event lies at most 10 minutes ahead", "correct the sender's clock")
    if corrected < EARLIEST:
        raise WireError(field, payload[field], "an event lies after the year 2000", "correct the time")
    return min(corrected, received_at)


def _channel(properties: JsonObject, meaning: Meaning, rules: WireRules) -> str | None:
    if meaning is UNKNOWN_NAME:
        # Anybody's own events may use the word for something else.
        own = properties.get("channel")
        return own if isinstance(own, str) and own in (rules.channels or FAMILY_CHANNELS) else None
    told = fields.identifier(properties, "channel", "properties.channel")
    return meaning.channel if told is None else fields.known_channel(told, "properties.channel", rules.channels)
