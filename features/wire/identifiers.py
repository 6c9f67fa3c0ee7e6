"""Whom a call on the wire names, and by what: its anchor, further identifiers, and older names of the same person.

What cannot be an identifier of its type (an e-mail address without @, a telephone number without country code) names
nobody: it is left out, its place is reported, and the call is taken without it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec

from features.event import Identifier
from features.identity import (
    ADDRESSES,
    ANONYMOUS_ID,
    ANONYMOUS_PREFIX,
    USER_ID,
    IdentityError,
    bare,
    is_strong,
    normalise,
)
from features.wire import consents, fields
from features.wire.errors import WireError
from features.wire.line import JsonObject, Line
from features.wire.names import EVENT_NAMES, UNKNOWN_NAME, Meaning, Shape, called

NAMING_TRAITS: Final[Mapping[str, str]] = {**ADDRESSES, "loyaltyCard": "loyalty_card"}
"""Traits that name the person rather than tell of them, and as what; signs and capitals are all the same."""

_BARE: Final = {bare(name): name for name in NAMING_TRAITS}
_LONGEST: Final = 40
"""Characters of a key that may be one of these."""
_REMEMBERED: Final = 4096
_IDS: Final = {"userId": (USER_ID,), "anonymousId": (ANONYMOUS_ID,), "previousId": (ANONYMOUS_ID, USER_ID)}
_ANY: Final = frozenset(NAMING_TRAITS.values())
_LOYALTY: Final = frozenset({"loyalty_card"})
_ABOUT_CONSENT: Final = frozenset({Shape.CONSENT, Shape.GROUP_CONSENT, Shape.SUBSCRIPTION, Shape.INBOUND})
_OWN_FIELDS: Final = frozenset({"userid", "anonymousid"})
"""Types, without signs and capitals, that no external id has: two users of one browser would become one person."""


class Naming(msgspec.Struct, frozen=True):
    """anchor: the identifier under which the call is told. also: further ones of the same person. previous: older ids
    of the same person. through: of also and anchor, those that the properties of an event about consent name, by which
    it was said. known: it was told by the company's own user id. All normalised. unusable: places of what could not be
    read as an identifier."""

    anchor: Identifier
    also: tuple[Identifier, ...]
    previous: tuple[Identifier, ...]
    through: tuple[Identifier, ...]
    known: bool
    unusable: tuple[str, ...]


@dataclass(slots=True)
class _Reader:
    region: str | None
    found: dict[Identifier, None] = field(default_factory=dict)
    unusable: list[str] = field(default_factory=list)

    def add(self, type_: str, value: object, path: str) -> None:
        if value is None:
            return
        named = self._read(type_, value)
        if named is None:
            self.unusable.append(path)
        else:
            self.found[named] = None

    def _read(self, type_: str, value: object) -> Identifier | None:
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        if isinstance(value, int) and value.bit_length() > 64:
            return None
        try:
            return normalise(type_, str(value), self.region)
        except IdentityError:
            return None

    def add_from(self, parent: JsonObject, types: Collection[str], path: str) -> None:
        """Each of a list of values. A place is called by the name in our table, so that there are few."""
        for key in naming_keys(parent, types):
            name, value = _BARE[bare(key)], parent[key]
            for one in value if isinstance(value, list) else (value,):
                self.add(NAMING_TRAITS[name], one, f"{path}.{name}")


class _Types(dict[str, str | None]):
    """Of keys, as what they name a person, None for those that do not. It is asked for every key of every call, so what
    was found is remembered, as far as there is room."""

    def __missing__(self, key: str) -> str | None:
        if len(key) > _LONGEST:
            return None
        name = _BARE.get(bare(key))
        type_ = None if name is None else NAMING_TRAITS[name]
        if len(self) < _REMEMBERED:
            self[key] = type_
        return type_


_TYPES: Final = _Types()


def naming_keys(parent: JsonObject, types: Collection[str] = _ANY) -> list[str]:
    """The keys under which the object names a person, by identifiers of these types."""
    return [key for key in parent if _TYPES[key] in types]


def naming(
    payload: JsonObject,
    call: str,
    meaning: Meaning,
    context: JsonObject,
    statements: tuple[Line, ...],
    region: str | None,
) -> Naming:
    """statements: those about subscriptions, whose addresses name a person whom nothing else names. region: for
    telephone numbers, see features.identity.normalise. Raises WireError when nothing names anybody."""
    user, anonymous = _user(payload, region), _plain(payload, ANONYMOUS_ID, "anonymousId", region)
    reader = _Reader(region)
    reader.found.update(dict.fromkeys(told for told in (user, anonymous) if told is not None))
    if context:
        _from_context(context, reader)
    in_properties = _from_body(payload, call, meaning, reader)
    if not reader.found:
        reader.found.update(dict.fromkeys(one for line in statements for one in line.through))
    anchor = user or anonymous or _best(reader)
    also = tuple(one for one in reader.found if one != anchor)
    previous = _previous(payload, anchor, also, region) if call == "alias" else ()
    through = in_properties if meaning.shape in _ABOUT_CONSENT else ()
    return Naming(anchor, also, previous, through, anchor.type == USER_ID, tuple(reader.unusable))


def mentioned(payload: object, region: str | None) -> tuple[Identifier, ...]:
    """Every identifier that can be read in a call, however broken the rest of it is. Raises nothing."""
    reader = _Reader(region)
    if isinstance(payload, Mapping):
        for key, type_ in _IDS.items():
            for one in type_:
                reader.add(one, payload.get(key), key)
        for place in (payload, payload.get("context")):
            if isinstance(place, Mapping):
                _mentioned_in(place, reader)
    return tuple(reader.found)


def sender(payload: object) -> Identifier | None:
    """Under whom a call was to be told, however broken the rest of it is; None where that cannot be read. Telephone
    numbers are read with their country code only. Raises nothing."""
    if not isinstance(payload, Mapping):
        return None
    reader = _Reader(None)
    for key, type_ in (("userId", USER_ID), ("anonymousId", ANONYMOUS_ID)):
        if payload.get(key) is not None:
            reader.add(type_, payload[key], key)
            return next(iter(reader.found), None)
    with suppress(WireError):
        _from_context(fields.mapping(payload, "context"), reader)
    with suppress(WireError):
        call, event = payload.get("type"), payload.get("event")
        meaning = EVENT_NAMES.get(called(event), UNKNOWN_NAME) if isinstance(event, str) else UNKNOWN_NAME
        _from_body(payload, call if isinstance(call, str) else "", meaning, reader)
    return min(reader.found, key=_sureness, default=None)


def _mentioned_in(place: JsonObject, reader: _Reader) -> None:
    for key in ("traits", "properties"):
        if isinstance(inner := place.get(key), Mapping):
            reader.add_from(inner, _ANY, key)
    for read in (_external_ids, _device_ids):
        with suppress(WireError):
            read(place, reader)
    entries = place.get(consents.SUBSCRIPTIONS)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping):
            for type_ in ("email", "phone", "device_token"):
                reader.add(type_, entry.get("key"), consents.SUBSCRIPTIONS)


def without_names(traits: JsonObject) -> JsonObject:
    """What is left of traits once their identifiers are identifiers."""
    return _without(traits, naming_keys(traits, _ANY))


def without_identifiers(properties: JsonObject, meaning: Meaning) -> JsonObject:
    """What the log may keep of a call's properties once their identifiers are identifiers."""
    named = naming_keys(properties, _named_in_properties(meaning)) + _senders(properties, meaning)
    return _without(properties, named)


def _without(told: JsonObject, named: Collection[str]) -> JsonObject:
    if not named:
        return told
    return {key: value for key, value in told.items() if key not in named}


def _named_in_properties(meaning: Meaning) -> Collection[str]:
    """In an event that somebody else made up an address may be anybody's, so it names nobody and stays."""
    return _LOYALTY if meaning is UNKNOWN_NAME else _ANY


def _best(reader: _Reader) -> Identifier:
    """The surest of the names of somebody without userId and anonymousId: what one person alone has."""
    if not reader.found:
        place = reader.unusable[0] if reader.unusable else "userId or anonymousId"
        advice = "send userId, anonymousId, context.externalIds, or an e-mail address or telephone number in traits"
        raise WireError(place, None, "a call names a person", advice)
    return min(reader.found, key=_sureness)


def _sureness(identifier: Identifier) -> bool:
    return not is_strong(identifier.type)


def _user(payload: JsonObject, region: str | None) -> Identifier | None:
    user = payload.get("userId")
    if isinstance(user, str) and user.lower().startswith(ANONYMOUS_PREFIX):
        raise WireError("userId", user, f"{ANONYMOUS_PREFIX} names somebody unknown", "send it as anonymousId")
    return _plain(payload, USER_ID, "userId", region)


def _plain(payload: JsonObject, type_: str, key: str, region: str | None) -> Identifier | None:
    value = fields.identifier(payload, key, key)
    if value is None:
        return None
    try:
        return normalise(type_, value, region)
    except IdentityError as error:
        raise WireError(key, value, "must be usable as an identifier", str(error)) from error


def _from_context(context: JsonObject, reader: _Reader) -> None:
    _external_ids(context, reader, claimed=True)
    if context.get("traits") is not None:
        reader.add_from(fields.mapping(context, "traits", "context.traits"), _ANY, "context.traits")
    _device_ids(context, reader)


def _external_ids(context: JsonObject, reader: _Reader, *, claimed: bool = False) -> None:
    if context.get("externalIds") is not None:
        for i, entry in enumerate(fields.objects(context, "externalIds", "context.externalIds")):
            _external(entry, f"context.externalIds[{i}]", reader, claimed)


def _device_ids(context: JsonObject, reader: _Reader) -> None:
    if context.get("device") is None:
        return
    device = fields.mapping(context, "device", "context.device")
    reader.add("device", device.get("id"), "context.device.id")
    reader.add("device_token", device.get("token"), "context.device.token")
    if device.get("adTrackingEnabled") is not False:
        reader.add("advertising_id", device.get("advertisingId"), "context.device.advertisingId")


def _external(entry: JsonObject, path: str, reader: _Reader, claimed: bool) -> None:
    """An id of another system. Those of accounts, and hashed ones, name no person that we could know. claimed: of the
    call's person, who has one user id, userId."""
    if entry.get("collection", "users") != "users" or entry.get("encoding", "none") != "none":
        return
    type_ = entry.get("type")
    if isinstance(type_, str) and not (claimed and bare(type_) in _OWN_FIELDS):
        reader.add(type_, entry.get("id"), f"{path}.id")
    else:
        reader.unusable.append(f"{path}.type")


def _from_body(payload: JsonObject, call: str, meaning: Meaning, reader: _Reader) -> tuple[Identifier, ...]:
    """Those that the properties name."""
    if call == "identify" and payload.get("traits") is not None:
        reader.add_from(fields.mapping(payload, "traits"), _ANY, "traits")
    if call == "group" or payload.get("properties") is None:
        return ()
    properties = fields.mapping(payload, "properties")
    own = _Reader(reader.region, unusable=reader.unusable)
    own.add_from(properties, _named_in_properties(meaning), "properties")
    for key in _senders(properties, meaning):
        own.add("phone", properties[key], "properties.from")
    reader.found.update(own.found)
    return tuple(own.found)


def _senders(properties: JsonObject, meaning: Meaning) -> list[str]:
    """The keys under which a text says from whom it is."""
    return [key for key in properties if key.lower() == "from"] if meaning.shape is Shape.INBOUND else []


def _previous(
    payload: JsonObject, anchor: Identifier, also: tuple[Identifier, ...], region: str | None
) -> tuple[Identifier, ...]:
    """An alias does not say whether its older id is a user id or an anonymous one, so it is both."""
    told = fields.identifier(payload, "previousId", "previousId")
    if told is None:
        if not also:
            raise WireError("previousId", None, "an alias joins an older id with userId", "send the older id")
        return ()
    older = told.strip()
    types = [ANONYMOUS_ID] if older.lower().startswith(ANONYMOUS_PREFIX) else [ANONYMOUS_ID, USER_ID]
    value = older[len(ANONYMOUS_PREFIX) :] if len(types) == 1 else older
    try:
        named = [normalise(type_, value, region) for type_ in types]
    except IdentityError as error:
        raise WireError("previousId", told, "must be usable as an identifier", str(error)) from error
    return tuple(one for one in named if one != anchor)
