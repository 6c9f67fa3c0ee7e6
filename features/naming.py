"""What senders call a name and a postcode among traits, and the one form in which both are looked for together."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

FIRST: Final = ("firstName", "first_name", "firstname", "given_name", "givenName")
LAST: Final = ("lastName", "last_name", "lastname", "family_name", "familyName", "surname")
WHOLE: Final = ("name", "full_name", "fullName")
POSTCODE: Final = ("postcode", "postalCode", "postal_code", "zip", "zipCode", "zip_code")
ADDRESS: Final = "address"
"""The trait that may hold the others, as an object."""

_TELLING = frozenset({*FIRST, *LAST, *WHOLE, *POSTCODE, ADDRESS})


def tells_name(traits: Mapping[str, object]) -> bool:
    """Whether any of the traits is part of a name or an address."""
    return not _TELLING.isdisjoint(traits)


def near(traits: Mapping[str, object]) -> Mapping[str, object]:
    """The traits, with what stands in the address beside them; a trait of its own comes before."""
    address = traits.get(ADDRESS)
    return {**address, **traits} if isinstance(address, dict) else traits


def first_text(traits: Mapping[str, object], names: tuple[str, ...]) -> str:
    """The first of the names that is a text or a whole number; "" for none."""
    told = (traits.get(name) for name in names)
    found = (str(one) for one in told if isinstance(one, str | int) and not isinstance(one, bool))
    return next((text for one in found if (text := " ".join(one.split()))), "")


def last_name(traits: Mapping[str, object]) -> str:
    """Of a whole name its last word."""
    told = near(traits)
    return first_text(told, LAST) or first_text(told, WHOLE).rpartition(" ")[2]


def name_key(traits: Mapping[str, object]) -> str | None:
    """By which whoever has these traits is found; None when name or postcode is missing."""
    return key_of(last_name(traits), first_text(near(traits), POSTCODE))


def key_of(last: str, postcode: str) -> str | None:
    """Capitals, accents, blanks and signs do not count. None of nothing."""
    name, code = _bare(last), _bare(postcode)
    return f"{name}\n{code}" if name and code else None


def _bare(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(one for one in plain if one.isalnum())[:256]
