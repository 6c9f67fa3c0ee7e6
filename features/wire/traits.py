"""What an identify call says of a person, but for what names them."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from functools import cache
from typing import Final

from features.declared_traits import DO_NOT_CONTACT, SAID, NotOfType, TraitType, as_declared
from features.wire import fields, identifiers
from features.wire.errors import WireError
from features.wire.line import JsonObject

TIME_ZONE: Final = "time_zone"
"""The trait that is the person's own clock: an IANA name."""

_SIGNS = re.compile(r"[\s_-]")


def traits_of(payload: JsonObject, context: JsonObject, types: Mapping[str, TraitType]) -> JsonObject:
    """Some senders put what they identify somebody by beside the call, others into its context. The clock goes by
    `time_zone`, else by a trait of that name in another spelling, else by the device's `context.timezone`; only the
    first is refused where it is no IANA name, for the others mean many things. types: of the traits that the catalogue
    declares; such a trait is read as its type, and refused where it is none, for no condition would know it. Raises
    WireError."""
    told = {**fields.mapping(context, "traits", "context.traits"), **fields.mapping(payload, "traits")}
    kept = _declared(identifiers.without_names(told), types)
    stated = kept.get(TIME_ZONE)
    if stated is not None:
        if not isinstance(stated, str) or stated not in _zones():
            raise WireError(f"traits.{TIME_ZONE}", stated, "it is an IANA name", "send one such as Europe/Paris")
        return kept
    if TIME_ZONE in kept:
        return kept
    spelt = [value for name, value in kept.items() if _SIGNS.sub("", name).lower() == "timezone"]
    zone = next((one for one in (*spelt, context.get("timezone")) if isinstance(one, str) and one in _zones()), None)
    return kept if zone is None else {**kept, TIME_ZONE: zone}


def _declared(told: JsonObject, types: Mapping[str, TraitType]) -> JsonObject:
    return {name: _read(name, one, types[name]) if name in types else one for name, one in told.items()}


def _read(name: str, told: object, kind: TraitType) -> object:
    try:
        return as_declared(told, kind)
    except NotOfType as error:
        if name == DO_NOT_CONTACT:
            return told
        rule = f"the catalogue declares it as {SAID[kind]}"
        raise WireError(f"traits.{name}", told, rule, "send it as that, or correct the catalogue") from error


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
