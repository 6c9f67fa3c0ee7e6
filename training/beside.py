"""Challenger beside champion, segment by segment: who is served worse although the average is not.

Many segments are compared at once, so that one of them looks worse by chance alone. Their intervals hold together: each
is at 1 - 0.05 / (how many there are), Bonferroni's, and a segment is called worse only when its own leaves 0 out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.errors import InvalidFeedback
from training.growing import Sample
from training.holdout import Later
from training.metrics import auc, log_loss, losses
from training.offpolicy.diagnostics import diagnose
from training.offpolicy.estimators import Terms
from training.offpolicy.intervals import LEVEL, Interval, linearised
from training.offpolicy.logged import Draw
from training.offpolicy.paired import Pair, ahead
from training.reliability import Reliability, reliability
from training.segments import NOBODY, By, Person, Segment, by_channel, by_history, by_traits, known_events
from training.table import Dataset
from training.train import FEWEST


@dataclass(frozen=True, slots=True)
class Fit:
    """Of one model. auc: NaN where all contacts ended alike."""

    log_loss: float
    calibration: Reliability
    auc: float


@dataclass(frozen=True, slots=True)
class OnContacts:
    """difference: of log loss per contact, challenger - champion, above 0 is worse; None without a champion or where
    fewer than FEWEST contacts succeeded or failed."""

    name: str
    people: int
    challenger: Fit
    champion: Fit | None
    difference: Interval | None

    @property
    def is_worse(self) -> bool:
        return self.difference is not None and self.difference.low > 0.0


@dataclass(frozen=True, slots=True)
class OnLog:
    """champion: what it earns per draw. difference: of that, challenger - champion, below 0 is worse; None where
    effective people are too few, or the log does not tell."""

    name: str
    draws: int
    people: int
    effective_people: float
    champion: float
    difference: Interval | None

    @property
    def is_worse(self) -> bool:
        return self.difference is not None and self.difference.high < 0.0


@dataclass(frozen=True, slots=True)
class Segments:
    """Each empty where there was nothing to compare by."""

    contacts: tuple[OnContacts, ...]
    log: tuple[OnLog, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for each segment that is worse beyond its interval."""
        return (
            *(f"{one.name}: {_lost(one)}" for one in self.contacts if one.is_worse),
            *(f"{one.name}: {_behind(one)}" for one in self.log if one.is_worse),
        )


def of_contacts(dataset: Dataset, pairs_of: Later, people: Mapping[int, Person]) -> tuple[Segment, ...]:
    """Channel, history and traits. people: by the store's number."""
    pairs = pairs_of.drawn.pairs
    said = [people.get(dataset.numbers[person], NOBODY).traits for person in pairs.person.tolist()]
    history = by_history(known_events(dataset, pairs))
    return (*by_channel(dataset, pairs), *history, *by_traits(said, pairs.person))


def of_draws(draws: Sequence[Draw], people: Mapping[int, Person]) -> tuple[Segment, ...]:
    """The same of logged draws."""
    whose = [people.get(one.decision.person, NOBODY) for one in draws]
    events = [
        int(np.searchsorted(known.known_at, one.decision.decided_at, side="right"))
        for one, known in zip(draws, whose, strict=True)
    ]
    channels = np.array([one.channel for one in draws])
    person = np.array([one.decision.person for one in draws], np.int64)
    by_name = [Segment(By.CHANNEL, f"channel {name}", channels == name) for name in np.unique(channels).tolist()]
    return (*by_name, *by_history(np.array(events, np.int64)), *by_traits([person.traits for person in whose], person))


def on_contacts(later: Later, segments: Sequence[Segment]) -> tuple[OnContacts, ...]:
    """In the order of segments."""
    comparable = sum(_is_comparable(later, one) for one in segments)
    level = together(comparable)
    return tuple(_on_contacts(later, one, level) for one in segments)


def on_log(
    pair: Pair, segments: Sequence[Segment], effective_people: float, rng: np.random.Generator
) -> tuple[OnLog, ...]:
    """effective_people: the fewest that are trusted."""
    parts = [(one.name, np.flatnonzero(one.rows)) for one in segments]
    effective = [_effective(pair, rows) for _, rows in parts]
    level = together(sum(people >= effective_people for _, people in effective))
    return tuple(
        _on_log(pair, name, rows, size, level if size[1] >= effective_people else None, rng)
        for (name, rows), size in zip(parts, effective, strict=True)
    )


def together(count: int) -> float:
    """At which level each of so many intervals is, that all of them hold together at LEVEL."""
    return 1.0 - (1.0 - LEVEL) / max(count, 1)


def _is_comparable(later: Later, segment: Segment) -> bool:
    label = later.sample.label[segment.rows]
    successes = int(label.sum())
    several = len(np.unique(later.sample.person[segment.rows])) > 1
    return later.champion is not None and min(successes, len(label) - successes) >= FEWEST and several


def _on_contacts(later: Later, segment: Segment, level: float) -> OnContacts:
    part, theirs = later.sample.take(segment.rows), later.champion
    difference = None
    if theirs is not None and _is_comparable(later, segment):
        ours_lost, they_lost = (losses(one[segment.rows], part.label) for one in (later.challenger, theirs))
        terms = Terms(part.weight * (ours_lost - they_lost), part.weight)
        difference = linearised(terms, part.person.astype(np.int64), level)
    return OnContacts(
        name=segment.name,
        people=len(np.unique(part.person)),
        challenger=_fit(segment, later.challenger, later.sample, part),
        champion=None if theirs is None else _fit(segment, theirs, later.sample, part),
        difference=difference,
    )


def _fit(segment: Segment, probability: NDArray[np.float64], sample: Sample, part: Sample) -> Fit:
    own = probability[segment.rows]
    judged = (own, part.label, part.weight)
    return Fit(log_loss(*judged), reliability(segment, probability, sample), auc(*judged))


def _effective(pair: Pair, rows: NDArray[np.intp]) -> tuple[int, float]:
    """People, and how many they are worth; 0 where the log tells nothing."""
    try:
        ours, theirs = (diagnose(one.take(rows)) for one in (pair.challenger, pair.champion))
    except InvalidFeedback:
        return 0, 0.0
    return ours.people, min(ours.effective_people, theirs.effective_people)


def _on_log(
    pair: Pair,
    name: str,
    rows: NDArray[np.intp],
    size: tuple[int, float],
    level: float | None,
    rng: np.random.Generator,
) -> OnLog:
    people, effective = size
    difference, champion = None, math.nan
    if level is not None:
        try:
            found, champion = ahead(pair.challenger.take(rows), pair.champion.take(rows), rng, level)
            difference = found if math.isfinite(found.low) else None
        except InvalidFeedback:
            difference = None
    return OnLog(name, len(rows), people, effective, champion, difference)


def _lost(one: OnContacts) -> str:
    difference = one.difference
    if difference is None:
        return ""
    return (
        f"log loss on later contacts is {difference.value:+.6f} beside the champion's, of {one.people:,} people "
        f"({difference.low:+.6f} to {difference.high:+.6f}, all segments together at {LEVEL:.0%})"
    )


def _behind(one: OnLog) -> str:
    difference = one.difference
    if difference is None:
        return ""
    return (
        f"on the log it earns {difference.value:+.4f} per draw beside the champion's {one.champion:.4f}, of "
        f"{one.people:,} people ({difference.low:+.4f} to {difference.high:+.4f}, all segments together at {LEVEL:.0%})"
    )
