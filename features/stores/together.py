"""Several logs as the one record of the person to whom they belong.

An event that a profile was told before it came to belong to the person is shown as recorded when it did, so that no
moment sees what was not known then to be this person's. Where two who became one had said yes and no, the no holds from
that moment; a later yes lifts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from features import consent
from features.history import CONSENT_ENTRY, NO_CHANNEL, Records, empty
from features.links import Join, Sets
from features.partition import Person


@dataclass(frozen=True, slots=True)
class Together:
    """records: EVENT of all logs, by sequence, as shown. consents: CONSENT_ENTRY by sequence, complete."""

    records: Records
    consents: Records


def shown(records: Records, linked_at: int) -> Records:
    """The records as the person's whose they are since linked_at (ms UTC)."""
    if len(records) == 0 or int(records["recorded_at"].min()) >= linked_at:
        return records
    made = records.copy()
    np.maximum(made["recorded_at"], linked_at, out=made["recorded_at"])
    return made


def together(person: Person, logs: Mapping[int, Records], addressed: Mapping[int, Records]) -> Together:
    """logs: EVENT records by profile, each by sequence. addressed: CONSENT_ENTRY rows of withdrawals that came through
    an identifier of the profile, recorded_at not before it had the identifier; one that is in the logs too counts
    once."""
    records = _in_order([shown(logs[one], at) for one, at in person.linked.items() if one in logs])
    own = consent.entries(records)
    told = _in_order(
        [shown(addressed[one], at) for one, at in person.linked.items() if one in addressed], CONSENT_ENTRY
    )
    told = told[~np.isin(told["sequence"], own["sequence"])]
    told = told[np.unique(told["sequence"], return_index=True)[1]]
    stricter = _stricter(person, logs, addressed) if person.joins else empty(CONSENT_ENTRY)
    return Together(records, _in_order([stricter, own, told], CONSENT_ENTRY))


def _in_order(parts: list[Records], dtype: np.dtype[np.void] | None = None) -> Records:
    if len(parts) == 1:
        return parts[0]
    joined = np.concatenate(parts) if parts else empty() if dtype is None else empty(dtype)
    return joined[np.argsort(joined["sequence"], kind="stable")]


def _stricter(person: Person, logs: Mapping[int, Records], addressed: Mapping[int, Records]) -> Records:
    """The withdrawals that the person's joins make: CONSENT_ENTRY rows with sequence 0."""
    said: dict[int, Records] = {}
    for profile in person.linked:
        parts = [consent.entries(logs[profile])] if profile in logs else []
        parts += [addressed[profile]] if profile in addressed else []
        if sum(map(len, parts)):
            said[profile] = np.concatenate(parts)
    sides: Sets[int] = Sets()
    by_side = {sides.of(profile): records for profile, records in said.items()}
    made: list[Records] = []
    for join in person.joins:
        one, other = (by_side.pop(sides.of(side), empty(CONSENT_ENTRY)) for side in (join.one, join.other))
        fresh = _withdrawn(join, one, other)
        sides.unite((join.one, join.other))
        by_side[sides.of(join.one)] = np.concatenate([one, other, *fresh])
        made += fresh
    return np.concatenate(made) if made else empty(CONSENT_ENTRY)


def _withdrawn(join: Join, one: Records, other: Records) -> list[Records]:
    """Where a side said no and both together would say yes, a no at the moment of the join."""
    made: list[Records] = []
    if len(one) == 0 or len(other) == 0:
        return made
    # What was said before the join counts whenever it became known.
    sides = [_known_at_once(one), _known_at_once(other)]
    for channel, topic in _subjects(one, other):
        whole = np.concatenate([*sides, *map(_known_at_once, made)])
        if not _says_no(whole, channel, topic, join.at) and any(
            _says_no(side, channel, topic, join.at) for side in sides
        ):
            since = _learned(join, one, other, topic)
            made.append(_entry(join.at, since, channel, topic))
    return made


def _known_at_once(said: Records) -> Records:
    made = said.copy()
    made["recorded_at"] = made["occurred_at"]
    return made


def _subjects(one: Records, other: Records) -> Iterable[tuple[int, int]]:
    """(channel, topic): whole channels before topics."""
    both = np.concatenate([one, other])
    topics = {int(topic) for topic in both["topic"]} - {consent.EVERYTHING, consent.PROFILING}
    channels = sorted({int(channel) for channel in both["channel"]} - {NO_CHANNEL})
    for topic in (consent.EVERYTHING, *sorted(topics)):
        yield from ((channel, topic) for channel in channels)
    yield NO_CHANNEL, consent.PROFILING


def _says_no(said: Records, channel: int, topic: int, moment: int) -> bool:
    if topic == consent.PROFILING:
        return consent.objects_to_profiling(said, moment)
    held = consent.state(said, channel, topic, moment)
    return held is not None and not held.granted


def _learned(join: Join, one: Records, other: Records, topic: int) -> int:
    """When both sides' words on the topic, said before the join, were known."""
    both = np.concatenate([one, other])
    about = (both["topic"] == topic) | (both["topic"] == consent.EVERYTHING)
    words = both["recorded_at"][about & (both["occurred_at"] <= join.at)]
    return max(join.at, int(words.max()) if len(words) else join.at)


def _entry(occurred_at: int, recorded_at: int, channel: int, topic: int) -> Records:
    made = np.zeros(1, dtype=CONSENT_ENTRY)
    made["occurred_at"], made["recorded_at"] = occurred_at, recorded_at
    made["channel"], made["topic"] = channel, topic
    return made
