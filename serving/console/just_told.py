"""What the customer chose in a menu or filled in since the journey that is under way began: what they want in their own
words, which stands before every guess."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from features.discretion import discreet
from features.event import Event, Kind
from features.stores.people import LoggedEvent
from serving.know_answers import ContextAnswer, FieldAnswer
from serving.words import clipped, properties_of, text_of


@dataclass(frozen=True, slots=True)
class JustTold:
    """key: the same only of what was told once. about: the field, "" of a choice in a menu. words: the customer's own,
    "" of what is withheld. at: ms UTC."""

    key: str
    about: str
    words: str
    channel: str | None
    at: int


def just_told(context: ContextAnswer, told: Iterable[Sequence[LoggedEvent]]) -> tuple[JustTold, ...]:
    """The newest first; () while no journey is under way. told: the log's answers that the context was made of."""
    if context.journey is None:
        return ()
    since, until = int(context.journey.started_at), int(context.as_of)
    events = (one.event for stretch in told for one in stretch)
    known = (one for one in events if since <= one.occurred_at and one.recorded_at <= until)
    chosen = [_chosen(one) for one in known if one.kind is Kind.IVR_MENU_SELECTED]
    filled = [_filled(one) for one in context.fields if int(one.captured_at) >= since]
    return tuple(sorted((*chosen, *filled), key=lambda one: (-one.at, one.about, one.key)))


def _chosen(event: Event) -> JustTold:
    told = properties_of(event)
    choice, reason = text_of(told, "selection", "option", "choice", "menu"), text_of(told, "reason")
    words = choice or (reason or "an option").replace("_", " ")
    if choice is not None and reason not in {None, choice}:
        words += f" ({str(reason).replace('_', ' ')})"
    return JustTold(f"{event.message_id}/{event.line}", "", words, event.channel, event.occurred_at)


def _filled(one: FieldAnswer) -> JustTold:
    words = "" if one.withheld else discreet(clipped(str(one.value)))
    return JustTold(f"{one.field}/{int(one.captured_at)}", one.field, words, one.channel, int(one.captured_at))
