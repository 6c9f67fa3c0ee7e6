"""Why something is suggested, in plain words for whoever speaks with a customer: the few reasons that weigh most, what
they look at and which way they point. Behind them stand all of them, each with what it does to the odds.

The words are made of what a feature is declared as (features.definitions), as the exact ones are: what it measures of
which events, over which time, and whose. So a feature that is declared anew has plain words, or a test names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from features import definitions as declared
from features.candidates import CHANNELS
from features.declaration import EVER, HALF_LIVES, WINDOWS, Feature, Kinds, Sum, Term
from features.event import CONTACTS, Kind
from features.kernel_codes import Measure, Op, Role, Timing
from models.live_response import LATELY
from models.reasons import DECLARED_BESIDE
from serving.console.suggesting import Why
from serving.words import place

MOST: Final = 3
_DECLARED: Final[Mapping[str, str]] = {one.name: one.words for one in declared.FEATURES}

_BESIDE: Final[Mapping[str, str]] = {
    "affinity_log_odds": "how well it fits what they buy",
    "interest_log_odds": "how well it fits what they look at",
    "population_response_lift": "how well such things do with everybody",
    "population_action_lift": "how well it does with everybody",
    "population_channel_lift": "how well this channel does with everybody",
    "moment.hour": "the time of day",
    "moment.weekday": "the day of the week",
    "candidate.kind": "whether it is an offer or help",
    "candidate.has_category": "whether it is for a whole category",
    "candidate.channel": "the channel",
    "action": "how it does lately",
    "group": "how others like it do lately, for it is new",
    "channel": "how others do lately, for it is new",
}
"""Of what is told, without a value: their numbers say nothing to anybody who does not know the model."""

_FACTS: Final[Mapping[str, str]] = {
    "candidate.value": "what it is worth when it succeeds",
    "candidate.price": "the price of one piece",
    "candidate.age": "days since it began",
    "candidate.left": "days until it ends",
    "candidate.items": "things that it names",
}

_SUMS: Final[Mapping[Sum, str]] = {
    declared.BOUGHT: "purchases",
    declared.OCCASIONS: "shopping trips",
    declared.ITEMS: "different things bought",
    declared.CATEGORIES: "different categories bought from",
    declared.BACK: "purchases refunded or cancelled",
    declared.REFUNDED: "purchases refunded",
    declared.CANCELLED: "purchases cancelled",
    declared.VIEWED: "things looked at",
    declared.VIEWED_ITEMS: "different things looked at",
    declared.ADDED: "things put into the basket",
    declared.REMOVED: "things taken out of the basket",
    declared.CONTACTED: "contacts",
    declared.CONVERTED: "offers taken up",
    declared.ACCEPTED: "offers accepted",
    declared.REJECTED: "offers turned down",
    declared.SEVERITY: "weight of cases, failed payments and delays",
    declared.HANDED_OFF: "times passed on to somebody else",
    declared.EVENTS: "things that happened",
}
"""What is summed, where its declared words are none that people say."""

_PLAIN: Final = (
    *(
        declared.ORDERS,
        declared.UNITS,
        declared.SPEND,
        declared.CHECKOUT,
        declared.SEARCHED,
        declared.PAGES,
        declared.OFFERED,
        declared.OPENED,
        declared.CLICKED,
        declared.CALLS,
    ),
    *(
        declared.CHATS,
        declared.TRANSFERS,
        declared.CASES,
        declared.CLOSED,
        declared.FAILED,
        declared.DELAYED,
        declared.VISITS,
        declared.MENU,
        declared.CASE_UPDATES,
    ),
    *(declared.SHIPPED, declared.DELIVERED, declared.SURVEYS),
)
_MANY: Final[Mapping[tuple[Measure, Kinds], str]] = {(one.measure, one.kinds): one.words for one in _PLAIN} | {
    (one.measure, one.kinds): words for one, words in _SUMS.items()
}

_ONE: Final[Mapping[Kinds, str]] = {
    declared.BOUGHT.kinds: "purchase",
    declared.BACK.kinds: "refund or cancellation",
    declared.VIEWED.kinds: "look at something",
    declared.ADDED.kinds: "thing put into the basket",
    declared.CHECKOUT.kinds: "checkout",
    declared.SEARCHED.kinds: "search",
    declared.PAGES.kinds: "page seen",
    CONTACTS: "contact",
    declared.OPENED.kinds: "message opened",
    declared.CLICKED.kinds: "click",
    declared.REJECTED.kinds: "offer turned down",
    declared.ACCEPTED.kinds: "offer accepted",
    declared.CONVERTED.kinds: "offer taken up",
    declared.CALLS.kinds: "call",
    declared.CHATS.kinds: "chat",
    declared.CASES.kinds: "case opened",
    declared.CLOSED.kinds: "case closed",
    declared.MENU.kinds: "choice in a telephone menu",
    declared.CASE_UPDATES.kinds: "case updated",
    declared.FAILED.kinds: "failed payment",
    declared.DELAYED.kinds: "delayed delivery",
    declared.VISITS.kinds: "store visit",
    declared.SHIPPED.kinds: "order shipped",
    declared.DELIVERED.kinds: "order delivered",
    declared.REFUNDED.kinds: "refund",
    declared.CANCELLED.kinds: "cancellation",
    frozenset({Kind.ORDER_UPDATED}): "change of an order",
    frozenset({Kind.SUBSCRIPTION_STARTED}): "subscription begun",
    frozenset({Kind.SUBSCRIPTION_CHANGED}): "subscription changed",
    frozenset({Kind.SUBSCRIPTION_ENDED}): "subscription ended",
    declared.EVENTS.kinds: "thing that happened",
}
"""One event of these kinds."""

_TIMINGS: Final[Mapping[int, str]] = {
    Timing.LAST: "days since the last {}",
    Timing.FIRST: "days since the first {}",
    Timing.MEAN: "usual days from one {} to the next",
    Timing.DEVIATION: "how irregular the days from one {} to the next are",
    Timing.OVERDUE: "days since the last {}, against what is usual",
}

_SCOPES: Final[Mapping[int, str]] = {
    Role.CATEGORY: "things like this",
    Role.PARENT: "its wider category",
    Role.ACTION: "this very offer",
    Role.GROUP: "offers of this kind",
    Role.ITEMS: "exactly this",
    Role.CHANNEL: "on this channel",
    **{Role.NAMED + at: place(channel) for at, channel in enumerate(CHANNELS)},
}
"""Whose history, by role; of the customer's own nothing is said."""

_LIKELY: Final = ((1.5, "much "), (1.15, ""), (0.0, "a little "))
"""From which factor of the odds on, whichever way, it makes it how much more or less likely."""


@dataclass(frozen=True, slots=True)
class PlainReason:
    """words: what is looked at, with its value where that tells anything. effect: "makes it more likely"; exact: the
    same as a factor of the odds."""

    words: str
    effect: str
    exact: str
    raises: bool


def plain(reasons: Sequence[Why]) -> tuple[PlainReason, ...]:
    """The MOST that weigh most, in their order; of those that read alike the first."""
    found = {_words(one.words): one for one in reversed(reasons)}
    first = [*dict.fromkeys(_words(one.words) for one in reasons)][:MOST]
    return tuple(_reason(words, found[words]) for words in first)


def in_full(reasons: Sequence[Why]) -> tuple[PlainReason, ...]:
    """All of them in their order, told from each other."""
    return tuple(_reason(_words(one.words, in_full=True), one) for one in reasons)


def _reason(words: str, why: Why) -> PlainReason:
    return PlainReason(words, _effect(why), why.effect, why.raises)


def _words(told: str, *, in_full: bool = False) -> str:
    """told: "what: its value" as models.reasons tells it. What is of no declared feature is told as it is."""
    what, _, value = told.rpartition(": ")
    name = _names().get(what)
    if name is None:
        return told
    if name in _BESIDE:
        return _BESIDE[name]
    feature = _features()[name]
    return f"{plain_words(feature)}{_fading(feature) if in_full else ''}: {_value(value, feature.unit)}"


@cache
def _features() -> Mapping[str, Feature]:
    return {one.name: one for one in declared.FEATURES}


@cache
def _names() -> Mapping[str, str]:
    """By the exact words."""
    beside = DECLARED_BESIDE | LATELY
    return {one.words: one.name for one in declared.FEATURES} | {words: name for name, words in beside.items()}


def plain_words(feature: Feature) -> str:
    """What a feature looks at, and whose history it is. Raises KeyError of one that has no plain words."""
    scope = _SCOPES.get(feature.terms[0].whose, "")
    said = _said(feature)
    return f"{said} ({scope})" if scope else said


def _fading(feature: Feature) -> str:
    """How fast what counts less and less does so, which nothing else tells such features by."""
    decayed = [one for one in feature.terms if one.measure is Measure.DECAYED]
    return f", each counting half after {HALF_LIVES[decayed[0].cell]} days" if decayed else ""


def _said(feature: Feature) -> str:
    first, *others = feature.terms
    if feature.op is Op.RATIO:
        return _ratio(first, others[0])
    if feature.op is Op.SURPLUS:
        return "open cases"
    if feature.op is Op.PRICE:
        looked = first.measure is Measure.LIST_PRICE
        return f"its price, against {'that of what they look at' if looked else 'what they usually pay'}"
    return _FACTS[feature.name] if first.measure is Measure.NOTHING else _value_of(first)


def _value_of(term: Term) -> str:
    if term.measure is Measure.TIMES:
        return _TIMINGS[term.cell].format(_ONE[term.kinds])
    if term.measure is Measure.DECAYED:
        return f"{_decaying(term.kinds)} lately"
    if term.measure is Measure.IN_BASKET:
        return "things waiting in the basket"
    if term.measure is Measure.TERM:
        return "days until their subscription ends"
    return f"{_MANY[term.measure, term.kinds]} {_span(term)}"


def _decaying(kinds: Kinds) -> str:
    return _MANY[Measure.OCCASIONS if kinds == CONTACTS else Measure.COUNT, kinds]


def _ratio(over: Term, under: Term) -> str:
    if over.measure in {Measure.SAME_HOUR, Measure.SAME_WEEKDAY}:
        when = "time of day" if over.measure is Measure.SAME_HOUR else "day of the week"
        return f"share of {_all(under.kinds)} at this {when}"
    if over.measure is Measure.PRICED_AMOUNT:
        return f"what one piece costs them {_span(over)}"
    many = _MANY[over.measure, over.kinds]
    if (over.measure, over.kinds) != (under.measure, under.kinds):
        each = "order" if under.measure is Measure.ORDERS else _ONE[under.kinds]
        return f"{many} per {each} {_span(over)}"
    if over.whose != under.whose:
        return f"share of all their {many} {_span(over)}"
    return f"share of the {many} {_span(under)} that fell {_span(over)}"


def _all(kinds: Kinds) -> str:
    """Of kinds that are told apart by nothing but hour and weekday, too."""
    return f"the {_MANY[Measure.COUNT, kinds]}" if (Measure.COUNT, kinds) in _MANY else "what they said yes to"


def _span(term: Term) -> str:
    days = WINDOWS[term.cell]
    return "ever" if days == EVER else "in the last day" if days == 1 else f"in the last {days:.0f} days"


def _value(value: str, unit: str) -> str:
    """Many days are whole; what is counted is named by the words before it."""
    days = re.fullmatch(r"(-?[\d,]{2,})(?:\.\d+)? days", value)
    if days:
        return f"{days[1]} days"
    return value if unit in {"currency", "share", "days"} else value.removesuffix(f" {unit}")


def _effect(why: Why) -> str:
    """Reads the factor out of the words that tell it exactly (models.reasons)."""
    found = re.search(r"\d+(?:\.\d+)?", why.effect)
    factor = float(found[0]) if found else 1.0
    weight = max(factor, 1 / factor) if factor > 0 else float("inf")
    much = next(words for least, words in _LIKELY if weight >= least)
    return f"makes it {much}{'more' if why.raises else 'less'} likely"


def feature_words(name: str) -> str:
    """As it is declared; "" of one that is declared no more."""
    return _DECLARED.get(name, "")
