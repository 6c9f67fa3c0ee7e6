"""What decisions look like lately, for Prometheus: who gets nothing, what was expected beside what came of it, drift.

A request only adds to numbers in memory; they go to the metrics beside the requests, and before each scrape that this
worker answers. What is compared is the last day, hour by hour, of all workers together: each tells its counts as gauges
that are summed over those alive, and the worker that is scraped works PSI and calibration out of the sums.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from prometheus_client import Metric
from prometheus_client import metrics_core as families

from features.event import Event, Kind
from features.stores.protocol import Append, Appended
from models.catalogue import Catalogue
from models.decision import Decision
from models.drift import Histogram, Reference, Referenced, psi
from models.notices import only_told
from models.policy_rules import Direction
from models.scoring import Scorer
from serving import metrics
from serving.feature_drift import FeatureWindows, feature_drift
from serving.hours import Hours

HOUR = 3_600_000
LABELLED = 500
"""Actions on a channel that have series of their own; further ones of the catalogue are OTHER together."""
OTHER = "other"
NOTICE = "notice"
"""The series of all that is only told."""
FEWEST_SCORES = 500
"""Scores without which no PSI is told: of ten bins chance alone then stays below 0.1, all but once in a thousand times,
if they are of different people and the reference is of many."""
FEWEST_EXPECTED = 20.0
"""Expected successes without which no calibration is told: its standard error is below a quarter then."""
CHOSEN, EXPECTED, CONTACTS, SUCCESSES = "chosen", "expected", "contacts", "successes"
KEPT = (CHOSEN, EXPECTED, CONTACTS, SUCCESSES)
_SUCCESS = {"converted": Kind.CONVERTED, "accepted": Kind.ACCEPTED, "clicked": Kind.CLICKED}
_CONTACT = {Direction.OUTBOUND: Kind.SENT, Direction.INBOUND: Kind.DISPLAYED}
_COUNTERS = {
    CHOSEN: metrics.CHOSEN,
    EXPECTED: metrics.EXPECTED,
    CONTACTS: metrics.CONTACTS,
    SUCCESSES: metrics.SUCCESSES,
}
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Known:
    """What is watched. labels: of an action on a channel, for those of the catalogue. contact, success: the kind of
    event that is a contact on each channel, and a success of each action. notices: actions that are only told: they are
    counted, and neither expected to succeed nor compared with what was expected."""

    labels: Mapping[tuple[str, str], str]
    contact: Mapping[str, Kind]
    success: Mapping[str, Kind]
    notices: frozenset[str] = frozenset()

    @classmethod
    def of(cls, catalogue: Catalogue) -> Known:
        notices = frozenset(action.id for action in catalogue.actions if only_told(action))
        pairs = dict.fromkeys((one.channel, action.id) for action in catalogue.actions for one in action.treatments)
        offered = [pair for pair in pairs if pair[1] not in notices]
        labels = {pair: pair[1] for pair in offered[:LABELLED]}
        return cls(
            {pair: NOTICE if pair[1] in notices else labels.get(pair, OTHER) for pair in pairs},
            {name: _CONTACT[channel.direction] for name, channel in catalogue.channels.items()},
            {action.id: _SUCCESS[action.success] for action in catalogue.actions},
            notices,
        )


@dataclass(slots=True)
class Watch:
    """Of one worker."""

    _catalogue: Catalogue | None = None
    _known: Known = field(default_factory=lambda: Known({}, {}, {}))
    _model: str = ""
    _reference: Reference | None = None
    _scores: dict[str, Hours] = field(default_factory=dict)
    _responses: dict[str, Hours] = field(default_factory=dict)
    _refused: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    _slates: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _empty: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _counts: dict[str, dict[tuple[str, str], float]] = field(
        default_factory=lambda: {one: defaultdict(float) for one in KEPT}
    )
    _bins_told: set[tuple[str, str]] = field(default_factory=set)
    _features: FeatureWindows = field(default_factory=FeatureWindows)

    @property
    def reference(self) -> Reference | None:
        """Of the model in force."""
        return self._reference

    def take_up(self, catalogue: Catalogue | None, scorer: Scorer) -> None:
        """What is in force from now on. The window of another model says nothing of this one."""
        if catalogue is not None and catalogue is not self._catalogue:
            self._catalogue, self._known = catalogue, Known.of(catalogue)
        reference = scorer.reference if isinstance(scorer, Referenced) else None
        if (scorer.version, reference) != (self._model, self._reference):
            self._model, self._reference, self._scores, self._responses = scorer.version, reference, {}, {}
            self._features.take_up(reference)

    def decided(self, decision: Decision, moment: int, *, best: bool, sampled: bool) -> None:
        """One that is logged. moment: ms UTC. best: one action over all channels was asked for. sampled: it logs its
        feature rows. What is expected is the model's own probability; into the windows comes only what the model in
        force decided."""
        ours = decision.model_version == self._model
        if ours and sampled:
            self._features.sampled(decision, moment // HOUR)
        hour, some = moment // HOUR, any(slate.actions for slate in decision.slates)
        for slate in decision.slates:
            channel = slate.channel
            self._slates[channel] += 1
            self._empty[channel] += not (slate.actions or (best and some))
            for gate, count in slate.funnel.items():
                if count and gate not in ("candidates", "eligible"):
                    self._refused[channel, gate] += count
            for action in slate.actions:
                self._count(CHOSEN, channel, action.action_id, hour, 1.0, ours)
                if not math.isnan(action.model_probability) and action.action_id not in self._known.notices:
                    self._count(EXPECTED, channel, action.action_id, hour, action.model_probability, ours)
                    if ours:
                        self._score(channel, action.model_probability, hour)

    def told(self, appends: Sequence[Append], outcomes: Sequence[Appended]) -> None:
        """What came of decisions; what was known already counts no second time."""
        for append, outcome in zip(appends, outcomes, strict=True):
            if outcome.stored == len(append.events):
                for event in append.events:
                    self._event(event)

    def _event(self, event: Event) -> None:
        channel, action = event.channel, event.action
        if channel is None or action is None or event.decision is None:
            return
        hour = event.recorded_at // HOUR
        if self._known.contact.get(channel) is event.kind:
            self._count(CONTACTS, channel, action, hour, 1.0)
        if self._known.success.get(action) is event.kind and action not in self._known.notices:
            self._count(SUCCESSES, channel, action, hour, 1.0)

    def _count(self, what: str, channel: str, action: str, hour: int, amount: float, windowed: bool = True) -> None:
        label = self._known.labels.get((channel, action))
        if label is None:  # not of this catalogue, or not on this channel
            return
        self._counts[what][channel, label] += amount
        if not windowed or action in self._known.notices:
            return
        if channel not in self._responses:
            self._responses[channel] = Hours(len(KEPT))
        self._responses[channel].add(hour, KEPT.index(what), amount)

    def _score(self, channel: str, score: float, hour: int) -> None:
        metrics.SCORES.labels(channel).observe(score)
        before = None if self._reference is None else self._reference.scores.get(channel)
        if before is None:
            return
        if channel not in self._scores:
            self._scores[channel] = Hours(len(before.share))
        self._scores[channel].add(hour, bisect_left(before.edges, score), 1.0)  # as models.drift.bins_of

    def publish(self, now: int) -> None:
        """now: ms UTC."""
        for channel, count in _drained(self._slates):
            metrics.SLATES.labels(channel).inc(count)
        for channel, count in _drained(self._empty):
            metrics.WITHOUT_ACTION.labels(channel).inc(count)
        for (channel, gate), count in _drained(self._refused):
            metrics.REFUSALS.labels(channel, gate).inc(count)
        for what, counter in _COUNTERS.items():
            for (channel, action), count in _drained(self._counts[what]):
                counter.labels(channel, action).inc(count)
        self._publish_windows(now // HOUR)
        self._features.publish(now // HOUR)

    def _publish_windows(self, hour: int) -> None:
        told: set[tuple[str, str]] = set()
        for channel, hours in self._scores.items():
            for place, count in enumerate(hours.last(hour).tolist()):
                metrics.WINDOW_SCORES.labels(channel, str(place)).set(count)
                told.add((channel, str(place)))
        for channel, place_name in self._bins_told - told:
            metrics.WINDOW_SCORES.labels(channel, place_name).set(0.0)
        self._bins_told |= told
        for channel in {*self._responses, *self._known.contact}:  # what another model left behind is set to nothing
            sums = self._responses[channel].last(hour).tolist() if channel in self._responses else [0.0] * len(KEPT)
            for what, amount in zip(KEPT, sums, strict=True):
                metrics.WINDOW_RESPONSES.labels(channel, what).set(amount)


def _drained(counts: dict[K, float]) -> Sequence[tuple[K, float]]:
    found = list(counts.items())
    counts.clear()
    return found


def compared(told: Iterable[Metric], reference: Reference | None) -> Iterator[Metric]:
    """PSI of scores and features, and calibration in the large, from the windows of all workers in `told`."""
    families_told = tuple(told)
    windows = {one.name: one for one in families_told}
    scores, responses = (_by_channel(windows.get(name)) for name in (metrics.WINDOW_SCORES_NAME, metrics.WINDOW_NAME))
    drifted = families.GaugeMetricFamily(
        "nextbest_score_psi",
        "Population stability index of the last day's response probabilities against what the model learned from.",
        labels=["channel"],
    )
    for channel, counts in scores.items():
        before = None if reference is None else reference.scores.get(channel)
        value = None if before is None else _psi(before, counts)
        if value is not None:
            drifted.add_metric([channel], value)
    calibrated = families.GaugeMetricFamily(
        "nextbest_calibration_in_the_large",
        "Successes per contact told during the last day over the response probability of what was chosen in it.",
        labels=["channel"],
    )
    for channel, sums in responses.items():
        ratio = _ratio(sums)
        if ratio is not None:
            calibrated.add_metric([channel], ratio)
    yield drifted
    yield calibrated
    yield from feature_drift(families_told, reference)


def by_action(calibration: Mapping[tuple[str, str], float]) -> Metric:
    """calibration: see models.live_response.calibration."""
    told = families.GaugeMetricFamily(
        "nextbest_action_calibration_in_the_large",
        "Successes of an action's contacts of late over what the model expected of them by now.",
        labels=["channel", "action"],
    )
    for (action, channel), ratio in calibration.items():
        told.add_metric([channel, action], ratio)
    return told


def _by_channel(family: Metric | None) -> Mapping[str, Mapping[str, float]]:
    """By the other label."""
    found: dict[str, dict[str, float]] = {}
    for sample in () if family is None else family.samples:
        labels = dict(sample.labels)
        channel = labels.pop("channel")
        (other,) = labels.values()
        found.setdefault(channel, {})[other] = sample.value
    return found


def _psi(before: Histogram, counts: Mapping[str, float]) -> float | None:
    """None of too few, and while workers count by different models."""
    now = np.array([counts.get(str(place), 0.0) for place in range(len(before.share))])
    total = float(now.sum())
    if total < FEWEST_SCORES or total != sum(counts.values()):
        return None
    return psi(np.array(before.share), before.effective, now / total, total)[0]


def _ratio(sums: Mapping[str, float]) -> float | None:
    chosen, expected, contacts, successes = (sums.get(name, 0.0) for name in KEPT)
    hoped = expected / chosen * contacts if chosen else 0.0
    return successes / hoped if hoped >= FEWEST_EXPECTED else None
