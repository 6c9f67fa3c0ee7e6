"""Shares of channels by hour: the declared formula, and what it promises. Synthetic throughout."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.event import Kind
from features.habits import HOURS, NEIGHBOUR, PRIOR, RESPONSES, channel_shares, responses
from features.history import EVENT
from tests.features.histories import NOW

CHANNELS = np.array([7, 2, 5], np.uint8)
_RESPONSES = st.lists(st.tuples(st.sampled_from(CHANNELS.tolist()), st.integers(0, HOURS - 1)), max_size=30)


def shares_of(told: list[tuple[int, int]]) -> np.ndarray:
    return channel_shares(
        np.array([one for one, _ in told], np.uint8), np.array([one for _, one in told], np.intp), CHANNELS
    )


@given(_RESPONSES)
def test_the_shares_are_those_of_the_formula(told: list[tuple[int, int]]) -> None:
    shares = shares_of(told)
    for hour in range(HOURS):
        near = {hour: 1.0, (hour + 1) % HOURS: NEIGHBOUR, (hour - 1) % HOURS: NEIGHBOUR}
        around = {c: sum(near.get(at, 0.0) for one, at in told if one == c) for c in CHANNELS.tolist()}
        for place, code in enumerate(CHANNELS.tolist()):
            base = (sum(one == code for one, _ in told) + 1) / (len(told) + len(CHANNELS))
            expected = (around[code] + PRIOR * base) / (sum(around.values()) + PRIOR)
            assert np.isclose(shares[hour, place], expected)


@given(_RESPONSES, st.sampled_from([0, 1, 2]), st.integers(0, HOURS - 1))
def test_shares_sum_to_one_and_follow_what_is_told(told: list[tuple[int, int]], place: int, hour: int) -> None:
    before = shares_of(told)
    after = shares_of([*told, (int(CHANNELS[place]), hour)])
    assert np.allclose(before.sum(axis=1), 1.0)
    assert after[hour, place] > before[hour, place]


def test_nobody_known_prefers_nothing() -> None:
    assert np.allclose(shares_of([]), 1 / 3)


def test_an_order_of_many_lines_is_one_response_and_a_machine_none() -> None:
    kinds = [Kind.ORDERED, Kind.ORDERED, Kind.MESSAGE_MACHINE_OPENED, Kind.SENT, Kind.CALL_STARTED, Kind.CALL_STARTED]
    page = np.zeros(len(kinds), EVENT)
    page["occurred_at"] = page["recorded_at"] = NOW
    page["kind"], page["channel"], page["sequence"] = kinds, [1, 1, 1, 1, 2, 255], range(len(kinds))
    assert responses(page, NOW)["kind"].tolist() == [Kind.ORDERED, Kind.CALL_STARTED]
    assert len(responses(page, NOW - 1)) == 0
    assert Kind.MESSAGE_MACHINE_OPENED not in RESPONSES
