"""The one record of the house: what happened to whom, where and when.

Every moment is an integer of milliseconds since 1970-01-01T00:00:00Z. Every event carries two clocks:
`occurred_at`, when it happened in the world, and `recorded_at`, when we came to know of it; the first is never after
the second.
"""

from __future__ import annotations

import math
from enum import IntEnum

import msgspec

NO_CODE = -1
"""The integer code of "none": no item, no action, no category."""


class Kind(IntEnum):
    """What an event means. Codes are stored: add at the end of a block, never renumber."""

    OTHER = 0

    ORDERED = 1  # one line of a completed order
    REFUNDED = 2  # a line, or without an item the whole order
    CANCELLED = 3  # the order, before delivery
    VIEWED = 4
    BASKET_ADDED = 5
    BASKET_REMOVED = 6
    CHECKOUT_STARTED = 7
    SEARCHED = 8
    PAGE_SEEN = 9
    ORDER_UPDATED = 10
    ORDER_SHIPPED = 11
    ORDER_DELIVERED = 12
    SUBSCRIPTION_STARTED = 13  # owned from here until the newest statement about the same subscription ends it
    SUBSCRIPTION_CHANGED = 14
    SUBSCRIPTION_ENDED = 15

    DECIDED = 20
    RESERVED = 21
    SENT = 22
    NOT_SENT = 23
    DISPLAYED = 24
    CLICKED = 25
    ACCEPTED = 26
    REJECTED = 27
    CONVERTED = 28
    MESSAGE_OPENED = 29  # by a person
    MESSAGE_MACHINE_OPENED = 30  # by a mail client on its own: never interest
    ADDRESS_FAILED = 31  # what was sent there will never arrive (a hard bounce)

    CONSENT_GRANTED = 40
    CONSENT_WITHDRAWN = 41
    IDENTIFIED = 42

    CALL_STARTED = 60
    CALL_ENDED = 61
    CALL_TRANSFERRED = 62
    IVR_MENU_SELECTED = 63
    CHAT_STARTED = 64
    CHAT_ENDED = 65
    CASE_OPENED = 66
    CASE_UPDATED = 67
    CASE_CLOSED = 68
    STORE_VISITED = 69
    PAYMENT_FAILED = 70
    DELIVERY_DELAYED = 71
    FORM_FIELD_CAPTURED = 72
    SURVEY_ANSWERED = 73
    HANDED_OFF = 74  # a journey passed to another channel
    HANDOFF_TAKEN = 75
    NOTE_WRITTEN = 76  # by somebody who serves the person, for whoever serves them next


CONTACTS = frozenset({Kind.SENT, Kind.DISPLAYED})
"""Kinds that count as having contacted the person."""

ORDERS = frozenset(
    {
        *(Kind.ORDERED, Kind.REFUNDED, Kind.CANCELLED),
        *(Kind.ORDER_UPDATED, Kind.ORDER_SHIPPED, Kind.ORDER_DELIVERED),
    }
)
"""Kinds whose `order` is the number of an order that was placed."""

OUTCOMES = frozenset({Kind.CLICKED, Kind.ACCEPTED, Kind.REJECTED, Kind.CONVERTED})

FLEETING = frozenset(
    {
        *(Kind.OTHER, Kind.VIEWED, Kind.SEARCHED, Kind.PAGE_SEEN, Kind.MESSAGE_MACHINE_OPENED),
        *(Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN, Kind.IDENTIFIED),
    }
)
"""Kinds that leave a full page first; purchases, contacts and cases outlive them. What people consent to and who they
are is kept whole beside the page, and some senders tell it again with every call."""

LOG_ONLY = frozenset({Kind.DECIDED, Kind.NOTE_WRITTEN})
"""Kinds that stay in the log and never enter a page: no decision reads them, and none is made afresh for them."""

INTENTS = frozenset({Kind.DECIDED, Kind.RESERVED, Kind.NOT_SENT})
"""Kinds that tell what we meant to do, and nothing of the person: of whom there is nothing else is not known."""


class Identifier(msgspec.Struct, frozen=True, gc=False):
    """One way to name a person.

    type: "user_id" (the company's own id), "anonymous_id", "email", "phone", "loyalty_card", ...
    value: normalised (see features.identity.normalise).
    """

    type: str
    value: str


class Event(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened, in words; the store turns words into codes.

    message_id and line together are unique: the same pair again is the same event. channel, item, action, order and
    decision are the outside world's texts, None for none. quantity is in units, amount in the catalogue's currency
    for the whole line (not per unit); NaN is unknown for both. properties is the rest of the payload as JSON text; it
    lives in the log only. topic: what a statement of consent is about, None for everything on the channel; why a case
    is open, or somebody came to a line (features.cases.spoken), None where that was not told. ends_at: of a
    subscription's term, ms UTC, None when it renews by itself; such an event has no decision. Of a reservation, until
    when it is held; such an event has no order. decision: of a case its id; of a note whose promise it holds or keeps.
    """

    message_id: str
    kind: Kind
    name: str
    occurred_at: int
    recorded_at: int
    line: int = 0
    channel: str | None = None
    item: str | None = None
    action: str | None = None
    order: str | None = None
    decision: str | None = None
    quantity: float = math.nan
    amount: float = math.nan
    severity: int = 0
    properties: str = "{}"
    topic: str | None = None
    ends_at: int | None = None
