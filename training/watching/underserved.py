"""Who gets nothing, or nothing worth having, and which gate they lost most to.

- A slate is *empty* when nothing was chosen on a channel that was asked about; of a question for the best over all
  channels, only when nothing was chosen on any.
- It is *poor* when the fallback ranking answered, when all of it is what the catalogue falls back on, or when all of it
  is offers and the best is expected to earn less than a quarter of what is usual: of the median slate with an offer on
  that channel in the span. A service or a message is never poor.
- A person is *without* on a channel when all their slates there were empty, and *poorly served* when all were empty or
  poor and not all empty.
- They lost most to the gate with the most first refusals in the slates that count: a person's own all together. Of an
  empty slate that had something eligible, no action was drawn instead.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from training.watching.reading import Log, Slate

POOR = 0.25
"""Of the median."""
NOT_DRAWN, NO_CANDIDATES, NOTHING_REFUSED = "no action was drawn", "no candidates", "nothing was refused"


@dataclass(frozen=True, slots=True)
class Counts:
    """total: slates, or people who were decided for. empty, poor: of them; no one is both. lost_to: how many of both
    together, by gate, the most first."""

    total: int
    empty: int
    poor: int
    lost_to: Mapping[str, int]

    @property
    def share(self) -> float:
        """NaN of none."""
        return (self.empty + self.poor) / self.total if self.total else math.nan


@dataclass(frozen=True, slots=True)
class Served:
    """channel: None, all of them. usual: what the median slate with an offer is expected to earn; NaN unknown, and of
    all channels."""

    channel: str | None
    slates: Counts
    people: Counts
    usual: float


def served(log: Log) -> tuple[Served, ...]:
    """All channels together first. Nothing where nothing was decided in the span."""
    inside = [one for one in log.slates if log.decisions[one.place].at > log.span.since]
    if not inside:
        return ()
    channels = sorted({one.channel for one in inside})
    usual = {name: _usual(log, [one for one in inside if one.channel == name]) for name in channels}
    poor = {id(one) for one in inside if _is_poor(log, one, usual[one.channel])}
    by_channel = (([one for one in inside if one.channel == name], name) for name in channels)
    return (
        _served(log, None, inside, poor, math.nan),
        *(_served(log, name, slates, poor, usual[name]) for slates, name in by_channel),
    )


def _usual(log: Log, slates: Iterable[Slate]) -> float:
    worth = [
        one.worth
        for one in slates
        if one.taken and one.offers and not math.isnan(one.worth) and not log.decisions[one.place].degraded
    ]
    return median(worth) if worth else math.nan


def _is_poor(log: Log, slate: Slate, usual: float) -> bool:
    if not slate.taken:
        return False
    return log.decisions[slate.place].degraded or slate.fallbacks or (slate.offers and slate.worth < POOR * usual)


def _served(log: Log, channel: str | None, slates: Sequence[Slate], poor: set[int], usual: float) -> Served:
    bad = [one for one in slates if not one.taken or id(one) in poor]
    empty = sum(not one.taken for one in bad)
    lost = Counter(_lost_to([one]) for one in bad)
    by_person: dict[int, list[Slate]] = {}
    for one in slates:
        by_person.setdefault(log.decisions[one.place].person, []).append(one)
    without = [own for own in by_person.values() if not any(one.taken for one in own)]
    badly = [
        own
        for own in by_person.values()
        if any(one.taken for one in own) and all(not one.taken or id(one) in poor for one in own)
    ]
    theirs = Counter(_lost_to(own) for own in (*without, *badly))
    return Served(
        channel,
        Counts(len(slates), empty, len(bad) - empty, _most_first(lost)),
        Counts(len(by_person), len(without), len(badly), _most_first(theirs)),
        usual,
    )


def _most_first(counts: Counter[str]) -> Mapping[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _lost_to(slates: Sequence[Slate]) -> str:
    """Equal refusals go to the gate that comes first."""
    counting = [one for one in slates if one.taken or not one.eligible]
    if not counting:
        return NOT_DRAWN
    refused: Counter[str] = Counter()
    for one in counting:
        refused.update(one.refused)
    if refused.total():
        return refused.most_common(1)[0][0]
    return NOTHING_REFUSED if any(one.candidates for one in counting) else NO_CANDIDATES
