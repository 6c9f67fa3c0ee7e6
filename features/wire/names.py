"""What an event's name on the wire means here.

Names of commerce, e-mail, SMS, push and live chat are those of the Segment specification; the others are ours and are
written down in docs/http.md. A name that is not in the table is kept as OTHER.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from features.event import Kind


class Shape(Enum):
    """Which properties an event must or may carry, and how many events it becomes."""

    PLAIN = auto()  # nothing required
    ORDER = auto()  # order_id required; one event per product, or one for the order without products
    PRODUCT = auto()  # product_id (or sku) required
    PRODUCTS = auto()  # one event per product, or one without
    ACTION = auto()  # action_id and channel required; decision_id, value
    MESSAGE = auto()  # action_id and decision_id if the sender knows them
    CONSENT = auto()  # about the channel of the family
    SUBSCRIPTION = auto()  # channel and status, or context.messaging_subscriptions
    CASE = auto()  # case_id required; severity


@dataclass(frozen=True, slots=True)
class Meaning:
    """channel: where such an event happens unless the payload says otherwise; None when the name does not tell."""

    kind: Kind
    channel: str | None
    shape: Shape


UNKNOWN_NAME: Final = Meaning(Kind.OTHER, None, Shape.PLAIN)

# fmt: off
_TABLE: Final = (
    # commerce
    ("Order Completed",                Kind.ORDERED,                "web",   Shape.ORDER),
    ("Order Refunded",                 Kind.REFUNDED,               "web",   Shape.ORDER),
    ("Order Cancelled",                Kind.CANCELLED,              "web",   Shape.ORDER),
    ("Product Viewed",                 Kind.VIEWED,                 "web",   Shape.PRODUCT),
    ("Product Clicked",                Kind.VIEWED,                 "web",   Shape.PRODUCT),
    ("Product Added",                  Kind.BASKET_ADDED,           "web",   Shape.PRODUCT),
    ("Product Removed",                Kind.BASKET_REMOVED,         "web",   Shape.PRODUCT),
    ("Products Searched",              Kind.SEARCHED,               "web",   Shape.PLAIN),
    ("Product List Viewed",            Kind.PAGE_SEEN,              "web",   Shape.PLAIN),
    ("Cart Viewed",                    Kind.PAGE_SEEN,              "web",   Shape.PLAIN),
    ("Checkout Started",               Kind.CHECKOUT_STARTED,       "web",   Shape.PRODUCTS),
    # e-mail: the specification knows no "sent", so delivery is the contact
    ("Email Delivered",                Kind.SENT,                   "email", Shape.MESSAGE),
    ("Email Bounced",                  Kind.NOT_SENT,               "email", Shape.MESSAGE),
    ("Email Dropped",                  Kind.NOT_SENT,               "email", Shape.MESSAGE),
    ("Email Opened",                   Kind.MESSAGE_OPENED,         "email", Shape.MESSAGE),
    ("Email Machine Opened",           Kind.MESSAGE_MACHINE_OPENED, "email", Shape.MESSAGE),
    ("Email Link Clicked",             Kind.CLICKED,                "email", Shape.MESSAGE),
    ("Email Subscribed",               Kind.CONSENT_GRANTED,        "email", Shape.CONSENT),
    ("Email Unsubscribed",             Kind.CONSENT_WITHDRAWN,      "email", Shape.CONSENT),
    ("Email Marked as Spam",           Kind.CONSENT_WITHDRAWN,      "email", Shape.CONSENT),
    ("Unsubscribed",                   Kind.CONSENT_WITHDRAWN,      "email", Shape.CONSENT),
    # SMS: delivery follows "sent" and must not count as a second contact
    ("SMS Sent",                       Kind.SENT,                   "sms",   Shape.MESSAGE),
    ("SMS Delivered",                  Kind.OTHER,                  "sms",   Shape.MESSAGE),
    ("SMS Failed",                     Kind.NOT_SENT,               "sms",   Shape.MESSAGE),
    ("SMS Undelivered",                Kind.NOT_SENT,               "sms",   Shape.MESSAGE),
    ("SMS Read",                       Kind.MESSAGE_OPENED,         "sms",   Shape.MESSAGE),
    ("SMS Link Clicked",               Kind.CLICKED,                "sms",   Shape.MESSAGE),
    ("SMS Received",                   Kind.OTHER,                  "sms",   Shape.PLAIN),
    ("SMS Subscribed",                 Kind.CONSENT_GRANTED,        "sms",   Shape.CONSENT),
    ("SMS Unsubscribed",               Kind.CONSENT_WITHDRAWN,      "sms",   Shape.CONSENT),
    # push
    ("Push Notification Sent",         Kind.SENT,                   "push",  Shape.MESSAGE),
    ("Push Notification Received",     Kind.DISPLAYED,              "push",  Shape.MESSAGE),
    ("Push Notification Tapped",       Kind.CLICKED,                "push",  Shape.MESSAGE),
    ("Push Notification Bounced",      Kind.NOT_SENT,               "push",  Shape.MESSAGE),
    # consent
    ("Channel Subscription Updated",   Kind.OTHER,                  None,    Shape.SUBSCRIPTION),
    # live chat
    ("Live Chat Conversation Started", Kind.CHAT_STARTED,           "chat",  Shape.PLAIN),
    ("Live Chat Conversation Ended",   Kind.CHAT_ENDED,             "chat",  Shape.PLAIN),
    ("Live Chat Message Sent",         Kind.OTHER,                  "chat",  Shape.PLAIN),
    ("Live Chat Message Received",     Kind.OTHER,                  "chat",  Shape.PLAIN),
    # ours: the telephone, the case, the shop
    ("Call Started",                   Kind.CALL_STARTED,           "agent", Shape.PLAIN),
    ("Call Ended",                     Kind.CALL_ENDED,             "agent", Shape.PLAIN),
    ("Call Transferred",               Kind.CALL_TRANSFERRED,       "agent", Shape.PLAIN),
    ("IVR Menu Selected",              Kind.IVR_MENU_SELECTED,      "ivr",   Shape.PLAIN),
    ("Case Opened",                    Kind.CASE_OPENED,            "agent", Shape.CASE),
    ("Case Updated",                   Kind.CASE_UPDATED,           "agent", Shape.CASE),
    ("Case Closed",                    Kind.CASE_CLOSED,            "agent", Shape.CASE),
    ("Store Visited",                  Kind.STORE_VISITED,          "store", Shape.PLAIN),
    ("Payment Failed",                 Kind.PAYMENT_FAILED,         "web",   Shape.PLAIN),
    ("Delivery Delayed",               Kind.DELIVERY_DELAYED,       None,    Shape.PLAIN),
    ("Form Field Captured",            Kind.FORM_FIELD_CAPTURED,    "web",   Shape.PLAIN),
    ("Survey Answered",                Kind.SURVEY_ANSWERED,        "web",   Shape.PLAIN),
    # ours: what became of an action
    ("Action Sent",                    Kind.SENT,                   None,    Shape.ACTION),
    ("Action Not Sent",                Kind.NOT_SENT,               None,    Shape.ACTION),
    ("Action Displayed",               Kind.DISPLAYED,              None,    Shape.ACTION),
    ("Action Clicked",                 Kind.CLICKED,                None,    Shape.ACTION),
    ("Action Accepted",                Kind.ACCEPTED,               None,    Shape.ACTION),
    ("Action Rejected",                Kind.REJECTED,               None,    Shape.ACTION),
    ("Action Converted",               Kind.CONVERTED,              None,    Shape.ACTION),
)
# fmt: on

EVENT_NAMES: Final[Mapping[str, Meaning]] = {
    name: Meaning(kind, channel, shape) for name, kind, channel, shape in _TABLE
}

FAMILY_CHANNELS: Final = frozenset(
    {"email", "sms", "push", "mail", "social", "web", "app", "ivr", "agent", "chat", "store", "whatsapp"}
)
"""The channels that a name or a subscription type may stand for, whatever the catalogue lists."""
