"""On which channel, at which hour of the day, a person answers us: smoothed counts, nothing more.

Of K responses (RESPONSES; what happened at one moment on one channel counts once), K(c) came on channel c, one of C
channels. Around hour h of the person's own clock, k(c, h) counts a response within the hour as 1 and one in the hour
before or after as NEIGHBOUR. Then

    base(c)     = (K(c) + 1) / (K + C)
    share(c, h) = (k(c, h) + PRIOR * base(c)) / (k(., h) + PRIOR)

so that an hour without responses has the shares of the whole day, a person without any has equal ones, and it takes
about PRIOR responses around an hour to say as much as all the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.event import Kind
from features.history import NO_CHANNEL, Records, as_of

RESPONSES = frozenset(
    {
        Kind.MESSAGE_OPENED,
        Kind.CLICKED,
        Kind.ACCEPTED,
        Kind.CONVERTED,
        Kind.ORDERED,
        Kind.CALL_STARTED,
        Kind.CHAT_STARTED,
        Kind.STORE_VISITED,
    }
)
"""Answers to what we sent or showed, and contacts that the person began."""

PRIOR = 4.0
NEIGHBOUR = 0.5
HOURS = 24

_IS_RESPONSE = np.isin(np.arange(256), sorted(RESPONSES))


def responses(page: Records, moment: int) -> Records:
    """The responses known at `moment` (ms UTC), one for each (moment, kind, channel). page: EVENT records."""
    known = as_of(page, moment)
    found = known[_IS_RESPONSE[known["kind"]] & (known["channel"] != NO_CHANNEL)]
    by = ("occurred_at", "kind", "channel")
    found = found[np.lexsort(tuple(found[name] for name in reversed(by)))]
    again = np.logical_and.reduce([found[name][1:] == found[name][:-1] for name in by])
    once: Records = found[np.append(True, ~again)[: len(found)]]
    return once


def channel_shares(
    channel: NDArray[np.uint8], hour: NDArray[np.intp], channels: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """float64[24, C]: share(c, h) by hour and channel. channel: uint8[K], of each response. hour: intp[K], 0 to 23,
    local. channels: uint8[C], distinct, all that are considered; every response's is among them."""
    counts = np.zeros((HOURS, len(channels)))
    np.add.at(counts, (hour, np.argsort(channels)[np.searchsorted(np.sort(channels), channel)]), 1.0)
    around = counts + NEIGHBOUR * (np.roll(counts, 1, axis=0) + np.roll(counts, -1, axis=0))
    base = (counts.sum(axis=0) + 1.0) / (len(channel) + len(channels))
    shares: NDArray[np.float64] = (around + PRIOR * base) / (around.sum(axis=1, keepdims=True) + PRIOR)
    return shares
