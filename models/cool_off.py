"""How long what was rejected should rest: learned from those who were contacted again after they had rejected.

A rest ends on the first day from which on contacts are rejected, with 95 % evidence, at most WORSE times as often as
they are by people who have rejected nothing of the group. Where that day was not seen but for some time it was shown
to be worse, it lasts at least that long. What too few people were contacted with again goes by its kind: an action by
the actions of its group, and by all; a group by all groups.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

import msgspec

from models.policy_rules import CoolOff, days_of

LONGEST_DAYS = 365.0
"""No learned rest is longer."""

WORSE = 1.5
"""So many times as often as usual may a contact be rejected when a rest ends: a few dozen rejections can show it."""


class Whose(StrEnum):
    """Whose rejections a rest was learned from."""

    ITS_OWN = "it"
    GROUP = "an action of its group"
    ANY = "any action"
    OTHERS = "another of its actions"
    ANY_OTHERS = "another action of a group"


@dataclass(frozen=True, slots=True)
class Rest:
    """days: 0 to LONGEST_DAYS. at_least: it was shown to be worse until then, and not when that ends. people: who were
    contacted again after a rejection, and told this."""

    days: float
    at_least: bool
    people: int

    def __post_init__(self) -> None:
        if not (0.0 <= self.days <= LONGEST_DAYS and self.people > 0):
            raise ValueError(f"rest is {self}; days are 0 to {LONGEST_DAYS:.0f} and people above 0; train again")


@dataclass(frozen=True, slots=True)
class CoolOffModel:
    """as_of: ms UTC, nothing recorded later was seen. worse: see WORSE. actions: of an action by its id. in_group: of
    any action of a group, by the group's. groups: of the other actions of a group, by the group's id. any_action,
    any_group: of all together, None: not known. What is in none of them is not known."""

    as_of: int
    worse: float
    actions: Mapping[str, Rest]
    in_group: Mapping[str, Rest]
    groups: Mapping[str, Rest]
    any_action: Rest | None
    any_group: Rest | None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.worse) and self.worse >= 1.0):
            raise ValueError(f"worse is {self.worse}; it must be at least 1; train again")

    def of_action(self, action: str, group: str) -> tuple[Rest, Whose] | None:
        """After that action was rejected; None: not known."""
        found = ((self.actions.get(action), Whose.ITS_OWN), (self.in_group.get(group), Whose.GROUP))
        return _first(*found, (self.any_action, Whose.ANY))

    def of_group(self, group: str) -> tuple[Rest, Whose] | None:
        """Of the other actions of the group, after one was rejected; None: not known."""
        return _first((self.groups.get(group), Whose.OTHERS), (self.any_group, Whose.ANY_OTHERS))


@dataclass(frozen=True, slots=True)
class Resting:
    """A rest in force. rule: as the catalogue says. found: what the model in service knows; None: nothing, or it was
    not asked for."""

    rule: CoolOff
    found: tuple[Rest, Whose] | None

    @property
    def ms(self) -> int:
        """What was shown to be worse for at least so long is not offered sooner than the catalogue says."""
        if self.found is None:
            return self.rule.rest
        rest, _ = self.found
        return max(days_of(rest.days), self.rule.rest) if rest.at_least else days_of(rest.days)


def _first(*found: tuple[Rest | None, Whose]) -> tuple[Rest, Whose] | None:
    return next(((rest, whose) for rest, whose in found if rest is not None), None)


def to_object(model: CoolOffModel) -> dict[str, object]:
    return asdict(model)


def from_object(content: Mapping[str, object]) -> CoolOffModel:
    """Raises ValueError when it is not what to_object makes."""
    try:
        return msgspec.convert(content, CoolOffModel)
    except msgspec.ValidationError as error:
        raise ValueError(f"rests are unreadable: {error}") from error
