"""Whether a person has said yes or no to a topic on a channel, as of any moment.

A statement names a channel or none, and a topic or none (0: everything on the channel). The newest by occurred_at
holds, whenever and in whatever order we came to know of it; at equal times no wins. A withdrawal without a channel
binds every channel, a grant without one grants nothing. A topic's withdrawal stands until that topic is granted; a
channel's withdrawal is lifted for a topic by a later grant of the channel or of the topic.

The topic "profiling" is about what we do with a person's history, on no channel in particular: its newest statement
holds, wherever it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.event import Kind
from features.history import CONSENT_ENTRY, NO_CHANNEL, Records, as_of, text_code

CONSENT_KINDS = frozenset({Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN})

EVERYTHING = 0
"""The topic code of a statement that names none."""

PROFILING_TOPIC = "profiling"
"""The topic by which a person objects to being profiled."""

PROFILING = text_code(PROFILING_TOPIC)


@dataclass(frozen=True, slots=True)
class Consent:
    """What holds: granted, or withdrawn, and since when (ms UTC). topic: the code that the deciding statement names,
    EVERYTHING where it spoke of the whole channel."""

    granted: bool
    since: int
    topic: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds of everything that was said. newest: by channel and topic of exactly these; a withdrawal before a
    grant of the same moment. Profiling is on NO_CHANNEL, wherever it was said; no other grant is."""

    newest: Mapping[tuple[int, int], Consent]

    def exactly(self, channel: int, topic: int) -> Consent | None:
        """The newest statement that names the topic, on the channel or on all; None when there is none."""
        return _later(self.newest.get((channel, topic)), self.newest.get((NO_CHANNEL, topic)))

    def state(self, channel: int, topic: int) -> Consent | None:
        """For the topic (text_code, EVERYTHING for none) on the channel (vocabulary code; NO_CHANNEL: what binds every
        channel). None when nothing is known. Profiling is on no channel in particular."""
        own = self.exactly(channel, topic)
        if topic in (EVERYTHING, PROFILING):
            return own
        whole = _later(self.newest.get((channel, EVERYTHING)), self.newest.get((NO_CHANNEL, EVERYTHING)))
        if own is None or whole is None:
            return whole if own is None else own
        if own.granted == whole.granted:
            return max(own, whole, key=lambda one: one.since)
        if own.granted and whole.since < own.since:
            return own
        return whole if own.granted else own


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing said. channel: vocabulary code, NO_CHANNEL where none was named. topic: text_code, EVERYTHING where
    none was named. occurred_at, recorded_at: ms UTC."""

    channel: int
    topic: int
    granted: bool
    occurred_at: int
    recorded_at: int


def entries(records: Records) -> Records:
    """The CONSENT_ENTRY rows that EVENT records hold, sorted by sequence. In the record of a statement the topic stands
    in the place of the order."""
    granted = records["kind"] == Kind.CONSENT_GRANTED
    kept = granted | (records["kind"] == Kind.CONSENT_WITHDRAWN)
    chosen = records[kept]
    made = np.zeros(len(chosen), dtype=CONSENT_ENTRY)
    for name in ("occurred_at", "recorded_at", "sequence", "channel"):
        made[name] = chosen[name]
    made["topic"] = chosen["order"]
    made["granted"] = granted[kept]
    return made[np.argsort(made["sequence"], kind="stable")]


def standing(consents: Records, moment: int) -> Standing:
    """All that holds at `moment` (ms UTC), from CONSENT_ENTRY rows in any order."""
    if len(consents) == 0:
        return Standing({})
    known = as_of(consents, moment)
    profiling = known["topic"] == PROFILING
    known = known[profiling | (known["granted"] == 0) | (known["channel"] != NO_CHANNEL)]
    channel = np.where(known["topic"] == PROFILING, NO_CHANNEL, known["channel"])
    order = np.lexsort((known["granted"] == 0, known["occurred_at"], known["topic"], channel))
    columns = (channel, known["topic"], known["granted"], known["occurred_at"])
    ordered = zip(*(column[order].tolist() for column in columns), strict=True)
    return Standing({(channel, topic): Consent(granted == 1, at, topic) for channel, topic, granted, at in ordered})


def state(consents: Records, channel: int, topic: int, moment: int) -> Consent | None:
    """What holds for one channel and topic (see Standing.state) at `moment` (ms UTC)."""
    return standing(consents, moment).state(channel, topic)


def objects_to_profiling(consents: Records, moment: int) -> bool:
    """Whether the newest statement on profiling by `moment` (ms UTC) is a no."""
    if not len(consents):
        return False
    newest = standing(consents[consents["topic"] == PROFILING], moment).state(NO_CHANNEL, PROFILING)
    return newest is not None and not newest.granted


def history(consents: Records, moment: int) -> tuple[Statement, ...]:
    """Every statement known at `moment` (ms UTC), the oldest first, as it was said."""
    known = as_of(consents, moment)
    known = known[np.lexsort((known["sequence"], known["occurred_at"]))]
    return tuple(
        Statement(
            channel=int(one["channel"]),
            topic=int(one["topic"]),
            granted=bool(one["granted"]),
            occurred_at=int(one["occurred_at"]),
            recorded_at=int(one["recorded_at"]),
        )
        for one in known
    )


def _later(one: Consent | None, other: Consent | None) -> Consent | None:
    """The newer; at equal times the withdrawal."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other, key=lambda each: (each.since, not each.granted))
