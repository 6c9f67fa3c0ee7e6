"""Payloads of the Segment HTTP API -> events. The only reader of raw payloads, and a pure one: no clock, no store.

Whatever it is given, it returns a WireMessage or raises WireError, nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from features.event import Event, Identifier, Kind
from features.identity import ANONYMOUS_PREFIX
from features.instants import EARLIEST, TOLERATED_LEAD
from features.wire import fields
from features.wire.errors import WireError
from features.wire.lines import Line, lines_of
from features.wire.names import EVENT_NAMES, FAMILY_CHANNELS, UNKNOWN_NAME, Meaning, Shape

CALLS: Final = frozenset({"track", "identify", "page", "screen", "group", "alias"})

_OTHER_CALLS: Final[Mapping[str, Meaning]] = {
    "identify": Meaning(Kind.IDENTIFIED, None, Shape.PLAIN),
    "page": Meaning(Kind.PAGE_SEEN, "web", Shape.PLAIN),
    "screen": Meaning(Kind.PAGE_SEEN, "app", Shape.PLAIN),
    # Kept in the log as they came, so that identities and groups can be read from them later.
    "group": Meaning(Kind.OTHER, None, Shape.PLAIN),
    "alias": Meaning(Kind.OTHER, None, Shape.PLAIN),
}

_STATUSES: Final[Mapping[str, Kind]] = {
    "subscribed": Kind.CONSENT_GRANTED,
    "unsubscribed": Kind.CONSENT_WITHDRAWN,
    "did_not_subscribe": Kind.OTHER,  # neither yes nor no: the channel's regime decides
}


@dataclass(frozen=True, slots=True)
class WireMessage:
    """call: track, identify, ... identifier: of the sender's person, not yet normalised. events: one per line, all with
    one message_id, never empty. traits: what an identify call told of the person, empty otherwise."""

    call: str
    message_id: str
    identifier: Identifier
    events: tuple[Event, ...]
    traits: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class WireRules:
    """What the catalogue says about payloads. channels: those that `properties.channel` may name; None: any. currency:
    ISO 4217; an amount in another one is unknown."""

    channels: Collection[str] | None = None
    currency: str | None = None


ANY: Final = WireRules()


def read(
    payload: object, received_at: int, sent_at: int | None = None, call: str | None = None, rules: WireRules = ANY
) -> WireMessage:
    """payload: one call as parsed JSON. received_at: ms UTC, becomes recorded_at. sent_at: ms UTC, the batch's; None
    when the payload brings its own or none. call: what the address says it is; None when only the payload's `type`
    does. Raises WireError."""
    fields.check_json(payload)
    if not isinstance(payload, Mapping):
        raise WireError("", payload, "a call is an object", "send a JSON object")
    name = _call(payload, call)
    meaning, title = _meaning(payload, name)
    occurred_at = _occurred_at(payload, received_at, sent_at)
    message_id = _message_id(payload, received_at)
    channel = _channel(payload, meaning, rules)
    lines = (*lines_of(payload, name, meaning, channel, rules.currency), *_consents(payload, rules))
    return WireMessage(
        call=name,
        message_id=message_id,
        identifier=_identifier(payload),
        events=tuple(_event(line, i, title, message_id, occurred_at, received_at) for i, line in enumerate(lines)),
        traits=fields.mapping(payload, "traits") if name == "identify" else {},
    )


def _event(line: Line, number: int, title: str, message_id: str, occurred_at: int, received_at: int) -> Event:
    return Event(
        message_id=message_id,
        kind=line.kind,
        name=title,
        occurred_at=occurred_at,
        recorded_at=received_at,
        line=number,
        channel=line.channel,
        item=line.item,
        action=line.action,
        order=line.order,
        decision=line.decision,
        quantity=line.quantity,
        amount=line.amount,
        severity=line.severity,
        properties=json.dumps(line.properties, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
    )


def _call(payload: Mapping[str, object], expected: str | None) -> str:
    told = payload.get("type")
    if told is None:
        told = expected
    if not isinstance(told, str) or told not in CALLS:
        raise WireError("type", told, f"a call is one of {', '.join(sorted(CALLS))}", "correct it")
    if expected is not None and told != expected:
        raise WireError("type", told, f"it was sent to the address of {expected}", "send it to its own address")
    return told


def _meaning(payload: Mapping[str, object], call: str) -> tuple[Meaning, str]:
    if call != "track":
        return _OTHER_CALLS[call], call.capitalize()
    name = payload.get("event")
    if not isinstance(name, str):
        raise WireError("event", name, "a track call has the event's name", "send it as text")
    return EVENT_NAMES.get(name, UNKNOWN_NAME), fields.checked_id(name, "event")


def _identifier(payload: Mapping[str, object]) -> Identifier:
    user = fields.identifier(payload, "userId", "userId")
    if user is not None:
        if user.lower().startswith(ANONYMOUS_PREFIX):
            raise WireError("userId", user, f"{ANONYMOUS_PREFIX} names somebody unknown", "send it as anonymousId")
        return Identifier("user_id", user)
    anonymous = fields.identifier(payload, "anonymousId", "anonymousId")
    return Identifier("anonymous_id", fields.required(anonymous, "userId or anonymousId"))


def _message_id(payload: Mapping[str, object], received_at: int) -> str:
    """The sender's, or a digest of the content. Without a time of its own a call may rightly come twice with one
    content, so the arrival then enters the digest."""
    told = fields.identifier(payload, "messageId", "messageId")
    if told is not None:
        return told
    timed = payload.get("timestamp") is not None or payload.get("originalTimestamp") is not None
    content = {key: value for key, value in payload.items() if key != "sentAt"}
    text = json.dumps([content, None if timed else received_at], sort_keys=True, default=str)
    return "content:" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _occurred_at(payload: Mapping[str, object], received_at: int, sent_at: int | None) -> int:
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


def _channel(payload: Mapping[str, object], meaning: Meaning, rules: WireRules) -> str | None:
    properties = fields.mapping(payload, "properties")
    if meaning is UNKNOWN_NAME:
        # Anybody's own events may use the word for something else.
        own = properties.get("channel")
        return own if isinstance(own, str) and own in (rules.channels or FAMILY_CHANNELS) else None
    told = fields.identifier(properties, "channel", "properties.channel")
    return meaning.channel if told is None else _known_channel(told, "properties.channel", rules)


def _known_channel(channel: str, path: str, rules: WireRules) -> str:
    if rules.channels is not None and channel not in rules.channels and channel not in FAMILY_CHANNELS:
        known = ", ".join(sorted(rules.channels))
        raise WireError(path, channel, f"a channel is one of {known}", "correct it, or add it to the catalogue")
    return channel


def _consents(payload: Mapping[str, object], rules: WireRules) -> tuple[Line, ...]:
    """What the call says about subscriptions, wherever it says it."""
    path = "context.messaging_subscriptions"
    entries = fields.objects(fields.mapping(payload, "context"), "messaging_subscriptions", path)
    told = [_consent(entry, "type", f"{path}[{i}]", rules) for i, entry in enumerate(entries)]
    if payload.get("event") == "Channel Subscription Updated":
        properties = fields.mapping(payload, "properties")
        if properties.get("channel") is not None or not told:
            told.append(_consent(properties, "channel", "properties", rules))
    return tuple(told)


def _consent(entry: Mapping[str, object], key: str, path: str, rules: WireRules) -> Line:
    channel = fields.required(fields.identifier(entry, key, f"{path}.{key}"), f"{path}.{key}").lower()
    status = entry.get("status")
    kind = _STATUSES.get(status.lower().replace("-", "_")) if isinstance(status, str) else None
    if kind is None:
        rule = "a status is SUBSCRIBED, UNSUBSCRIBED or DID_NOT_SUBSCRIBE"
        raise WireError(f"{path}.status", status, rule, "correct it, or leave the entry out")
    return Line(kind, _known_channel(channel, f"{path}.{key}", rules), properties=entry)
