"""Our declared features as DuckDB SQL: what somebody who knows SQL well would write, made from the same table.

What is the customer's is worked out once for each moment, and what is of a category, an action or a channel once for
each of those at a moment; the rows join them. Whatever an event is asked for by is a column before the clock
starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from features.declaration import HALF_LIVES, WINDOWS, Feature, Term
from features.definitions import FEATURES
from features.kernel_codes import DAY, Measure, Op, Role, Timing

_SUMMED: Mapping[Measure, str] = {
    Measure.COUNT: "count(*)",
    Measure.AMOUNT: "sum(e.amount)",
    Measure.QUANTITY: "sum(e.quantity)",
    Measure.SEVERITY: "sum(e.severity)",
    Measure.PRICED_AMOUNT: "sum(e.priced_amount)",
    Measure.PRICED_QUANTITY: "sum(e.priced_quantity)",
    Measure.LISTED: "count(e.list_price)",
    Measure.LIST_PRICE: "sum(e.list_price)",
    Measure.ITEMS: "count(DISTINCT e.item)",
    Measure.CATEGORIES: "count(DISTINCT e.own_category)",
    Measure.ORDERS: "count(DISTINCT e.order_key)",
    Measure.CONTACTS: "count(DISTINCT e.contact_key)",
    Measure.OCCASIONS: "count(DISTINCT e.at)",
}
_TIMES = (Timing.LAST, Timing.FIRST, Timing.MEAN, Timing.OVERDUE)
_KEY: Mapping[Role, str] = {
    Role.CHANNEL: "channel",
    Role.ACTION: "action",
    Role.GROUP: "action_group",
    Role.CATEGORY: "category",
    Role.PARENT: "parent",
}
"""Columns of the rows by which a role's history is found."""


@dataclass(frozen=True, slots=True)
class FeatureSql:
    """numbers: of the features, in order. views: queries that are kept for the next ones. final: the features of all
    rows, by row. terms: how many different cells."""

    numbers: tuple[int, ...]
    views: tuple[str, ...]
    final: str
    terms: int


def feature_sql(channels: Sequence[int]) -> FeatureSql:
    """channels: codes of the named channels. Of the features whose every term has a form below: all but baskets,
    deviations of gaps, ends of terms, and facts of the candidate."""
    numbers = tuple(number for number, feature in enumerate(FEATURES) if _has_form(feature))
    chosen = [FEATURES[number] for number in numbers]
    terms = list(dict.fromkeys(term for feature in chosen for term in feature.terms))
    name = {term: f"t{number}" for number, term in enumerate(terms)}
    of_customer = {term: name[term] for term in terms if term.whose == Role.CUSTOMER or term.whose >= Role.NAMED}
    views = [_customer(of_customer, channels)]
    joins = ["LEFT JOIN of_customer ON of_customer.moment_id = r.moment_id"]
    for role, key in _KEY.items():
        mine = {term: name[term] for term in terms if term.whose == role}
        if mine:
            views.append(_keyed(key, mine))
            joins.append(f"LEFT JOIN of_{key} ON of_{key}.moment_id = r.moment_id AND of_{key}.key = r.{key}")
    columns = ",\n".join(f"{_combined(feature, name)} AS f{number}" for number, feature in enumerate(chosen))
    final = f"SELECT {columns}\nFROM r {' '.join(joins)} ORDER BY r.row_id"
    return FeatureSql(numbers, tuple(views), final, len(terms))


def _has_form(feature: Feature) -> bool:
    return feature.op in (Op.VALUE, Op.RATIO, Op.SURPLUS) and all(map(_term_has_form, feature.terms))


def _term_has_form(term: Term) -> bool:
    known = term.whose in (Role.CUSTOMER, *_KEY) or term.whose >= Role.NAMED
    timed = term.measure == Measure.TIMES and term.cell in _TIMES
    habit = term.measure in (Measure.SAME_HOUR, Measure.SAME_WEEKDAY, Measure.DECAYED)
    return known and (timed or habit or term.measure in _SUMMED)


def _customer(terms: Mapping[Term, str], channels: Sequence[int]) -> str:
    def only(term: Term) -> str:
        return f" AND e.channel = {channels[term.whose - Role.NAMED]}" if term.whose >= Role.NAMED else ""

    columns = _columns((_aggregate(term, only(term)), name) for term, name in terms.items())
    return (
        f"CREATE OR REPLACE TEMP TABLE of_customer AS SELECT m.moment_id, {columns} "  # noqa: S608 our own names
        "FROM m JOIN e ON e.person = m.person AND e.known_at <= m.moment GROUP BY m.moment_id, m.moment"
    )


def _keyed(key: str, terms: Mapping[Term, str]) -> str:
    """Events count for their own category and all above it, which have rows of their own in `ec`."""
    columns = _columns((_aggregate(term, ""), name) for term, name in terms.items())
    events, own = ("ec", "category") if key in ("category", "parent") else ("e", key)
    asked = f"SELECT DISTINCT r.moment_id, r.person, r.moment, r.hour, r.weekday, r.{key} AS key FROM r"  # noqa: S608
    return (
        f"CREATE OR REPLACE TEMP TABLE of_{key} AS SELECT m.moment_id, m.key, {columns} "  # noqa: S608 our own names
        f"FROM ({asked} WHERE r.{key} IS NOT NULL) m JOIN {events} e "
        f"ON e.person = m.person AND e.{own} = m.key AND e.known_at <= m.moment "
        "GROUP BY m.moment_id, m.key, m.moment"
    )


def _columns(named: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{expression} AS {name}" for expression, name in named)


def _aggregate(term: Term, only: str) -> str:
    kinds = ", ".join(str(int(kind)) for kind in sorted(term.kinds))
    where = f"e.kind IN ({kinds}){only}"
    if term.measure == Measure.TIMES:
        return _timing(Timing(term.cell), where)
    if term.measure == Measure.DECAYED:
        age = f"(m.moment - e.at) / {HALF_LIVES[term.cell] * DAY}.0"
        return f"sum(pow(0.5, {age})) FILTER (WHERE {where})"
    days = WINDOWS[term.cell]
    within = "" if days == WINDOWS[-1] else f" AND e.at > m.moment - {int(days) * DAY}"
    if term.measure == Measure.SAME_HOUR:
        return f"count(*) FILTER (WHERE {where}{within} AND abs(e.hour - m.hour) IN (0, 1, 23))"
    if term.measure == Measure.SAME_WEEKDAY:
        return f"count(*) FILTER (WHERE {where}{within} AND e.weekday = m.weekday)"
    return f"{_SUMMED[term.measure]} FILTER (WHERE {where}{within})"


def _timing(which: Timing, where: str) -> str:
    newest, oldest = f"max(e.at) FILTER (WHERE {where})", f"min(e.at) FILTER (WHERE {where})"
    gaps = f"nullif(count(DISTINCT e.at) FILTER (WHERE {where}) - 1, 0)"
    last, mean = f"(m.moment - {newest}) / {DAY}.0", f"({newest} - {oldest}) / {DAY}.0 / {gaps}"
    return {
        Timing.LAST: last,
        Timing.FIRST: f"(m.moment - {oldest}) / {DAY}.0",
        Timing.MEAN: mean,
        Timing.OVERDUE: f"({last}) / ({mean})",
    }[which]


def _combined(feature: Feature, name: Mapping[Term, str]) -> str:
    """Counts and sums of nothing are 0, what is unknown is NULL."""
    values = [name[term] if term.measure == Measure.TIMES else f"coalesce({name[term]}, 0)" for term in feature.terms]
    if feature.op == Op.RATIO:
        return f"{values[0]}::DOUBLE / nullif({values[1]}, 0)"
    if feature.op == Op.SURPLUS:
        return f"greatest({values[0]} - {values[1]}, 0)::DOUBLE"
    return f"({values[0]})::DOUBLE"
