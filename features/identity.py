"""Ways to name a person, brought into one form so that equal means equal, and the names by which people are called.

IdentityError   the value cannot be what its type says

An outside name says of itself what it is: `anon:<id>` is an anonymous id; `<type>:<value>` with one of the types in
SPOKEN is that identifier; `external:<type>:<value>` is one of any other type; `digest:<hex>` is somebody whose names
are not kept in clear; all else is the company's own user id. A user id that begins like one of these is written
`user_id:<user id>`. A beginning with nothing behind it names nobody.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Collection, Mapping
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from features.event import Identifier

USER_ID: Final = "user_id"
ANONYMOUS_ID: Final = "anonymous_id"
ORDER_NUMBER: Final = "order_number"
DIGEST: Final = "digest"
"""The type of an identifier of which only the keyed digest is known, as hex. Nobody may claim one."""

STRONG: Final = frozenset({USER_ID, "loyalty_card"})
"""Types of which a value belongs to one person alone; whoever shares one is the same person."""

SPOKEN: Final = frozenset({USER_ID, "email", "phone", "device", "loyalty_card", ORDER_NUMBER})
"""Types that an outside name may begin with."""

ANONYMOUS_PREFIX: Final = "anon:"
EXTERNAL_PREFIX: Final = "external:"
LONGEST: Final = 256
"""Characters of an identifier's value, and of its type."""

SHARED: Final = frozenset({"email", "phone", "device", "device_id", "device_token", "advertising_id"})
"""Types of which several people rightly have one value: a family's telephone, a couple's computer."""

ADDRESSES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("email", "emails", "emailAddress", "emailAddresses"), "email"),
    **dict.fromkeys(("phone", "phones", "phoneNumber", "phoneNumbers", "telephone", "telephones"), "phone"),
    **dict.fromkeys(("telephoneNumber", "telephoneNumbers", "mobile", "mobiles", "mobilePhone"), "phone"),
    **dict.fromkeys(("mobileNumber", "mobilePhoneNumber", "cellPhone", "cellPhoneNumber"), "phone"),
    **dict.fromkeys(("homePhone", "homePhoneNumber", "workPhone", "workPhoneNumber"), "phone"),
}
"""What senders call an e-mail address and a telephone number, and the type that it is."""

_DEVICES = frozenset({"device", "device_id", "advertising_id"})
_PREFIXED = re.compile(rf"(anon|external|{DIGEST}|{'|'.join(sorted(SPOKEN))}):(.*)", re.DOTALL)
_HEX = re.compile(r"(?:[0-9a-f]{2}){16,64}")


class IdentityError(ValueError):
    """The identifier's value cannot be what its type says."""


def bare(name: str) -> str:
    """The name without signs and capitals: "E-Mail", "e_mail" and "email" are one word."""
    return "".join(filter(str.isalnum, name)).lower()


_UNDECLARABLE: Final = frozenset(map(bare, (*SHARED, *ADDRESSES, ANONYMOUS_ID, ORDER_NUMBER, DIGEST)))


def check_declared(types: Collection[str]) -> None:
    """Whether each is a type that a company may declare strong: one of external ids, of its own making. Raises
    IdentityError."""
    for one in sorted(types):
        if bare(one) in _UNDECLARABLE:
            message = (
                f"strong_identifiers is {one}; several people may have one value of that type, and would become one"
            )
            raise IdentityError(f"{message}; declare types of external ids that belong to one person alone")


def is_strong(type: str, declared: Collection[str] = ()) -> bool:  # noqa: A002
    """Whether sharing a value of the type makes one person. declared: types that the company declares strong."""
    return type in STRONG or type in declared


def normalise(type: str, value: str, region: str | None = None) -> Identifier:  # noqa: A002
    """The one form of an identifier. The type is lower-cased; "email" is lower-cased whole; "phone" becomes E.164, and
    one written without country code is read as dialled in `region` (ISO 3166 alpha-2; None refuses it); "loyalty_card"
    loses spaces and hyphens and is upper-cased; a device's UUID is lower-cased and the nil one, which thousands share,
    is refused; any other type is kept as it is, surrounding white space aside. Raises IdentityError."""
    name = type.strip().lower()
    text = unicodedata.normalize("NFC", _checked(name, value))
    if name == DIGEST:
        raise IdentityError(f"identifier type is {name}; digests are made here, never told; name the identifier itself")
    if name == "email":
        return Identifier(name, _email(text))
    if name == "phone":
        return Identifier(name, _phone(text, region))
    if name == "loyalty_card":
        return Identifier(name, _checked(name, unicodedata.normalize("NFC", re.sub(r"[\s-]", "", text).upper())))
    if name in _DEVICES:
        return Identifier(name, _device(name, text))
    return Identifier(name, text)


def customer_identifier(customer_id: str, region: str | None = None) -> Identifier:
    """The identifier behind an outside name. Raises IdentityError, also for `phone:<no phone>` and the like."""
    name = customer_id.lstrip()
    match = _PREFIXED.fullmatch(name)
    if match is None:
        return normalise(USER_ID, name, region)
    prefix, rest = match[1], match[2]
    if prefix == "anon":
        return normalise(ANONYMOUS_ID, rest, region)
    if prefix == DIGEST:
        return _from_digest(rest)
    if prefix == "external":
        type_, colon, value = rest.partition(":")
        if not colon or type_.strip().lower() in SPOKEN | {ANONYMOUS_ID}:
            message = f"customer_id is {name[:60]!r}; external:<type>:<value> is for types without a name of their own"
            raise IdentityError(f"{message}; write user_id:{name[:60]} for a user id")
        return normalise(type_, value, region)
    return normalise(prefix, rest, region)


def outside_name(identifier: Identifier) -> str:
    """The name by which a person known by this normalised identifier is called. Inverse of customer_identifier."""
    type_, value = identifier.type, identifier.value
    if type_ == USER_ID:
        return value if _PREFIXED.fullmatch(value) is None else f"{USER_ID}:{value}"
    if type_ == ANONYMOUS_ID:
        return ANONYMOUS_PREFIX + value
    if type_ in SPOKEN or type_ == DIGEST:
        return f"{type_}:{value}"
    return f"{EXTERNAL_PREFIX}{type_}:{value}"


def _from_digest(text: str) -> Identifier:
    if _HEX.fullmatch(text) is None:
        raise IdentityError(f"customer_id is digest:{text[:40]!r}; a digest is written in hex; copy it whole")
    return Identifier(DIGEST, text)


def _checked(type_: str, value: str) -> str:
    text = value.strip()
    if not type_ or len(type_) > LONGEST or ":" in type_:
        message = f"identifier type is {type_[:40]!r}; it has 1 to {LONGEST} characters, none of them a colon"
        raise IdentityError(f"{message}; name the kind of identifier")
    if not text or len(text) > LONGEST:
        message = f"{type_} is {text[:40]!r}; it has 1 to {LONGEST} characters; send a shorter one or none"
        raise IdentityError(message)
    if not text.isprintable() and any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        message = f"{type_} is {text[:40]!r}; control characters and lone surrogates are refused; send it without"
        raise IdentityError(message)
    return text


def _email(text: str) -> str:
    try:
        checked = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        message = f"email is {text[:60]!r}; {str(error).rstrip('.')}; send a valid address"
        raise IdentityError(message) from error
    return checked.normalized.casefold()


def _phone(text: str, region: str | None) -> str:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        national = "" if region is None else f", or is a number of {region}"
        message = f"phone is {text[:40]!r}; it starts with + and the country code{national}; send it as +44..."
        raise IdentityError(message) from error
    if not phonenumbers.is_possible_number(number):
        message = f"phone is {text[:40]!r}; its length is impossible in that country; send a full number"
        raise IdentityError(message)
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _device(type_: str, text: str) -> str:
    try:
        known = uuid.UUID(text)
    except ValueError:
        return text
    if known.int == 0:
        raise IdentityError(f"{type_} is {text}; the nil id is everybody's who forbade tracking; send none")
    return str(known)
