"""Journeys and hand-offs: the laws, the oracle, and the stories that they are for. Everything here is synthetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Kind
from features.history import EVENT, NO_CHANNEL, PAGE_LIMIT, Records, page
from features.journey import ARRIVALS, LONGEST_WAIT, MOVES, STEPS, HandoffState, handoffs, present
from tests.features import journey_oracle
from tests.features.histories import NOW, crowd

MINUTE = 60_000
IDLE, PATIENCE = 30 * MINUTE, 60 * MINUTE
WEB, CHAT, PHONE, IVR, STORE = range(5)

_TALKS = [Kind.CALL_STARTED, Kind.CALL_ENDED, Kind.CHAT_STARTED, Kind.CHAT_ENDED, Kind.CALL_TRANSFERRED]
_KINDS = st.one_of(
    st.sampled_from([*_TALKS, Kind.PAGE_SEEN, Kind.HANDED_OFF, Kind.HANDOFF_TAKEN]),
    st.sampled_from(sorted(STEPS)),
    st.sampled_from(list(Kind)),
)
_MINUTES = [0, 1, 2, 5, 10, 20, 29, 30, 31, 45, 59, 60, 61, 119, 120, 121, 150, 240, 600]
_AGES = st.sampled_from([age * MINUTE + step for age in _MINUTES for step in (-1, 0, 1)])
_EVENTS = st.tuples(
    _AGES,
    st.sampled_from([0, 0, 0, 1, 40 * MINUTE]),
    _KINDS,
    st.sampled_from([WEB, CHAT, PHONE, NO_CHANNEL]),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(-1, 2),
)
_MOMENTS = st.sampled_from([NOW, NOW - 1, NOW - 20 * MINUTE, NOW + 90 * MINUTE])


def _records(rows: list[tuple[int, ...]]) -> Records:
    made = np.zeros(len(rows), dtype=EVENT)
    for place, (age, lag, kind, channel, order, decision, item) in enumerate(rows):
        made[place] = (NOW - age, NOW - age + lag, place, order, decision, 1.0, 1.0, item, -1, kind, channel, 0)
    return made


_HISTORIES = st.lists(_EVENTS, min_size=1, max_size=16).map(_records)


def told(kind: Kind, age: float, channel: int = NO_CHANNEL, **columns: int) -> Records:
    """One event, `age` minutes before NOW."""
    one = _records([(int(age * MINUTE), 0, kind, channel, 0, 0, -1)])
    for name, value in columns.items():
        one[name] = value
    return one


@settings(max_examples=500)
@given(_HISTORIES, _MOMENTS)
def test_both_say_what_the_oracle_says(history: Records, moment: int) -> None:
    assert present(history, moment, IDLE) == journey_oracle.present(history, moment, IDLE)
    assert handoffs(history, moment, PATIENCE) == journey_oracle.handoffs(history, moment, PATIENCE)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_full_page_is_as_the_oracle_says(seed: int) -> None:
    history = page(crowd(seed, 1500))
    assert len(history) == PAGE_LIMIT
    moment = int(history["occurred_at"].max())
    day = 24 * 60 * MINUTE
    assert present(history, moment, day // 8) == journey_oracle.present(history, moment, day // 8)
    assert handoffs(history, moment, day) == journey_oracle.handoffs(history, moment, day)


@given(_HISTORIES, _MOMENTS, st.randoms())
def test_the_order_of_arrival_changes_nothing(history: Records, moment: int, random: object) -> None:
    order = list(range(len(history)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = history[order].copy()
    shuffled["sequence"] = np.arange(len(history))
    assert present(shuffled, moment, IDLE) == present(history, moment, IDLE)
    assert handoffs(shuffled, moment, PATIENCE) == handoffs(history, moment, PATIENCE)


@given(_HISTORIES, _HISTORIES, _MOMENTS)
def test_nothing_later_is_seen(history: Records, more: Records, moment: int) -> None:
    late = more[(more["recorded_at"] > moment) | (more["occurred_at"] > moment)]
    joined = np.concatenate((late, history))
    assert present(joined, moment, IDLE) == present(history, moment, IDLE)
    assert handoffs(joined, moment, PATIENCE) == handoffs(history, moment, PATIENCE)


@given(_HISTORIES, _HISTORIES, _MOMENTS)
def test_an_old_journey_changes_nothing(history: Records, old: Records, moment: int) -> None:
    old = old.copy()
    distance = 2 * LONGEST_WAIT + IDLE + 700 * MINUTE
    old["occurred_at"] -= distance
    old["decision"] += 10
    assert present(np.concatenate((history, old)), moment, IDLE) == present(history, moment, IDLE)


@given(_HISTORIES, _MOMENTS)
def test_a_journey_is_bounded_by_its_steps(history: Records, moment: int) -> None:
    journey = present(history, moment, IDLE)
    if journey is None:
        return
    assert journey.started_at <= journey.latest_at <= moment
    assert journey.latest_at - journey.started_at <= journey.elapsed <= moment - journey.started_at
    assert len(set(journey.channels)) == len(journey.channels)
    assert journey.transfers <= sum(history["kind"] != Kind.HANDED_OFF)


@given(_HISTORIES, _MOMENTS)
def test_a_hand_off_once_taken_stays_taken(history: Records, moment: int) -> None:
    before = {one.code: one.state for one in handoffs(history, moment, PATIENCE)}
    after = {one.code: one.state for one in handoffs(history, moment + 200 * MINUTE, PATIENCE)}
    assert set(before) <= set(after)
    assert all(after[code] is not HandoffState.OPEN for code in after if code in before)


def test_the_kinds_are_parts_of_one_another() -> None:
    assert ARRIVALS < STEPS
    assert MOVES < STEPS


def test_nobody_there_is_no_journey() -> None:
    assert present(_records([]), NOW, IDLE) is None
    assert handoffs(_records([]), NOW, PATIENCE) == ()
    assert present(told(Kind.SENT, 1, WEB), NOW, IDLE) is None


def test_a_journey_ends_when_the_person_lets_it_rest() -> None:
    seen = told(Kind.PAGE_SEEN, 30, WEB)
    assert present(seen, NOW, IDLE) is not None
    assert present(seen, NOW + 1, IDLE) is None


def test_from_the_website_over_the_telephone_to_an_agent() -> None:
    history = np.concatenate(
        (
            told(Kind.BASKET_ADDED, 40, WEB, item=7),
            told(Kind.PAYMENT_FAILED, 35, WEB, order=99),
            told(Kind.CALL_STARTED, 12, PHONE),
            told(Kind.IVR_MENU_SELECTED, 11, IVR),
            told(Kind.CALL_TRANSFERRED, 10, PHONE),
        )
    )
    journey = present(history, NOW, IDLE)
    assert journey is not None
    assert journey.elapsed == 40 * MINUTE  # the call is still under way
    assert journey.channels == (WEB, PHONE, IVR)
    assert journey.transfers == 2  # to the telephone, and from agent to agent
    assert (journey.items, journey.orders) == ((7,), (99,))


def test_a_long_call_is_still_the_journey() -> None:
    call = told(Kind.CALL_STARTED, 100, PHONE)
    journey = present(call, NOW, IDLE)
    assert journey is not None
    assert journey.elapsed == 100 * MINUTE
    ended = np.concatenate((call, told(Kind.CALL_ENDED, 90, PHONE)))
    assert present(ended, NOW, IDLE) is None
    assert present(call, NOW + 21 * MINUTE, IDLE) is None


def test_pages_beside_a_chat_pass_nobody_on() -> None:
    beside = [told(Kind.PAGE_SEEN, age, WEB) for age in (9, 7, 5)]
    said = [told(Kind.FORM_FIELD_CAPTURED, age, CHAT) for age in (8, 6)]
    journey = present(np.concatenate((told(Kind.CHAT_STARTED, 10, CHAT), *beside, *said)), NOW, IDLE)
    assert journey is not None
    assert (journey.transfers, journey.channels) == (0, (CHAT, WEB))


def _handed_off(age: float, to: int) -> Records:
    return told(Kind.HANDED_OFF, age, to, decision=5)


def test_a_hand_off_is_open_then_lost() -> None:
    history = np.concatenate((told(Kind.CHAT_STARTED, 70, CHAT), _handed_off(60, PHONE)))
    (waiting,) = handoffs(history, NOW, PATIENCE)
    assert waiting == replace(waiting, at=NOW - 60 * MINUTE, code=5, channel=PHONE, state=HandoffState.OPEN)
    (lost,) = handoffs(history, NOW + 1, PATIENCE)
    assert lost.state is HandoffState.LOST
    assert present(history, NOW - 59 * MINUTE, IDLE).channels == (CHAT,)  # type: ignore[union-attr]


def test_coming_to_the_channel_takes_a_hand_off_in_time_only() -> None:
    handed = _handed_off(200, PHONE)
    in_time = np.concatenate((handed, told(Kind.CALL_STARTED, 150, PHONE)))
    too_late = np.concatenate((handed, told(Kind.CALL_STARTED, 100, PHONE)))
    elsewhere = np.concatenate((handed, told(Kind.CHAT_STARTED, 150, CHAT)))
    states = [handoffs(history, NOW, PATIENCE)[0].state for history in (in_time, too_late, elsewhere)]
    assert states == [HandoffState.TAKEN, HandoffState.LOST, HandoffState.LOST]


def test_an_agent_takes_a_hand_off_even_late() -> None:
    history = np.concatenate((_handed_off(200, PHONE), told(Kind.HANDOFF_TAKEN, 3, PHONE, decision=5)))
    assert handoffs(history, NOW - 4 * MINUTE, PATIENCE)[0].state is HandoffState.LOST
    assert handoffs(history, NOW, PATIENCE)[0].state is HandoffState.TAKEN


def test_a_hand_off_taken_passes_the_person_on_once() -> None:
    chat = np.concatenate((told(Kind.CHAT_STARTED, 50, CHAT), told(Kind.CHAT_ENDED, 40, CHAT), _handed_off(40, PHONE)))
    taken = told(Kind.HANDOFF_TAKEN, 2, PHONE, decision=5)
    called = np.concatenate((chat, told(Kind.CALL_STARTED, 5, PHONE), taken))
    simply_taken = np.concatenate((chat, taken))
    for history in (called, simply_taken):
        journey = present(history, NOW, IDLE)
        assert journey is not None
        assert (journey.transfers, journey.channels, journey.started_at) == (1, (CHAT, PHONE), NOW - 50 * MINUTE)
    same_channel = np.concatenate((told(Kind.CHAT_STARTED, 50, CHAT), _handed_off(40, CHAT)))
    passed = present(np.concatenate((same_channel, told(Kind.HANDOFF_TAKEN, 30, CHAT, decision=5))), NOW, IDLE)
    assert passed is not None
    assert passed.transfers == 1
