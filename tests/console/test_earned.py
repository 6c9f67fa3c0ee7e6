"""What people of each arm buy: equal to adding it up by hand, over people, and never about another arm's time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.consent import PROFILING_TOPIC
from features.event import Kind
from features.history import EVENT, Records
from features.stores import open_store
from features.stores.desk import Asked
from serving.console import plots
from serving.console.earned import DAY, SPAN, ArmSales, Stay, by_arm, stays
from serving.console.insight import sales_of
from tests.checks.store_examples import NOON, append, event, log_decision

NOW = 400 * DAY


def bought(*lines: tuple[int, float]) -> Records:
    """EVENT records of orders: (ms UTC, amount)."""
    made = np.zeros(len(lines), EVENT)
    made["kind"] = Kind.ORDERED
    made["quantity"] = 1
    for place, (at, amount) in enumerate(lines):
        made["occurred_at"][place] = made["recorded_at"][place] = at
        made["amount"][place], made["order"][place], made["item"][place] = amount, place + 1, 1
    return made


def test_a_stay_ends_where_another_arm_begins() -> None:
    long, longer, longest = (NOW - days * DAY for days in (7, 11, 18))
    asked = [Asked("full", 1, longest), Asked("holdout", 1, longer), Asked("holdout", 2, long)]
    expected = {Stay("full", 1, longest, longer), Stay("holdout", 1, longer, NOW), Stay("holdout", 2, long, NOW)}
    assert set(stays(asked, NOW)) == expected
    assert stays([Asked("full", 1, long + 1)], NOW) == ()  # too short a time to tell


def test_at_most_so_many_of_an_arm_are_looked_at_and_they_are_no_neighbours() -> None:
    asked = [Asked("full" if person % 9 else "holdout", person, 0) for person in range(900)]
    some = stays(asked, NOW, most=90)
    assert some == stays(asked[::-1], NOW, most=90)
    people = {arm: sorted(one.person for one in some if one.arm == arm) for arm in ("full", "holdout")}
    assert {arm: len(found) for arm, found in people.items()} == {"full": 90, "holdout": 90}
    assert people["full"][0] < 100
    assert people["full"][-1] > 800


def test_sales_are_those_of_the_stay_alone_and_less_what_came_back() -> None:
    since = NOW - 14 * DAY
    page = bought((since - DAY, 100.0), (since + DAY, 30.0), (since + 2 * DAY, math.nan), (NOW + DAY, 500.0))
    back = bought((since + 3 * DAY, 30.0))
    back["kind"], back["order"] = Kind.REFUNDED, 2
    people = {1: page, 2: page, 3: np.concatenate([page, back])}
    staying = [Stay("holdout", person, since, NOW) for person in (1, 2, 3, 4)]
    (found,) = by_arm(staying, people)
    assert (found.arm, found.people, found.unknown) == ("holdout", 3, 3)
    assert found.sales == pytest.approx((30 + 30 + 0) / 3 * SPAN / 14)
    assert math.isnan(found.ahead)


def _by_hand(rows: Sequence[tuple[float, float]]) -> float:
    return sum(amount for _, amount in rows) / sum(span for span, _ in rows)


def test_arms_are_ahead_of_the_holdout_with_an_interval_over_people() -> None:
    """Against drawing people anew: the interval is as wide as they spread."""
    rng = np.random.default_rng(2)
    staying, pages, rows = [], {}, dict[str, list[tuple[float, float]]]()
    for person in range(900):
        arm, days = ("holdout" if person % 3 else "full"), int(rng.integers(5, 28))
        since = NOW - days * DAY
        amounts = rng.exponential(40.0 if arm == "full" else 25.0, int(rng.integers(0, 4)))
        staying.append(Stay(arm, person, since, NOW))
        pages[person] = bought(*((since + DAY + place, amount) for place, amount in enumerate(amounts)))
        rows.setdefault(arm, []).append((days / SPAN, float(amounts.sum())))
    holdout, full = by_arm(staying, pages)
    assert (holdout.arm, full.arm) == ("holdout", "full")
    assert full.ahead == pytest.approx(_by_hand(rows["full"]) - _by_hand(rows["holdout"]), rel=1e-6)
    tables = {arm: np.array(of_arm) for arm, of_arm in rows.items()}
    drawn = []
    for _ in range(600):
        sums = {arm: table[rng.integers(0, len(table), len(table))].sum(axis=0) for arm, table in tables.items()}
        drawn.append(sums["full"][1] / sums["full"][0] - sums["holdout"][1] / sums["holdout"][0])
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert full.interval == pytest.approx((low, high), abs=0.12 * (high - low))
    words = plots.sales_plot([holdout, full])
    assert f"full {full.ahead:+,.2f}, between" in words
    assert plots.sales_plot([ArmSales("holdout", 1, 0.0, math.nan, (math.nan, math.nan), 0)]) == ""


def test_whoever_objects_to_profiling_is_in_no_comparison(tmp_path: Path) -> None:
    """From a store, as the page reads it."""
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    try:
        for name, arm in (("ann", "holdout"), ("bob", "full"), ("eve", "full")):
            made = log_decision(name, f"d-{name}")
            logged = replace(made.decision, arm=arm, decided_at=NOON)
            store.log_decisions([replace(made, decision=logged)]).result(30)
            order = event(f"o-{name}", Kind.ORDERED, NOON + DAY, order=f"o-{name}", item="i-1", quantity=1, amount=20.0)
            append(store, name, order)
        objected = event("no", Kind.CONSENT_WITHDRAWN, NOON + 9 * DAY, topic=PROFILING_TOPIC)
        append(store, "eve", objected)
        asked, present = store.asked_lately(0, 9), NOON + SPAN * DAY
        before = {one.arm: one.people for one in sales_of(store, asked, NOON + 8 * DAY)}
        after = {one.arm: (one.people, one.sales) for one in sales_of(store, asked, present)}
    finally:
        store.close()
    assert before == {"holdout": 1, "full": 2}
    assert after == {"holdout": (1, pytest.approx(20.0)), "full": (1, pytest.approx(20.0))}
