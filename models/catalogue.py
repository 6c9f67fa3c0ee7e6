"""What may be offered: items, actions, treatments and channels, frozen, as one version of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ActionKind(StrEnum):
    OFFER = "offer"
    MESSAGE = "message"
    SERVICE = "service"


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Regime(StrEnum):
    """Whether silence means yes. opt_in: contact only after a grant; opt_out: until a withdrawal; not_needed: never asked."""

    OPT_IN = "opt_in"
    OPT_OUT = "opt_out"
    NOT_NEEDED = "not_needed"


class Repurchase(StrEnum):
    """When something bought may be offered again. never; after: N days later; always: at once."""

    NEVER = "never"
    AFTER = "after"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Channel:
    """reward_window_days: how long after a contact an outcome counts."""

    id: str
    direction: Direction
    consent: Regime
    reward_window_days: float


@dataclass(frozen=True, slots=True)
class Category:
    id: str
    name: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class SuppressionRule:
    """days is meaningful for `after` only. match: suppressed when "any" or "all" of what the action promotes was bought."""

    repurchase: Repurchase
    days: float
    match: str


@dataclass(frozen=True, slots=True)
class Treatment:
    """How an action looks on one channel and placement (None: any placement). content is passed through to the caller."""

    id: str
    channel: str
    placement: str | None
    content: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Action:
    """items and categories are what it promotes (ids). value: worth of a positive outcome, in the catalogue's currency. lever: a
    factor set by people, 1 neutral. starts_at, ends_at: ms UTC, half-open [starts_at, ends_at), None open. success: the
    outcome that counts as a positive response ("converted", "accepted" or "clicked")."""

    id: str
    name: str
    kind: ActionKind
    group: str
    items: tuple[str, ...]
    categories: tuple[str, ...]
    value: float
    lever: float
    starts_at: int | None
    ends_at: int | None
    success: str
    suppression: SuppressionRule
    treatments: tuple[Treatment, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One version, checked. currency: ISO 4217. time_zone: IANA, for customers whose own is unknown."""

    version: int
    currency: str
    time_zone: str
    channels: Mapping[str, Channel]
    categories: Mapping[str, Category]
    actions: tuple[Action, ...]
