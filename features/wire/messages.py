"""Lines of what is sent to people: actions and their outcomes, messages of other tools, and the contacts they make.

A message is told of several times (sent, delivered, received), by one tool or two, in any order; it is one contact. The
call that tells is kept as it came, and beside it stands the contact, an event whose message id is made of what
identifies the message, so that the store keeps the first and knows the others for the same.
"""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Final

from msgspec.structs import replace

from features.event import Kind
from features.wire import fields
from features.wire.line import JsonObject, Line
from features.wire.names import Meaning

PROVIDER_IDS: Final = (
    "message_id",
    "messageId",
    "message_sid",
    "messageSid",
    "sg_message_id",
    "email_id",
    "sms_id",
    "push_id",
    "notification_id",
    "delivery_id",
    "dispatch_id",
)
"""Properties by which tools name one message, the most exact first. Some of them give all recipients of a mailing the
same one, which is why the recipient belongs to a contact's identity."""

_TRANSACTIONAL: Final = "transactional"
_TYPES_OF_BOUNCE: Final = ("bounce_type", "bounceType", "type")
_FOR_GOOD: Final = frozenset({"hard", "hardbounce", "permanent", "permanentfailure"})
_SIGNS: Final = re.compile(r"[\W_]+")
_TYPES_OF_MESSAGE: Final = ("message_type", "messageType", "campaign_type", "category")


def action(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:
    of = fields.required(fields.identifier(properties, "action_id", "properties.action_id"), "properties.action_id")
    return (_outcome(properties, meaning.kind, fields.required(channel, "properties.channel"), of, foreign),)


def promotion(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:
    """A promotion that is none of our actions is the site's own: nobody was contacted by it."""
    of = fields.identifier(properties, "action_id", "properties.action_id")
    return (_outcome(properties, Kind.OTHER if of is None else meaning.kind, channel, of, foreign),)


def message(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:
    of = fields.identifier(properties, "action_id", "properties.action_id")
    told = _outcome(properties, meaning.kind, channel, of, foreign)
    if meaning.kind is not Kind.NOT_SENT or not _is_for_good(properties):
        return (told,)
    return told, replace(told, kind=Kind.ADDRESS_FAILED, properties={})


def _is_for_good(properties: JsonObject) -> bool:
    """Whether the message bounced because its address does not exist or takes none."""
    told = (properties.get(key) for key in _TYPES_OF_BOUNCE)
    return any(isinstance(one, str) and _SIGNS.sub("", one).lower() in _FOR_GOOD for one in told)


def delivery(properties: JsonObject, meaning: Meaning, channel: str | None, foreign: bool) -> tuple[Line, ...]:
    (told,) = message(properties, dataclasses.replace(meaning, kind=Kind.OTHER), channel, foreign)
    if _is_transactional(properties):
        return (told,)
    return told, replace(told, kind=Kind.SENT, properties={}, contact=_contact(properties, told))


def _outcome(properties: JsonObject, kind: Kind, channel: str | None, action: str | None, foreign: bool) -> Line:
    decision = fields.identifier(properties, "decision_id", "properties.decision_id")
    amount = fields.number(properties, "value", "properties.value")
    return Line(
        kind,
        channel,
        action=action,
        decision=decision,
        amount=math.nan if foreign else amount,
        properties=properties,
    )


def _is_transactional(properties: JsonObject) -> bool:
    if properties.get(_TRANSACTIONAL) in (True, "true"):
        return True
    return any(_says_transactional(properties.get(key)) for key in _TYPES_OF_MESSAGE)


def _says_transactional(told: object) -> bool:
    """Some tools give a message several categories."""
    if isinstance(told, list):
        return any(_says_transactional(one) for one in told if isinstance(one, str))
    return isinstance(told, str) and told.strip().lower() == _TRANSACTIONAL


def _contact(properties: JsonObject, told: Line) -> tuple[str, ...]:
    """The first of: our own action of our own decision; the tool's id of the message; the campaign, which then counts
    once a day; the call itself."""
    if told.decision is not None and told.action is not None:
        return ("decision", told.decision, told.action)
    for key in PROVIDER_IDS:
        provider_id = fields.identifier(properties, key, f"properties.{key}")
        if provider_id is not None:
            return ("message", provider_id)
    campaign = _campaign(properties)
    return ("call",) if campaign is None else ("campaign", campaign)


def _campaign(properties: JsonObject) -> str | None:
    for key in ("campaign_id", "campaign_name"):
        found = fields.identifier(properties, key, f"properties.{key}")
        if found is not None:
            return found
    nested = properties.get("campaign")
    name = nested.get("name") if isinstance(nested, dict) else None
    return name if isinstance(name, str) and name.strip() else None
