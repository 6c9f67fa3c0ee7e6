"""The words that features are declared in: windows, sums, whose history, and how they make a Feature."""

from __future__ import annotations

import math
from dataclasses import dataclass

from features.event import Kind
from features.kernel_codes import Measure, Op, Timing

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

    def rates(self, of: Sum, per: Sum, *days: float) -> list[Feature]:
        """One sum per another, within each of some windows."""
        return [
            self.ratio(f"{of.name}_per_{per.name}.{_short(w)}", of, w, per, w, f"{of.words} per {per.words} {_long(w)}")
            for w in days
        ]

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

    def term(self, name: str, kinds: Kinds, words: str) -> Feature:
        return self.feature(name, "days", words, Op.VALUE, Term(self.role, Measure.TERM, kinds, 0))

    def basket(self) -> Feature:
        term = Term(self.role, Measure.IN_BASKET, BASKET, 0)
        words = "lines added to the basket less those removed, since the last purchase of it"
        return self.feature("in_basket", "events", words, Op.VALUE, term)

    def share_of(self, all_of_it: Whose, of: Sum, days: float) -> Feature:
        terms = self.cell(of, window(days)), all_of_it.cell(of, window(days))
        words = f"share of the customer's {of.words} {_long(days)} that is"
        return self.feature(f"{of.name}.share.{_short(days)}", "share", words, Op.RATIO, *terms)


BASKET = frozenset({Kind.BASKET_ADDED, Kind.BASKET_REMOVED, Kind.ORDERED})


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


def of_kinds(*kinds: Kind) -> Kinds:
    return frozenset(kinds)


def count(name: str, kinds: Kinds, words: str) -> Sum:
    return Sum(name, Measure.COUNT, kinds, "events", words)
