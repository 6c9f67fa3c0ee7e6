"""The newest word counts, no wins a tie, and nothing is assumed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.consent import Consent, entries, state
from features.event import Kind
from features.history import EVENT, NO_CHANNEL, Records

words = st.lists(
    st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3), st.sampled_from([0, 1, NO_CHANNEL])), max_size=10
)


def events_of(given_words: list[tuple[bool, int, int, int]]) -> Records:
    made = np.zeros(len(given_words), dtype=EVENT)
    for number, (granted, occurred_at, lag, channel) in enumerate(given_words):
        row = made[number]
        row["kind"] = Kind.CONSENT_GRANTED if granted else Kind.CONSENT_WITHDRAWN
        row["occurred_at"], row["recorded_at"] = occurred_at, occurred_at + lag
        row["sequence"], row["channel"] = number + 1, channel
    return made


def state_slowly(given_words: list[tuple[bool, int, int, int]], channel: int, moment: int) -> Consent | None:
    heard = [
        (occurred_at, not granted)
        for granted, occurred_at, lag, where in given_words
        if occurred_at + lag <= moment and (where == channel or (where == NO_CHANNEL and not granted))
    ]
    if not heard:
        return None
    since, withdrawn = max(heard)
    return Consent(not withdrawn, since)


@settings(max_examples=300, deadline=None)
@given(given_words=words, channel=st.integers(0, 2), moment=st.integers(0, 8))
def test_state_equals_the_slow_oracle(given_words: list[tuple[bool, int, int, int]], channel: int, moment: int) -> None:
    assert state(entries(events_of(given_words)), channel, moment) == state_slowly(given_words, channel, moment)


def test_a_tie_is_a_no() -> None:
    both = [(True, 3, 0, 0), (False, 3, 0, 0)]
    assert state(entries(events_of(both)), 0, 9) == Consent(granted=False, since=3)
    assert state(entries(events_of(both[::-1])), 0, 9) == Consent(granted=False, since=3)
