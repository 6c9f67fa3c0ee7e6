"""The rules of a catalogue's policy as values: contact limits, quiet hours, budgets, arms, exploration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from features.cases import spoken, worded
from features.history import text_code
from models.journey_rules import HOUR, MINUTE
from models.policy_document import (
    ArmsEntry,
    BudgetEntry,
    CeilingEntry,
    ContactLimitEntry,
    CoolOffEntry,
    ExplorationEntry,
    LimitEntry,
    OneWayLimitEntry,
    QuietHoursEntry,
    ServiceFirstEntry,
    WeightEntry,
)

DAY = 24 * HOUR
"""Milliseconds."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""As datetime.weekday() counts them."""


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Purpose(StrEnum):
    """What an action is made for. service and legal need no consent to marketing and are bound by no contact limit, but
    reach nobody who must not be contacted. retention is marketing that may pass while something is being cancelled.
    survey waits until journey and case have ended."""

    MARKETING = "marketing"
    SERVICE = "service"
    LEGAL = "legal"
    RETENTION = "retention"
    SURVEY = "survey"


OWED = frozenset({Purpose.SERVICE, Purpose.LEGAL})
"""Purposes that no limit, holdout or consent to marketing holds back."""


class Basket(StrEnum):
    """What it means that something promoted lies in the basket. exclude: it counts as bought; require: only then;
    ignore: nothing."""

    EXCLUDE = "exclude"
    REQUIRE = "require"
    IGNORE = "ignore"


class RankBy(StrEnum):
    """What decisions rank marketing by: how likely it succeeds, or what it brings against no contact."""

    RESPONSE = "response"
    INCREMENTAL = "incremental"


class Arm(StrEnum):
    """How a person is decided for, for a period at a time. holdout: no marketing at all; random: any eligible action
    alike; propensity: by response probability alone; no_levers: without levers and context weights; full: all of it."""

    FULL = "full"
    HOLDOUT = "holdout"
    RANDOM = "random"
    PROPENSITY = "propensity"
    NO_LEVERS = "no_levers"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `contacts`. days: on so many days of the customer's calendar, today being the last; else span: in
    (t - span, t], ms. One of them is set. direction: of the channels on which it counts and binds; None: of both."""

    contacts: int
    days: int | None
    span: int | None
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """begin and end: ms after local midnight, half-open [begin, end), over midnight when end < begin. closed: weekdays
    (Monday 0) that are quiet throughout."""

    begin: int
    end: int
    closed: frozenset[int]


@dataclass(frozen=True, slots=True)
class Budget:
    """daily: on each day of the catalogue's clock, else ever. contacts or money (catalogue currency) is set."""

    daily: bool
    contacts: int | None
    money: float | None


@dataclass(frozen=True, slots=True)
class Ceiling:
    """At most contacts_per_day, until the action has had `until` contacts."""

    contacts_per_day: int
    until: int


@dataclass(frozen=True, slots=True)
class ServiceFirst:
    """severity: the least of a case that stops selling. stale: ms without a word after which an open case no longer
    does. delivery: ms for which a failed delivery or payment does. in_service: channels on which who speaks with us, or
    is handed to, is being served. retention: each `worded` context.reason with which retention passes all the same;
    cancelling: text_code of those that are `spoken`, which an event may tell. complaints: text_code of each `spoken`
    reason by which a case is a complaint, which stops selling whatever its severity."""

    severity: int
    stale: int
    delivery: int
    in_service: tuple[str, ...]
    retention: frozenset[str]
    cancelling: frozenset[int]
    complaints: frozenset[int]


@dataclass(frozen=True, slots=True)
class Arms:
    """period: ms for which a person stays in an arm. shares: of each arm but full, which has the rest."""

    period: int
    shares: tuple[tuple[Arm, float], ...]


@dataclass(frozen=True, slots=True)
class Exploration:
    """See models.policy.exploration. share: most of the draws that do not take the best; gamma: above 0."""

    share: float
    gamma: float

    @property
    def is_forbidden(self) -> bool:
        """In every arm: a channel that says nothing leaves the random arm free."""
        return self.share == 0.0


@dataclass(frozen=True, slots=True)
class ContextWeight:
    """when: a condition. The factor for actions, groups and channels named; an empty tuple names all."""

    when: str
    weight: float
    actions: tuple[str, ...]
    groups: tuple[str, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CoolOff:
    """How long a rejection counts. rest: ms; where it is `learned`, those that hold while no model knows."""

    rest: int
    learned: bool = False


@dataclass(frozen=True, slots=True)
class GroupRules:
    """limits: for contacts with all of the group's actions. cool_off: None as the catalogue says. per_slate: how many
    of the group's actions one slate may have."""

    limits: tuple[Limit, ...]
    cool_off: CoolOff | None
    per_slate: int


def limits_of(entries: Sequence[LimitEntry]) -> tuple[Limit, ...]:
    return tuple(limit_of(entry) for entry in entries)


def limit_of(entry: LimitEntry) -> Limit:
    span = None if entry.hours is None else round(entry.hours * HOUR)
    return Limit(entry.contacts, entry.days, span, _direction_of(entry))


def _direction_of(entry: LimitEntry) -> Direction | None:
    """Channels have theirs already, and their limits none."""
    named = entry.direction if isinstance(entry, OneWayLimitEntry | ContactLimitEntry) else None
    return None if named is None else Direction(named)


def quiet_hours_of(entry: QuietHoursEntry | None) -> QuietHours | None:
    if entry is None:
        return None
    closed = frozenset(WEEKDAYS.index(day) for day in entry.closed)
    return QuietHours(_of_day(entry.begin), _of_day(entry.end), closed)


def _of_day(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * HOUR + int(minutes) * MINUTE


def budgets_of(entries: list[BudgetEntry]) -> tuple[Budget, ...]:
    return tuple(Budget(entry.per == "day", entry.contacts, entry.money) for entry in entries)


def ceiling_of(entry: CeilingEntry | None) -> Ceiling | None:
    return None if entry is None else Ceiling(entry.contacts_per_day, entry.until)


def service_first_of(entry: ServiceFirstEntry | None) -> ServiceFirst | None:
    if entry is None:
        return None
    return ServiceFirst(
        severity=entry.severity,
        stale=days_of(entry.stale_days),
        delivery=days_of(entry.delivery_days),
        in_service=tuple(entry.in_service),
        retention=frozenset(one for reason in entry.retention_reasons if (one := worded(reason)) is not None),
        cancelling=frozenset(
            text_code(one) for reason in entry.retention_reasons if (one := spoken(reason)) is not None
        ),
        complaints=frozenset(text_code(spoken(reason)) for reason in entry.complaint_reasons),
    )


def arms_of(entry: ArmsEntry | None) -> Arms | None:
    if entry is None:
        return None
    shares = (
        (Arm.HOLDOUT, entry.holdout),
        (Arm.RANDOM, entry.random),
        (Arm.PROPENSITY, entry.propensity),
        (Arm.NO_LEVERS, entry.no_levers),
    )
    return Arms(days_of(entry.period_days), shares)


def exploration_of(entry: ExplorationEntry | None) -> Exploration | None:
    return None if entry is None else Exploration(entry.share, entry.gamma)


def weight_of(entry: WeightEntry) -> ContextWeight:
    return ContextWeight(entry.when, entry.weight, tuple(entry.actions), tuple(entry.groups), tuple(entry.channels))


def cool_offs_of(entry: CoolOffEntry | None) -> tuple[CoolOff, CoolOff]:
    """Of an action, and of a group, that says nothing itself."""
    if entry is None:
        return CoolOff(0), CoolOff(0)
    told = ((entry.action_days, entry.action_fallback_days), (entry.group_days, entry.group_fallback_days))
    of_action, of_group = (cool_off_of(days, CoolOff(days_of(fallback or 0.0))) for days, fallback in told)
    return of_action, of_group


def cool_off_of(days: float | str, above: CoolOff) -> CoolOff:
    """days: or `learned`, which falls back to what holds above it."""
    return CoolOff(above.rest, learned=True) if isinstance(days, str) else CoolOff(days_of(days))


def days_of(days: float) -> int:
    """ms."""
    return round(days * DAY)
