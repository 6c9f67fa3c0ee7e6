"""How far the features of decisions are from what the model in force learned from, by channel, for Prometheus.

Of the decisions that log their feature rows, and of the features by which the model gains most on a channel, each
worker counts the last day, hour by hour, in the bins of what the model learned from. A decision counts 1 on each
channel, shared by its rows. Who is scraped works PSI out of the sums of all workers; the sums themselves are told to
nobody else, for they are many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Metric
from prometheus_client import metrics_core as families

from features.definitions import names
from models.decision import Decision
from models.drift import Histogram, Reference, bins_of, psi
from serving import metrics
from serving.hours import Hours

FEWEST_SAMPLED = 250
"""Decisions that logged their rows without which no PSI is told: of ten bins chance alone then stays below 0.12, all
but once in a thousand times, if they are of different people and the reference is of many."""
Watched = Mapping[str, Mapping[str, Histogram]]
"""By channel and feature."""


@dataclass(slots=True)
class FeatureWindows:
    """Of one worker."""

    _watched: Watched = field(default_factory=dict)
    _hours: dict[tuple[str, str], Hours] = field(default_factory=dict)
    _told: set[tuple[str, str, str]] = field(default_factory=set)

    def take_up(self, reference: Reference | None) -> None:
        """Of a model that is in force from now on; the window of the one before says nothing of it."""
        self._watched, self._hours = ({} if reference is None else _known(reference)), {}

    def sampled(self, decision: Decision, hour: int) -> None:
        """One that logs its rows, of the model in force. Whoever was ranked as a stranger has no features."""
        if not decision.personalised:
            return
        first = 0
        for slate in decision.slates:
            after = first + slate.funnel["eligible"]
            watched = self._watched.get(slate.channel, {}) if after > first else {}
            for name, before in watched.items():
                self._add(slate.channel, name, before, decision.feature_rows[first:after, _PLACES[name]], hour)
            first = after

    def _add(self, channel: str, name: str, before: Histogram, values: NDArray[np.float64], hour: int) -> None:
        if (channel, name) not in self._hours:
            self._hours[channel, name] = Hours(len(before.share))
        hours = self._hours[channel, name]
        for place, count in zip(*np.unique(bins_of(values, before.edges), return_counts=True), strict=True):
            hours.add(hour, int(place), float(count) / len(values))

    def publish(self, hour: int) -> None:
        told: set[tuple[str, str, str]] = set()
        for (channel, name), hours in self._hours.items():
            for place, count in enumerate(hours.last(hour).tolist()):
                metrics.WINDOW_FEATURES.labels(channel, name, str(place)).set(count)
                told.add((channel, name, str(place)))
        for labels in self._told - told:
            metrics.WINDOW_FEATURES.labels(*labels).set(0.0)
        self._told |= told


_PLACES = {name: place for place, name in enumerate(names())}


def _known(reference: Reference) -> Watched:
    """Without features of another version of the code."""
    return {
        channel: {name: one for name, one in own.items() if name in _PLACES}
        for channel, own in reference.channels.items()
    }


def feature_drift(told: Iterable[Metric], reference: Reference | None) -> Iterator[Metric]:
    """PSI by channel and feature, and the greatest of each channel, from the windows of all workers in `told`."""
    each = families.GaugeMetricFamily(
        "nextbest_feature_psi",
        "Population stability index of a feature in the last day's sampled decisions against what the model learned "
        "from, of the features by which it gains most.",
        labels=["channel", "feature"],
    )
    most = families.GaugeMetricFamily(
        "nextbest_feature_psi_greatest",
        "The greatest nextbest_feature_psi of each channel.",
        labels=["channel"],
    )
    windows = _by_feature(one for one in told if one.name == metrics.WINDOW_FEATURES_NAME)
    for channel, watched in ({} if reference is None else _known(reference)).items():
        found = {name: _psi(before, windows.get((channel, name), {})) for name, before in watched.items()}
        known = {name: value for name, value in found.items() if value is not None}
        for name, value in known.items():
            each.add_metric([channel, name], value)
        if known:
            most.add_metric([channel], max(known.values()))
    yield each
    yield most


def _by_feature(told: Iterable[Metric]) -> Mapping[tuple[str, str], Mapping[str, float]]:
    """By channel and feature, then bin."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for family in told:
        for sample in family.samples:
            labels = sample.labels
            found.setdefault((labels["channel"], labels["feature"]), {})[labels["bin"]] = sample.value
    return found


def _psi(before: Histogram, counts: Mapping[str, float]) -> float | None:
    """None of too few, and while workers count by different models."""
    now = np.array([counts.get(str(place), 0.0) for place in range(len(before.share))])
    total = float(now.sum())
    beyond = any(count > 0.0 for place, count in counts.items() if int(place) >= len(now))
    if round(total) < FEWEST_SAMPLED or beyond:
        return None
    return psi(np.array(before.share), before.effective, now / total, total)[0]
