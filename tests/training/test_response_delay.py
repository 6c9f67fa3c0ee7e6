"""How late successes come is learned from when they were told, by channel; on a synthetic shop with known delays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.event import Kind
from features.progress import Silent
from models.response_delay import ResponseDelay, later
from tests.training.rejecting_shop import Felt, open_rejecting, row
from tests.training.small_shop import DAY, as_table
from training import table
from training.response_delay import FEWEST, Learned, fit, learn

PEOPLE, MEAN = 900, 0.4
"""Days, of exponential delays of what happened; it is told of a quarter of a day later."""


def learned(path: Path, people: int) -> Learned:
    rng = np.random.default_rng(3)
    rows = list[dict[str, object]]()
    for number in range(people):
        sent, delay = float(rng.uniform(0, 60)), float(rng.exponential(MEAN))
        rows.append(row(f"p-{number}", Kind.SENT, sent, "g-0"))
        rows.append(row(f"p-{number}", Kind.ACCEPTED, sent + delay, "g-0", sent + delay + 0.25))
    rows.append(row("last", Kind.SENT, 90.0, "g-0"))
    store = open_rejecting(path / "store.db", as_table(rows), {"g": Felt()})
    try:
        return learn(table.read(store, None, Silent()), store.vocabulary, Silent())
    finally:
        store.close()


def test_delays_are_those_of_the_telling(tmp_path: Path) -> None:
    """Within the 5 % that the fit may miss, and three standard errors of a share of 900."""
    found = learned(tmp_path, PEOPLE)
    assert found.delay is not None
    assert set(found.delay.channels) == {"mail"}
    assert found.delay.of("mail").tolist() == found.delay.of("never seen").tolist()
    ages = np.array([0.5, 0.75, 1.0, 1.5, 2.0, 10.0])
    truth = np.exp(-(ages - 0.25) / MEAN)
    allowed = 0.05 + 3.0 * np.sqrt(truth * (1.0 - truth) / PEOPLE)
    assert (np.abs(later(ages * DAY) @ found.delay.of("mail") - truth) <= allowed).all()
    assert "of 1 channels, from" in found.remark


@pytest.mark.parametrize("people", [0, FEWEST - 1])
def test_too_few_successes_teach_nothing_and_it_says_so(tmp_path: Path, people: int) -> None:
    found = learned(tmp_path, people)
    assert found.delay is None
    assert f"{people} successes; {FEWEST} are needed" in found.remark


def test_whatever_the_delays_are_the_weights_make_a_mixture() -> None:
    """Three weights or more, rounded each by itself, may come to a millionth and a half above 1."""
    rng = np.random.default_rng(7)
    for _ in range(300):
        means = rng.uniform(10.0, 20.0, 4)
        delays = np.exp(rng.choice(means, 40) + rng.normal(0.0, 0.5, 40))
        weights = fit(delays)
        ResponseDelay(0, {}, weights)
        assert 0.5 < sum(weights) <= 1.0
