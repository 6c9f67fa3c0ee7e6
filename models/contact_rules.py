"""Why somebody probably contacts us, by rule of thumb: what answers until enough contacts carried a reason.

RULES is the whole of it. The weights of the rules that apply are added up by reason and divided by their sum plus
UNTHOUGHT_OF, which goes to "other". They are guesses, written down to be disagreed with; an answer made of them says
so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from models.contact_evidence import Topic

OTHER = "other"
"""Everything that is no reason of its own."""

UNTHOUGHT_OF = 3.0
"""The weight of whatever no rule thinks of."""

_HOUR = 1 / 24


@dataclass(frozen=True, slots=True)
class Rule:
    """Applies when the feature is known and within [at_least, at_most]. about: what its evidence is of."""

    situation: str
    feature: str
    at_least: float
    at_most: float
    reason: str
    weight: float
    about: Topic


RULES = (
    Rule("a case is open", "customer.cases.open", 1, inf, "open_case", 6, Topic.CASE),
    Rule("a case was opened this week", "customer.cases.last", 0, 7, "open_case", 2, Topic.CASE),
    Rule("a delivery was late this week", "customer.delivery_delayed.last", 0, 7, "delivery", 8, Topic.DELIVERY),
    Rule("delivered within a day", "customer.delivered.last", 0, 1, "delivery", 5, Topic.DELIVERY),
    Rule("delivered this week", "customer.delivered.last", 0, 7, "delivery", 2, Topic.DELIVERY),
    Rule("shipped this week", "customer.shipped.last", 0, 7, "delivery", 2, Topic.DELIVERY),
    Rule("a payment failed this week", "customer.payment_failed.last", 0, 7, "payment", 6, Topic.PAYMENT),
    Rule("payments failed twice this week", "customer.payment_failed.7d", 2, inf, "payment", 4, Topic.PAYMENT),
    Rule("bought within the hour", "customer.orders.last", 0, _HOUR, "new_purchase", 6, Topic.PURCHASE),
    Rule("bought this week", "customer.orders.last", 0, 7, "new_purchase", 2, Topic.PURCHASE),
    Rule("refunded or cancelled this week", "customer.returned.last", 0, 7, "refund", 4, Topic.RETURN),
    Rule("a term ends within a month", "customer.subscription.term", 0, 28, "subscription", 4, Topic.SUBSCRIPTION),
    Rule("a subscription ended", "customer.subscription_ended.last", 0, 28, "subscription", 3, Topic.SUBSCRIPTION),
    Rule("a checkout this day", "customer.checkout_started.last", 0, 1, "ordering", 2, Topic.BASKET),
)

TOLD_WEIGHT, TOLD_WITHIN = 4.0, 7
"""For a reason that the person told of an earlier contact, for as many days."""

SAY: Mapping[str, str] = {
    "open_case": "Are you calling about the case that is open with us?",
    "delivery": "Are you calling about a delivery?",
    "payment": "Are you calling about a payment?",
    "new_purchase": "Are you calling about something that you bought?",
    "refund": "Are you calling about a refund or a cancellation?",
    "subscription": "Are you calling about your subscription?",
    "ordering": "Are you calling because you want to order something?",
    OTHER: "Are you calling about something else?",
}
"""For a machine to read out, unless the catalogue says it better. Nothing personal: nobody has proved who they are."""

UNLISTED = "How can we help you?"
"""For a reason that neither the catalogue nor we have a sentence for: its name is text from anywhere."""

REASONS = tuple(dict.fromkeys(rule.reason for rule in RULES))


def applying(row: NDArray[np.float64], columns: Sequence[str]) -> tuple[Rule, ...]:
    """The rules that hold for one row, float64[columns], the heaviest first."""
    place = {name: index for index, name in enumerate(columns)}
    found = [rule for rule in RULES if rule.at_least <= row[place[rule.feature]] <= rule.at_most]
    return tuple(sorted(found, key=lambda rule: -rule.weight))


def weights(rows: NDArray[np.float64], columns: Sequence[str]) -> NDArray[np.float64]:
    """float64[n, REASONS]: the summed weights of the rules that hold, for float64[n, columns]."""
    place = {name: index for index, name in enumerate(columns)}
    summed = np.zeros((len(rows), len(REASONS)))
    for rule in RULES:
        value = rows[:, place[rule.feature]]
        summed[:, REASONS.index(rule.reason)] += rule.weight * ((rule.at_least <= value) & (value <= rule.at_most))
    return summed
