"""When a contact began: what is asked during a call is asked as of just before it, in training as in service.

A contact is what happens between a person and our service without a rest longer than REST: the menu, the call, its
transfers and its end, the chat, the case that is opened in it. Asked as of its own events, every contact would
foretell itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.event import Kind
from features.history import Records, as_of

REST = 60 * 60 * 1000
"""ms. Who calls again within the hour is taken to call about the same thing."""

LABELLED = frozenset({Kind.CALL_STARTED, Kind.CHAT_STARTED, Kind.CASE_OPENED, Kind.IVR_MENU_SELECTED})
"""Kinds that may carry the reason of their contact."""

TALK = LABELLED | {Kind.CALL_ENDED, Kind.CALL_TRANSFERRED, Kind.CHAT_ENDED}
"""Kinds that a contact is made of."""

_IS_TALK = np.zeros(256, dtype=np.bool_)
_IS_TALK[[int(kind) for kind in TALK]] = True


def talk(records: Records) -> Records:
    """The EVENT records that contacts are made of."""
    found: Records = records[_IS_TALK[records["kind"]]]
    return found


def beginnings(moments: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n] ms UTC: when the contact began that holds each of a person's moments of talk, int64[n] ascending."""
    if len(moments) == 0:
        return moments
    first = np.concatenate([[True], np.diff(moments) > REST])
    return moments[np.maximum.accumulate(np.where(first, np.arange(len(moments)), 0))]


def asked_as_of(records: Records, moment: int) -> int:
    """The ms UTC as of which a question at `moment` is answered: just before the contact that is under way, else
    `moment`. records: EVENT records of one person, of any superset of the page as of `moment`."""
    moments = np.sort(talk(as_of(records, moment))["occurred_at"])
    if len(moments) == 0 or moment - int(moments[-1]) > REST:
        return moment
    return int(beginnings(moments)[-1]) - 1
