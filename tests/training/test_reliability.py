"""Calibration by segment: figures of a plain loop, intervals that hold, parts that are parts. Data are synthetic."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.history import empty
from training import plots
from training.growing import Sample
from training.offpolicy.estimators import Terms
from training.offpolicy.intervals import linearised
from training.reliability import NOTE, flat, markdown, reliability
from training.segments import ANONYMOUS, NEW_BELOW, VALUES, By, Segment, by_history, by_traits, known_since
from training.train import FEWEST

WORLDS, PEOPLE, EACH = 300, 150, 6


def contacts(rng: np.random.Generator, factor: float) -> tuple[NDArray[np.float64], Sample]:
    """Synthetic: people who differ in how likely they are to answer, asked EACH times; what is predicted of everybody's
    mean is `factor` times too low. Weights differ, as those of drawn failures do."""
    person = np.repeat(np.arange(PEOPLE, dtype=np.int32), EACH)
    own = rng.beta(2.0, 6.0, PEOPLE)[person]
    label = rng.random(len(person)) < own
    weight = np.where(label, 1.0, rng.choice([1.0, 3.0], len(person)))
    mean = 0.25 / (0.25 + 0.75 * 2.0)  # of a weighted contact, failures counting twice
    return np.full(len(person), mean / factor), Sample(np.zeros((len(person), 1)), label, weight, person)


def whole(sample: Sample) -> Segment:
    return Segment(By.CHANNEL, "channel mail", np.ones(len(sample.label), np.bool_))


@pytest.mark.parametrize("factor", [1.0, 1.4])
def test_the_interval_holds_the_true_ratio_as_often_as_it_says(factor: float) -> None:
    rng = np.random.default_rng(4)
    found = [
        reliability(whole(sample), chance, sample) for chance, sample in (contacts(rng, factor) for _ in range(WORLDS))
    ]
    held = np.mean([one.low <= factor <= one.high for one in found])
    allowed = 3.0 * math.sqrt(0.95 * 0.05 / WORLDS) + 1.0 / PEOPLE  # of the count, and of the approximation
    assert abs(held - 0.95) <= allowed
    assert np.mean([one.ratio for one in found]) == pytest.approx(factor, rel=0.02)


def test_what_is_promised_half_is_found_to_be_off_and_only_there() -> None:
    chance, sample = contacts(np.random.default_rng(3), 1.0)
    first = sample.person < PEOPLE // 2
    halves = {"channel mail": first, "channel email": ~first}
    promised = np.where(first, chance, chance / 2.0)
    mail, email = (reliability(Segment(By.CHANNEL, name, rows), promised, sample) for name, rows in halves.items())
    assert (mail.is_off, email.is_off) == (False, True)
    assert email.low > 1.0
    text = markdown([mail, email])
    assert text.count(" * |") == 1
    assert flat([mail, email])["calibration.channel.email.ratio"] == email.ratio
    figure = plots.calibration_by(halves, promised, sample.label, sample.weight)
    names = [line.get_label() for line in figure.axes[0].get_lines()]
    assert names == ["channel mail", "channel email", "perfect"]


def test_actions_that_were_lucky_are_shown_and_starred_as_the_note_says() -> None:
    """Three thousand SYNTHETIC actions of which each is promised what is true, nine successes on average."""
    rng, starred = np.random.default_rng(5), Counter[str]()
    for _ in range(3000):
        label = np.sort(rng.random(300) < 0.03)[::-1]
        if label.sum() >= FEWEST:
            sample = Sample(np.zeros((300, 1)), label, np.ones(300), np.arange(300, dtype=np.int32))
            found = reliability(whole(sample), np.full(300, 0.03), sample)
            starred["above" if found.low > 1.0 else "below" if found.high < 1.0 else "not"] += 1
    assert starred["above"] / starred.total() > 0.05
    assert starred["below"] == 0
    assert "more than one in twenty has a * by chance, mostly above 1" in NOTE


def test_figures_are_those_of_a_plain_loop() -> None:
    chance, sample = contacts(np.random.default_rng(9), 1.0)
    rows = sample.person % 3 == 1
    found = reliability(Segment(By.ACTION, "action a", rows), chance, sample)
    total = successes = promised = happened = 0.0
    for row in np.flatnonzero(rows).tolist():
        total += sample.weight[row]
        successes += sample.label[row]
        promised += sample.weight[row] * chance[row]
        happened += sample.weight[row] * sample.label[row]
    assert (found.rows, found.successes) == (pytest.approx(total), successes)
    assert (found.predicted, found.observed) == (pytest.approx(promised / total), pytest.approx(happened / total))
    assert found.ratio == pytest.approx(happened / promised)


def test_few_successes_have_no_interval() -> None:
    chance, sample = contacts(np.random.default_rng(9), 1.0)
    few = Sample(sample.columns, np.arange(len(sample.label)) < 9, sample.weight, sample.person)
    found = reliability(whole(few), chance, few)
    assert math.isnan(found.low)
    assert not found.is_off
    assert "to" not in markdown([found]).splitlines()[2]


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-5, 5), st.floats(0.5, 2)), min_size=8, max_size=40))
def test_linearised_is_the_sandwich_of_a_plain_loop(rows: list[tuple[int, float, float]]) -> None:
    person = np.array([one for one, _, _ in rows], np.int64)
    if len(set(person.tolist())) < 2:
        return
    above, below = np.array([one for _, one, _ in rows]), np.array([one for _, _, one in rows])
    found = linearised(Terms(above, below), person)
    value = above.sum() / below.sum()
    squares = 0.0
    for one in set(person.tolist()):
        mine = person == one
        squares += (above[mine].sum() - value * below[mine].sum()) ** 2
    people = len(set(person.tolist()))
    error = math.sqrt(squares * people / (people - 1)) / below.sum()
    assert found.error == pytest.approx(error, abs=1e-9)
    assert found.low <= found.value <= found.high


@given(
    st.lists(
        st.fixed_dictionaries(
            {}, optional={"tier": st.sampled_from([f"t{number}" for number in range(20)]), "plan": st.just("x")}
        ),
        max_size=30,
    )
)
def test_a_traits_segments_share_no_contact_and_are_no_more_than_can_be_read(told: list[dict[str, str]]) -> None:
    said = told * ANONYMOUS
    found = by_traits(said, np.arange(len(said)))
    for name in ("tier", "plan"):
        mine = [one for one in found if one.name.startswith(f"{name} ")]
        values = {one.get(name) for one in said}
        assert len(mine) == (min(len(values), VALUES) if values - {None} else 0)
        if mine:
            assert np.sum([one.rows for one in mine], axis=0).max() <= 1
            assert len(values) > VALUES or np.sum([one.rows for one in mine], axis=0).min() == 1


def test_what_few_have_in_common_is_no_segment() -> None:
    said = [{"tier": "gold"}] * 3 * ANONYMOUS + [{"tier": "of one family"}] * 3 * ANONYMOUS
    person = np.concatenate([np.arange(3 * ANONYMOUS), 1_000 + np.arange(3 * ANONYMOUS) % (ANONYMOUS - 1)])
    assert [one.name for one in by_traits(said, person)] == ["tier gold"]


@given(st.lists(st.integers(0, 3 * NEW_BELOW), min_size=1))
def test_everybody_is_new_or_known(events: list[int]) -> None:
    found = by_history(np.array(events, np.int64))
    assert (np.sum([one.rows for one in found], axis=0) == 1).all()
    assert sum(one.rows.sum() for one in found if one.name.startswith("new")) == sum(one < NEW_BELOW for one in events)


def test_an_event_is_known_when_it_has_happened_and_was_told() -> None:
    records = np.zeros(3, empty().dtype)
    records["occurred_at"], records["recorded_at"] = [1, 5, 9], [7, 5, 2]
    assert known_since(records).tolist() == [5, 7, 9]
