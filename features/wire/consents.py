"""Lines of what people say yes and no to: events about a channel or a topic, and the subscriptions in any call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from features.consent import PROFILING_TOPIC
from features.event import Identifier, Kind
from features.identity import IdentityError, bare, normalise
from features.wire import fields
from features.wire.errors import WireError
from features.wire.line import JsonObject, Line
from features.wire.names import Meaning, Shape

SUBSCRIPTIONS: Final = "messaging_subscriptions"

_STATUSES: Final[Mapping[str, Kind]] = {
    "subscribed": Kind.CONSENT_GRANTED,
    "unsubscribed": Kind.CONSENT_WITHDRAWN,
    "did_not_subscribe": Kind.OTHER,  # neither yes nor no: the channel's regime decides
}

_ADDRESSES: Final[Mapping[str, frozenset[str]]] = {
    "email": frozenset({"email"}),
    "sms": frozenset({"phone"}),
    "whatsapp": frozenset({"phone"}),
    "push": frozenset({"device", "device_token", "advertising_id"}),
}
"""Types of identifiers under which a channel reaches people, the one of an entry's key first."""
_NONE: Final[frozenset[str]] = frozenset()
_REACHING: Final = frozenset().union(*_ADDRESSES.values())
_KEY_TYPES: Final[Mapping[str, str]] = {"email": "email", "sms": "phone", "whatsapp": "phone", "push": "device_token"}

_STOPS: Final = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
"""CTIA Messaging Principles and Best Practices, "Consumer Opt-Out"; 47 CFR 64.1200(a)(10)."""
_LONGEST_STOP: Final = 40
"""Characters of a body that may be one of these."""
_BODIES: Final = frozenset({"body", "text", "message", "content"})

_GROUP_KEYS: Final = ("topic", "group_name", "group", "group_id")


def consent(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    """About the channel of its name, wherever it was said."""
    topic = fields.identifier(properties, "topic", "properties.topic")
    return (Line(meaning.kind, meaning.channel, properties=properties, topic=_trimmed(topic)),)


def group_consent(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    """Without the group's name a yes says nothing and is refused, but a no is taken for all of the channel."""
    found = (fields.identifier(properties, key, f"properties.{key}") for key in _GROUP_KEYS)
    topic = next((one for one in found if one is not None), None)
    if meaning.kind is Kind.CONSENT_GRANTED:
        fields.required(topic, "properties.topic")
    return (Line(meaning.kind, meaning.channel, properties=properties, topic=_trimmed(topic)),)


def subscription(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    """Its lines are the subscriptions, which are found in any call."""
    return ()


def inbound(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    """Whoever answers a text with nothing but STOP, or another word for it, wants no more of them."""
    told = Line(meaning.kind, channel, properties=properties)
    bodies = (value for key, value in properties.items() if key.lower() in _BODIES)
    if any(isinstance(one, str) and len(one) <= _LONGEST_STOP and bare(one) in _STOPS for one in bodies):
        return told, Line(Kind.CONSENT_WITHDRAWN, meaning.channel)
    return (told,)


def profiling(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:  # noqa: ARG001
    return (Line(meaning.kind, None, properties=properties, topic=PROFILING_TOPIC),)


def subscriptions(
    properties: JsonObject, meaning: Meaning, context: JsonObject, channels: Collection[str] | None, region: str | None
) -> tuple[Line, ...]:
    """What the call says about subscriptions, wherever it says it. properties: what the log may keep of them.
    channels: the catalogue's, None for any. region: for telephone numbers, see features.identity.normalise. Raises
    WireError."""
    told: list[Line] = []
    if context.get(SUBSCRIPTIONS) is not None:
        path = f"context.{SUBSCRIPTIONS}"
        for i, entry in enumerate(fields.objects(context, SUBSCRIPTIONS, path)):
            told.extend(_entry(entry, "type", f"{path}[{i}]", channels, region))
    if meaning.shape is Shape.SUBSCRIPTION and (properties.get("channel") is not None or not told):
        told.extend(_entry(properties, "channel", "properties", channels, region))
    return tuple(told)


def addresses_of(channel: str | None, identifiers: tuple[Identifier, ...]) -> tuple[Identifier, ...]:
    """Those under which the channel reaches people."""
    suited = _ADDRESSES.get(channel or "", _NONE)
    return tuple(one for one in identifiers if one.type in suited)


def reached_by(channel: str | None, identifiers: tuple[Identifier, ...]) -> tuple[Identifier, ...]:
    """Those under which the channel reaches people, or where it has none of them, all under which any channel does."""
    return addresses_of(channel, identifiers) or tuple(one for one in identifiers if one.type in _REACHING)


def _entry(entry: JsonObject, key: str, path: str, channels: Collection[str] | None, region: str | None) -> list[Line]:
    """The statements of one entry: about its channel (or its topic), and about each of its groups."""
    told_channel = fields.required(fields.identifier(entry, key, f"{path}.{key}"), f"{path}.{key}").lower()
    channel = fields.known_channel(told_channel, f"{path}.{key}", channels)
    through = _through(entry.get("key"), channel, region)
    # Who was addressed is kept as an identifier, not in the log.
    kept = {name: value for name, value in entry.items() if name != "key"}
    groups = fields.objects(entry, "groups", f"{path}.groups")
    told = []
    if entry.get("status") is not None or not groups:
        topic = fields.identifier(entry, "topic", f"{path}.topic")
        told.append(_said(_status(entry, path), channel, kept, topic, through))
    for i, group in enumerate(groups):
        at = f"{path}.groups[{i}]"
        name = fields.required(fields.identifier(group, "name", f"{at}.name"), f"{at}.name")
        told.append(_said(_status(group, at), channel, group, name, through))
    return told


def _said(kind: Kind, channel: str, kept: JsonObject, topic: str | None, through: tuple[Identifier, ...]) -> Line:
    if kind is Kind.OTHER:
        return Line(kind, channel, properties=kept)
    return Line(kind, channel, properties=kept, topic=_trimmed(topic), through=through)


def _status(entry: JsonObject, path: str) -> Kind:
    status = entry.get("status")
    kind = _STATUSES.get(status.lower().replace("-", "_")) if isinstance(status, str) else None
    if kind is None:
        rule = "a status is SUBSCRIBED, UNSUBSCRIBED or DID_NOT_SUBSCRIBE"
        raise WireError(f"{path}.status", status, rule, "correct it, or leave the entry out")
    return kind


def _through(key: object, channel: str, region: str | None) -> tuple[Identifier, ...]:
    """An address that is none names nobody; what is said through it still holds for the sender."""
    if not isinstance(key, str) or channel not in _KEY_TYPES:
        return ()
    try:
        return (normalise(_KEY_TYPES[channel], key, region),)
    except IdentityError:
        return ()


def _trimmed(topic: str | None) -> str | None:
    return None if topic is None else topic.strip()
