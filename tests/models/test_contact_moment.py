"""Which contact is under way and what may be known at its moment: by example, and as laws of any history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Event, Kind
from features.history import EVENT, PAGE_LIMIT, Records, as_of, merged, page
from features.journey import LONGEST_WAIT
from models.contact_moment import (
    HOLD,
    NOTED,
    SKEW,
    TALK,
    Question,
    contacts,
    known_events,
    known_records,
    question,
    talk,
)
from training.labelled_contacts import LabelledContacts, labelled_contacts

MINUTE = 60_000
NOW = 1_767_225_600_000
CALL, CALL_END, PASSED = Kind.CALL_STARTED, Kind.CALL_ENDED, Kind.CALL_TRANSFERRED
MENU, CHAT, CHAT_END = Kind.IVR_MENU_SELECTED, Kind.CHAT_STARTED, Kind.CHAT_ENDED
OPENED, HANDED = Kind.CASE_OPENED, Kind.HANDED_OFF


@dataclass(frozen=True, slots=True)
class Told:
    """at: ms UTC. lag: ms until it was recorded."""

    kind: Kind
    at: int
    lag: int = 0


def records(told: Sequence[Told]) -> Records:
    rows = np.zeros(len(told), EVENT)
    rows["kind"] = [one.kind for one in told]
    rows["occurred_at"] = [one.at for one in told]
    rows["recorded_at"] = [one.at + one.lag for one in told]
    rows["sequence"] = np.arange(1, len(told) + 1)
    return rows[np.lexsort((rows["sequence"], rows["occurred_at"]))]


def minutes(*told: tuple[Kind, float]) -> Records:
    return records([Told(kind, NOW + int(at * MINUTE)) for kind, at in told])


@pytest.mark.parametrize(
    ("told", "began"),
    [
        ([(CALL, 0)], [0]),
        ([(CHAT, 0), (CALL, 49)], [0, 49]),
        ([(CHAT, 0), (CALL, 2)], [0, 2]),
        ([(CALL, 0), (CALL, 5)], [0, 5]),
        ([(CHAT, 0), (CHAT, 5)], [0, 5]),
        ([(MENU, 0), (MENU, 1), (CALL, 9)], [0]),
        ([(CALL, 0), (MENU, 1), (CALL, 9)], [0]),
        ([(MENU, 0), (CALL, 31)], [0, 31]),
        ([(MENU, 0), (CALL_END, 1), (CALL, 2)], [0, 2]),
        ([(CALL, 0), (CALL_END, 5), (MENU, 6)], [0, 6]),
        ([(CALL, 0), (PASSED, 5), (CALL, 12)], [0]),
        ([(CALL, 0), (PASSED, 5), (CALL_END, 5.5), (CALL, 12)], [0]),
        ([(CALL, 0), (CALL_END, 5), (PASSED, 5.5), (CALL, 12)], [0]),
        ([(CALL, 0), (PASSED, 5), (CALL_END, 20), (CALL, 21)], [0, 21]),
        ([(CALL, 0), (PASSED, 5), (CHAT, 6)], [0, 6]),
        ([(CHAT, 0), (HANDED, 5), (CHAT_END, 5), (CALL, 12)], [0]),
        ([(CHAT, 0), (CHAT_END, 5), (HANDED, 5.1), (MENU, 12), (CALL, 13)], [0]),
        ([(CHAT, 0), (HANDED, 5), (CALL, 36)], [0, 36]),
        ([(CHAT, 0), (HANDED, 5), (CALL, 12), (CALL_END, 20), (CALL, 21)], [0, 21]),
        ([(HANDED, 0), (CALL, 1)], [1]),
        ([(OPENED, 0)], []),
        ([(OPENED, 0), (CALL, 30)], [30]),
        ([(PASSED, 0), (CALL_END, 1)], []),
        ([(MENU, minute) for minute in range(0, 240, 20)], [0, 140]),
    ],
)
def test_a_contact_begins_when_the_person_comes(told: list[tuple[Kind, float]], began: list[float]) -> None:
    found = contacts(talk(minutes(*told)))
    assert [(one.began - NOW) / MINUTE for one in found] == began


@pytest.mark.parametrize(
    ("told", "under_way_until"),
    [
        ([(CALL, 0)], 120),
        ([(CALL, 0), (MENU, 1)], 120),
        ([(MENU, 0)], 30),
        ([(CALL, 0), (CALL_END, 5)], 5),
        ([(CALL, 0), (CHAT_END, 5)], 120),
        ([(CHAT, 0), (CHAT_END, 5)], 5),
        ([(CHAT, 0), (HANDED, 4), (CHAT_END, 5)], 34),
        ([(CALL, 0), (PASSED, 5), (CALL, 30)], 120),
        ([(CALL, 0), (OPENED, 110)], 120),
    ],
)
def test_a_contact_is_over_with_its_end(told: list[tuple[Kind, float]], under_way_until: float) -> None:
    until, asked_of = NOW + int(under_way_until * MINUTE), minutes(*told)
    assert question(asked_of, until - 1).moment == NOW - 1
    assert question(asked_of, until) == Question.at(until)
    assert question(asked_of, NOW - 1) == Question.at(NOW - 1)
    assert question(asked_of[:0], NOW) == Question.at(NOW)


def labelled(told: Records, reasons: Mapping[int, str]) -> LabelledContacts:
    return labelled_contacts([told], reasons, int(told["recorded_at"].max()))


def test_a_case_tells_the_reason_of_the_contact_that_it_is_opened_in_or_soon_after() -> None:
    told = minutes((OPENED, -5), (CALL, 0), (CALL_END, 9), (OPENED, 39), (OPENED, 40), (CALL, 60), (CALL_END, 70))
    found = labelled(told, {1: "of the web", 2: "menu", 4: "noted", 5: "too late"})
    assert [(int(at) - NOW, found.reasons[code]) for at, code in zip(found.moment, found.reason, strict=True)] == [
        (-1, "noted")
    ]
    earlier = [found.reasons[code] for code in found.earlier.reason]
    assert earlier == ["of the web"]
    assert found.earlier.age == pytest.approx([5 / 1440], abs=1e-6)


def test_what_was_told_of_the_contact_before_is_known_of_the_next() -> None:
    told = minutes((CHAT, 0), (CHAT_END, 5), (CALL, 50))
    found = labelled(told, {1: "parcel", 3: "refund"})
    assert [found.reasons[code] for code in found.reason] == ["parcel", "refund"]
    assert found.earlier.contact.tolist() == [1]
    assert found.earlier.reason.tolist() == [0]


def test_what_was_recorded_before_the_contact_was_heard_of_came_before_it() -> None:
    """A delivery told just before the call, whose telephone system's clock is 5 seconds behind."""
    told = records([Told(Kind.ORDER_DELIVERED, NOW), Told(OPENED, NOW), Told(CALL, NOW - 5_000, lag=5_001)])
    asked = question(told, NOW + 2_000)
    assert asked == Question(NOW - 5_001, NOW + 1, NOW + 2_000)
    known = known_records(told, asked)
    assert known["kind"].tolist() == [Kind.ORDER_DELIVERED]
    assert known["occurred_at"].tolist() == [asked.moment]


def test_what_is_recorded_late_of_the_time_before_is_known_but_no_note_of_the_contact() -> None:
    late = [Told(kind, NOW - MINUTE, lag=2 * MINUTE) for kind in (Kind.ORDER_DELIVERED, OPENED, Kind.CASE_CLOSED)]
    told = records([*late, Told(CALL, NOW), Told(Kind.ORDERED, NOW + MINUTE)])
    for later, kinds in ((0, []), (MINUTE, [Kind.ORDER_DELIVERED])):
        assert known_records(told, question(told, NOW + later))["kind"].tolist() == kinds


def test_what_happens_in_a_contact_pushes_nothing_out_of_what_is_known() -> None:
    """Of a full page: the present one has lost what the page of before still held."""
    past = [Told(Kind.ORDERED, NOW - (PAGE_LIMIT + 50 - age) * MINUTE) for age in range(PAGE_LIMIT + 40)]
    late = Told(Kind.ORDER_DELIVERED, NOW - MINUTE, lag=3 * MINUTE)
    whole = records([*past, late, Told(CALL, NOW), *(Told(Kind.ORDERED, NOW + at) for at in range(1, 30))])
    present = NOW + 5 * MINUTE
    held = page(as_of(whole, present))
    asked = question(held, present)
    both = merged(page(as_of(whole, asked.moment)), held)
    expected = page(known_records(whole, asked)).tobytes()
    assert page(known_records(both, asked)).tobytes() == expected
    assert page(known_records(held, asked)).tobytes() != expected


_AT = st.one_of(st.integers(0, 20), st.integers(0, 200 * MINUTE)).map(lambda at: NOW + at)
_LAGS = st.one_of(st.just(0), st.integers(0, 2 * SKEW), st.integers(0, 200 * MINUTE))
_WORLDLY = [Kind.ORDERED, Kind.ORDER_DELIVERED, Kind.PAYMENT_FAILED, Kind.VIEWED]
_SPOKEN = st.builds(Told, st.sampled_from(sorted(TALK)), _AT)
_OTHERS = st.builds(Told, st.sampled_from([*_WORLDLY, *sorted(NOTED - TALK)]), _AT, _LAGS)
_ANY = st.builds(Told, st.sampled_from([*_WORLDLY, *sorted(NOTED)]), _AT, _LAGS)


@settings(max_examples=100, deadline=None)
@given(st.lists(_ANY, max_size=15), _AT)
def test_nothing_recorded_after_the_question_changes_it(told: list[Told], present: int) -> None:
    whole = records(told)
    asked = question(whole, present)
    assert question(as_of(whole, present), present) == asked
    assert known_records(as_of(whole, present), asked).tobytes() == known_records(whole, asked).tobytes()


@settings(max_examples=100, deadline=None)
@given(st.lists(_ANY, max_size=15), _AT)
def test_a_contact_is_bounded_and_its_own_notes_are_never_known(told: list[Told], present: int) -> None:
    whole = records(told)
    asked = question(whole, present)
    known = known_records(whole, asked)
    assert present - LONGEST_WAIT - max((one.lag for one in told), default=0) <= asked.moment <= present
    assert (known["occurred_at"] <= asked.moment).all()
    assert (known["recorded_at"] <= asked.moment).all()
    if asked.moment < present:
        chosen = whole[np.isin(whole["sequence"], known["sequence"])]
        noted = chosen[np.isin(chosen["kind"], sorted(NOTED))]
        assert (noted["occurred_at"] <= asked.moment).all()
        assert (noted["recorded_at"] <= asked.heard_at).all()
        assert (chosen["occurred_at"] <= asked.moment + SKEW).all()
    for contact in contacts(talk(whole)):
        assert contact.until <= contact.began + LONGEST_WAIT + max(one.lag for one in told)


@settings(max_examples=100, deadline=None)
@given(st.lists(_SPOKEN, max_size=12), st.lists(_OTHERS, max_size=8), st.sampled_from([0, 3_000, 5 * MINUTE]))
def test_a_labelled_contact_is_asked_about_as_it_was_served(spoken: list[Told], others: list[Told], lag: int) -> None:
    """Of telephone systems that are late, but always as late: asked when the contact was first heard of, the service
    sees the same moment and the same events, unless it was over by then."""
    whole = records([*(Told(one.kind, one.at, lag) for one in spoken), *others])
    if len(whole) == 0:
        return
    found = labelled(whole, {int(one): "x" for one in whole["sequence"][np.isin(whole["kind"], sorted(TALK))]})
    for place in range(len(found)):
        asked = found.question(place)
        served = question(as_of(whole, asked.heard_at), asked.heard_at)
        assert served in (asked, Question.at(asked.heard_at)) or served.moment > asked.moment
        if lag == 0 and np.unique(whole["occurred_at"]).size == len(whole):
            assert served == asked
        if served == asked:
            seen = known_records(as_of(whole, asked.heard_at), served)
            assert seen.tobytes() == known_records(whole, asked).tobytes()


@settings(max_examples=100, deadline=None)
@given(st.lists(_SPOKEN, min_size=1, max_size=10), st.lists(_ANY, max_size=8), st.integers(1, HOLD))
def test_what_is_recorded_in_a_contact_changes_no_row(spoken: list[Told], noted: list[Told], lag: int) -> None:
    """Whatever is written down once it was heard of, dated as it may be."""
    before = records(spoken)
    for contact in contacts(talk(before)):
        asked = contact.asked()
        late = [Told(one.kind, one.at, max(asked.heard_at - one.at, 0) + lag) for one in noted]
        after = records([*spoken, *late])
        assert known_records(after, asked).tobytes() == known_records(before, asked).tobytes()


@settings(max_examples=100, deadline=None)
@given(st.lists(_ANY, max_size=15), _AT)
def test_events_are_known_as_their_records_are(told: list[Told], present: int) -> None:
    ordered = sorted(enumerate(told, 1), key=lambda pair: (pair[1].at, pair[0]))
    events = [Event(str(n), one.kind, "", one.at, one.at + one.lag) for n, one in ordered]
    whole = records(told)
    asked = question(whole, present)
    known = known_records(whole, asked)
    found = [(int(one.message_id), one.occurred_at, one.recorded_at) for one in known_events(events, asked)]
    columns = (known[name].tolist() for name in ("sequence", "occurred_at", "recorded_at"))
    assert found == list(zip(*columns, strict=True))
