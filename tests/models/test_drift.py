"""PSI and calibration-in-the-large: what they are by plain loops, and how often they err when nothing has changed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chi2, poisson

from models.drift import (
    GREAT,
    RARE,
    SOME,
    TWO_SIDED,
    Histogram,
    Shift,
    bins_of,
    chi_squared,
    drift,
    edges_of,
    from_object,
    histogram,
    in_the_large,
    psi,
    to_object,
)
from tests.models.references import reference

SEEDS = 200


def one_each(values: NDArray[np.float64], edges: tuple[float, ...]) -> Histogram:
    """Everybody a row."""
    made = histogram(values, np.ones(len(values)), np.arange(len(values)), edges)
    assert made is not None
    return made


def slow_psi(before: list[int], now: list[int]) -> float:
    """By counts."""
    kept = [(b, n) for b, n in zip(before, now, strict=True) if b or n]
    p = [(b + 0.5) / (sum(before) + 0.5 * len(kept)) for b, _ in kept]
    q = [(n + 0.5) / (sum(now) + 0.5 * len(kept)) for _, n in kept]
    return sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))


counts = st.lists(st.integers(0, 5000), min_size=3, max_size=12).filter(lambda found: sum(found) > 0)


@given(st.data(), counts)
def test_psi_is_that_of_a_plain_loop(data: st.DataObject, before: list[int]) -> None:
    now = data.draw(st.lists(st.integers(0, 5000), min_size=len(before), max_size=len(before)).filter(any))
    shares = [np.array(one) / sum(one) for one in (before, now)]
    found, used = psi(shares[0], sum(before), shares[1], sum(now))
    assert found == pytest.approx(slow_psi(before, now), abs=1e-9)
    assert used == sum(1 for b, n in zip(before, now, strict=True) if b or n)
    back, _ = psi(shares[1], sum(now), shares[0], sum(before))
    assert back == pytest.approx(found, abs=1e-9)
    assert found >= -1e-12


def test_psi_of_known_shares() -> None:
    """Halves that become a quarter and three: (0.25 - 0.5) ln 0.5 + (0.75 - 0.5) ln 1.5; smoothing vanishes."""
    found, _ = psi(np.array([0.5, 0.5]), 1e12, np.array([0.25, 0.75]), 1e12)
    assert found == pytest.approx(-0.25 * math.log(0.5) + 0.25 * math.log(1.5), abs=1e-9)
    assert psi(np.array([0.3, 0.7]), 1e12, np.array([0.3, 0.7]), 50.0)[0] == pytest.approx(0.0, abs=1e-3)


@given(
    st.lists(st.one_of(st.just(math.nan), st.sampled_from([0.0, 0.5, 1.0]), st.floats(-5, 5)), min_size=1, max_size=80)
)
def test_every_value_is_in_one_bin_as_a_plain_loop_says(values: list[float]) -> None:
    edges = edges_of(np.array(values), np.ones(len(values)))
    assert list(edges) == sorted(set(edges))
    expected = [len(edges) + 1 if math.isnan(one) else sum(1 for edge in edges if edge < one) for one in values]
    assert bins_of(np.array(values), edges).tolist() == expected
    known = {one for one in values if not math.isnan(one)}
    filled = set(expected) - {len(edges) + 1}
    assert filled == (set(range(len(edges) + 1)) if known else set())
    assert len(known) < 2 or len(edges) >= 1 or len(values) > 10  # what differs is told apart, unless it is rare
    assert sum(one_each(np.array(values), edges).share) == pytest.approx(1.0)


def test_bins_are_of_about_equal_weight() -> None:
    rng = np.random.default_rng(5)
    values, weight = rng.normal(size=5000), rng.uniform(0.5, 2.0, 5000)
    made = histogram(values, weight, np.arange(5000), edges_of(values, weight))
    assert made is not None
    assert len(made.edges) == 9
    np.testing.assert_allclose(made.share[:10], 0.1, atol=0.002)
    assert made.share[10] == 0.0


def test_rows_count_for_as_much_as_there_are_people_behind_them() -> None:
    """Ten times the same row of each person tells no more than one; weights cost what they do."""
    rng = np.random.default_rng(6)
    values, edges = rng.normal(size=2000), (-1.0, 0.0, 1.0)
    once = one_each(values, edges)
    again = histogram(np.repeat(values, 10), np.ones(20_000), np.repeat(np.arange(2000), 10), edges)
    assert again is not None
    np.testing.assert_allclose(again.share, once.share)
    assert again.effective == pytest.approx(once.effective)
    assert once.effective == pytest.approx(2000, rel=0.01)
    apart = histogram(rng.normal(size=20_000), np.ones(20_000), np.repeat(np.arange(2000), 10), edges)
    assert apart is not None
    assert apart.effective == pytest.approx(20_000, rel=0.2)


@pytest.mark.parametrize("freedom", [1, 2, 5, 9, 12, 30])
def test_the_quantile_of_chi_squared_is_nearly_exact_and_rather_above(freedom: int) -> None:
    assert 0.999 <= chi_squared(freedom) / chi2.ppf(0.999, freedom) <= 1.035


def people_with_tastes(rng: np.random.Generator, people: int, shift: float = 0.0) -> Histogram:
    """SYNTHETIC: three to seven rows of each, half of their spread between people."""
    times = rng.integers(3, 8, people)
    whose = np.repeat(np.arange(people), times)
    values = rng.normal(shift, 0.7, people)[whose] + rng.normal(0.0, 0.7, len(whose))
    made = histogram(values, np.ones(len(values)), whose, EDGES)
    assert made is not None
    return made


EDGES = tuple(np.array([-1.28, -0.84, -0.52, -0.25, 0.0, 0.25, 0.52, 0.84, 1.28]).tolist())


def test_nothing_is_found_where_nothing_has_drifted() -> None:
    """At most one in a thousand exceeds the noise; 5 of 200 have a chance below 1 in 300,000 then. The mean is that of
    chi-squared, which holds the effective number to the truth within three standard errors and a tenth."""
    rng = np.random.default_rng(7)
    found = [drift(people_with_tastes(rng, 150), people_with_tastes(rng, 100)) for _ in range(SEEDS)]
    assert sum(one.psi > one.noise for one in found) < 5
    assert sum(one.shift is not Shift.NONE for one in found) < 5
    scaled = [one.psi * chi_squared(9) / one.noise for one in found]
    assert abs(np.mean(scaled) - 9.0) < 3.0 * math.sqrt(18.0 / SEEDS) + 0.9


def test_what_has_drifted_is_found() -> None:
    """Moved by one spread its true PSI is about 1, by a third of it about 0.11."""
    rng = np.random.default_rng(8)
    for _ in range(20):
        before = people_with_tastes(rng, 2000)
        assert drift(before, people_with_tastes(rng, 2000, 1.0)).shift is Shift.GREAT
        assert drift(before, people_with_tastes(rng, 2000, 0.4)).shift is Shift.SOME
    few = drift(people_with_tastes(rng, 12), people_with_tastes(rng, 12))
    assert few.noise > GREAT > SOME  # so few people show nothing


def test_what_becomes_unknown_has_drifted() -> None:
    rng = np.random.default_rng(9)
    values = rng.normal(size=3000)
    gone = np.where(rng.random(3000) < 0.3, np.nan, values)
    assert drift(one_each(values, EDGES), one_each(gone, EDGES)).shift is Shift.GREAT


def test_other_bins_are_not_compared() -> None:
    with pytest.raises(ValueError, match="over the same bins"):
        drift(one_each(np.zeros(3), (0.0,)), one_each(np.zeros(3), (1.0,)))


def test_calibration_in_the_large_covers_the_truth_as_often_as_it_says() -> None:
    """SYNTHETIC people who succeed more or less often than expected, all their contacts alike. Of 400 intervals 95 %
    hold within four standard errors."""
    rng, held = np.random.default_rng(10), 0
    for _ in range(400):
        whose = np.repeat(np.arange(400), rng.integers(1, 6, 400))
        expected = rng.uniform(0.05, 0.3, len(whose))
        liking = rng.choice([0.5, 1.5], 400)[whose]
        observed = (rng.random(len(whose)) < 1.2 * liking * expected).astype(np.float64)
        found = in_the_large(observed, expected, whose)
        held += found.low <= 1.2 <= found.high
    assert abs(held / 400 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 400)


def test_calibration_in_the_large_of_few() -> None:
    nobody = np.zeros(0)
    assert math.isnan(in_the_large(nobody, nobody, nobody.astype(np.int64)).ratio)
    none = in_the_large(np.zeros(10), np.full(10, 0.2), np.arange(10))
    assert (none.ratio, none.low) == (0.0, 0.0)
    assert poisson.cdf(0, 2.0 * none.high) == pytest.approx(0.025, abs=1e-4)
    one = in_the_large(np.ones(1), np.full(1, 0.5), np.zeros(1, np.int64))
    assert (one.ratio, one.low, one.high) == (2.0, 0.0, math.inf)
    wider = in_the_large(np.array([1.0, 0, 1]), np.full(3, 0.5), np.arange(3), RARE)
    narrow = in_the_large(np.array([1.0, 0, 1]), np.full(3, 0.5), np.arange(3), TWO_SIDED)
    assert wider.low < narrow.low < narrow.ratio < narrow.high < wider.high


def test_a_reference_is_what_was_written() -> None:
    made = reference()
    assert from_object(to_object(made)) == made


@pytest.mark.parametrize(
    ("edges", "share", "effective"),
    [((0.0,), (0.5, 0.5), 9.0), ((), (0.5, 0.4), 9.0), ((1.0, 0.0), (1.0, 0, 0, 0), 9.0), ((), (1.0, 0.0), 0.0)],
)
def test_a_histogram_that_cannot_be_is_refused(
    edges: tuple[float, ...], share: tuple[float, ...], effective: float
) -> None:
    with pytest.raises(ValueError, match="histogram is of"):
        Histogram(edges, share, effective)
