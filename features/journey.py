"""The journey that a person is on: what they do with us on their own account, across channels, until they let it rest.

Steps are what the person does towards us (STEPS); answers to our messages, statements of consent and what we do on our
own (sending, shipping, closing a case) are none. The rules:

- A step belongs to the journey of the step before it when it comes at most `idle` later. A call or a chat holds a
  journey together until its end is told, and a hand-off until its HANDOFF_TAKEN, either for at most LONGEST_WAIT.
- The journey is present until `idle` after its last step, or while such a call or chat is under way.
- Time between steps counts: waiting is the person's time too.
- Being passed on counts once: a step on another channel than the one before, a transferred call, a hand-off that is
  taken on the channel where the person already was. While a call or chat is under way, pages, choices in a menu and
  the like beside it are no change. A hand-off itself changes nothing: its channel is where the person is sent.

A hand-off is taken by its own HANDOFF_TAKEN, however late, or by the person's arrival (ARRIVALS) on its channel within
`patience`; untaken it is open for `patience`, and lost afterwards.

Events of one moment count in the order of their content, never of their arrival.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from features.cases import REASONED
from features.event import Kind
from features.history import NO_CHANNEL, Records, as_of

LONGEST_WAIT = 2 * 60 * 60 * 1000
"""ms that a call or chat without an end, or a hand-off, holds a journey together."""

STEPS = frozenset(
    {
        Kind.ORDERED,
        Kind.VIEWED,
        Kind.BASKET_ADDED,
        Kind.BASKET_REMOVED,
        Kind.CHECKOUT_STARTED,
        Kind.SEARCHED,
        Kind.PAGE_SEEN,
        Kind.CALL_STARTED,
        Kind.CALL_ENDED,
        Kind.CALL_TRANSFERRED,
        Kind.IVR_MENU_SELECTED,
        Kind.CHAT_STARTED,
        Kind.CHAT_ENDED,
        Kind.CASE_OPENED,
        Kind.STORE_VISITED,
        Kind.PAYMENT_FAILED,
        Kind.FORM_FIELD_CAPTURED,
        Kind.SURVEY_ANSWERED,
        Kind.HANDED_OFF,
        Kind.HANDOFF_TAKEN,
    }
)

ARRIVALS = STEPS - {
    Kind.CALL_ENDED,
    Kind.CHAT_ENDED,
    Kind.CASE_OPENED,
    Kind.PAYMENT_FAILED,
    Kind.FORM_FIELD_CAPTURED,
    Kind.SURVEY_ANSWERED,
    Kind.HANDED_OFF,
    Kind.HANDOFF_TAKEN,
}
"""Steps that show the person has come to a channel; what may still belong to the conversation that was handed off (its
end, a case, a captured field) does not."""

ENDS = {Kind.CALL_STARTED: Kind.CALL_ENDED, Kind.CHAT_STARTED: Kind.CHAT_ENDED}
"""What begins a conversation, and what ends it."""

MOVES = frozenset({*ENDS, Kind.CALL_TRANSFERRED, Kind.STORE_VISITED, Kind.HANDOFF_TAKEN})
"""Steps that change the channel even while a call or chat is under way."""

_IS_REASONED = np.isin(np.arange(256), sorted(REASONED))
_IS_STEP = np.isin(np.arange(256), sorted(STEPS))
_IS_BEGIN = np.isin(np.arange(256), sorted(ENDS))
_OF_TALKS = np.isin(np.arange(256), sorted({*ENDS, *ENDS.values(), Kind.CALL_TRANSFERRED}))
_IS_ARRIVAL = np.isin(np.arange(256), sorted(ARRIVALS))
_CONTENT = ("severity", "quantity", "amount", "action", "item", "decision", "order", "channel", "kind", "occurred_at")


class HandoffState(StrEnum):
    OPEN = "open"
    TAKEN = "taken"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Journey:
    """started_at, latest_at: of the first and the last step, ms UTC. elapsed: ms from the first step to the last, or to
    now while a call or chat is under way. transfers: how often the person was passed on. channels: vocabulary codes in
    order of first use. items (vocabulary codes) and orders (text_code): what the steps were about, the newest first."""

    started_at: int
    latest_at: int
    elapsed: int
    transfers: int
    channels: tuple[int, ...]
    items: tuple[int, ...]
    orders: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Handoff:
    """A journey passed to another channel. at: ms UTC. code: text_code of the hand-off's id. channel: where the person
    is sent (vocabulary code)."""

    at: int
    code: int
    channel: int
    state: HandoffState


def present(page: Records, moment: int, idle: int) -> Journey | None:
    """The journey under way at `moment` (ms UTC); None when there is none. page: EVENT records in any order. idle: ms,
    above 0."""
    known = as_of(page, moment)
    if len(known) == 0 or moment > int(known["occurred_at"].max()) + max(idle, LONGEST_WAIT):
        return None
    steps = known[_IS_STEP[known["kind"]]]
    if len(steps) == 0 or moment > int(steps["occurred_at"].max()) + max(idle, LONGEST_WAIT):
        return None  # no step reaches further than that
    taken = _taken(steps)
    steps = _ordered(_since_the_last_rest(steps, max(idle, LONGEST_WAIT)))
    talks = _conversations(steps)
    reach = np.maximum.accumulate(_reach(steps, talks, idle, taken))
    if moment > reach[-1]:
        return None
    at = steps["occurred_at"]
    first = int(np.flatnonzero(np.append(True, at[1:] > reach[:-1]))[-1])
    steps, talks = steps[first:], talks[first:]
    started_at, latest_at = int(at[first]), int(at[-1])
    return Journey(
        started_at=started_at,
        latest_at=latest_at,
        elapsed=max(latest_at, min(moment, int(talks.max()))) - started_at,
        transfers=_transfers(steps, talks),
        channels=_distinct(steps["channel"][(steps["channel"] != NO_CHANNEL) & (steps["kind"] != Kind.HANDED_OFF)]),
        items=_distinct(steps["item"][steps["item"] >= 0][::-1]),
        orders=_distinct(steps["order"][(steps["order"] != 0) & ~_IS_REASONED[steps["kind"]]][::-1]),
    )


def _since_the_last_rest(steps: Records, longest: int) -> Records:
    """Those after the last time without any that was longer than a step holds a journey together (ms): what was before
    is of other journeys."""
    at = np.sort(steps["occurred_at"])
    rests = np.flatnonzero(at[1:] - at[:-1] > longest)
    return steps[steps["occurred_at"] >= at[rests[-1] + 1]] if len(rests) else steps


def under_way(page: Records, moment: int) -> tuple[tuple[int, int], ...]:
    """(channel code, began at in ms UTC) of every call and chat that goes on at `moment` (ms UTC), the newest first.
    page: EVENT records in any order. A call that was passed on goes on where it was passed to."""
    known = as_of(page, moment)
    if not _IS_BEGIN[known["kind"]].any():
        return ()
    steps = _ordered(known[_OF_TALKS[known["kind"]]])
    return tuple(_talk(step, steps) for step in steps[_conversations(steps) > moment][::-1])


def _talk(begun: np.void, steps: Records) -> tuple[int, int]:
    channel, at = int(begun["channel"]), int(begun["occurred_at"])
    if begun["kind"] != Kind.CALL_STARTED:
        return channel, at
    passed = steps[(steps["kind"] == Kind.CALL_TRANSFERRED) & (steps["occurred_at"] >= at)]
    named = passed["channel"][passed["channel"] != NO_CHANNEL]
    return (int(named[-1]) if len(named) else channel), at


def handoffs(page: Records, moment: int, patience: int) -> tuple[Handoff, ...]:
    """Every hand-off as of `moment` (ms UTC), the newest first. page: EVENT records in any order. patience: ms, above
    0. Told again under the same id, the first counts."""
    known = as_of(page, moment)
    made = known[(known["kind"] == Kind.HANDED_OFF) & (known["decision"] != 0)]
    if len(made) == 0:
        return ()
    made = _ordered(made)
    _, first = np.unique(made["decision"], return_index=True)
    taken = set(known["decision"][known["kind"] == Kind.HANDOFF_TAKEN].tolist())
    arrivals = known[_IS_ARRIVAL[known["kind"]]]
    found = [_handoff(one, arrivals, taken, moment, patience) for one in made[first]]
    return tuple(sorted(found, key=lambda one: (-one.at, one.code)))


def _handoff(made: np.void, arrivals: Records, taken: set[int], moment: int, patience: int) -> Handoff:
    at, code, channel = int(made["occurred_at"]), int(made["decision"]), int(made["channel"])
    came = arrivals["occurred_at"][arrivals["channel"] == channel]
    if code in taken or ((came > at) & (came - at <= patience)).any():
        return Handoff(at, code, channel, HandoffState.TAKEN)
    return Handoff(at, code, channel, HandoffState.OPEN if moment - at <= patience else HandoffState.LOST)


def _ordered(records: Records) -> Records:
    """By moment, then by content."""
    at = records["occurred_at"]
    if (at[1:] > at[:-1]).all():
        return records
    return records[np.lexsort(tuple(records[name] for name in _CONTENT))]


def _conversations(steps: Records) -> NDArray[np.int64]:
    """For each step until when (ms UTC) the conversation that it begins is under way; -1 for one that begins none."""
    until = np.full(len(steps), -1, dtype=np.int64)
    at, kind = steps["occurred_at"], steps["kind"]
    for begins, ends in ENDS.items():
        places = np.flatnonzero(kind == begins)
        told = np.append(at[kind == ends], np.iinfo(np.int64).max)
        until[places] = np.minimum(told[np.searchsorted(told, at[places])], at[places] + LONGEST_WAIT)
    return until


def _taken(steps: Records) -> Mapping[int, int]:
    """When (ms UTC) each hand-off was taken first, by its code."""
    found: dict[int, int] = {}
    for step in steps[steps["kind"] == Kind.HANDOFF_TAKEN]:
        code, at = int(step["decision"]), int(step["occurred_at"])
        found[code] = min(at, found.get(code, at))
    return found


def _reach(steps: Records, talks: NDArray[np.int64], idle: int, taken: Mapping[int, int]) -> NDArray[np.int64]:
    """For each step until when (ms UTC) it holds the journey together."""
    at = steps["occurred_at"]
    reach: NDArray[np.int64] = np.maximum(at + idle, talks)
    for place in np.flatnonzero(steps["kind"] == Kind.HANDED_OFF) if taken else ():
        end = taken.get(int(steps["decision"][place]), 0)
        reach[place] = max(reach[place], min(end, int(at[place]) + LONGEST_WAIT))
    return reach


def _transfers(steps: Records, talks: NDArray[np.int64]) -> int:
    count, current, talking = 0, NO_CHANNEL, -1
    handed: dict[int, int] = {}
    columns = (steps[name].tolist() for name in ("occurred_at", "kind", "channel", "decision"))
    for at, kind, channel, code, until in zip(*columns, talks.tolist(), strict=True):
        if kind == Kind.HANDED_OFF:
            handed.setdefault(code, count)
            continue
        beside = channel == NO_CHANNEL or (at <= talking and kind not in MOVES)
        moved = not beside and current not in (NO_CHANNEL, channel)
        passed = kind == Kind.CALL_TRANSFERRED or (kind == Kind.HANDOFF_TAKEN and handed.get(code) == count)
        count += moved or passed
        talking = max(talking, until)
        current = current if beside else channel
    return count


def _distinct(codes: NDArray[np.integer]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(codes.tolist()))
