"""What the customer was shown or sent of late, on whatever channel: nobody should offer it again unaware, or at another
price."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
from pydantic import JsonValue, TypeAdapter

from features.event import CONTACTS, Event, Kind
from features.stores.people import LoggedEvent
from features.stores.protocol import LoggedDecision
from models.catalogue import Catalogue
from models.policy_rules import days_of
from serving.know_answers import ShownAnswer
from serving.schemas import Instant
from serving.words import properties_of

MOST = 20
"""Actions, the newest first."""

_BECAME: Mapping[Kind, Literal["clicked", "accepted", "rejected", "converted"]] = {
    Kind.CLICKED: "clicked",
    Kind.ACCEPTED: "accepted",
    Kind.REJECTED: "rejected",
    Kind.CONVERTED: "converted",
}
_SEEN = frozenset({Kind.DISPLAYED, Kind.CLICKED, Kind.ACCEPTED, Kind.REJECTED})
"""Kinds that an action is not told of unless the customer saw it."""

SHOWN_KINDS = frozenset({*CONTACTS, *_BECAME, Kind.NOT_SENT})

Look = Callable[[str], LoggedDecision | None]
"""A logged decision by its id."""

_CONTENT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class _Action(msgspec.Struct, frozen=True):
    action_id: str
    content: dict[str, object]


class _Slate(msgspec.Struct, frozen=True):
    channel: str
    actions: tuple[_Action, ...]


class _Answer(msgspec.Struct, frozen=True):
    channels: tuple[_Slate, ...]


@dataclass(frozen=True, slots=True)
class _Contact:
    """first: the event by which we know of it. became: the newest outcome, None for none."""

    first: Event
    became: Event | None


def shown_actions(events: Sequence[LoggedEvent], catalogue: Catalogue, look: Look, moment: int) -> list[ShownAnswer]:
    """Contacts within their channel's reward window, the newest first. events: of SHOWN_KINDS, known at `moment` (ms
    UTC), the newest first."""
    told = [one.event for one in reversed(events) if one.event.action is not None]
    recent = [one for one in _contacts(told) if one.first.occurred_at > moment - _window(one.first.channel, catalogue)]
    newest = sorted(recent, key=lambda one: one.first.occurred_at, reverse=True)[:MOST]
    names = {action.id: action.name for action in catalogue.actions}
    return [_answer(one, names, look) for one in newest]


def _contacts(told: Iterable[Event]) -> list[_Contact]:
    """told: the oldest first. Of one decision, action and channel there is one contact, at its first report; one that
    names no decision is answered by what is told of its action and channel until the next."""
    found: dict[int, _Contact] = {}
    newest: dict[tuple[str | None, str | None, str | None], int] = {}
    for number, event in enumerate(told):
        key = (event.decision, event.action, event.channel)
        at = newest.get(key)
        if event.kind is Kind.NOT_SENT:
            found.pop(newest.pop(key, number), None)
        elif at is not None and event.kind in _BECAME:
            found[at] = replace(found[at], became=event)
        elif event.kind in (Kind.SENT, *_SEEN) and (at is None or event.decision is None):
            newest[key] = number
            found[number] = _Contact(event, event if event.kind in _BECAME else None)
    return list(found.values())


def _window(channel: str | None, catalogue: Catalogue) -> int:
    """ms; of a channel that the catalogue has not, the longest of those that it has."""
    known = catalogue.channels.get(channel or "")
    days = [one.reward_window_days for one in ([known] if known else catalogue.channels.values())]
    return days_of(max(days))


def _answer(contact: _Contact, names: Mapping[str, str], look: Look) -> ShownAnswer:
    first, became = contact.first, contact.became
    action = first.action or ""
    content = _content(first, look)
    return ShownAnswer(
        action_id=action,
        name=names.get(action, action),
        channel=first.channel,
        at=Instant(first.occurred_at),
        how="sent" if first.kind is Kind.SENT else "displayed",
        outcome=None if became is None else _BECAME[became.kind],
        outcome_at=None if became is None else Instant(became.occurred_at),
        price=_price(properties_of(first), content or {}),
        content=content,
    )


def _content(first: Event, look: Look) -> dict[str, JsonValue] | None:
    """The treatment as it was answered."""
    decision = None if first.decision is None else look(first.decision)
    if decision is None:
        return None
    slates = msgspec.json.decode(decision.response, type=_Answer).channels
    here = (one for slate in slates if slate.channel == first.channel for one in slate.actions)
    return next((_CONTENT.validate_python(one.content) for one in here if one.action_id == first.action), None)


def _price(*told: Mapping[str, object]) -> float | None:
    """The first that names one as a number."""
    for one in told:
        price = one.get("price")
        if isinstance(price, int | float) and not isinstance(price, bool):
            return float(price)
    return None
