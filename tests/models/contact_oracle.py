"""Slow and obvious: which contacts count for a limit, one by one, on a calendar of dates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo, available_timezones

from features.event import CONTACTS, Event, Kind
from models.catalogue import Action, Catalogue
from models.policy_rules import OWED, Limit
from tests.models.worlds import World

Contact = tuple[str | None, str | None, int]
"""(action, channel, ms UTC)."""


def contacts_of(events: Iterable[Event], moment: int) -> list[Contact]:
    """Made, or reserved and still possible: then at the end of the reservation."""
    known = [one for one in events if one.recorded_at <= moment and one.occurred_at <= moment]
    found: list[Contact] = []
    for triple in {(one.decision, one.action, one.channel) for one in known}:
        own = [one for one in known if (one.decision, one.action, one.channel) == triple]
        made = sorted(one.occurred_at for one in own if one.kind in CONTACTS)
        held = [one.ends_at or 0 for one in own if one.kind is Kind.RESERVED]
        released = any(one.kind is Kind.NOT_SENT for one in own)
        if triple[0] is None:
            found += [(triple[1], triple[2], at) for at in made]
        elif made:
            found.append((triple[1], triple[2], made[0]))
        elif held and max(held) > moment and not released:
            found.append((triple[1], triple[2], max(held)))
    return found


def date_of(moment: int, zone: str) -> dt.date:
    return dt.datetime.fromtimestamp(moment / 1000, ZoneInfo(zone)).date()


def within(limit: Limit, at: int, moment: int, zone: str) -> bool:
    """Whether a contact at `at` counts at `moment`; also when it is later."""
    if limit.days is None:
        return at > moment - (limit.span or 0)
    return date_of(at, zone) > date_of(moment, zone) - dt.timedelta(days=limit.days)


def binding(catalogue: Catalogue, action: Action, channel: str) -> list[tuple[str, Limit]]:
    """Each with whom it counts for."""
    direction = catalogue.channels[channel].direction
    group = catalogue.groups.get(action.group)
    found = [("action", limit) for limit in action.limits]
    found += [("group", limit) for limit in (group.limits if group else ())]
    found += [("channel", limit) for limit in catalogue.channels[channel].limits]
    found += [("direction", limit) for limit in catalogue.limits]
    return [(whose, limit) for whose, limit in found if limit.direction in (None, direction)]


def counts(catalogue: Catalogue, whose: str, limit: Limit, contact: Contact, action: Action, channel: str) -> bool:
    """Whether a contact is of the same action, group, channel or direction, and where the limit looks."""
    sent, where, _ = contact
    if limit.direction is not None and (
        where not in catalogue.channels or catalogue.channels[where].direction is not limit.direction
    ):
        return False
    if whose == "action":
        return sent == action.id
    if whose == "group":
        return sent in {one.id for one in catalogue.actions if one.group == action.group}
    if whose == "channel":
        return where == channel
    known = catalogue.channels
    return where in known and known[where].direction is known[channel].direction


def exceeds(world: World, action_id: str, channel: str, moment: int, beside: Sequence[Contact]) -> bool:
    """Whether one more contact would be one too many at `moment`."""
    catalogue = world.compiled.catalogue
    (action,) = [one for one in catalogue.actions if one.id == action_id]
    if action.purpose in OWED:
        return False
    zone = world.customer.time_zone if world.customer.time_zone in available_timezones() else catalogue.time_zone
    for whose, limit in binding(catalogue, action, channel):
        same = [one for one in beside if counts(catalogue, whose, limit, one, action, channel)]
        if sum(within(limit, at, moment, zone) for _, _, at in same) + 1 > limit.contacts:
            return True
    return False
