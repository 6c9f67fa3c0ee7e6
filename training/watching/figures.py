"""What is watched: how often contacts succeed beside what was expected, and what has drifted.

Rows of one model version stay apart from those of another: what the one expects, and what it learned from, is not what
the other does. Every interval and every level of noise takes people, not rows, to be independent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.drift import Drift, Histogram, InTheLarge, Rate, Shift, drift, edges_of, histogram, in_the_large
from training.offpolicy.arms import ArmResult
from training.watching.reading import Chosen, Log


class Against(StrEnum):
    """What is seen now is compared with that."""

    LEARNED = "learned from"
    BEFORE = "the period before"


@dataclass(frozen=True, slots=True)
class Responses:
    """Of one model version on one channel. action: None, all of them together. chosen: in the span. contacts: that
    matured in the span, of decisions however old; found: their successes beside what was expected. surely: the same
    with an interval that misses the truth once in a thousand times. learned: of contacts that the version learned from;
    None unknown."""

    channel: str
    action: str | None
    model: str
    chosen: int
    contacts: int
    found: InTheLarge
    surely: InTheLarge
    learned: Rate | None


@dataclass(frozen=True, slots=True)
class ScoreDrift:
    """Of the response probabilities of what one version chose on one channel."""

    channel: str
    model: str
    against: Against
    scores: int
    found: Drift

    @property
    def shift(self) -> Shift:
        return self.found.shift


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """Of a feature in the logged sample. decisions: in the sample. unknown: the share of rows without a value."""

    feature: str
    against: Against
    decisions: int
    unknown: float
    found: Drift

    @property
    def shift(self) -> Shift:
        return self.found.shift


@dataclass(frozen=True, slots=True)
class Degraded:
    """How many of a version's decisions in the span the fallback ranking answered."""

    model: str
    decisions: int
    degraded: int


@dataclass(frozen=True, slots=True)
class Watched:
    """Everything of one span but who is served badly. since, until: ms UTC. arms: what each arm's draws earned."""

    since: int
    until: int
    responses: tuple[Responses, ...]
    scores: tuple[ScoreDrift, ...]
    features: tuple[FeatureDrift, ...]
    degraded: tuple[Degraded, ...]
    arms: tuple[ArmResult, ...]


def watched(log: Log, arms: Sequence[ArmResult]) -> Watched:
    return Watched(
        since=log.span.since,
        until=log.span.until,
        responses=responses(log),
        scores=score_drift(log),
        features=feature_drift(log),
        degraded=degraded(log),
        arms=tuple(arms),
    )


def degraded(log: Log) -> tuple[Degraded, ...]:
    counts: dict[str, list[int]] = {}
    for one in log.decisions:
        if one.at > log.span.since:
            found = counts.setdefault(one.model, [0, 0])
            found[0] += 1
            found[1] += one.degraded
    return tuple(Degraded(model, *found) for model, found in sorted(counts.items()))


def responses(log: Log) -> tuple[Responses, ...]:
    """Each channel, and below it its actions, those with most contacts first."""
    groups: dict[tuple[str, str], dict[str | None, list[Chosen]]] = {}
    for one in log.chosen:
        if one.contacted or log.decisions[one.place].at > log.span.since:
            by_action = groups.setdefault((one.channel, log.decisions[one.place].model), {})
            by_action.setdefault(None, []).append(one)
            by_action.setdefault(one.action, []).append(one)
    found = []
    for (channel, model), by_action in sorted(groups.items()):
        rows = [_responses(log, channel, model, action, chosen) for action, chosen in by_action.items()]
        found += sorted(rows, key=lambda row: (row.action is not None, -row.contacts, -row.chosen, row.action or ""))
    return tuple(found)


def _responses(log: Log, channel: str, model: str, action: str | None, chosen: Sequence[Chosen]) -> Responses:
    known = [one for one in chosen if one.contacted and not math.isnan(one.response)]
    observed = np.array([one.succeeded for one in known], np.float64)
    expected = np.array([one.response for one in known], np.float64)
    person = np.array([log.decisions[one.place].person for one in known], np.int64)
    return Responses(
        channel=channel,
        action=action,
        model=model,
        chosen=sum(log.decisions[one.place].at > log.span.since for one in chosen),
        contacts=len(known),
        found=in_the_large(observed, expected, person),
        surely=in_the_large(observed, expected, person, _ONCE_IN_A_THOUSAND),
        learned=_learned(log, chosen, channel, action),
    )


_ONCE_IN_A_THOUSAND = 3.291
"""A normal variable is further from 0 so rarely, on either side."""


def _learned(log: Log, chosen: Sequence[Chosen], channel: str, action: str | None) -> Rate | None:
    digest = next((log.decisions[one.place].digest for one in chosen if log.decisions[one.place].digest), "")
    reference = log.references.get(digest)
    rates = {} if reference is None else reference.rates.get(channel, {})
    if action is not None:
        return rates.get(action)
    if not rates:
        return None
    return Rate(sum(one.contacts for one in rates.values()), sum(one.successes for one in rates.values()))


@dataclass(frozen=True, slots=True)
class _Values:
    """value, weight: float64[n]. person: int64[n]. digest: of the bundle of one of them."""

    value: NDArray[np.float64]
    weight: NDArray[np.float64]
    person: NDArray[np.int64]
    digest: str

    def histogram(self, edges: tuple[float, ...]) -> Histogram | None:
        return histogram(self.value, self.weight, self.person, edges)

    def drift(self, learned: Histogram | None, before: _Values | None) -> Iterable[tuple[Against, Drift]]:
        """Against each that there is; in the bins of what was learned from, else in those of the period before."""
        if learned is not None:
            now = self.histogram(learned.edges)
            if now is not None:
                yield Against.LEARNED, drift(learned, now)
        if before is not None:
            edges = edges_of(before.value, before.weight) if learned is None else learned.edges
            earlier, now = before.histogram(edges), self.histogram(edges)
            if earlier is not None and now is not None:
                yield Against.BEFORE, drift(earlier, now)


def score_drift(log: Log) -> tuple[ScoreDrift, ...]:
    now, before = _scores(log, log.span.since, log.span.until), _scores(log, log.span.before, log.span.since)
    found = []
    for (channel, model), values in sorted(now.items()):
        reference = log.references.get(values.digest)
        learned = None if reference is None else reference.scores.get(channel)
        for against, one in values.drift(learned, before.get((channel, model))):
            found.append(ScoreDrift(channel, model, against, len(values.value), one))
    return tuple(found)


def _scores(log: Log, since: int, until: int) -> Mapping[tuple[str, str], _Values]:
    groups: dict[tuple[str, str], list[Chosen]] = {}
    for one in log.chosen:
        made = log.decisions[one.place]
        if since < made.at <= until and not math.isnan(one.response):
            groups.setdefault((one.channel, made.model), []).append(one)
    return {
        key: _Values(
            np.array([one.response for one in chosen], np.float64),
            np.ones(len(chosen)),
            np.array([log.decisions[one.place].person for one in chosen], np.int64),
            log.decisions[chosen[0].place].digest,
        )
        for key, chosen in groups.items()
    }


def feature_drift(log: Log) -> tuple[FeatureDrift, ...]:
    """What has drifted most first."""
    reference = log.references.get(log.newest)
    now, before = _rows(log, log.span.since, log.span.until), _rows(log, log.span.before, log.span.since)
    if reference is None or now is None:
        return ()
    rows, weight, person, decisions = now
    found = []
    for column, name in enumerate(log.features):
        values = _Values(rows[:, column], weight, person, log.newest)
        earlier = None if before is None else _Values(before[0][:, column], before[1], before[2], "")
        unknown = float(weight[np.isnan(values.value)].sum() / weight.sum())
        for against, one in values.drift(reference.features.get(name), earlier):
            found.append(FeatureDrift(name, against, decisions, unknown, one))
    return tuple(sorted(found, key=lambda one: (-one.found.psi, one.feature)))


def _rows(
    log: Log, since: int, until: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], int] | None:
    """Feature rows, their weights and people, and of how many decisions they are."""
    inside = [one for one in log.samples if since < log.decisions[one.place].at <= until]
    if not inside:
        return None
    times = [len(one.rows) for one in inside]
    person = np.repeat([log.decisions[one.place].person for one in inside], times).astype(np.int64)
    weight = np.repeat([one.weight for one in inside], times)
    return np.concatenate([one.rows for one in inside]), weight, person, len(inside)
