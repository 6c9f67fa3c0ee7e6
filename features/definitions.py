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
import math
from collections.abc import Iterable
from dataclasses import dataclass

from features.candidates import CHANNELS
from features.event import CONTACTS, LOG_ONLY, Kind
from features.history import PAGE_LIMIT
from features.kernel_codes import Fact, Measure, Op, Role, Timing

EVER = math.inf
WINDOWS = (1, 7, 28, 90, 180, 365, EVER)
"""Days."""
HALF_LIVES = (7, 28, 112)
"""Days; each four times the one before (the kernel takes one exponential and powers of it)."""

Kinds = frozenset[Kind]


@dataclass(frozen=True, slots=True)
class Term:
    """One cell: whose row (a Role, or Role.NAMED + the index in CHANNELS), a measure over events of some kinds, and
    which of its cells: the index of a window, of a half-life, a Timing, or (measure NOTHING) a Fact."""

    whose: int
    measure: Measure
    kinds: Kinds
    cell: int


@dataclass(frozen=True, slots=True)
class Feature:
    """scope: "customer" (the same for every candidate), "category" (of the candidate's category and the customer) or
    "candidate". words: what it is, for people. op combines the terms: see features.kernel_codes.Op."""

    name: str
    scope: str
    unit: str
    words: str
    op: Op
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """Something summed over time: a name for columns, a measure over kinds, a unit, and its name for people."""

    name: str
    measure: Measure
    kinds: Kinds
    unit: str
    words: str


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose history a feature is about; `words` ends its sentences."""

    name: str
    role: int
    scope: str
    words: str

    def cell(self, of: Sum, index: int) -> Term:
        return Term(self.role, of.measure, of.kinds, index)

    def feature(self, name: str, unit: str, words: str, op: Op, *terms: Term) -> Feature:
        return Feature(f"{self.name}.{name}", self.scope, unit, f"{words}{self.words}", op, terms)

    def within(self, of: Sum, *days: float) -> list[Feature]:
        """The sum within each of some windows."""
        return [
            self.feature(
                f"{of.name}.{_short(span)}", of.unit, f"{of.words} {_long(span)}", Op.VALUE, self.cell(of, window(span))
            )
            for span in days
        ]

    def ratio(self, name: str, over: Sum, days: float, under: Sum, below: float, words: str, unit: str = "") -> Feature:
        terms = self.cell(over, window(days)), self.cell(under, window(below))
        return self.feature(name, unit, words, Op.RATIO, *terms)

    def trend(self, of: Sum, short: float, long: float) -> Feature:
        words = f"share of the {of.words} {_long(long)} that fell {_long(short)}"
        return self.ratio(f"{of.name}.{_short(short)}_of_{_short(long)}", of, short, of, long, words, "share")

    def timing(self, name: str, kinds: Kinds, words: str, *which: Timing) -> list[Feature]:
        return [
            self.feature(
                f"{name}.{_TIMINGS[timing][0]}",
                _TIMINGS[timing][1],
                _TIMINGS[timing][2].format(words),
                Op.VALUE,
                Term(self.role, Measure.TIMES, kinds, timing),
            )
            for timing in which
        ]

    def decayed(self, name: str, kinds: Kinds, words: str, *half_lives: int) -> list[Feature]:
        return [
            self.feature(
                f"{name}.half_life_{days}d",
                "weighted events",
                f"{words}, each halved every {days} days",
                Op.VALUE,
                Term(self.role, Measure.DECAYED, kinds, HALF_LIVES.index(days)),
            )
            for days in half_lives
        ]

    def basket(self) -> Feature:
        term = Term(self.role, Measure.IN_BASKET, _BASKET, 0)
        words = "lines added to the basket less those removed, since the last purchase of it"
        return self.feature("in_basket", "events", words, Op.VALUE, term)

    def share_of(self, all_of_it: Whose, of: Sum, days: float) -> Feature:
        terms = self.cell(of, window(days)), all_of_it.cell(of, window(days))
        words = f"share of the customer's {of.words} {_long(days)} that is"
        return self.feature(f"{of.name}.share.{_short(days)}", "share", words, Op.RATIO, *terms)


def window(days: float) -> int:
    return WINDOWS.index(days)


def _short(days: float) -> str:
    return "ever" if days == EVER else f"{days:.0f}d"


def _long(days: float) -> str:
    return "ever" if days == EVER else f"in the last {days:.0f} days" if days > 1 else "in the last day"


_TIMINGS = {
    Timing.LAST: ("last", "days", "days since the last {}"),
    Timing.FIRST: ("first", "days", "days since the first {}"),
    Timing.MEAN: ("gap", "days", "mean days between occasions of {}"),
    Timing.DEVIATION: ("gap_sd", "days", "standard deviation of the days between occasions of {}"),
    Timing.OVERDUE: ("overdue", "ratio", "days since the last {} over the mean gap"),
}


def _of(*kinds: Kind) -> Kinds:
    return frozenset(kinds)


def _count(name: str, kinds: Kinds, words: str) -> Sum:
    return Sum(name, Measure.COUNT, kinds, "events", words)


LAST, FIRST, GAP, GAP_SD, OVERDUE = Timing.LAST, Timing.FIRST, Timing.MEAN, Timing.DEVIATION, Timing.OVERDUE
_BOUGHT = _of(Kind.ORDERED)
_BACK = _of(Kind.REFUNDED, Kind.CANCELLED)
_SEEN = _of(Kind.VIEWED)
_BASKET = _of(Kind.BASKET_ADDED, Kind.BASKET_REMOVED, Kind.ORDERED)
_ANY = frozenset(Kind) - LOG_ONLY
_POSITIVE = _of(Kind.CLICKED, Kind.ACCEPTED, Kind.CONVERTED)

ORDERS = Sum("orders", Measure.ORDERS, _BOUGHT, "orders", "orders placed")
BOUGHT = _count("bought", _BOUGHT, "lines bought")
OCCASIONS = Sum("occasions", Measure.OCCASIONS, _BOUGHT, "instants", "occasions of buying")
UNITS = Sum("units", Measure.QUANTITY, _BOUGHT, "units", "units bought")
SPEND = Sum("spend", Measure.AMOUNT, _BOUGHT, "currency", "money spent")
PRICED_SPEND = Sum("priced_spend", Measure.PRICED_AMOUNT, _BOUGHT, "currency", "money spent on lines with a quantity")
PRICED_UNITS = Sum("priced_units", Measure.PRICED_QUANTITY, _BOUGHT, "units", "units bought with a known amount")
ITEMS = Sum("items", Measure.ITEMS, _BOUGHT, "items", "distinct items bought")
CATEGORIES = Sum("categories", Measure.CATEGORIES, _BOUGHT, "categories", "distinct categories bought from")
BACK = _count("returned", _BACK, "lines refunded or cancelled")
VIEWED = _count("viewed", _SEEN, "views")
VIEWED_ITEMS = Sum("viewed_items", Measure.ITEMS, _SEEN, "items", "distinct items viewed")
LISTED = Sum("listed", Measure.LISTED, _SEEN, "events", "views with a list price")
LIST_PRICE = Sum("list_price", Measure.LIST_PRICE, _SEEN, "currency", "list prices viewed")
ADDED = _count("basket_added", _of(Kind.BASKET_ADDED), "lines added to a basket")
REMOVED = _count("basket_removed", _of(Kind.BASKET_REMOVED), "lines removed from a basket")
CHECKOUT = _count("checkout_started", _of(Kind.CHECKOUT_STARTED), "checkouts started")
SEARCHED = _count("searched", _of(Kind.SEARCHED), "searches")
PAGES = _count("page_seen", _of(Kind.PAGE_SEEN), "pages seen")
CONTACTED = Sum("contacts", Measure.CONTACTS, CONTACTS, "contacts", "distinct contacts (a mailing counts once)")
OFFERED = Sum("offered", Measure.OCCASIONS, CONTACTS, "instants", "times sent or shown")
OPENED = _count("opened", _of(Kind.MESSAGE_OPENED), "messages opened")
CLICKED = _count("clicked", _of(Kind.CLICKED), "clicks")
ACCEPTED = _count("accepted", _of(Kind.ACCEPTED), "acceptances")
REJECTED = _count("rejected", _of(Kind.REJECTED), "rejections")
CONVERTED = _count("converted", _of(Kind.CONVERTED), "conversions")
CALLS = _count("calls", _of(Kind.CALL_STARTED), "calls")
CHATS = _count("chats", _of(Kind.CHAT_STARTED), "chats")
TRANSFERS = _count("transfers", _of(Kind.CALL_TRANSFERRED), "call transfers")
CASES = _count("cases", _of(Kind.CASE_OPENED), "cases opened")
CLOSED = _count("cases_closed", _of(Kind.CASE_CLOSED), "cases closed")
GRIEVED = _of(Kind.CASE_OPENED, Kind.CASE_UPDATED, Kind.PAYMENT_FAILED, Kind.DELIVERY_DELAYED)
SEVERITY = Sum("severity", Measure.SEVERITY, GRIEVED, "severity", "severities of cases, failed payments and delays")
FAILED = _count("payment_failed", _of(Kind.PAYMENT_FAILED), "failed payments")
DELAYED = _count("delivery_delayed", _of(Kind.DELIVERY_DELAYED), "delayed deliveries")
VISITS = _count("store_visits", _of(Kind.STORE_VISITED), "store visits")
SURVEYS = _count("surveys", _of(Kind.SURVEY_ANSWERED), "surveys answered")
EVENTS = _count("events", _ANY, "events of any kind")

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


def _rate(whose: Whose, of: Sum, per: Sum, *days: float) -> list[Feature]:
    return [
        whose.ratio(
            f"{of.name}_per_{per.name}.{_short(span)}", of, span, per, span, f"{of.words} per {per.words} {_long(span)}"
        )
        for span in days
    ]


def _price(name: str, whose: Whose, over: Sum, under: Sum, words: str) -> Feature:
    terms = whose.cell(over, window(EVER)), whose.cell(under, window(EVER))
    return FACT.feature(f"price.{name}", "ratio", f"the candidate's price over {words}{whose.words}", Op.PRICE, *terms)


def _purchases() -> Iterable[Feature]:
    yield from CUSTOMER.within(ORDERS, 1, 7, 28, 90, 180, 365, EVER)
    yield from CUSTOMER.within(BOUGHT, 7, 28, 90, 365, EVER)
    yield from CUSTOMER.within(SPEND, 7, 28, 90, 365, EVER)
    yield from CUSTOMER.within(UNITS, 28, 365)
    yield from CUSTOMER.within(ITEMS, 28, 90, 365)
    yield from CUSTOMER.within(CATEGORIES, 28, 90, 365)
    yield from _rate(CUSTOMER, SPEND, ORDERS, 28, 90, 365)
    yield from _rate(CUSTOMER, BOUGHT, ORDERS, 28, 90, 365)
    yield from _rate(CUSTOMER, PRICED_SPEND, PRICED_UNITS, 90)
    yield from _rate(CUSTOMER, ITEMS, BOUGHT, 365)
    yield from (CUSTOMER.trend(ORDERS, *pair) for pair in ((7, 28), (28, 90), (90, 365)))
    yield from (CUSTOMER.trend(SPEND, *pair) for pair in ((28, 90), (90, 365)))
    yield from CUSTOMER.timing("orders", _BOUGHT, "purchase", LAST, FIRST, GAP, GAP_SD, OVERDUE)
    yield from CUSTOMER.decayed("bought", _BOUGHT, "lines bought", 7, 28, 112)
    yield from _habit(BOUGHT, "bought", "lines bought")
    yield from CUSTOMER.within(BACK, 28, 90, 365)
    yield from _rate(CUSTOMER, BACK, BOUGHT, 365)
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
    yield from CUSTOMER.within(SEARCHED, 1, 7, 28)
    yield from CUSTOMER.within(PAGES, 1, 7, 28)


def _pressure_and_response() -> Iterable[Feature]:
    yield from CUSTOMER.within(CONTACTED, 1, 7, 28, 90, 365)
    yield from CUSTOMER.timing("contacts", CONTACTS, "contact", LAST, GAP)
    yield CUSTOMER.trend(CONTACTED, 7, 28)
    for kind, name in ((OPENED, "message opened"), (CLICKED, "click"), (REJECTED, "rejection")):
        yield from CUSTOMER.within(kind, 28, 90, 365)
        yield from CUSTOMER.timing(kind.name, kind.kinds, name, LAST)
    for kind, name in ((ACCEPTED, "acceptance"), (CONVERTED, "conversion")):
        yield from CUSTOMER.within(kind, 28, 90, 365, EVER)
        yield from CUSTOMER.timing(kind.name, kind.kinds, name, LAST)
    yield from _rate(CUSTOMER, CONVERTED, CONTACTED, 90, 365, EVER)
    yield from _rate(CUSTOMER, CLICKED, CONTACTED, 90, 365)
    yield from _rate(CUSTOMER, OPENED, CONTACTED, 365)
    yield from _rate(CUSTOMER, REJECTED, CONTACTED, 365)
    yield from _habit(_count("responses", _POSITIVE, "positive responses"), "responses", "positive responses")


def _service() -> Iterable[Feature]:
    yield from CUSTOMER.within(CALLS, 1, 7, 28, 365)
    yield from CUSTOMER.within(CHATS, 7, 28)
    yield from CUSTOMER.within(TRANSFERS, 28)
    yield from CUSTOMER.within(CASES, 28, 365)
    yield from CUSTOMER.within(SEVERITY, 28)
    yield from CUSTOMER.within(FAILED, 7, 28)
    yield from CUSTOMER.within(DELAYED, 7, 28)
    yield from CUSTOMER.within(VISITS, 28, 365)
    yield from CUSTOMER.within(SURVEYS, 365)
    terms = CUSTOMER.cell(CASES, window(EVER)), CUSTOMER.cell(CLOSED, window(EVER))
    yield CUSTOMER.feature("cases.open", "events", "cases opened less cases closed, ever", Op.SURPLUS, *terms)
    for of, name in ((CALLS, "call"), (CHATS, "chat"), (CASES, "case opened"), (CLOSED, "case closed")):
        yield from CUSTOMER.timing(of.name, of.kinds, name, LAST)
    for of, name in ((FAILED, "failed payment"), (DELAYED, "delayed delivery"), (VISITS, "store visit")):
        yield from CUSTOMER.timing(of.name, of.kinds, name, LAST)


def _activity() -> Iterable[Feature]:
    yield from CUSTOMER.within(EVENTS, 1, 7, 28, 90, 365)
    yield CUSTOMER.trend(EVENTS, 28, 90)
    yield from CUSTOMER.timing("events", _ANY, "event of any kind", LAST, FIRST, GAP)
    yield from _habit(EVENTS, "events", "events of any kind")
    for index, channel in enumerate(CHANNELS):
        on = Whose(f"on_{channel}", Role.NAMED + index, "customer", f" - on the channel {channel}")
        yield from on.within(EVENTS, 28, 365)
        yield from on.within(CONTACTED, 28)
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
    yield from _rate(CATEGORY, PRICED_SPEND, PRICED_UNITS, 365)
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
    yield from _rate(whose, CONVERTED, OFFERED, EVER)
    yield from _rate(whose, CLICKED, OFFERED, EVER)


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
    yield from _rate(CHANNEL, CONVERTED, CONTACTED, 365)
    yield from _rate(CHANNEL, CLICKED, CONTACTED, 365)
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


def schema_digest() -> str:
    """Hex digest of everything that gives a column its meaning: a model fits only rows of the same digest."""
    digest = hashlib.sha256(repr((WINDOWS, HALF_LIVES, PAGE_LIMIT, CHANNELS)).encode())
    for feature in FEATURES:
        terms = [
            (int(t.whose), int(t.measure), sorted(int(kind) for kind in t.kinds), int(t.cell)) for t in feature.terms
        ]
        digest.update(repr((feature.name, int(feature.op), terms)).encode())
    return digest.hexdigest()
