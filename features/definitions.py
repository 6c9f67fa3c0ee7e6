"""FEATURES: every feature, declared. docs/features.md prints this table; nothing else says what a feature is.

The rules that hold for all. The history is the customer's page as of the moment t (features.history): recorded and
occurred by t, at most PAGE_LIMIT events. A window of w days is (t - w, t] by occurred_at; "ever" is the whole page.
Counts and sums of nothing are 0, also for a candidate that has no such thing (no category, no items); amounts and
quantities that are unknown add nothing. NaN is "unknown": a recency of what never happened, a mean gap without two
occasions, a share of nothing, a price or schedule that nobody gave. Local time is UTC plus the utc_offset given, for
past events too.

An event belongs to the category of its item and to those above it; without an item, to the category of its action. It
belongs to the group of its action. A candidate's items are read item by item and pooled: instants and gaps are added up
over the items, recencies are the newest of any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from features.candidates import CHANNELS
from features.declaration import EVER, HALF_LIVES, WINDOWS, Feature, Sum, Term, Whose, count, of_kinds, window
from features.event import CONTACTS, LOG_ONLY, Kind
from features.history import PAGE_LIMIT
from features.kernel_codes import Fact, Measure, Op, Role, Timing

KERNEL_REVISION = 1
"""Raise it by hand when the kernel or the page computes another number from the same declaration."""

LAST, FIRST, GAP, GAP_SD, OVERDUE = Timing.LAST, Timing.FIRST, Timing.MEAN, Timing.DEVIATION, Timing.OVERDUE
_BOUGHT = of_kinds(Kind.ORDERED)
_BACK = of_kinds(Kind.REFUNDED, Kind.CANCELLED)
_SEEN = of_kinds(Kind.VIEWED)
_ANY = frozenset(Kind) - LOG_ONLY - {Kind.RESERVED}
"""A reservation is made with a decision whose row must not see it; what came of it is told by a contact."""
_POSITIVE = of_kinds(Kind.CLICKED, Kind.ACCEPTED, Kind.CONVERTED)

ORDERS = Sum("orders", Measure.ORDERS, _BOUGHT, "orders", "orders placed")
BOUGHT = count("bought", _BOUGHT, "lines bought")
OCCASIONS = Sum("occasions", Measure.OCCASIONS, _BOUGHT, "instants", "occasions of buying")
UNITS = Sum("units", Measure.QUANTITY, _BOUGHT, "units", "units bought")
SPEND = Sum("spend", Measure.AMOUNT, _BOUGHT, "currency", "money spent")
PRICED_SPEND = Sum("priced_spend", Measure.PRICED_AMOUNT, _BOUGHT, "currency", "money spent on lines with a quantity")
PRICED_UNITS = Sum("priced_units", Measure.PRICED_QUANTITY, _BOUGHT, "units", "units bought with a known amount")
ITEMS = Sum("items", Measure.ITEMS, _BOUGHT, "items", "distinct items bought")
CATEGORIES = Sum("categories", Measure.CATEGORIES, _BOUGHT, "categories", "distinct categories bought from")
BACK = count("returned", _BACK, "lines refunded or cancelled")
VIEWED = count("viewed", _SEEN, "views")
VIEWED_ITEMS = Sum("viewed_items", Measure.ITEMS, _SEEN, "items", "distinct items viewed")
LISTED = Sum("listed", Measure.LISTED, _SEEN, "events", "views with a list price")
LIST_PRICE = Sum("list_price", Measure.LIST_PRICE, _SEEN, "currency", "list prices viewed")
ADDED = count("basket_added", of_kinds(Kind.BASKET_ADDED), "lines added to a basket")
REMOVED = count("basket_removed", of_kinds(Kind.BASKET_REMOVED), "lines removed from a basket")
CHECKOUT = count("checkout_started", of_kinds(Kind.CHECKOUT_STARTED), "checkouts started")
SEARCHED = count("searched", of_kinds(Kind.SEARCHED), "searches")
PAGES = count("page_seen", of_kinds(Kind.PAGE_SEEN), "pages seen")
CONTACTED = Sum("contacts", Measure.CONTACTS, CONTACTS, "contacts", "distinct contacts (a mailing counts once)")
OFFERED = Sum("offered", Measure.OCCASIONS, CONTACTS, "instants", "times sent or shown")
OPENED = count("opened", of_kinds(Kind.MESSAGE_OPENED), "messages opened")
CLICKED = count("clicked", of_kinds(Kind.CLICKED), "clicks")
ACCEPTED = count("accepted", of_kinds(Kind.ACCEPTED), "acceptances")
REJECTED = count("rejected", of_kinds(Kind.REJECTED), "rejections")
CONVERTED = count("converted", of_kinds(Kind.CONVERTED), "conversions")
CALLS = count("calls", of_kinds(Kind.CALL_STARTED), "calls")
CHATS = count("chats", of_kinds(Kind.CHAT_STARTED), "chats")
TRANSFERS = count("transfers", of_kinds(Kind.CALL_TRANSFERRED), "call transfers")
CASES = count("cases", of_kinds(Kind.CASE_OPENED), "cases opened")
CLOSED = count("cases_closed", of_kinds(Kind.CASE_CLOSED), "cases closed")
GRIEVED = of_kinds(Kind.CASE_OPENED, Kind.CASE_UPDATED, Kind.PAYMENT_FAILED, Kind.DELIVERY_DELAYED)
SEVERITY = Sum("severity", Measure.SEVERITY, GRIEVED, "severity", "severities of cases, failed payments and delays")
FAILED = count("payment_failed", of_kinds(Kind.PAYMENT_FAILED), "failed payments")
DELAYED = count("delivery_delayed", of_kinds(Kind.DELIVERY_DELAYED), "delayed deliveries")
VISITS = count("store_visits", of_kinds(Kind.STORE_VISITED), "store visits")
HANDED_OFF = count("handed_off", of_kinds(Kind.HANDED_OFF), "journeys passed to another channel")
MENU = count("ivr_menu", of_kinds(Kind.IVR_MENU_SELECTED), "choices in a telephone menu")
CASE_UPDATES = count("case_updates", of_kinds(Kind.CASE_UPDATED), "cases updated")
SHIPPED = count("shipped", of_kinds(Kind.ORDER_SHIPPED), "orders shipped")
DELIVERED = count("delivered", of_kinds(Kind.ORDER_DELIVERED), "orders delivered")
REFUNDED = count("refunded", of_kinds(Kind.REFUNDED), "lines refunded")
CANCELLED = count("cancelled", of_kinds(Kind.CANCELLED), "lines cancelled")
TERMS = of_kinds(Kind.SUBSCRIPTION_STARTED, Kind.SUBSCRIPTION_CHANGED, Kind.SUBSCRIPTION_ENDED)
SURVEYS = count("surveys", of_kinds(Kind.SURVEY_ANSWERED), "surveys answered")
EVENTS = count("events", _ANY, "events of any kind")

CUSTOMER = Whose("customer", Role.CUSTOMER, "customer", "")
MOMENT = Whose("moment", Role.MOMENT, "customer", "")
CATEGORY = Whose("category", Role.CATEGORY, "category", " - in the candidate's category or below it")
PARENT = Whose("parent", Role.PARENT, "category", " - in the parent of the candidate's category or below it")
ACTION = Whose("action", Role.ACTION, "candidate", " - of this action")
GROUP = Whose("group", Role.GROUP, "candidate", " - of the actions of this action's group")
PROMOTED = Whose("items", Role.ITEMS, "candidate", " - of the items that the action promotes by name")
CHANNEL = Whose("channel", Role.CHANNEL, "candidate", " - on the candidate's channel")
FACT = Whose("candidate", Role.FACTS, "candidate", "")


def _habit(of: Sum, name: str, words: str) -> list[Feature]:
    """Shares of what was done ever at the hour (within one) and on the weekday of the moment."""
    hour = Sum(of.name, Measure.SAME_HOUR, of.kinds, of.unit, of.words)
    weekday = Sum(of.name, Measure.SAME_WEEKDAY, of.kinds, of.unit, of.words)
    at = f"share of the {words} ever that fell within one hour of the present local hour"
    on = f"share of the {words} ever that fell on the present local weekday"
    return [
        CUSTOMER.ratio(f"{name}.same_hour", hour, EVER, of, EVER, at, "share"),
        CUSTOMER.ratio(f"{name}.same_weekday", weekday, EVER, of, EVER, on, "share"),
    ]


def _price(name: str, whose: Whose, over: Sum, under: Sum, words: str) -> Feature:
    terms = whose.cell(over, window(EVER)), whose.cell(under, window(EVER))
    return FACT.feature(f"price.{name}", "ratio", f"the candidate's price over {words}{whose.words}", Op.PRICE, *terms)


def _purchases() -> Iterable[Feature]:
    yield from CUSTOMER.within(ORDERS, 1, 7, 28, 90, 180, 365, EVER)
    yield from CUSTOMER.within(BOUGHT, 28, 365)
    yield from CUSTOMER.within(SPEND, 28, 90, 365)
    yield from CUSTOMER.within(UNITS, 28, 365)
    yield from CUSTOMER.within(ITEMS, 28, 365)
    yield from CUSTOMER.within(CATEGORIES, 28, 365)
    yield from CUSTOMER.rates(SPEND, ORDERS, 90, 365)
    yield from CUSTOMER.rates(BOUGHT, ORDERS, 90, 365)
    yield from CUSTOMER.rates(PRICED_SPEND, PRICED_UNITS, 90)
    yield from CUSTOMER.rates(ITEMS, BOUGHT, 365)
    yield from (CUSTOMER.trend(ORDERS, *pair) for pair in ((7, 28), (28, 90), (90, 365)))
    yield from (CUSTOMER.trend(SPEND, *pair) for pair in ((28, 90), (90, 365)))
    yield from CUSTOMER.timing("orders", _BOUGHT, "purchase", LAST, FIRST, GAP, GAP_SD, OVERDUE)
    yield from CUSTOMER.decayed("bought", _BOUGHT, "lines bought", 7, 28, 112)
    yield from _habit(BOUGHT, "bought", "lines bought")
    yield from CUSTOMER.within(BACK, 28, 365)
    yield from CUSTOMER.rates(BACK, BOUGHT, 365)
    yield from CUSTOMER.timing("returned", _BACK, "refund or cancellation", LAST)


def _interest() -> Iterable[Feature]:
    yield from CUSTOMER.within(VIEWED, 1, 7, 28, 90)
    yield from CUSTOMER.within(VIEWED_ITEMS, 7, 28)
    yield from CUSTOMER.timing("viewed", _SEEN, "view", LAST)
    yield from CUSTOMER.within(ADDED, 1, 7, 28)
    yield from CUSTOMER.timing("basket_added", ADDED.kinds, "addition to a basket", LAST)
    yield CUSTOMER.basket()
    yield from CUSTOMER.within(REMOVED, 7, 28)
    yield from CUSTOMER.within(CHECKOUT, 1, 7)
    yield from CUSTOMER.timing("checkout_started", CHECKOUT.kinds, "checkout started", LAST)
    yield from CUSTOMER.within(SEARCHED, 1, 28)
    yield from CUSTOMER.within(PAGES, 1, 7, 28)
    for of, name in ((SEARCHED, "search"), (PAGES, "page seen")):
        yield from CUSTOMER.timing(of.name, of.kinds, name, LAST)


def _pressure_and_response() -> Iterable[Feature]:
    yield from CUSTOMER.within(CONTACTED, 1, 7, 28, 90, 365)
    yield from CUSTOMER.timing("contacts", CONTACTS, "contact", LAST, GAP)
    yield CUSTOMER.trend(CONTACTED, 7, 28)
    for kind, name in ((OPENED, "message opened"), (CLICKED, "click"), (REJECTED, "rejection")):
        yield from CUSTOMER.within(kind, 28, 365)
        yield from CUSTOMER.timing(kind.name, kind.kinds, name, LAST)
    for kind, name in ((ACCEPTED, "acceptance"), (CONVERTED, "conversion")):
        yield from CUSTOMER.within(kind, 28, 365, EVER)
        yield from CUSTOMER.timing(kind.name, kind.kinds, name, LAST)
    yield from CUSTOMER.rates(CONVERTED, CONTACTED, 90, 365, EVER)
    yield from CUSTOMER.rates(CLICKED, CONTACTED, 90, 365)
    yield from CUSTOMER.rates(OPENED, CONTACTED, 365)
    yield from CUSTOMER.rates(REJECTED, CONTACTED, 365)
    yield from _habit(count("responses", _POSITIVE, "positive responses"), "responses", "positive responses")


def _service() -> Iterable[Feature]:
    yield from CUSTOMER.within(CALLS, 1, 7, 28, 365)
    yield from CUSTOMER.within(CHATS, 1, 7, 28)
    yield from CUSTOMER.within(MENU, 1, 7, 28)
    yield from CUSTOMER.within(TRANSFERS, 28)
    yield from CUSTOMER.within(HANDED_OFF, 7)
    yield from CUSTOMER.within(CASES, 7, 28, 365)
    yield from CUSTOMER.within(CASE_UPDATES, 7)
    yield from CUSTOMER.within(SEVERITY, 28)
    yield from CUSTOMER.within(FAILED, 1, 7, 28)
    yield from CUSTOMER.within(DELAYED, 1, 7, 28)
    yield from CUSTOMER.within(VISITS, 28, 365)
    yield from CUSTOMER.within(SURVEYS, 365)
    terms = CUSTOMER.cell(CASES, window(EVER)), CUSTOMER.cell(CLOSED, window(EVER))
    yield CUSTOMER.feature("cases.open", "events", "cases opened less cases closed, ever", Op.SURPLUS, *terms)
    for of, name in ((CALLS, "call"), (CHATS, "chat"), (CASES, "case opened"), (CLOSED, "case closed")):
        yield from CUSTOMER.timing(of.name, of.kinds, name, LAST)
    for of, name in ((MENU, "choice in a telephone menu"), (CASE_UPDATES, "case updated")):
        yield from CUSTOMER.timing(of.name, of.kinds, name, LAST)
    for of, name in ((FAILED, "failed payment"), (DELAYED, "delayed delivery"), (VISITS, "store visit")):
        yield from CUSTOMER.timing(of.name, of.kinds, name, LAST)


def _after_the_order() -> Iterable[Feature]:
    yield from CUSTOMER.within(SHIPPED, 7)
    yield from CUSTOMER.within(DELIVERED, 1, 7, 28)
    yield from CUSTOMER.within(REFUNDED, 7)
    yield from CUSTOMER.within(CANCELLED, 7)
    for of, name in ((SHIPPED, "order shipped"), (DELIVERED, "order delivered")):
        yield from CUSTOMER.timing(of.name, of.kinds, name, LAST)
    for of, name in ((REFUNDED, "refund"), (CANCELLED, "cancellation")):
        yield from CUSTOMER.timing(of.name, of.kinds, name, LAST)
    yield from CUSTOMER.timing("order_updated", of_kinds(Kind.ORDER_UPDATED), "change of an order", LAST)
    for kind in sorted(TERMS):
        name = kind.name.lower()
        yield from CUSTOMER.timing(name, of_kinds(kind), name.replace("_", " "), LAST)
    words = "days until the term ends that was stated last, below 0 once it has ended; NaN when it renews by itself"
    yield CUSTOMER.term("subscription.term", TERMS, f"{words}, was ended, or there is none")


def _activity() -> Iterable[Feature]:
    yield from CUSTOMER.within(EVENTS, 1, 7, 28, 90, 365)
    yield CUSTOMER.trend(EVENTS, 28, 90)
    yield from CUSTOMER.timing("events", _ANY, "event of any kind", LAST, FIRST, GAP)
    yield from _habit(EVENTS, "events", "events of any kind")
    for index, channel in enumerate(CHANNELS):
        on = Whose(f"on_{channel}", Role.NAMED + index, "customer", f" - on the channel {channel}")
        yield from on.within(EVENTS, 28, 365)
        yield from on.timing("events", _ANY, "event", LAST)
    for cell, (name, words) in enumerate((("hour", "local hour, 0 to 23"), ("weekday", "local weekday, Monday 0"))):
        yield MOMENT.feature(name, name, words, Op.VALUE, Term(Role.MOMENT, Measure.NOTHING, frozenset(), cell))


def _category() -> Iterable[Feature]:
    yield from CATEGORY.within(BOUGHT, 1, 7, 28, 90, 180, 365, EVER)
    yield from CATEGORY.within(OCCASIONS, 28, 90, 365, EVER)
    yield from CATEGORY.within(UNITS, 90, 365)
    yield from CATEGORY.within(SPEND, 28, 90, 365)
    yield from CATEGORY.within(ITEMS, 90, 365)
    yield from (CATEGORY.share_of(CUSTOMER, BOUGHT, days) for days in (28, 90, 365))
    yield CATEGORY.share_of(CUSTOMER, SPEND, 365)
    yield from (CATEGORY.trend(BOUGHT, *pair) for pair in ((28, 90), (90, 365)))
    yield from CATEGORY.timing("bought", _BOUGHT, "purchase", LAST, FIRST, GAP, GAP_SD, OVERDUE)
    yield from CATEGORY.decayed("bought", _BOUGHT, "lines bought", 7, 28, 112)
    yield from CATEGORY.rates(PRICED_SPEND, PRICED_UNITS, 365)
    yield from CATEGORY.within(BACK, 365)
    yield from CATEGORY.within(VIEWED, 1, 7, 28, 90)
    yield from CATEGORY.timing("viewed", _SEEN, "view", LAST)
    yield from CATEGORY.decayed("viewed", _SEEN, "views", 7, 28)
    yield CATEGORY.basket()
    yield from CATEGORY.within(ADDED, 7, 28)
    yield from CATEGORY.timing("basket_added", ADDED.kinds, "addition to a basket", LAST)
    yield from _offers(CATEGORY)


def _parent() -> Iterable[Feature]:
    yield from PARENT.within(BOUGHT, 7, 28, 90, 365)
    yield from PARENT.within(SPEND, 90, 365)
    yield from PARENT.within(ITEMS, 365)
    yield PARENT.share_of(CUSTOMER, BOUGHT, 365)
    yield from PARENT.timing("bought", _BOUGHT, "purchase", LAST, GAP, OVERDUE)
    yield from PARENT.decayed("bought", _BOUGHT, "lines bought", 28)
    yield from PARENT.within(VIEWED, 7, 28)
    yield from PARENT.timing("viewed", _SEEN, "view", LAST)
    yield PARENT.basket()
    yield from PARENT.within(OFFERED, 28, 365)
    yield from PARENT.within(CONVERTED, 365)
    yield from PARENT.within(REJECTED, 90)


def _offers(whose: Whose) -> Iterable[Feature]:
    """What was offered of it and how the customer answered."""
    yield from whose.within(OFFERED, 7, 28, 90, 365)
    yield from whose.timing("offered", CONTACTS, "time sent or shown", LAST, FIRST)
    yield from whose.decayed("offered", CONTACTS, "sent or shown", 28)
    yield from whose.within(CLICKED, 28, 365)
    yield from whose.within(ACCEPTED, 365)
    yield from whose.within(REJECTED, 28, 365)
    yield from whose.within(CONVERTED, 28, 365, EVER)
    for of, name in ((CLICKED, "click"), (REJECTED, "rejection"), (CONVERTED, "conversion")):
        yield from whose.timing(of.name, of.kinds, name, LAST)
    yield from whose.rates(CONVERTED, OFFERED, EVER)
    yield from whose.rates(CLICKED, OFFERED, EVER)


def _items() -> Iterable[Feature]:
    yield from PROMOTED.within(BOUGHT, 7, 28, 90, 365, EVER)
    yield from PROMOTED.within(UNITS, 365)
    yield from PROMOTED.within(SPEND, 365)
    yield PROMOTED.share_of(CUSTOMER, BOUGHT, 365)
    yield from PROMOTED.timing("bought", _BOUGHT, "purchase", LAST, FIRST, GAP, OVERDUE)
    yield from PROMOTED.decayed("bought", _BOUGHT, "lines bought", 7, 28, 112)
    yield from PROMOTED.within(BACK, 365)
    yield from PROMOTED.timing("returned", _BACK, "refund or cancellation", LAST)
    yield from PROMOTED.within(VIEWED, 1, 7, 28)
    yield from PROMOTED.timing("viewed", _SEEN, "view", LAST)
    yield from PROMOTED.decayed("viewed", _SEEN, "views", 7)
    yield PROMOTED.basket()
    yield from PROMOTED.within(ADDED, 7)
    yield from PROMOTED.timing("basket_added", ADDED.kinds, "addition to a basket", LAST)
    yield from PROMOTED.within(OFFERED, 28)
    yield from PROMOTED.within(CLICKED, 28)
    yield from PROMOTED.within(REJECTED, 90)
    yield from PROMOTED.within(CONVERTED, 365)


def _channel() -> Iterable[Feature]:
    yield from CHANNEL.within(CONTACTED, 1, 7, 28, 90, 365)
    yield from CHANNEL.timing("contacts", CONTACTS, "contact", LAST)
    yield from CHANNEL.within(OPENED, 90)
    yield from CHANNEL.within(CLICKED, 90)
    yield from CHANNEL.within(REJECTED, 90)
    yield from CHANNEL.within(CONVERTED, 365)
    yield from CHANNEL.rates(CONVERTED, CONTACTED, 365)
    yield from CHANNEL.rates(CLICKED, CONTACTED, 365)
    yield from CHANNEL.within(BOUGHT, 90)
    yield from CHANNEL.within(EVENTS, 28)
    yield CHANNEL.share_of(CUSTOMER, EVENTS, 365)
    yield from CHANNEL.timing("events", _ANY, "event", LAST)


_FACTS = (
    (Fact.VALUE, "value", "currency", "worth of a positive outcome"),
    (Fact.KIND, "kind", "code", "0 offer, 1 message, 2 service"),
    (Fact.PRICE, "price", "currency", "price of what is promoted, per unit"),
    (Fact.AGE, "age", "days", "days since the action started; NaN when it has no start"),
    (Fact.LEFT, "left", "days", "days until the action ends; NaN when it has no end"),
    (Fact.ITEMS, "items", "items", "items that the action promotes by name"),
    (Fact.PROMOTES, "has_category", "0 or 1", "whether it promotes a category"),
    (Fact.CHANNEL, "channel", "code", "the channel's place in features.candidates.CHANNELS; NaN for any other"),
)


def _facts() -> Iterable[Feature]:
    for fact, name, unit, words in _FACTS:
        yield FACT.feature(name, unit, words, Op.VALUE, Term(Role.FACTS, Measure.NOTHING, frozenset(), fact))
    usual = "the customer's mean price per unit bought, ever"
    yield _price("against_category", CATEGORY, PRICED_SPEND, PRICED_UNITS, usual)
    yield _price("against_parent", PARENT, PRICED_SPEND, PRICED_UNITS, usual)
    yield _price("against_items", PROMOTED, PRICED_SPEND, PRICED_UNITS, usual)
    yield _price(
        "against_viewed", CATEGORY, LIST_PRICE, LISTED, "the mean list price of what the customer viewed, ever"
    )


FEATURES: tuple[Feature, ...] = (
    *_purchases(),
    *_interest(),
    *_pressure_and_response(),
    *_service(),
    *_after_the_order(),
    *_activity(),
    *_category(),
    *_parent(),
    *_offers(ACTION),
    *_offers(GROUP),
    *_items(),
    *_channel(),
    *_facts(),
)


def names() -> tuple[str, ...]:
    """Column names of a feature matrix, in order."""
    return tuple(feature.name for feature in FEATURES)


def columns_of_customer() -> dict[str, int]:
    """The columns that tell of the customer alone, by the names that conditions have for them: without `customer.` and
    with underscores for points, as in `orders_28d`. The local hour and weekday are not among them."""
    return {
        feature.name.removeprefix("customer.").replace(".", "_"): column
        for column, feature in enumerate(FEATURES)
        if feature.scope == "customer" and feature.terms[0].whose != Role.MOMENT
    }


def schema_digest() -> str:
    """Hex digest of everything that gives a column its meaning: a model fits only rows of the same digest."""
    digest = hashlib.sha256(repr((KERNEL_REVISION, WINDOWS, HALF_LIVES, PAGE_LIMIT, CHANNELS)).encode())
    for feature in FEATURES:
        terms = [
            (int(t.whose), int(t.measure), sorted(int(kind) for kind in t.kinds), int(t.cell)) for t in feature.terms
        ]
        digest.update(repr((feature.name, int(feature.op), terms)).encode())
    return digest.hexdigest()
