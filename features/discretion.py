"""What is never shown: payment cards, passwords, and what else only its owner should know.

A form field is withheld, and its value does not enter the log, when its name says so (SECRET_WORDS, whatever the case
and the signs between the words) or when its value holds a card number: 13 to 19 digits from 2 to 6 upwards, in one
group or several, that pass the check of ISO/IEC 7812. In free text a card number is replaced by its last four digits
when it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

SECRET_WORDS = (
    *("password", "passwd", "passphrase", "passcode", "pwd", "pin", "otp", "cvv", "cvc", "csc", "secret"),
    *("securitycode", "verificationcode", "cardnumber", "creditcard", "debitcard", "ccnumber", "ccnum"),
    *("accesstoken", "apikey", "ssn", "socialsecurity"),
)
"""Names without signs and capitals. The short ones must be a word of their own: "pin" is not in "shipping"."""

WITHHELD: Final = "withheld"
"""The property, true, that stands beside the null in the place of a secret value."""

_SHORTEST_PART = 6
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_DIGITS = re.compile(r"[0-9](?:[ .-]?[0-9]){12,}")


def is_secret(field: str, value: object) -> bool:
    """Whether the field's value is withheld."""
    words = [word.lower() for word in _WORD.findall(field)]
    joined = "".join(words)
    named = any(word in words or (len(word) >= _SHORTEST_PART and word in joined) for word in SECRET_WORDS)
    return named or discreet(str(value)) != str(value)


def without_secret(properties: Mapping[str, object]) -> Mapping[str, object]:
    """What the log may keep of a captured field's properties (`field`, `value`)."""
    value = properties.get("value")
    if value in (None, "") or not is_secret(str(properties.get("field", "")), value):
        return properties
    return {**properties, "value": None, WITHHELD: True}


def is_withheld(properties: Mapping[str, object]) -> bool:
    """Whether a captured field's value was a secret, by the rule of today or by that of when it was told."""
    value = properties.get("value")
    return (value is None and properties.get(WITHHELD) is True) or is_secret(str(properties.get("field", "")), value)


def discreet(text: str) -> str:
    """`text` with every card number in it reduced to its last four digits."""
    return _DIGITS.sub(_reduced, text)


def _reduced(found: re.Match[str]) -> str:
    groups = re.findall("[0-9]+", found[0])
    spans = ("".join(groups[first:last]) for first in range(len(groups)) for last in range(first + 1, len(groups) + 1))
    card = next((span for span in spans if _is_card(span)), None)
    return found[0] if card is None else f"card number ending in {card[-4:]}"


def _is_card(digits: str) -> bool:
    """Every second digit from the right doubled, less 9 when above 9: the sum is a multiple of ten."""
    if not 13 <= len(digits) <= 19 or digits[0] not in "23456":
        return False
    backwards = [int(digit) for digit in reversed(digits)]
    doubled = [2 * digit - 9 if digit > 4 else 2 * digit for digit in backwards[1::2]]
    return (sum(backwards[::2]) + sum(doubled)) % 10 == 0
