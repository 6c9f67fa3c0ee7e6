"""What an event's name on the wire means here.

Names of commerce, e-mail, SMS, push, WhatsApp and live chat are those of the Segment specification and of the messaging
tools that follow it; the others are ours. docs/events.md has them all. A name that is not in the table is kept as
OTHER.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from features.event import Kind


class Shape(Enum):
    """Which properties an event must or may carry, and how many events it becomes."""

    PLAIN = auto()  # nothing required
    ABOUT_ORDER = auto()  # order_id if the sender knows it
    ORDER = auto()  # order_id required; one event per product, or one for the order without products
    PRODUCT = auto()  # product_id (or sku) required
    PRODUCTS = auto()  # one event per product, or one without
    PROMOTION = auto()  # of our own action if action_id says so; else it only is kept
    PLAN = auto()  # subscription_id and plan (or product_id, sku) required; ends_at
    PLAN_END = auto()  # subscription_id required
    ACTION = auto()  # action_id and channel required; decision_id, value
    MESSAGE = auto()  # action_id and decision_id if the sender knows them
    DELIVERY = auto()  # like MESSAGE, and one contact per message however many such events tell of it
    CONSENT = auto()  # about the channel of the family; topic
    GROUP_CONSENT = auto()  # about one topic of the channel
    SUBSCRIPTION = auto()  # channel and status, or context.messaging_subscriptions
    INBOUND = auto()  # a text from the person; from; a withdrawal when its whole body says no
    PROFILING = auto()  # a consent about no channel, with its own topic
    CASE = auto()  # case_id required; severity, reason
    SPOKEN = auto()  # reason if it was told
    NOTE = auto()  # agent_id of whoever promises something, or promised_by of whose promise it keeps


SAID_BY_PROPERTIES: Final = frozenset({Shape.GROUP_CONSENT, Shape.SUBSCRIPTION, Shape.PROFILING})
"""Shapes whose events the kind alone would tell wrongly."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """channel: where such an event happens unless the payload says otherwise; None when the name does not tell."""

    kind: Kind
    channel: str | None
    shape: Shape


UNKNOWN_NAME: Final = Meaning(Kind.OTHER, None, Shape.PLAIN)

# fmt: off
_TABLE: Final = (
    # commerce: browsing
    ("Products Searched",              Kind.SEARCHED,               "web",   Shape.PLAIN),
    ("Product List Viewed",            Kind.PAGE_SEEN,              "web",   Shape.PLAIN),
    ("Product List Filtered",          Kind.PAGE_SEEN,              "web",   Shape.PLAIN),
    ("Promotion Viewed",               Kind.DISPLAYED,              "web",   Shape.PROMOTION),
    ("Promotion Clicked",              Kind.CLICKED,                "web",   Shape.PROMOTION),
    # commerce: ordering
    ("Product Clicked",                Kind.VIEWED,                 "web",   Shape.PRODUCT),
    ("Product Viewed",                 Kind.VIEWED,                 "web",   Shape.PRODUCT),
    ("Product Added",                  Kind.BASKET_ADDED,           "web",   Shape.PRODUCT),
    ("Product Removed",                Kind.BASKET_REMOVED,         "web",   Shape.PRODUCT),
    ("Cart Viewed",                    Kind.PAGE_SEEN,              "web",   Shape.PLAIN),
    ("Checkout Started",               Kind.CHECKOUT_STARTED,       "web",   Shape.PRODUCTS),
    ("Checkout Step Viewed",           Kind.PAGE_SEEN,              "web",   Shape.ABOUT_ORDER),
    ("Checkout Step Completed",        Kind.OTHER,                  "web",   Shape.ABOUT_ORDER),
    ("Payment Info Entered",           Kind.OTHER,                  "web",   Shape.ABOUT_ORDER),
    ("Order Completed",                Kind.ORDERED,                "web",   Shape.ORDER),
    ("Order Updated",                  Kind.ORDER_UPDATED,          "web",   Shape.ORDER),
    ("Order Refunded",                 Kind.REFUNDED,               "web",   Shape.ORDER),
    ("Order Cancelled",                Kind.CANCELLED,              "web",   Shape.ORDER),
    # commerce: coupons, wishlists, sharing, reviews
    ("Coupon Entered",                 Kind.OTHER,                  "web",   Shape.ABOUT_ORDER),
    ("Coupon Applied",                 Kind.OTHER,                  "web",   Shape.ABOUT_ORDER),
    ("Coupon Denied",                  Kind.OTHER,                  "web",   Shape.ABOUT_ORDER),
    ("Coupon Removed",                 Kind.OTHER,                  "web",   Shape.ABOUT_ORDER),
    ("Product Added to Wishlist",      Kind.VIEWED,                 "web",   Shape.PRODUCT),
    ("Product Removed from Wishlist",  Kind.OTHER,                  "web",   Shape.PRODUCT),
    ("Wishlist Product Added to Cart", Kind.BASKET_ADDED,           "web",   Shape.PRODUCT),
    ("Product Shared",                 Kind.OTHER,                  "web",   Shape.PRODUCT),
    ("Cart Shared",                    Kind.OTHER,                  "web",   Shape.PRODUCTS),
    ("Product Reviewed",               Kind.OTHER,                  "web",   Shape.PRODUCT),
    # e-mail
    ("Email Processed",                Kind.OTHER,                  "email", Shape.MESSAGE),
    ("Email Deferred",                 Kind.OTHER,                  "email", Shape.MESSAGE),
    ("Email Sent",                     Kind.SENT,                   "email", Shape.DELIVERY),
    ("Email Delivered",                Kind.SENT,                   "email", Shape.DELIVERY),
    ("Email Received",                 Kind.OTHER,                  "email", Shape.DELIVERY),
    ("Email Bounced",                  Kind.NOT_SENT,               "email", Shape.MESSAGE),
    ("Email Dropped",                  Kind.NOT_SENT,               "email", Shape.MESSAGE),
    ("Email Opened",                   Kind.MESSAGE_OPENED,         "email", Shape.MESSAGE),
    ("Email Machine Opened",           Kind.MESSAGE_MACHINE_OPENED, "email", Shape.MESSAGE),
    ("Email Link Clicked",             Kind.CLICKED,                "email", Shape.MESSAGE),
    ("Email Subscribed",               Kind.CONSENT_GRANTED,        "email", Shape.CONSENT),
    ("Email Unsubscribed",             Kind.CONSENT_WITHDRAWN,      "email", Shape.CONSENT),
    ("Email Marked as Spam",           Kind.CONSENT_WITHDRAWN,      "email", Shape.CONSENT),
    ("Unsubscribed",                   Kind.CONSENT_WITHDRAWN,      "email", Shape.CONSENT),
    ("Email Group Subscribed",         Kind.CONSENT_GRANTED,        "email", Shape.GROUP_CONSENT),
    ("Email Group Unsubscribed",       Kind.CONSENT_WITHDRAWN,      "email", Shape.GROUP_CONSENT),
    # SMS; received ones come from the person
    ("SMS Processed",                  Kind.OTHER,                  "sms",   Shape.MESSAGE),
    ("SMS Queued",                     Kind.OTHER,                  "sms",   Shape.MESSAGE),
    ("SMS Sending",                    Kind.OTHER,                  "sms",   Shape.MESSAGE),
    ("SMS Sent",                       Kind.SENT,                   "sms",   Shape.DELIVERY),
    ("SMS Delivered",                  Kind.OTHER,                  "sms",   Shape.DELIVERY),
    ("SMS Failed",                     Kind.NOT_SENT,               "sms",   Shape.MESSAGE),
    ("SMS Undelivered",                Kind.NOT_SENT,               "sms",   Shape.MESSAGE),
    ("SMS Read",                       Kind.MESSAGE_OPENED,         "sms",   Shape.MESSAGE),
    ("SMS Link Clicked",               Kind.CLICKED,                "sms",   Shape.MESSAGE),
    ("SMS Receiving",                  Kind.OTHER,                  "sms",   Shape.INBOUND),
    ("SMS Received",                   Kind.OTHER,                  "sms",   Shape.INBOUND),
    ("SMS Subscribed",                 Kind.CONSENT_GRANTED,        "sms",   Shape.CONSENT),
    ("SMS Unsubscribed",               Kind.CONSENT_WITHDRAWN,      "sms",   Shape.CONSENT),
    # WhatsApp; received ones come from the person
    ("WhatsApp Message Queued",        Kind.OTHER,                  "whatsapp", Shape.MESSAGE),
    ("WhatsApp Message Accepted",      Kind.OTHER,                  "whatsapp", Shape.MESSAGE),
    ("WhatsApp Message Sending",       Kind.OTHER,                  "whatsapp", Shape.MESSAGE),
    ("WhatsApp Message Sent",          Kind.SENT,                   "whatsapp", Shape.DELIVERY),
    ("WhatsApp Message Delivered",     Kind.OTHER,                  "whatsapp", Shape.DELIVERY),
    ("WhatsApp Message Failed",        Kind.NOT_SENT,               "whatsapp", Shape.MESSAGE),
    ("WhatsApp Message Undelivered",   Kind.NOT_SENT,               "whatsapp", Shape.MESSAGE),
    ("WhatsApp Message Read",          Kind.MESSAGE_OPENED,         "whatsapp", Shape.MESSAGE),
    ("WhatsApp Message Receiving",     Kind.OTHER,                  "whatsapp", Shape.PLAIN),
    ("WhatsApp Message Received",      Kind.OTHER,                  "whatsapp", Shape.PLAIN),
    # push
    ("Push Notification Sent",         Kind.SENT,                   "push",  Shape.DELIVERY),
    ("Push Notification Delivered",    Kind.OTHER,                  "push",  Shape.DELIVERY),
    ("Push Notification Received",     Kind.DISPLAYED,              "push",  Shape.DELIVERY),
    ("Push Notification Tapped",       Kind.CLICKED,                "push",  Shape.MESSAGE),
    ("Push Notification Bounced",      Kind.NOT_SENT,               "push",  Shape.MESSAGE),
    # consent
    ("Channel Subscription Updated",   Kind.OTHER,                  None,    Shape.SUBSCRIPTION),
    ("Group Subscription Updated",     Kind.OTHER,                  None,    Shape.SUBSCRIPTION),
    ("Profiling Objected",             Kind.CONSENT_WITHDRAWN,      None,    Shape.PROFILING),
    ("Profiling Allowed",              Kind.CONSENT_GRANTED,        None,    Shape.PROFILING),
    # live chat
    ("Live Chat Conversation Started", Kind.CHAT_STARTED,           "chat",  Shape.SPOKEN),
    ("Live Chat Conversation Ended",   Kind.CHAT_ENDED,             "chat",  Shape.PLAIN),
    ("Live Chat Message Sent",         Kind.OTHER,                  "chat",  Shape.PLAIN),
    ("Live Chat Message Received",     Kind.OTHER,                  "chat",  Shape.PLAIN),
    # ours: what becomes of an order, and what is paid for by the month
    ("Order Shipped",                  Kind.ORDER_SHIPPED,          None,    Shape.ORDER),
    ("Order Delivered",                Kind.ORDER_DELIVERED,        None,    Shape.ORDER),
    ("Delivery Delayed",               Kind.DELIVERY_DELAYED,       None,    Shape.ABOUT_ORDER),
    ("Payment Failed",                 Kind.PAYMENT_FAILED,         "web",   Shape.ABOUT_ORDER),
    ("Subscription Started",           Kind.SUBSCRIPTION_STARTED,   "web",   Shape.PLAN),
    ("Subscription Changed",           Kind.SUBSCRIPTION_CHANGED,   "web",   Shape.PLAN),
    ("Subscription Ended",             Kind.SUBSCRIPTION_ENDED,     "web",   Shape.PLAN_END),
    # ours: the telephone, the case, the shop
    ("Call Started",                   Kind.CALL_STARTED,           "agent", Shape.SPOKEN),
    ("Call Ended",                     Kind.CALL_ENDED,             "agent", Shape.PLAIN),
    ("Call Transferred",               Kind.CALL_TRANSFERRED,       "agent", Shape.PLAIN),
    ("IVR Menu Selected",              Kind.IVR_MENU_SELECTED,      "ivr",   Shape.SPOKEN),
    ("Case Opened",                    Kind.CASE_OPENED,            "agent", Shape.CASE),
    ("Case Updated",                   Kind.CASE_UPDATED,           "agent", Shape.CASE),
    ("Case Closed",                    Kind.CASE_CLOSED,            "agent", Shape.CASE),
    ("Note Written",                   Kind.NOTE_WRITTEN,           "agent", Shape.NOTE),
    ("Store Visited",                  Kind.STORE_VISITED,          "store", Shape.PLAIN),
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


def _letters(name: str) -> str:
    return "".join(one for one in name.casefold() if one.isalnum())


_BY_LETTERS: Final[Mapping[str, str]] = {_letters(name): name for name in EVENT_NAMES}


@lru_cache(maxsize=1024)
def called(name: str) -> str:
    """The table's own name for what differs from it in case, spaces and signs alone ("order_completed"): taken for an
    unknown name, a purchase would be acknowledged and what was bought offered again. Any other name as it is."""
    return name if name in EVENT_NAMES else _BY_LETTERS.get(_letters(name), name)


FAMILY_CHANNELS: Final = frozenset(
    {"email", "sms", "push", "mail", "social", "web", "app", "ivr", "agent", "chat", "store", "whatsapp"}
)
"""The channels that a name or a subscription type may stand for, whatever the catalogue lists."""
