"""Ways to name a person, brought into one form so that equal means equal.

IdentityError   the value cannot be what its type says
"""

from __future__ import annotations

import unicodedata

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from features.event import Identifier

ANONYMOUS_PREFIX = "anon:"
LONGEST = 256
"""Characters of an identifier's value, and of its type."""


class IdentityError(ValueError):
    """The identifier's value cannot be what its type says."""


def normalise(type: str, value: str) -> Identifier:  # noqa: A002
    """The one form of an identifier. "email" is lower-cased whole; "phone" becomes E.164 and must be written with its
    country code; any other type is kept as it is, surrounding white space aside. Raises IdentityError."""
    text = unicodedata.normalize("NFC", _checked(type, value))
    if type == "email":
        return Identifier(type, _email(text))
    if type == "phone":
        return Identifier(type, _phone(text))
    return Identifier(type, text)


def customer_identifier(customer_id: str) -> Identifier:
    """The identifier behind an outside name: `anon:<id>` is an anonymous id, all else the company's user id."""
    if customer_id.startswith(ANONYMOUS_PREFIX) and len(customer_id) > len(ANONYMOUS_PREFIX):
        return normalise("anonymous_id", customer_id.removeprefix(ANONYMOUS_PREFIX))
    return normalise("user_id", customer_id)


def outside_name(identifier: Identifier) -> str:
    """The name by which a person first known by this identifier is called. Inverse of customer_identifier for user
    ids and anonymous ids; a person known by neither is called `<type>:<value>`."""
    if identifier.type == "user_id":
        return identifier.value
    if identifier.type == "anonymous_id":
        return ANONYMOUS_PREFIX + identifier.value
    return f"{identifier.type}:{identifier.value}"


def _checked(type_: str, value: str) -> str:
    text = value.strip()
    if not type_ or len(type_) > LONGEST:
        message = f"identifier type is {type_[:40]!r}; it has 1 to {LONGEST} characters; name the kind of identifier"
        raise IdentityError(message)
    if not text or len(text) > LONGEST:
        message = f"{type_} is {text[:40]!r}; it has 1 to {LONGEST} characters; send a shorter one or none"
        raise IdentityError(message)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
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


def _phone(text: str) -> str:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException as error:
        message = f"phone is {text[:40]!r}; it starts with + and the country code; send it as +44..."
        raise IdentityError(message) from error
    if not phonenumbers.is_possible_number(number):
        message = f"phone is {text[:40]!r}; its length is impossible in that country; send a full number"
        raise IdentityError(message)
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
