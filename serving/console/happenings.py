"""The timeline of all channels: filtered, and read on as it is scrolled. What belongs together (the lines of one order,
one visit to the website, one mailing) is one entry that opens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import fsum
from typing import Final

import numpy as np

from features.event import Event, Kind
from features.stores.people import LoggedEvent, Stretch
from serving.errors import invalid
from serving.know_answers import TimelineEntry
from serving.person import Known
from serving.runtime import Runtime
from serving.timeline import TOLD, cursor, page_of
from serving.words import place as at

PAGE: Final = 30
"""Entries that are shown at a time."""
READ: Final = 60
"""Events that are read for them, for an entry may have many."""
LONGEST: Final = 2_000
"""Lines of one entry: a mailing, or an order, that has more goes on with the next page."""
LINES: Final = 60
"""Of an entry that are shown with it; the rest is read when somebody asks for it."""
_AT_A_TIME, _MOST_PAGES = 150, 6
"""Events that are looked through for a channel's, and how often, before the page is answered with what there is."""


def _kinds(*ranges: range) -> frozenset[Kind]:
    return frozenset(kind for kind in Kind if any(kind in one for one in ranges))


GROUPS: Final[Mapping[str, tuple[str, frozenset[Kind]]]] = {
    "orders": ("Orders and deliveries", _kinds(range(1, 4), range(10, 16)) | {Kind.DELIVERY_DELAYED}),
    "service": ("Calls, chats, cases, notes", _kinds(range(60, 70), range(74, 77))),
    "offers": ("Offers and messages", _kinds(range(22, 32))),
    "web": ("Pages and baskets", _kinds(range(4, 10)) | {Kind.FORM_FIELD_CAPTURED, Kind.PAYMENT_FAILED}),
    "consent": ("Consent", frozenset({Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN})),
}
"""(words, kinds) by what the address calls them."""


_SUMMED: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.ORDERED: ("bought something", "bought {} things"),
    Kind.REFUNDED: ("something was refunded", "{} things were refunded"),
    Kind.CANCELLED: ("something was cancelled", "{} things were cancelled"),
    Kind.ORDER_UPDATED: ("an order was changed", "{} things of an order were changed"),
    Kind.ORDER_SHIPPED: ("something was shipped", "{} things were shipped"),
    Kind.ORDER_DELIVERED: ("something was delivered", "{} things were delivered"),
    Kind.SENT: ("was sent an offer", "was sent {} offers"),
    Kind.DISPLAYED: ("was shown an offer", "was shown {} offers"),
    Kind.VIEWED: ("looked at one thing", "looked at {} things"),
    Kind.BASKET_ADDED: ("put one thing into the basket", "put {} things into the basket"),
    Kind.BASKET_REMOVED: ("took one thing out of the basket", "took {} things out of the basket"),
    Kind.CHECKOUT_STARTED: ("went to the checkout", "went to the checkout {} times"),
    Kind.SEARCHED: ("searched once", "searched {} times"),
    Kind.PAGE_SEEN: ("saw one page", "saw {} pages"),
}
"""What one and several are called beside others, with their number."""
_OF_VISITS: Final = frozenset(one for one in _SUMMED if one in range(4, 10))
_OF_MAILINGS: Final = frozenset({Kind.SENT, Kind.DISPLAYED})
_OF_ORDERS: Final = frozenset(_SUMMED) - _OF_VISITS - _OF_MAILINGS
_SAME_VISIT: Final = 30 * 60_000
"""ms without anything, after which another visit begins."""


@dataclass(frozen=True, slots=True)
class Sought:
    """group, channel: "" for all."""

    group: str = ""
    channel: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Sought:
        """Raises Refusal."""
        group = query.get("group", "")
        if group and group not in GROUPS:
            raise invalid("group", group, f"one of {', '.join(GROUPS)}", "leave it out for everything")
        return cls(group, query.get("channel", "")[:256])

    @property
    def kinds(self) -> Collection[Kind]:
        return GROUPS[self.group][1] & TOLD if self.group else TOLD


FIRST: Final = Stretch(READ + 1, TOLD)
"""What the log is asked for the first page: one more tells that there are others."""


@dataclass(frozen=True, slots=True)
class Entry:
    """lines: the newest first, one or more. words: of all of them, of a single one its own. amount: in the catalogue's
    currency, of the lines of an order that are known; None when none is, and of all but orders: what was looked at, put
    into the basket and taken to the checkout is one thing three times, and nobody has paid it. goes_on: there are more,
    on the next page. rest: what leads to the lines beyond LINES, "" when there are none."""

    lines: tuple[TimelineEntry, ...]
    words: str
    amount: float | None
    goes_on: bool = False
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Happenings:
    """entries: the newest first. next: what leads to earlier ones, None when there are none. names: of the actions in
    them, by id."""

    customer_id: str
    entries: tuple[Entry, ...]
    next: str | None
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lines:
    """Of one entry. names: as in Happenings."""

    lines: tuple[TimelineEntry, ...]
    names: Mapping[str, str]


def told_in(
    runtime: Runtime,
    known: Known,
    found: Sequence[LoggedEvent],
    kinds: Collection[Kind] = TOLD,
    most: int = READ,
    entries: int = PAGE,
) -> Happenings:
    """found: the newest of `kinds` first, one more than `most` where there are so many. At most so many `entries`, none
    of them cut short unless it has more than LONGEST lines: one that is longer than what was read is read to its
    end."""
    sizes = _sizes(found[:most])
    cut_short = len(found) > most and _together(found[most - 1].event, found[most].event)
    if cut_short and len(sizes) == 1:
        found = _to_its_end(runtime, known, found, kinds)
        sizes = _sizes(found[:LONGEST])[:1]
    elif cut_short:
        sizes.pop()
    goes_on = sizes == [LONGEST] and len(found) > LONGEST and _together(found[LONGEST - 1].event, found[LONGEST].event)
    whole = sum(sizes[:entries])
    answer = page_of(runtime, known, found[: whole + 1], whole)
    told = list(_entries(answer.events, found, sizes[:entries]))
    if goes_on:
        told[-1] = replace(told[-1], goes_on=True)
    return Happenings(answer.customer_id, tuple(told), answer.next, _names(runtime, answer.events))


def _to_its_end(
    runtime: Runtime, known: Known, found: Sequence[LoggedEvent], kinds: Collection[Kind]
) -> Sequence[LoggedEvent]:
    """All of the entry that has begun, as far as LONGEST, and one event more where there is one. In one question: the
    log is looked through from its end for each."""
    place = (found[-1].event.occurred_at, found[-1].sequence)
    more = runtime.store.timeline(known.identifier, place, LONGEST + 1 - len(found), kinds)
    return [*found, *more]


def following(runtime: Runtime, known: Known, sought: Sought, before: str | None) -> Happenings:
    """Of a channel all that is found in what is read at a time, so perhaps some more than PAGE. Raises Refusal."""
    kinds = sought.kinds
    if not sought.channel:
        found = runtime.store.timeline(known.identifier, cursor(before), READ + 1, kinds)
        return told_in(runtime, known, found, kinds)
    entries, names, place = list[Entry](), dict[str, str](), cursor(before)
    for _ in range(_MOST_PAGES):
        found = runtime.store.timeline(known.identifier, place, _AT_A_TIME + 1, kinds)
        answer = told_in(runtime, known, found, kinds, _AT_A_TIME, _AT_A_TIME)
        entries += [one for one in answer.entries if one.lines[0].channel == sought.channel]
        names |= answer.names
        place = cursor(answer.next)
        if len(entries) >= PAGE or place is None:
            break
    return Happenings(known.record.customer_id, tuple(entries), answer.next, names)


def places(runtime: Runtime, known: Known, shown: Happenings) -> tuple[str, ...]:
    """Channels that something may have happened on: the catalogue's and the desk's, then whatever else the record or
    what is `shown` names."""
    vocabulary = runtime.store.vocabulary
    told = {vocabulary.text("channel", int(code)) for code in np.unique(known.record.page["channel"])}
    told |= {one.lines[0].channel for one in shown.entries}
    here = runtime.settings.console_channel
    return tuple(dict.fromkeys([*runtime.catalogue().catalogue.channels, here, *sorted(filter(None, told))]))


def lines_of(runtime: Runtime, known: Known, sought: Sought, rest: str) -> Lines:
    """The lines of an entry beyond LINES. rest: of the entry. Raises Refusal."""
    place, _, told = rest.partition(":")
    if not (told.isascii() and told.isdecimal() and len(told) < 5 and 0 < int(told) <= LONGEST):
        raise invalid("within", rest, "the `rest` of an entry", "load the page again")
    found = runtime.store.timeline(known.identifier, cursor(place), int(told), sought.kinds)
    events = page_of(runtime, known, found, int(told)).events
    return Lines(tuple(events), _names(runtime, events))


def _names(runtime: Runtime, events: Sequence[TimelineEntry]) -> Mapping[str, str]:
    actions = {one.action for one in events if one.action is not None}
    return runtime.action_names.of(actions, runtime.in_force.catalogue_version)


def _sizes(found: Sequence[LoggedEvent]) -> list[int]:
    """How many lines each entry has."""
    starts = [at for at, one in enumerate(found) if not at or not _together(found[at - 1].event, one.event)]
    return [end - start for start, end in pairwise([*starts, len(found)])]


def _together(later: Event, earlier: Event) -> bool:
    if later.channel != earlier.channel:
        return False
    if later.kind in _OF_VISITS and earlier.kind in _OF_VISITS:
        return later.channel is not None and later.occurred_at - earlier.occurred_at <= _SAME_VISIT
    if later.kind is not earlier.kind:
        return False
    if later.kind in _OF_ORDERS:
        return later.order is not None and later.order == earlier.order
    return later.kind in _OF_MAILINGS and later.occurred_at == earlier.occurred_at


def _entries(events: Sequence[TimelineEntry], found: Sequence[LoggedEvent], sizes: Sequence[int]) -> Iterator[Entry]:
    """found: what the events are."""
    start = 0
    for size in sizes:
        lines = tuple(events[start : start + size])
        words = lines[0].words if size == 1 else _summed(lines)
        yield Entry(lines, words, _total(lines), rest=_rest(found[start : start + size]))
        start += size


def _rest(lines: Sequence[LoggedEvent]) -> str:
    """ "1767225600000-17:174": after which event they stand, and how many."""
    if len(lines) <= LINES:
        return ""
    last = lines[LINES - 1]
    return f"{last.event.occurred_at}-{last.sequence}:{len(lines) - LINES}"


def _total(lines: Sequence[TimelineEntry]) -> float | None:
    if Kind[lines[0].kind.upper()] not in _OF_ORDERS:
        return None
    amounts = [one.amount for one in lines if one.amount is not None]
    return fsum(amounts) if amounts else None


def _summed(lines: Sequence[TimelineEntry]) -> str:
    """ "bought 13 things in the store", "looked at 4 things, searched 2 times on the website"."""
    counts = Counter(one.kind for one in lines)
    told = [(kind, counts[kind.name.lower()]) for kind in _SUMMED]
    words = ", ".join(_SUMMED[kind][count > 1].format(count) for kind, count in told if count)
    return f"{words} {at(lines[0].channel)}".strip()
