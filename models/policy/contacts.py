"""A person's contacts, made or still possible, from the events of their page.

- A contact is one per (decision, action, channel), at the first of sent and displayed. Without a decision every event
  is one, whoever sent it.
- `not_sent` is none, and releases the reservation. Once something was sent it was, whatever is reported after that.
- A reservation that is live at the moment may become a contact at any time until its end, so that it counts wherever
  one at its end would. Reported sent, displayed or not sent, or once its end has come, it is live no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from features.event import CONTACTS, Kind
from features.history import Records, as_of

_TELLING = np.isin(np.arange(256), [*CONTACTS, Kind.NOT_SENT, Kind.RESERVED])
_IS_CONTACT = np.isin(np.arange(256), sorted(CONTACTS))
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Contacts:
    """action: int32[n] and channel: uint8[n], vocabulary codes. at: int64[n] ms UTC, when made; of a reservation until
    when it is held."""

    action: NDArray[np.int32]
    channel: NDArray[np.uint8]
    at: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.at)


class Stage(Enum):
    """What has become of one chosen action. LAPSED: nothing was reported in time, or nothing was reserved."""

    HELD = auto()
    LAPSED = auto()
    SENT = auto()
    CANCELLED = auto()


def contacts(page: Records, moment: int) -> Contacts:
    """Made or possible, as known at `moment` (ms UTC). page: EVENT records sorted by (occurred_at, sequence)."""
    told = _told(page, moment)
    whose, made = _key(told), _IS_CONTACT[told["kind"]]
    held = (told["kind"] == Kind.RESERVED) & (told["order"] > moment)
    if held.any():
        held &= ~np.isin(whose, whose[told["kind"] != Kind.RESERVED])
    found = told[np.concatenate([_firsts(told, whose, made), _lasts(told, whose, held)])]
    at = np.where(found["kind"] == Kind.RESERVED, found["order"], found["occurred_at"])
    return Contacts(np.ascontiguousarray(found["action"]), np.ascontiguousarray(found["channel"]), at)


def stage(page: Records, moment: int, decision: int, action: int, channel: int) -> Stage:
    """Of the action that the decision (text_code) chose for the channel (vocabulary codes), as known at `moment`."""
    told = _told(page, moment)
    told = told[(told["decision"] == decision) & (told["action"] == action) & (told["channel"] == channel)]
    if _IS_CONTACT[told["kind"]].any():
        return Stage.SENT
    if (told["kind"] == Kind.NOT_SENT).any():
        return Stage.CANCELLED
    return Stage.HELD if (told["order"][told["kind"] == Kind.RESERVED] > moment).any() else Stage.LAPSED


def without_reservation(page: Records, decision: int, action: int, channel: int) -> Records:
    """The page as if that one had not been reserved."""
    own = (page["decision"] == decision) & (page["action"] == action) & (page["channel"] == channel)
    kept: Records = page[~(own & (page["kind"] == Kind.RESERVED))]
    return kept


def _told(page: Records, moment: int) -> Records:
    return as_of(page[_TELLING[page["kind"]]], moment)


def _key(told: Records) -> NDArray[np.uint64]:
    """Equal for the same (decision, action, channel); codes of decisions are 63-bit digests, and so in effect are
    these."""
    place = told["action"].astype(np.uint64) * np.uint64(256) + told["channel"].astype(np.uint64)
    return np.asarray(told["decision"].astype(np.uint64) + place * _SPREAD, np.uint64)


def _firsts(told: Records, whose: NDArray[np.uint64], made: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The first of `made` of each decided contact, and all that are of no decision."""
    alone = np.flatnonzero(made & (told["decision"] == 0))
    decided = np.flatnonzero(made & (told["decision"] != 0))
    return np.concatenate([alone, decided[np.unique(whose[decided], return_index=True)[1]]])


def _lasts(told: Records, whose: NDArray[np.uint64], held: NDArray[np.bool_]) -> NDArray[np.intp]:
    """One of `held` of each: that which is held the longest."""
    places = np.flatnonzero(held)
    longest = places[np.argsort(told["order"][places], kind="stable")[::-1]]
    return longest[np.unique(whose[longest], return_index=True)[1]]
