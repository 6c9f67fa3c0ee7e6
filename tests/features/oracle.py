"""Every declared feature once more, slowly and plainly, from its declaration, with none of the kernel's tables."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from features.candidates import Candidates, ItemFacts
from features.declaration import HALF_LIVES, WINDOWS, Feature, Term
from features.definitions import FEATURES
from features.event import Kind
from features.history import Records, as_of, page
from features.kernel_codes import Fact, Measure, Op, Role, Timing

DAY = 86_400_000
HOUR = 3_600_000
UNKNOWN = math.nan


@dataclass(frozen=True, slots=True)
class Happening:
    at: int
    kind: int
    item: int
    action: int
    channel: int
    order: int
    decision: int
    amount: float
    quantity: float
    severity: int


@dataclass(frozen=True, slots=True)
class Question:
    """One candidate at one moment before one history (oldest first)."""

    history: tuple[Happening, ...]
    moment: int
    utc_offset: int
    candidates: Candidates
    index: int
    facts: ItemFacts

    @property
    def items(self) -> set[int]:
        start = self.candidates.item_start
        return {int(item) for item in self.candidates.item[start[self.index] : start[self.index + 1]]}


def row(
    records: Records, moment: int, utc_offset: int, candidates: Candidates, index: int, facts: ItemFacts
) -> list[float]:
    kept = page(as_of(records, moment))
    history = tuple(
        Happening(
            at=int(r["occurred_at"]),
            kind=int(r["kind"]),
            item=int(r["item"]),
            action=int(r["action"]),
            channel=int(r["channel"]),
            order=int(r["order"]),
            decision=int(r["decision"]),
            amount=float(r["amount"]),
            quantity=float(r["quantity"]),
            severity=int(r["severity"]),
        )
        for r in kept
    )
    question = Question(history, moment, utc_offset, candidates, index, facts)
    return [feature_of(feature, question) for feature in FEATURES]


def feature_of(feature: Feature, question: Question) -> float:
    values = [value(term, question) for term in feature.terms]
    if feature.op == Op.VALUE:
        return values[0]
    if feature.op == Op.SURPLUS:
        return max(values[0] - values[1], 0.0)
    ratio = values[0] / values[1] if values[1] != 0 else UNKNOWN
    if feature.op == Op.RATIO:
        return ratio
    price = float(question.candidates.price[question.index])
    return price / ratio if ratio != 0 else UNKNOWN


def value(term: Term, question: Question) -> float:
    if term.whose == Role.FACTS:
        return fact(Fact(term.cell), question)
    if term.whose == Role.MOMENT:
        return local(question.moment, question.utc_offset)[term.cell]
    if term.whose != Role.ITEMS:
        return read(term, [_about(term.whose, question)], question)
    return read(term, [_of_item(item) for item in sorted(question.items)], question)


def read(term: Term, belongs: Sequence[Callable[[Happening], bool]], question: Question) -> float:
    """belongs: one test for each thing whose history is pooled."""
    of_kinds = [event for event in question.history if event.kind in term.kinds]
    pools = [[event for event in of_kinds if mine(event)] for mine in belongs]
    if term.measure == Measure.TIMES:
        return timing(Timing(term.cell), [sorted({event.at for event in pool}) for pool in pools], question.moment)
    if term.measure == Measure.TERM:
        return days_left(of_kinds, question.moment)
    if term.measure == Measure.IN_BASKET:
        return max(0.0, sum(basket(pool) for pool in pools))
    if term.measure == Measure.DECAYED:
        half_life = HALF_LIVES[term.cell] * DAY
        return sum(0.5 ** ((question.moment - event.at) / half_life) for pool in pools for event in pool)
    oldest = question.moment - WINDOWS[term.cell] * DAY
    return float(
        sum(measured(term.measure, [event for event in pool if event.at > oldest], question) for pool in pools)
    )


def measured(measure: Measure, events: Sequence[Happening], question: Question) -> float:
    distinct = _distinct(measure, events, question)
    return len(distinct) if distinct is not None else sum(worth(measure, event, question) for event in events)


def _distinct(measure: Measure, events: Sequence[Happening], question: Question) -> set[object] | None:
    """None when the measure is a plain sum."""
    if measure == Measure.ITEMS:
        return {event.item for event in events if event.item >= 0}
    if measure == Measure.CATEGORIES:
        return {chain[0] for event in events if (chain := categories(event, question.facts))}
    if measure == Measure.ORDERS:
        return {("order", event.order) if event.order else ("at", event.at) for event in events}
    if measure == Measure.CONTACTS:
        return {(event.decision, event.channel, event.at) for event in events}
    if measure == Measure.OCCASIONS:
        return {event.at for event in events}
    return None


def worth(measure: Measure, event: Happening, question: Question) -> float:
    here, now = local(event.at, question.utc_offset), local(question.moment, question.utc_offset)
    known = not math.isnan(event.amount) and event.quantity > 0
    prices = question.facts.price
    listed = float(prices[event.item]) if 0 <= event.item < len(prices) else UNKNOWN
    worths = {
        Measure.COUNT: 1.0,
        Measure.AMOUNT: event.amount,
        Measure.QUANTITY: event.quantity,
        Measure.SEVERITY: event.severity,
        Measure.PRICED_AMOUNT: event.amount if known else 0.0,
        Measure.PRICED_QUANTITY: event.quantity if known else 0.0,
        Measure.LISTED: 0.0 if math.isnan(listed) else 1.0,
        Measure.LIST_PRICE: listed,
        Measure.SAME_HOUR: float(abs(here[0] - now[0]) in (0, 1, 23)),
        Measure.SAME_WEEKDAY: float(here[1] == now[1]),
    }
    return 0.0 if math.isnan(worths[measure]) else worths[measure]


def basket(events: Sequence[Happening]) -> float:
    lines = 0.0
    for event in events:
        lines = {Kind.ORDERED: 0.0, Kind.BASKET_ADDED: lines + 1, Kind.BASKET_REMOVED: lines - 1}[Kind(event.kind)]
    return lines


def days_left(statements: Sequence[Happening], moment: int) -> float:
    """The end of a subscription's term stands where other events have their decision."""
    if not statements or statements[-1].kind == Kind.SUBSCRIPTION_ENDED or not statements[-1].decision:
        return UNKNOWN
    return (statements[-1].decision - moment) / DAY


def timing(which: Timing, pools: Sequence[Sequence[int]], moment: int) -> float:
    """pools: the instants of each thing, ascending."""
    instants = [at for pool in pools for at in pool]
    gaps = [(after - before) / DAY for pool in pools for before, after in itertools.pairwise(pool)]
    last = (moment - max(instants)) / DAY if instants else UNKNOWN
    mean = statistics.fmean(gaps) if gaps else UNKNOWN
    return {
        Timing.LAST: last,
        Timing.FIRST: (moment - min(instants)) / DAY if instants else UNKNOWN,
        Timing.GAPS: float(len(gaps)),
        Timing.MEAN: mean,
        Timing.DEVIATION: statistics.stdev(gaps) if len(gaps) > 1 else UNKNOWN,
        Timing.OVERDUE: last / mean,
    }[which]


def local(moment: int, utc_offset: int) -> tuple[int, int]:
    moment += utc_offset
    return moment // HOUR % 24, (moment // DAY + 3) % 7


def fact(which: Fact, question: Question) -> float:
    candidates, index = question.candidates, question.index
    starts_at, ends_at = int(candidates.starts_at[index]), int(candidates.ends_at[index])
    channel = int(candidates.channel[index])
    named = list(question.facts.channel)
    return {
        Fact.VALUE: float(candidates.value[index]),
        Fact.KIND: float(candidates.kind[index]),
        Fact.PRICE: float(candidates.price[index]),
        Fact.AGE: (question.moment - starts_at) / DAY if starts_at else UNKNOWN,
        Fact.LEFT: (ends_at - question.moment) / DAY if ends_at < 2**62 else UNKNOWN,
        Fact.ITEMS: float(candidates.item_start[index + 1] - candidates.item_start[index]),
        Fact.PROMOTES: float(candidates.category[index] >= 0),
        Fact.CHANNEL: float(named.index(channel)) if channel != 255 and channel in named else UNKNOWN,
    }[which]


def categories(event: Happening, facts: ItemFacts) -> list[int]:
    """Of an event, own first, then those above it."""
    category = _at(facts.category, event.item) if event.item >= 0 else _at(facts.action_category, event.action)
    chain: list[int] = []
    while category >= 0:
        chain.append(category)
        category = _at(facts.parent, category)
    return chain


def _at(codes: np.ndarray[tuple[int], np.dtype[np.int32]], code: int) -> int:
    return int(codes[code]) if 0 <= code < len(codes) else -1


def _of_item(item: int) -> Callable[[Happening], bool]:
    return lambda event: event.item == item


def _about(whose: int, question: Question) -> Callable[[Happening], bool]:
    candidates, facts, index = question.candidates, question.facts, question.index
    category, channel = int(candidates.category[index]), int(candidates.channel[index])
    if whose >= Role.NAMED:
        channel = int(facts.channel[whose - Role.NAMED])
    action, group, parent = int(candidates.action[index]), int(candidates.group[index]), _at(facts.parent, category)
    tests: dict[Role, Callable[[Happening], bool]] = {
        Role.CUSTOMER: lambda _: True,
        Role.CHANNEL: lambda event: channel != 255 and event.channel == channel,
        Role.ACTION: lambda event: action >= 0 and event.action == action,
        Role.GROUP: lambda event: group >= 0 and _at(facts.action_group, event.action) == group,
        Role.CATEGORY: lambda event: category >= 0 and category in categories(event, facts),
        Role.PARENT: lambda event: parent >= 0 and parent in categories(event, facts),
    }
    return tests[Role.CHANNEL if whose >= Role.NAMED else Role(whose)]
