"""What happened, in words: "bought a vacuum cleaner in the store"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from features.cases import SEVERITY_NAMES
from features.discretion import discreet
from features.event import Event, Kind
from serving.item_names import ItemNames

TIMES = "\u00d7"
LONGEST = 120
"""Characters shown of a text that somebody else wrote."""

_PLACES: Mapping[str, tuple[str, str]] = {
    "email": ("by e-mail", "e-mail"),
    "sms": ("by text message", "text messages"),
    "push": ("by push message", "push messages"),
    "mail": ("by post", "the post"),
    "social": ("on social media", "social media"),
    "whatsapp": ("on WhatsApp", "WhatsApp"),
    "web": ("on the website", "the website"),
    "app": ("in the app", "the app"),
    "ivr": ("in the telephone menu", "the telephone menu"),
    "agent": ("on the telephone", "the telephone"),
    "phone": ("on the telephone", "the telephone"),
    "chat": ("in the chat", "the chat"),
    "store": ("in the store", "the store"),
}


def place(channel: str | None) -> str:
    """Where: "in the store"; nothing for none."""
    return "" if channel is None else _PLACES[channel][0] if channel in _PLACES else f"on {channel}"


def noun(channel: str) -> str:
    """ "the store"."""
    return _PLACES[channel][1] if channel in _PLACES else channel


def label(channel: str) -> str:
    """As a heading or in a list: "Store"."""
    words = noun(channel).removeprefix("the ").replace("_", " ")
    return words[:1].upper() + words[1:]


def properties_of(event: Event) -> Mapping[str, object]:
    found = msgspec.json.decode(event.properties)
    return found if isinstance(found, dict) else {}


def id_of(properties: Mapping[str, object], *names: str) -> str | None:
    """The first of the properties that is a text or a number, in one line and shortened."""
    for name in names:
        value = properties.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            return clipped(str(value))
    return None


def text_of(properties: Mapping[str, object], *names: str) -> str | None:
    """The same of what people wrote: no card number in it is shown whole."""
    found = id_of(properties, *names)
    return None if found is None else discreet(found)


def clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


@dataclass(frozen=True, slots=True)
class Told:
    """An event on its way into words."""

    event: Event
    properties: Mapping[str, object]
    item_names: ItemNames

    @property
    def place(self) -> str:
        return place(self.event.channel)

    @property
    def order(self) -> str | None:
        order = self.event.order or id_of(self.properties, "order_id")
        return None if order is None else f"order {clipped(order)}"

    @property
    def thing(self) -> str | None:
        """The item with its quantity, when there is one."""
        if self.event.item is None:
            return None
        name = clipped(self.item_names(self.event.item))
        quantity = self.event.quantity
        return name if math.isnan(quantity) or quantity == 1 else f"{quantity:g} {TIMES} {name}"

    @property
    def message(self) -> str:
        return "a message" if self.event.action is None else f"“{clipped(self.event.action)}”"

    def said(self, *names: str) -> str | None:
        return text_of(self.properties, *names)

    def id(self, *names: str) -> str | None:
        return id_of(self.properties, *names)

    @property
    def about(self) -> str:
        """The reason in words, after "about"; nothing without one."""
        reason = self.said("reason")
        return "" if reason is None else f"about “{reason.replace('_', ' ')}”"

    def quoted(self, before: str, *names: str) -> str:
        """`before` and the property in quotation marks; nothing without it."""
        said = self.said(*names)
        return "" if said is None else f"{before} “{said}”"


def words_of(event: Event, item_names: ItemNames) -> str:
    """One line about the event, of the person and in the past tense; single blanks, no full stop."""
    told = Told(event, properties_of(event), item_names)
    return " ".join(_WORDS[event.kind](told).split())


def _bought(told: Told) -> str:
    if told.thing is None and told.event.channel == "store":
        return f"bought something {told.place}"
    if told.thing is None:
        return f"placed {told.order or 'an order'} {told.place}"
    return f"bought {told.thing} {told.place}"


def _came_back(how: str) -> Callable[[Told], str]:
    def words(told: Told) -> str:
        of = f" of {told.order}" if told.thing and told.order else ""
        return f"{told.thing or told.order or 'an order'}{of} was {how}"

    return words


def _order_was(how: str) -> Callable[[Told], str]:
    return lambda told: f"{told.order or 'an order'} was {how}"


def _thing(before: str, after: str = "") -> Callable[[Told], str]:
    return lambda told: f"{before} {told.thing or 'something'} {after} {told.place}"


def _subscription(how: str) -> Callable[[Told], str]:
    return lambda told: (
        f"subscription to {told.thing or told.said('plan', 'name') or told.event.order or 'a plan'} {how}"
    )


def _message(how: str) -> Callable[[Told], str]:
    return lambda told: how.format(told.message) + " " + told.place


def _consent(how: str) -> Callable[[Told], str]:
    def words(told: Told) -> str:
        about = "" if told.event.topic is None else f" about {clipped(told.event.topic)}"
        return f"{how} {told.place or 'on any channel'}{about}"

    return words


def _case(how: str) -> Callable[[Told], str]:
    def words(told: Told) -> str:
        severity = SEVERITY_NAMES.get(told.event.severity, str(told.event.severity))
        level = f" ({severity})" if told.event.severity else ""
        reason = told.said("reason")
        about = "" if reason is None else f": {reason}"
        return f"case {told.said('case_id') or ''} was {how}{level}{about}"

    return words


def _case_closed(told: Told) -> str:
    """What it was about may be told beside how it ended; a reason without an outcome is how it ended."""
    outcome, reason = told.said("outcome", "resolution"), told.said("reason")
    subject = told.said("about") or (reason if outcome else None)
    about = "" if subject is None else f"about “{subject.replace('_', ' ')}”"
    agent = told.id("agent_id")
    by = "" if agent is None else f" by {agent}"
    ended = outcome or reason
    return f"case {told.said('case_id') or ''} {about} was closed{by}" + ("" if ended is None else f": {ended}")


def _transferred(told: Told) -> str:
    agent = told.id("to_agent_id", "agent_id")
    return "call was transferred" + ("" if agent is None else f" to agent {agent}")


def _handed_off(told: Told) -> str:
    inquiry = told.said("inquiry")
    to = noun(told.event.channel) if told.event.channel else "another channel"
    return f"was passed on to {to}" + ("" if inquiry is None else f": {inquiry}")


def _noted(told: Told) -> str:
    said, promised = told.said("told"), told.said("promised")
    agent = told.id("agent_id")
    if isinstance(told.properties.get("keeps"), str):
        by = "" if agent is None else f" by {agent}"
        return f"a promise was kept{by}{told.quoted(':', 'kept')}"
    written = "a note was written" + ("" if agent is None else f" by {agent}")
    parts = [text for text in (said, None if promised is None else f"promised: {promised}") if text is not None]
    return f"{written}: {'; '.join(parts)}" if parts else written


def _taken(told: Told) -> str:
    agent = told.id("agent_id")
    return f"was taken over {told.place}" + ("" if agent is None else f" by agent {agent}")


_WORDS: Mapping[Kind, Callable[[Told], str]] = {
    Kind.OTHER: lambda told: f"{clipped(told.event.name)} {told.place}",
    Kind.ORDERED: _bought,
    Kind.REFUNDED: _came_back("refunded"),
    Kind.CANCELLED: _came_back("cancelled"),
    Kind.VIEWED: _thing("looked at"),
    Kind.BASKET_ADDED: _thing("put", "into the basket"),
    Kind.BASKET_REMOVED: _thing("took", "out of the basket"),
    Kind.CHECKOUT_STARTED: lambda told: f"went to the checkout {told.place}",
    Kind.SEARCHED: lambda told: f"searched{told.quoted(' for', 'query')} {told.place}",
    Kind.PAGE_SEEN: lambda told: f"saw {told.quoted('the page', 'name', 'title', 'path') or 'a page'} {told.place}",
    Kind.ORDER_UPDATED: _order_was("changed"),
    Kind.ORDER_SHIPPED: _order_was("shipped"),
    Kind.ORDER_DELIVERED: _order_was("delivered"),
    Kind.SUBSCRIPTION_STARTED: _subscription("started"),
    Kind.SUBSCRIPTION_CHANGED: _subscription("was changed"),
    Kind.SUBSCRIPTION_ENDED: _subscription("ended"),
    Kind.DECIDED: _message("{} was chosen"),
    Kind.RESERVED: _message("{} was reserved"),
    Kind.SENT: _message("was sent {}"),
    Kind.NOT_SENT: _message("{} could not be sent"),
    Kind.DISPLAYED: _message("was shown {}"),
    Kind.CLICKED: _message("clicked {}"),
    Kind.ACCEPTED: _message("accepted {}"),
    Kind.REJECTED: _message("rejected {}"),
    Kind.CONVERTED: _message("took up {}"),
    Kind.MESSAGE_OPENED: _message("opened {}"),
    Kind.ADDRESS_FAILED: _message("{} failed for good"),
    Kind.MESSAGE_MACHINE_OPENED: _message("a program opened {}"),
    Kind.CONSENT_GRANTED: _consent("agreed to be contacted"),
    Kind.CONSENT_WITHDRAWN: _consent("asked not to be contacted"),
    Kind.IDENTIFIED: lambda told: f"was identified {told.place}",
    Kind.CALL_STARTED: lambda told: f"called {told.about}",
    Kind.CALL_ENDED: lambda told: f"call {told.about} ended",
    Kind.CALL_TRANSFERRED: _transferred,
    Kind.IVR_MENU_SELECTED: lambda told: (
        f"chose {told.said('selection', 'option', 'choice', 'menu') or 'an option'} {told.place}"
    ),
    Kind.CHAT_STARTED: lambda told: f"began a chat {told.about}",
    Kind.CHAT_ENDED: lambda told: f"chat {told.about} ended",
    Kind.CASE_OPENED: _case("opened"),
    Kind.CASE_UPDATED: _case("updated"),
    Kind.CASE_CLOSED: _case_closed,
    Kind.STORE_VISITED: lambda told: f"visited the store {told.said('store_id') or ''}",
    Kind.PAYMENT_FAILED: lambda told: f"payment failed{' for ' + told.order if told.order else ''} {told.place}",
    Kind.DELIVERY_DELAYED: lambda told: f"delivery{' of ' + told.order if told.order else ''} was delayed",
    Kind.FORM_FIELD_CAPTURED: lambda told: f"filled in the field{told.quoted('', 'field')} {told.place}",
    Kind.SURVEY_ANSWERED: lambda told: (
        f"answered {told.quoted('the survey', 'survey', 'name') or 'a survey'} {told.place}"
    ),
    Kind.HANDED_OFF: _handed_off,
    Kind.HANDOFF_TAKEN: _taken,
    Kind.NOTE_WRITTEN: _noted,
}
