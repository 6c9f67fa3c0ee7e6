"""What a catalogue may say of the policy: who may be contacted how often, when and on what condition; how is chosen.

Parts of models.catalogue_document, in the same manner: checks here are of one entry by itself.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from models.document_fields import Days, Entry, Id, Money, Reason, Words

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def _clock(value: object) -> object:
    if not isinstance(value, str) or _CLOCK.fullmatch(value) is None:
        raise ValueError('a time of day must be written HH:MM, in quotes; write e.g. "21:00"')
    return value


Clock = Annotated[str, BeforeValidator(_clock), Field(description="HH:MM on the customer's clock")]
Condition = Annotated[str, Field(min_length=1, max_length=2000, description="a condition in CEL")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
ONE_PER_SLATE = 1
"""Of a group that says nothing of it: a slate shows different things."""
_LEARNED = "learned"


def _rest(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 36_500:
        return value
    if value != _LEARNED:
        raise ValueError("a rest must be a number of days, 0 to 36500, or `learned`")
    return value


RestDays = Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)]
RestOrLearned = Annotated[RestDays | Literal["learned"], BeforeValidator(_rest)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
RankBy = Literal["response", "incremental"]
Margin = Annotated[float, Field(gt=0, le=1, description="the share of sales that the shop earns")]


class LimitEntry(Entry):
    """At most so many contacts in so many hours, or on so many days of the customer's calendar, today the last."""

    contacts: Annotated[int, Field(ge=0, le=1000)]
    days: Annotated[int, Field(ge=1, le=3660)] | None = None
    hours: Annotated[float, Field(gt=0, le=87_840, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _one_span(self) -> Self:
        if (self.days is None) == (self.hours is None):
            raise ValueError("a limit must have days or hours, and not both")
        return self


class OneWayLimitEntry(LimitEntry):
    """The same for an action or a group, on the channels of one direction only, where it names one."""

    direction: Literal["inbound", "outbound"] | None = None


class ContactLimitEntry(LimitEntry):
    """The same over all channels of one direction."""

    direction: Literal["inbound", "outbound"]


class QuietHoursEntry(Entry):
    """When nobody is contacted on a channel, on the customer's own clock."""

    begin: Clock
    end: Clock
    closed: list[Weekday] = []

    @model_validator(mode="after")
    def _some_time_is_left(self) -> Self:
        if self.begin == self.end:
            raise ValueError("quiet hours must end at another time than they begin")
        if len(set(self.closed)) != len(self.closed) or len(self.closed) > 6:
            raise ValueError("closed days must be named once each, and one day of the week must be open")
        return self


class ExplorationEntry(Entry):
    """share: of the draws, at most, that do not take the best. gamma: how sharply worse actions are explored less."""

    share: Share
    gamma: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] = 100.0


class GroupEntry(Entry):
    """What counts for all actions of a group together. per_slate: how many of them one slate may have."""

    id: Id
    limits: list[OneWayLimitEntry] = []
    cool_off_days: RestOrLearned | None = None
    per_slate: Annotated[int, Field(ge=1, le=20)] = ONE_PER_SLATE


class CoolOffEntry(Entry):
    """How long after a rejection an action, and its group, rest where neither says so itself; `learned` needs the days
    that hold while no model knows."""

    action_days: RestOrLearned
    group_days: RestOrLearned = 0.0
    action_fallback_days: RestDays | None = None
    group_fallback_days: RestDays | None = None

    @model_validator(mode="after")
    def _learned_falls_back(self) -> Self:
        told = (
            ("action", self.action_days, self.action_fallback_days),
            ("group", self.group_days, self.group_fallback_days),
        )
        for name, days, fallback in told:
            if (days == _LEARNED) != (fallback is not None):
                raise ValueError(
                    f"{name}_days that are `learned` must have {name}_fallback_days and no others may have them"
                )
        return self


class BudgetEntry(Entry):
    """At most so many contacts, or so much of their cost, a day (of the catalogue's clock) or ever."""

    per: Literal["day", "total"]
    contacts: Count | None = None
    money: Money | None = None

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.contacts is None) == (self.money is None):
            raise ValueError("a budget must have contacts or money, and not both")
        return self


class CeilingEntry(Entry):
    """A new action is shown at most so often a day, until it has been shown so often."""

    contacts_per_day: Count
    until: Count


class ServiceFirstEntry(Entry):
    """When selling stops: what must have gone wrong, and for how long it counts."""

    severity: Annotated[int, Field(ge=0, le=10)]
    stale_days: Days
    delivery_days: Days
    in_service: list[Id] = []
    retention_reasons: list[Words] = []
    complaint_reasons: list[Reason] = ["complaint"]


class ArmsEntry(Entry):
    """Shares of the people, for a period at a time, who are decided for otherwise, to learn from the difference."""

    period_days: Days
    holdout: Share = 0.0
    random: Share = 0.0
    propensity: Share = 0.0
    no_levers: Share = 0.0

    @model_validator(mode="after")
    def _leave_most_alone(self) -> Self:
        if self.holdout + self.random + self.propensity + self.no_levers > 1.0:
            raise ValueError("the arms' shares must add up to 1 at most")
        return self


class WeightEntry(Entry):
    """A factor for what it names (all that is left out counts as all), where its condition holds."""

    when: Condition
    weight: Weight
    actions: list[Id] = []
    groups: list[Id] = []
    channels: list[Id] = []
