"""Which contact is under way, and what may be known at its moment: in training as in service, from this code.

A contact begins when the person comes to a line of ours, by telephone or chat. What comes to the line while it is held
is the same contact: a menu and the call that it leads to, the next part of a call that was passed on, whatever follows
a hand-off. Anything else is a new contact, however soon: a call after a chat, a second call. A contact is over with the
end that is told of it, after LONGEST_WAIT at the latest. A case begins none; opened in a contact or soon after, it may
tell the contact's reason.

Asked as of its own events, every contact would foretell itself. So it is asked about as of just before it began, with
everything that was recorded since of the time before, but nothing that may have been noted in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from features.cases import REASONED
from features.event import Event, Kind
from features.history import Records, as_of
from features.journey import LONGEST_WAIT

HOLD = 30 * 60 * 1000
"""ms that a menu, a transfer or a hand-off keeps the line, and that after its end a contact is still written up."""

SKEW = 60 * 1000
"""ms by which clocks may differ: what we had recorded before we heard of the contact came before it, even if it is
dated as much as that later."""

ARRIVALS = frozenset({Kind.CALL_STARTED, Kind.CHAT_STARTED, Kind.IVR_MENU_SELECTED})
"""Kinds that begin a contact, or come to the line that is held."""

LABELLED = ARRIVALS | {Kind.CASE_OPENED, Kind.CALL_ENDED, Kind.CHAT_ENDED}
"""Kinds that may carry the reason of their contact; whoever served it knows it at its end."""

TALK = LABELLED | {Kind.CALL_TRANSFERRED, Kind.HANDED_OFF}
"""Kinds that a contact is made of."""

NOTED = TALK | {
    *(Kind.CASE_UPDATED, Kind.CASE_CLOSED, Kind.FORM_FIELD_CAPTURED, Kind.SURVEY_ANSWERED, Kind.HANDOFF_TAKEN),
}
"""Kinds that are written down in a contact, and could be dated back to before it."""

_TELEPHONE = frozenset({Kind.IVR_MENU_SELECTED, Kind.CALL_STARTED})
_ON_THE_LINE = {
    Kind.CALL_ENDED: _TELEPHONE,
    Kind.CALL_TRANSFERRED: _TELEPHONE,
    Kind.CHAT_ENDED: frozenset({Kind.CHAT_STARTED}),
    Kind.HANDED_OFF: ARRIVALS,
}
"""What is told of a contact, and by which arrival the person must have come last."""

_HELD = {
    Kind.IVR_MENU_SELECTED: _TELEPHONE,
    Kind.CALL_STARTED: frozenset({Kind.IVR_MENU_SELECTED}),
    Kind.CALL_TRANSFERRED: _TELEPHONE,
    Kind.HANDED_OFF: ARRIVALS,
}
"""For what comes next the line is held."""

_IS_REASONED = np.isin(np.arange(256), sorted(REASONED))
_IS_TALK = np.isin(np.arange(256), sorted(TALK))
_IS_NOTED = np.isin(np.arange(256), sorted(NOTED))
_IS_ARRIVAL = np.isin(np.arange(256), sorted(ARRIVALS))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about somebody at asked_at (ms UTC). moment: ms UTC, as of which it is answered: just before the
    contact under way, else asked_at. heard_at: ms UTC, when we first heard of that contact, else asked_at."""

    moment: int
    heard_at: int
    asked_at: int

    @classmethod
    def at(cls, moment: int) -> Question:
        """While no contact is under way."""
        return cls(moment, moment, moment)


@dataclass(frozen=True, slots=True)
class Contact:
    """began: ms UTC, as it was known at heard_at (ms UTC), when we first heard of it. until: ms UTC, when it is over.
    members: places of what belongs to it, in order."""

    began: int
    heard_at: int
    until: int
    members: tuple[int, ...]

    def asked(self, asked_at: int | None = None) -> Question:
        """At the moment when it was first heard of, unless said otherwise."""
        return Question(self.began - 1, self.heard_at, self.heard_at if asked_at is None else asked_at)


def question(records: Records, present: int) -> Question:
    """What a question at `present` (ms UTC) is about. records: EVENT records of one person, any superset of the page as
    of the present."""
    spoken = _of_late(records, present)
    line = _under_way(spoken, present)
    return Question.at(present) if line is None else _contact(spoken, line).asked(present)


def reason_under_way(records: Records, present: int) -> int:
    """text_code of the `features.cases.spoken` reason that was told last in the contact under way at `present` (ms
    UTC); 0 when none is, or none was told in it. records: as for question."""
    spoken = _of_late(records, present)
    line = _under_way(spoken, present)
    if line is None:
        return 0
    own = spoken[line.members]
    told = own["order"][_IS_REASONED[own["kind"]] & (own["order"] != 0)]
    return int(told[-1]) if len(told) else 0


def _of_late(records: Records, present: int) -> Records:
    """Talk, in order, since nothing was heard for longer than any contact can hold: what was before is of others."""
    known = as_of(records, present)
    found = known[_IS_TALK[known["kind"]]]
    at = np.sort(found["occurred_at"])
    silences = np.flatnonzero(at[1:] - at[:-1] > LONGEST_WAIT + HOLD + SKEW)
    return talk(found[found["occurred_at"] >= at[silences[-1] + 1]] if len(silences) else found)


def talk(records: Records) -> Records:
    """The EVENT records that contacts are made of, in order."""
    found = records[_IS_TALK[records["kind"]]]
    ordered: Records = found[np.lexsort((found["sequence"], found["occurred_at"]))]
    return ordered


def contacts(spoken: Records) -> tuple[Contact, ...]:
    """In the order of their beginnings. spoken: see talk."""
    return tuple(_contact(spoken, held) for held in _held_lines(spoken))


@dataclass(slots=True)
class _Line:
    """One contact while it is read. latest, arrival: kinds of what moved it last, and of how the person came last."""

    began: int
    until: int
    latest: Kind
    latest_at: int
    arrival: Kind
    members: list[int]

    def holds_for(self, kind: Kind, at: int) -> bool:
        soon = at - self.latest_at <= HOLD and at <= self.began + LONGEST_WAIT
        return soon and kind in _HELD.get(self.latest, ())

    def has_come(self, kind: Kind, at: int) -> None:
        """A choice in a menu alone keeps the line for a while, what else comes until its end is told."""
        longest = self.began + LONGEST_WAIT
        until = max(self.until, at + HOLD) if kind == Kind.IVR_MENU_SELECTED else longest
        self.until, self.arrival = min(until, longest), kind
        self.latest, self.latest_at = kind, at

    def is_told(self, kind: Kind, at: int) -> None:
        """An end ends it, unless it is that of the part that was just passed on: then the next to come has HOLD."""
        if kind in {Kind.CALL_TRANSFERRED, Kind.HANDED_OFF}:
            self.latest, self.latest_at = kind, at
        elif self.latest == Kind.HANDED_OFF or (self.latest == Kind.CALL_TRANSFERRED and at - self.latest_at <= SKEW):
            self.until = min(self.until, self.latest_at + HOLD)
        else:
            self.until, self.latest, self.latest_at = at, kind, at


def _under_way(spoken: Records, present: int) -> _Line | None:
    """The last contact, unless it is over by `present` (ms UTC)."""
    latest = deque(_held_lines(spoken), maxlen=1)
    return latest[0] if latest and present < latest[0].until else None


def _held_lines(spoken: Records) -> Iterator[_Line]:
    line: _Line | None = None
    columns = spoken["occurred_at"].tolist(), map(Kind, spoken["kind"].tolist())
    for place, (at, kind) in enumerate(zip(*columns, strict=True)):
        if kind in ARRIVALS and (line is None or not line.holds_for(kind, at)):
            if line is not None:
                yield line
            line = _Line(at, at, kind, at, kind, [])
        if line is None:
            continue
        if kind in ARRIVALS:
            line.has_come(kind, at)
        elif kind == Kind.CASE_OPENED:
            if at > line.until + HOLD:
                continue
        elif at <= line.until + SKEW and line.arrival in _ON_THE_LINE[kind]:
            line.is_told(kind, at)
        else:
            continue
        line.members.append(place)
    if line is not None:
        yield line


def _contact(spoken: Records, line: _Line) -> Contact:
    own = spoken[line.members]
    came = own[_IS_ARRIVAL[own["kind"]]]
    heard_at = int(came["recorded_at"].min())
    began = int(came["occurred_at"][came["recorded_at"] <= heard_at].min())
    return Contact(began, heard_at, line.until, tuple(line.members))


def known_records(records: Records, asked: Question) -> Records:
    """Those of the EVENT records that may be known, as if all had come before asked.moment."""
    found = records[_known(records["kind"], records["occurred_at"], records["recorded_at"], asked)]
    for clock in ("occurred_at", "recorded_at"):
        found[clock] = np.minimum(found[clock], asked.moment)
    return found


def known_events(events: Sequence[Event], asked: Question) -> tuple[Event, ...]:
    """The same of events, in their order."""
    kind = np.array([int(one.kind) for one in events], np.intp)
    occurred_at, recorded_at = (
        np.array([getattr(one, clock) for one in events], np.int64) for clock in ("occurred_at", "recorded_at")
    )
    known = _known(kind, occurred_at, recorded_at, asked)
    return tuple(_before(one, asked.moment) for one, is_known in zip(events, known.tolist(), strict=True) if is_known)


def _before(event: Event, moment: int) -> Event:
    if event.occurred_at <= moment and event.recorded_at <= moment:
        return event
    occurred_at, recorded_at = min(event.occurred_at, moment), min(event.recorded_at, moment)
    return msgspec.structs.replace(event, occurred_at=occurred_at, recorded_at=recorded_at)


def _known(
    kind: NDArray[np.integer], occurred_at: NDArray[np.int64], recorded_at: NDArray[np.int64], asked: Question
) -> NDArray[np.bool_]:
    """What occurred before and is recorded by now. What may have been noted in the contact must have been recorded
    before we heard of it; what was recorded so, and cannot have been noted in it, may be dated a little later."""
    heard = recorded_at <= asked.heard_at
    before = (occurred_at <= asked.moment) & (recorded_at <= asked.asked_at)
    skewed = heard & (np.maximum(occurred_at, recorded_at) <= asked.moment + SKEW)
    known: NDArray[np.bool_] = np.where(_IS_NOTED[kind], before & heard, before | skewed)
    return known
