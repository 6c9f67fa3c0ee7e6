"""The drift of features that a service tells, beside a slow sum over the rows of the same decisions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from prometheus_client import Metric
from prometheus_client.metrics_core import GaugeMetricFamily

from features.definitions import names
from features.published import Published
from models.decide import decide
from models.decision import Decision
from models.drift import Histogram, Reference, drift
from serving import metrics
from serving.feature_drift import FEWEST_SAMPLED, FeatureWindows, feature_drift
from serving.hours import HOURS
from serving.watching import Watch
from tests.models.shop import NOW, ByAction, customer, request
from tests.models.test_live_response import SHOP, VOCABULARY

FLAT, RISING = (
    Histogram((0.25, 0.5), (0.25, 0.25, 0.25, 0.25), 1e4),
    Histogram((1.0,), (0.5, 0.5, 0.0), 1e4),
)
FIRST, SECOND = names()[3], names()[7]
REFERENCE = Reference(
    {}, {}, {}, {"web": {FIRST: FLAT, SECOND: RISING, "of another version": FLAT}, "email": {FIRST: FLAT}}
)


@dataclass(frozen=True, slots=True)
class Believing(ByAction):
    """Which knows what it learned from."""

    reference: Reference | None = REFERENCE


def decisions(count: int, seed: int, version: str = "by-action") -> list[Decision]:
    """On web and mail, each with rows of its own, some values of which are unknown."""
    rng, found = np.random.default_rng(seed), []
    scorer = ByAction(otherwise=0.1, version=version)
    made = decide(
        request("web", "email", limit=1),
        customer([], VOCABULARY),
        SHOP,
        scorer,
        NOW,
        np.random.default_rng(1),
        Published(),
    )
    eligible = sum(slate.funnel["eligible"] for slate in made.slates)
    assert min(slate.funnel["eligible"] for slate in made.slates) > 1
    for _ in range(count):
        rows = rng.uniform(0.0, 2.0, (eligible, len(names())))
        rows[rng.random(rows.shape) < 0.1] = np.nan
        found.append(replace(made, feature_rows=rows))
    return found


def slow(made: Iterable[Decision]) -> Mapping[tuple[str, str], float]:
    """Row by row: the PSI of each channel and feature."""
    counts: dict[tuple[str, str], dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for decision in made:
        rows = decision.feature_rows.tolist()
        for slate in decision.slates:
            own, rows = rows[: slate.funnel["eligible"]], rows[slate.funnel["eligible"] :]
            for name in (FIRST, SECOND) if slate.channel == "web" else (FIRST,):
                edges = REFERENCE.channels[slate.channel][name].edges
                for row in own:
                    value = row[names().index(name)]
                    place = len(edges) + 1 if math.isnan(value) else sum(value > edge for edge in edges)
                    counts[slate.channel, name][place] += 1.0 / len(own)
    found = {}
    for (channel, name), told in counts.items():
        before, total = REFERENCE.channels[channel][name], sum(told.values())
        share = tuple(told.get(place, 0.0) / total for place in range(len(before.share)))
        found[channel, name] = drift(before, Histogram(before.edges, share, total)).psi
    return found


def window(told: FeatureWindows, hour: int) -> list[Metric]:
    """What one worker has told."""
    told.publish(hour)
    return [metrics.WINDOW_FEATURES.collect()[0]]


def psi(
    told: Iterable[Metric], reference: Reference | None = REFERENCE
) -> tuple[dict[tuple[str, str], float], dict[str, float]]:
    each, most = feature_drift(told, reference)
    return (
        {(one.labels["channel"], one.labels["feature"]): one.value for one in each.samples},
        {one.labels["channel"]: one.value for one in most.samples},
    )


def windows(made: Iterable[Decision], hour: int = 100) -> FeatureWindows:
    found = FeatureWindows()
    found.take_up(REFERENCE)
    for decision in made:
        found.sampled(decision, hour)
    return found


def test_it_is_that_of_a_slow_sum_by_channel_and_feature() -> None:
    made = decisions(FEWEST_SAMPLED, 1)
    each, most = psi(window(windows(made), 100))
    assert each == pytest.approx(slow(made))
    assert set(each) == {("web", FIRST), ("web", SECOND), ("email", FIRST)}
    assert most == pytest.approx({"web": max(each["web", FIRST], each["web", SECOND]), "email": each["email", FIRST]})
    assert psi(window(windows(made), 100), None) == ({}, {})


def test_nothing_is_told_of_too_few_nor_of_what_is_over() -> None:
    few, enough = decisions(FEWEST_SAMPLED - 1, 2), decisions(FEWEST_SAMPLED, 2)
    assert psi(window(windows(few), 100)) == ({}, {})
    assert len(psi(window(windows(enough), 99 + HOURS))[0]) == 3
    assert psi(window(windows(enough), 100 + HOURS)) == ({}, {})


def test_of_whoever_is_ranked_as_a_stranger_nothing_is_counted() -> None:
    strangers = [replace(one, personalised=False) for one in decisions(FEWEST_SAMPLED, 3)]
    assert psi(window(windows(strangers), 100)) == ({}, {})


def test_workers_that_count_by_another_model_yet_tell_nothing() -> None:
    told = GaugeMetricFamily(metrics.WINDOW_FEATURES_NAME, "", labels=["channel", "feature", "bin"])
    for place in range(4):
        told.add_metric(["web", SECOND, str(place)], FEWEST_SAMPLED)  # three are there
        told.add_metric(["email", FIRST, str(place)], FEWEST_SAMPLED)
    assert set(psi([told])[0]) == {("email", FIRST)}


def test_a_worker_counts_what_logs_its_rows_of_the_model_in_force() -> None:
    watch = Watch()
    watch.take_up(SHOP.catalogue, Believing(otherwise=0.1))
    mine, challengers = decisions(FEWEST_SAMPLED, 4), decisions(FEWEST_SAMPLED, 5, version="another")
    for sampled, made in ((True, mine), (False, decisions(9, 6)), (True, challengers)):
        for one in made:
            watch.decided(one, NOW, best=False, sampled=sampled)
    watch.publish(NOW)
    assert psi([metrics.WINDOW_FEATURES.collect()[0]])[0] == pytest.approx(slow(mine))
    watch.take_up(SHOP.catalogue, Believing(otherwise=0.1, version="another"))
    watch.publish(NOW)
    assert psi([metrics.WINDOW_FEATURES.collect()[0]]) == ({}, {})
