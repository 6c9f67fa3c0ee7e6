"""What a web page's key may tell. Whoever looks at the page can read the key and tell what they like under it, so that
nothing may be told with it that joins two people, that makes something bought count as not bought, or that allows what
somebody has forbidden. What is stricter may be told: a withdrawal, an objection.

NotForPages    a WireError: the call is well formed, but not a page's to make
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from msgspec.structs import replace

from features.declared_traits import DO_NOT_CONTACT
from features.event import Event, Identifier, Kind
from features.identity import ANONYMOUS_ID, USER_ID, is_strong
from features.wire.errors import WireError
from features.wire.names import EVENT_NAMES, Shape
from features.wire.segment import WireMessage
from models.policy.gates.reachable import forbids

_TAKES_BACK: Final = frozenset({Kind.REFUNDED, Kind.CANCELLED, Kind.SUBSCRIPTION_CHANGED, Kind.SUBSCRIPTION_ENDED})
"""Of a subscription the newest statement stands, so that a change of plan ends the old one."""

_NOT_SEEN_BY_PAGES: Final = frozenset(
    {
        *(Kind.CALL_STARTED, Kind.CALL_ENDED, Kind.CALL_TRANSFERRED, Kind.IVR_MENU_SELECTED),
        *(Kind.CASE_OPENED, Kind.CASE_UPDATED, Kind.CASE_CLOSED, Kind.STORE_VISITED),
        *(Kind.ORDER_SHIPPED, Kind.ORDER_DELIVERED, Kind.DELIVERY_DELAYED),
        *(Kind.HANDED_OFF, Kind.HANDOFF_TAKEN, Kind.NOTE_WRITTEN),
    }
)

_SENT: Final = frozenset(
    {Kind.SENT, Kind.NOT_SENT, Kind.ADDRESS_FAILED, Kind.MESSAGE_OPENED, Kind.MESSAGE_MACHINE_OPENED}
)

_OF_MESSAGES: Final = frozenset(
    name
    for name, meaning in EVENT_NAMES.items()
    if meaning.shape in {Shape.DELIVERY, Shape.MESSAGE, Shape.INBOUND} and meaning.kind is not Kind.CLICKED
)
"""What tools tell of messages, the contacts that they make and the texts that answer them. A link that was clicked
leads to a page."""

OUTBOUND: Final = frozenset({"email", "sms", "push", "mail", "social", "whatsapp"})
"""Channels that no page is, where no catalogue says which are."""

_FROM_A_SERVER: Final = "tell it from your server, once the person has confirmed it (double opt-in)"
_ADVICE: Final = "tell it from a server, with a key that no page holds"


class NotForPages(WireError):
    """The call is well formed, but not a page's to make."""


def as_a_page_may(
    message: WireMessage,
    is_known: Callable[[Identifier], bool],
    strong: Collection[str],
    outbound: Collection[str] = OUTBOUND,
) -> WireMessage:
    """The message without claims that would make one person of several; an identifier that one person alone has, like
    a loyalty card, is then kept out rather than the order that it came with, and nobody is named by it alone. is_known:
    whether somebody has the identifier. strong: further types of such identifiers. outbound: the catalogue's channels
    of that direction. Raises NotForPages."""
    if message.anchor.type != USER_ID and is_strong(message.anchor.type, strong):
        rule = f"a page's key names nobody by {message.anchor.type} alone"
        raise NotForPages("anonymousId", None, rule, "send anonymousId or userId with it")
    for event in message.events:
        _check(event, outbound)
    if DO_NOT_CONTACT in message.traits and not forbids(said := message.traits[DO_NOT_CONTACT]):
        raise NotForPages(f"traits.{DO_NOT_CONTACT}", said, "a page's key lets nobody be contacted", _ADVICE)
    for older in message.previous:
        if older.type == USER_ID and is_known(older):
            raise NotForPages("previousId", older.value, "a page's key joins no known user with another", _ADVICE)
    return replace(
        message,
        also=tuple(one for one in message.also if not is_strong(one.type, strong)),
        previous=tuple(one for one in message.previous if one.type == ANONYMOUS_ID),
    )


def _check(event: Event, outbound: Collection[str]) -> None:
    """Raises NotForPages."""
    if event.kind in _TAKES_BACK or event.ends_at is not None:
        raise NotForPages("event", event.name, "a page's key takes back nothing that was bought", _ADVICE)
    if event.kind in _NOT_SEEN_BY_PAGES:
        rule = "a page's key tells no telephone, case, note, store or delivery"
        raise NotForPages("event", event.name, rule, _ADVICE)
    shown_elsewhere = event.kind == Kind.DISPLAYED and event.channel in outbound
    if event.kind in _SENT or event.name in _OF_MESSAGES or shown_elsewhere:
        raise NotForPages("event", event.name, "a page's key tells nothing of what was sent", _ADVICE)
    if event.kind == Kind.CONSENT_GRANTED:
        rule = "a page's key grants no consent and lifts no objection"
        raise NotForPages("event", event.name, rule, _FROM_A_SERVER)
