"""What the service adds up of its decisions, beside slow sums over the same."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import GaugeMetricFamily

from features.event import Event, Identifier, Kind
from features.live_response import Lift, Lifts
from features.published import Published
from features.stores.protocol import Append, Appended
from models.decide import decide
from models.drift import Histogram, Rate, Reference, drift
from models.notices import GROUP
from serving import metrics
from serving.hours import HOURS, Hours
from serving.watching import (
    CHOSEN,
    CONTACTS,
    EXPECTED,
    FEWEST_EXPECTED,
    FEWEST_SCORES,
    KEPT,
    LABELLED,
    NOTICE,
    OTHER,
    SUCCESSES,
    Known,
    Watch,
    compared,
)
from tests.models.shop import NOW, ByAction, customer, request
from tests.models.test_live_response import SHOP, VOCABULARY, shop

EDGES = (0.1, 0.2)


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 2), st.floats(0, 5)), max_size=60))
def test_the_last_hours_are_those_of_a_plain_loop(added: list[tuple[int, int, float]]) -> None:
    """Told in the order of time, as a service does."""
    added = sorted(added)
    hours = Hours(3)
    for hour, place, amount in added:
        hours.add(hour, place, amount)
    now = max((hour for hour, _, _ in added), default=0)
    for asked in (now, now + 5, now + HOURS):
        expected = np.zeros(3)
        for hour, place, amount in added:
            if asked - HOURS < hour <= asked:
                expected[place] += amount
        np.testing.assert_allclose(hours.last(asked), expected)


def test_what_comes_more_than_a_day_late_is_left_out() -> None:
    hours = Hours(1)
    hours.add(100, 0, 1.0)
    hours.add(100 - HOURS, 0, 1.0)
    hours.add(99, 0, 1.0)
    assert hours.last(100).tolist() == [2.0]


def test_the_windows_are_of_the_model_in_force_by_itself() -> None:
    """What an A/B's challenger decides, and what live response adds, says nothing of how good the model is."""
    lifts = Lifts("by-action", {("a-3", "web"): Lift(110, 420, "action")})
    watch = Watch()
    watch.take_up(SHOP.catalogue, ByAction(otherwise=0.1))
    for version in ("by-action", "challenger"):
        scorer, published = ByAction(otherwise=0.1, version=version), Published(lifts=lifts)
        question, dice = request("web", limit=1), np.random.default_rng(1)
        made = decide(question, customer([], VOCABULARY), SHOP, scorer, NOW, dice, published)
        watch.decided(made, NOW, best=False, sampled=False)
    told = {what: metrics.WINDOW_RESPONSES.labels("web", what) for what in KEPT}
    watch.publish(NOW)
    assert [told[what]._value.get() for what in (CHOSEN, EXPECTED)] == [1.0, 0.1]
    watch.take_up(SHOP.catalogue, ByAction(otherwise=0.1, version="challenger"))
    watch.publish(NOW)
    assert {one._value.get() for one in told.values()} == {0.0}


def test_a_notice_is_counted_and_neither_expected_to_succeed_nor_compared() -> None:
    """Beside the same shop whose action is an offer."""
    found: dict[str, tuple[dict[str, float], list[float]]] = {}
    for group in (GROUP, "offers"):
        compiled = shop(groups={"a-told": group})
        watch = Watch()
        watch.take_up(compiled.catalogue, ByAction(otherwise=0.1))
        counters = {
            what: one.labels("web", NOTICE if group == GROUP else "a-told")
            for what, one in {
                CHOSEN: metrics.CHOSEN,
                EXPECTED: metrics.EXPECTED,
                CONTACTS: metrics.CONTACTS,
                SUCCESSES: metrics.SUCCESSES,
            }.items()
        }
        before = {what: one._value.get() for what, one in counters.items()}
        dice = np.random.default_rng(1)
        made = decide(
            request("web", limit=1), customer([], VOCABULARY), compiled, ByAction(otherwise=0.1), NOW, dice, Published()
        )
        watch.decided(made, NOW, best=False, sampled=False)
        shown = Event("e", Kind.DISPLAYED, "Shown", NOW, NOW, channel="web", action="a-told", decision="d")
        taken = Event("f", Kind.CLICKED, "Taken", NOW, NOW, channel="web", action="a-told", decision="d")
        watch.told([Append(Identifier("user_id", "c"), (shown, taken))], [Appended(1, 2, 0, 2)])
        watch.publish(NOW)
        counted = {what: one._value.get() - before[what] for what, one in counters.items()}
        found[group] = counted, [metrics.WINDOW_RESPONSES.labels("web", what)._value.get() for what in KEPT]
    assert found["offers"] == (
        {CHOSEN: 1.0, EXPECTED: pytest.approx(0.1), CONTACTS: 1.0, SUCCESSES: 1.0},
        [1.0, 0.1, 1.0, 1.0],
    )
    assert found[GROUP] == ({CHOSEN: 1.0, EXPECTED: 0.0, CONTACTS: 1.0, SUCCESSES: 0.0}, [0.0] * 4)


def test_notices_have_a_series_of_their_own_however_many_offers_there_are() -> None:
    """Together with the rest under "other" no rule could leave them out."""
    offers = {f"a-{number:03}": "offers" for number in range(LABELLED)}
    labels = Known.of(shop(groups={**offers, "z-told": GROUP}).catalogue).labels
    assert {labels[channel, "z-told"] for channel in ("web", "email")} == {NOTICE}
    told = Counter(labels.values())
    assert told[OTHER] == 2 * LABELLED - LABELLED
    assert told[NOTICE] == 2


def window(counts: dict[str, list[float]]) -> GaugeMetricFamily:
    made = GaugeMetricFamily(metrics.WINDOW_SCORES_NAME, "", labels=["channel", "bin"])
    for channel, bins in counts.items():
        for place, count in enumerate(bins):
            made.add_metric([channel, str(place)], count)
    return made


def responses(**amounts: float) -> GaugeMetricFamily:
    made = GaugeMetricFamily(metrics.WINDOW_NAME, "", labels=["channel", "what"])
    for what in KEPT:
        made.add_metric(["web", what], amounts[what])
    return made


def test_psi_is_of_the_sums_against_what_the_model_in_force_learned_from() -> None:
    before = Histogram(EDGES, (0.5, 0.25, 0.25, 0.0), 1e6)
    reference = Reference({"web": before, "email": before}, {}, {"web": {"a": Rate(1, 0)}})
    counts = [200.0, 400.0, 400.0, 0.0]
    drifted, *_ = compared([window({"web": counts, "email": [100.0, 50.0, 50.0, 0.0], "app": counts})], reference)
    (sample,) = drifted.samples  # too few on email, nothing learned on app
    now = Histogram(EDGES, (0.2, 0.4, 0.4, 0.0), 1000.0)
    assert sample.labels == {"channel": "web"}
    assert sample.value == pytest.approx(drift(before, now).psi)
    assert FEWEST_SCORES == 500
    other = [*counts, 10.0]  # a worker has another model still
    assert next(iter(compared([window({"web": other})], reference))).samples == []
    assert next(iter(compared([window({"web": counts})], None))).samples == []


@pytest.mark.parametrize(("contacts", "told"), [(1000.0, 0.5), (500.0, 1.0), (10.0, None)])
def test_calibration_is_per_contact_told(contacts: float, told: float | None) -> None:
    """Of half of what was chosen nobody told a contact: that is no failure."""
    amounts = responses(chosen=1000.0, expected=100.0, contacts=contacts, successes=50.0)
    _, calibrated, *_ = compared([amounts], None)
    assert [one.value for one in calibrated.samples] == ([] if told is None else [pytest.approx(told)])
    assert FEWEST_EXPECTED == 20.0
