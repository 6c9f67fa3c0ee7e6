"""What a record tells of who somebody is, in the words that senders use for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from features.discretion import discreet
from features.naming import FIRST, LAST, POSTCODE, WHOLE, near

_CITY: Final = ("city", "town")
_TIER: Final = ("tier", "loyalty_tier", "loyaltyTier", "membership", "segment")
_SINCE: Final = ("customer_since", "customerSince", "member_since", "memberSince", "created_at", "createdAt")
_OF_NAME: Final = frozenset({*FIRST, *LAST, *WHOLE, *POSTCODE, *_CITY, *_TIER, *_SINCE})
_LONGEST: Final = 120


@dataclass(frozen=True, slots=True)
class Named:
    """What is known of somebody's name and whereabouts; "" where nothing is. since: as it was told."""

    first: str
    whole: str
    postcode: str
    city: str
    tier: str
    since: str

    @classmethod
    def of(cls, traits: Mapping[str, object]) -> Named:
        told = near(traits)
        first = _text(told, FIRST)
        whole = _text(told, WHOLE) or f"{first} {_text(told, LAST)}".strip()
        if whole and not first:
            first = whole.partition(" ")[0]
        rest = (_text(told, names) for names in (POSTCODE, _CITY, _TIER, _SINCE))
        return cls(first, whole, *rest)

    @property
    def last(self) -> str:
        return self.whole.removeprefix(self.first).strip()

    @property
    def area(self) -> str:
        """The part of the postcode that many share: the first half of a British one, the first three signs of others;
        of one that short, nothing."""
        outward, blank, _ = self.postcode.partition(" ")
        return outward if blank else self.postcode[:3] if len(self.postcode) > 3 else ""


def further(traits: Mapping[str, object]) -> dict[str, str]:
    """What else was told, by name; texts and numbers only."""
    shown = {name: _written(value) for name, value in traits.items() if name not in _OF_NAME}
    return {name.replace("_", " "): text for name, text in sorted(shown.items()) if text}


def _text(traits: Mapping[str, object], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := _written(traits.get(name)))), "")


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str | int | float):
        return ""
    line = " ".join(str(value).split())
    return discreet(line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…")
