"""The newest word counts, no wins a tie, a topic's no outlasts the channel's yes, and nothing is assumed."""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.consent import EVERYTHING, PROFILING, Consent, Statement, entries, history, objects_to_profiling, state
from features.event import Event, Kind
from features.history import EVENT, NO_CHANNEL, Records, text_code
from features.stores.packed import record_of

NEWS, OFFERS = text_code("news"), text_code("offers")
EMAIL, SMS = 0, 1
LAW = settings(max_examples=300, deadline=None)


class Said(NamedTuple):
    granted: bool
    at: int
    lag: int = 0
    channel: int = EMAIL
    topic: int = EVERYTHING

    def known(self, moment: int) -> bool:
        return self.at + self.lag <= moment


topics = st.sampled_from([EVERYTHING, NEWS, OFFERS])
channels = st.sampled_from([EMAIL, EMAIL, SMS, NO_CHANNEL])
statements = st.builds(
    Said,
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from([0, 0, 0, 2]),
    channels,
    st.sampled_from([EVERYTHING, NEWS, PROFILING]),
)
words = st.lists(statements, max_size=10)
moments = st.integers(0, 5)


def heard(said: list[Said]) -> Records:
    """The consent list, as the order of arrival makes it."""
    made = np.zeros(len(said), dtype=EVENT)
    for number, one in enumerate(said):
        row = made[number]
        row["kind"] = Kind.CONSENT_GRANTED if one.granted else Kind.CONSENT_WITHDRAWN
        row["occurred_at"], row["recorded_at"] = one.at, one.at + one.lag
        row["sequence"], row["channel"], row["order"] = number + 1, one.channel, one.topic
    return entries(made)


def state_slowly(said: list[Said], channel: int, topic: int, moment: int) -> Consent | None:
    """No, while some withdrawal stands that nothing later lifts."""
    known = [one for one in said if one.known(moment) and one.topic in (EVERYTHING, topic)]
    grants = [one for one in known if one.granted and one.channel == channel != NO_CHANNEL]
    withdrawals = [one for one in known if not one.granted and one.channel in (channel, NO_CHANNEL)]
    standing = [
        one
        for one in withdrawals
        if not any(grant.at > one.at and one.topic in (EVERYTHING, grant.topic) for grant in grants)
    ]
    deciding = standing or grants
    if not deciding:
        return None
    newest = max(deciding, key=lambda one: (one.at, one.topic == topic))
    return Consent(not standing, newest.at, newest.topic)


@LAW
@given(said=words, channel=st.sampled_from([EMAIL, SMS, 2, NO_CHANNEL]), topic=topics, moment=moments)
def test_state_equals_the_slow_oracle(said: list[Said], channel: int, topic: int, moment: int) -> None:
    assert state(heard(said), channel, topic, moment) == state_slowly(said, channel, topic, moment)


@LAW
@given(said=words, shuffled=st.randoms(use_true_random=False), topic=topics, moment=moments)
def test_the_order_of_arrival_changes_nothing(
    said: list[Said], shuffled: random.Random, topic: int, moment: int
) -> None:
    other = list(said)
    shuffled.shuffle(other)
    assert state(heard(other), EMAIL, topic, moment) == state(heard(said), EMAIL, topic, moment)
    assert objects_to_profiling(heard(other), moment) == objects_to_profiling(heard(said), moment)


@LAW
@given(
    said=words,
    more=statements,
    channel=st.sampled_from([EMAIL, SMS]),
    topic=topics,
    moment=moments,
    silence=st.booleans(),
)
def test_a_no_never_opens_and_a_yes_never_closes(
    said: list[Said], more: Said, channel: int, topic: int, moment: int, silence: bool
) -> None:
    def is_open(told: list[Said]) -> bool:
        found = state(heard(told), channel, topic, moment)
        return silence if found is None else found.granted

    if more.granted:
        assert is_open([*said, more]) >= is_open(said)
        assert objects_to_profiling(heard([*said, more]), moment) <= objects_to_profiling(heard(said), moment)
    else:
        assert is_open([*said, more]) <= is_open(said)
        assert objects_to_profiling(heard([*said, more]), moment) >= objects_to_profiling(heard(said), moment)


@LAW
@given(said=words, channel=st.sampled_from([EMAIL, SMS]), topic=topics, moment=moments)
def test_what_comes_to_be_known_later_changes_nothing(said: list[Said], channel: int, topic: int, moment: int) -> None:
    by_then = [one for one in said if one.known(moment)]
    assert state(heard(said), channel, topic, moment) == state(heard(by_then), channel, topic, moment)
    assert objects_to_profiling(heard(said), moment) == objects_to_profiling(heard(by_then), moment)
    assert len(history(heard(said), moment)) == len(by_then)


@pytest.mark.parametrize("turn", [1, -1])
def test_a_tie_is_a_no(turn: int) -> None:
    both = [Said(granted=True, at=3), Said(granted=False, at=3)][::turn]
    assert state(heard(both), EMAIL, EVERYTHING, 9) == Consent(granted=False, since=3, topic=EVERYTHING)


@pytest.mark.parametrize(
    ("said", "news", "offers"),
    [
        ([Said(False, 1, topic=NEWS), Said(True, 2)], False, True),
        ([Said(False, 1, topic=NEWS), Said(True, 2), Said(True, 3, topic=NEWS)], True, True),
        ([Said(False, 1), Said(True, 2, topic=NEWS)], True, False),
        ([Said(False, 1), Said(True, 2)], True, True),
        ([Said(True, 1, topic=NEWS), Said(False, 2)], False, False),
        ([Said(True, 2, topic=NEWS), Said(False, 2)], False, False),
        ([Said(True, 2, topic=NEWS), Said(False, 2, channel=NO_CHANNEL)], False, False),
        ([Said(True, 1, topic=NEWS)], True, None),
        ([Said(False, 5), Said(True, 2, lag=6)], False, False),
        ([Said(False, 1, channel=NO_CHANNEL)], False, False),
        ([Said(False, 1, channel=NO_CHANNEL), Said(True, 2, channel=SMS)], False, False),
        ([Said(False, 1, channel=NO_CHANNEL, topic=NEWS), Said(True, 2)], False, True),
        ([Said(True, 1, channel=NO_CHANNEL)], None, None),
        ([Said(False, 1), Said(True, 2, channel=NO_CHANNEL)], False, False),
        ([Said(False, 1, topic=PROFILING, channel=NO_CHANNEL)], None, None),
    ],
)
def test_topics_and_channels(said: list[Said], news: bool | None, offers: bool | None) -> None:
    found = [state(heard(said), EMAIL, topic, 9) for topic in (NEWS, OFFERS)]
    assert [one and one.granted for one in found] == [news, offers]


@LAW
@given(said=words, moment=moments)
def test_the_newest_word_on_profiling_counts_wherever_it_was_said(said: list[Said], moment: int) -> None:
    about = [(one.at, not one.granted) for one in said if one.topic == PROFILING and one.known(moment)]
    assert objects_to_profiling(heard(said), moment) == (bool(about) and max(about)[1])
    expected = Consent(not max(about)[1], max(about)[0], PROFILING) if about else None
    assert [state(heard(said), channel, PROFILING, moment) for channel in (EMAIL, NO_CHANNEL)] == [expected] * 2


def test_history_tells_everything_in_order() -> None:
    said = [Said(True, 4, topic=NEWS), Said(False, 2, lag=3, channel=NO_CHANNEL), Said(True, 3, channel=NO_CHANNEL)]
    assert history(heard(said), 9) == (
        Statement(NO_CHANNEL, EVERYTHING, granted=False, occurred_at=2, recorded_at=5),
        Statement(NO_CHANNEL, EVERYTHING, granted=True, occurred_at=3, recorded_at=3),
        Statement(EMAIL, NEWS, granted=True, occurred_at=4, recorded_at=4),
    )


def test_a_statement_keeps_its_topic_in_the_record() -> None:
    told = Event("m", Kind.CONSENT_WITHDRAWN, "Unsubscribed", 5, 6, channel="email", topic="news")
    (entry,) = entries(np.frombuffer(record_of(told, 1, EMAIL, -1, -1), dtype=EVENT))
    assert (entry["topic"], entry["channel"], entry["granted"], entry["recorded_at"]) == (NEWS, EMAIL, 0, 6)
