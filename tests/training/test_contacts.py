"""Labels: one contact, one credit, nothing before its time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import CONTACTS, Kind
from features.history import EVENT, Records
from training.contacts import DAY, RewardRules, contacts

LAW = settings(max_examples=150, deadline=None)
MAIL, WEB = 1, 2
NOW = 100 * DAY

RULES = RewardRules(
    window=np.array([-1, 10 * DAY, 3 * DAY] + [-1] * 253, np.int64),
    success=np.array([Kind.CONVERTED, Kind.CLICKED, -1], np.int16),
    compiled=None,
)


@dataclass(frozen=True, slots=True)
class Told:
    kind: Kind
    at: float
    action: int = 0
    channel: int = MAIL
    decision: int = 0
    lag: float = 0.0


def history(*events: Told) -> Records:
    records = np.zeros(len(events), EVENT)
    for place, event in enumerate(events):
        row = records[place]
        row["kind"], row["action"], row["channel"] = event.kind, event.action, event.channel
        row["occurred_at"] = round(event.at * DAY)
        row["recorded_at"] = round((event.at + event.lag) * DAY)
        row["decision"], row["sequence"] = event.decision, place + 1
    return records


def labels(*events: Told, known_at: int = NOW) -> list[tuple[float, bool]]:
    return [(row["at"] / DAY, bool(row["success"])) for row in contacts(history(*events), RULES, known_at)]


def test_a_success_inside_the_window_counts_and_later_does_not() -> None:
    assert labels(Told(Kind.SENT, 5), Told(Kind.CONVERTED, 15)) == [(5, True)]
    assert labels(Told(Kind.SENT, 5), Told(Kind.CONVERTED, 15.001)) == [(5, False)]
    assert labels(Told(Kind.SENT, 5), Told(Kind.CONVERTED, 4)) == [(5, False)]


def test_only_the_declared_outcome_of_the_same_action_counts() -> None:
    assert labels(Told(Kind.SENT, 5), Told(Kind.CLICKED, 6)) == [(5, False)]
    assert labels(Told(Kind.SENT, 5), Told(Kind.CLICKED, 6, action=1)) == [(5, False)]
    assert labels(Told(Kind.SENT, 5, action=1), Told(Kind.CLICKED, 6, action=1)) == [(5, True)]


def test_an_outcome_is_credited_once_to_the_latest_contact() -> None:
    assert labels(Told(Kind.SENT, 5), Told(Kind.SENT, 8), Told(Kind.CONVERTED, 9)) == [(5, False), (8, True)]


def test_an_outcome_belongs_to_its_own_decision_first() -> None:
    first, second = Told(Kind.SENT, 5, decision=11), Told(Kind.SENT, 8, decision=12)
    assert labels(first, second, Told(Kind.CONVERTED, 9, decision=11)) == [(5, True), (8, False)]
    assert labels(first, second, Told(Kind.CONVERTED, 9, decision=99)) == [(5, False), (8, True)]


def test_an_outcome_belongs_to_the_channel_that_it_names() -> None:
    """One decision may choose an action on several channels; a purchase in a shop goes to the latest of them."""
    mail, web = Told(Kind.SENT, 5, decision=7), Told(Kind.DISPLAYED, 6, decision=7, channel=WEB)
    by_mail, on_web = (Told(Kind.CONVERTED, 7, decision=7, channel=one) for one in (MAIL, WEB))
    assert labels(mail, web, by_mail) == [(5, True), (6, False)]
    assert labels(mail, web, on_web) == [(5, False), (6, True)]
    assert labels(mail, web, by_mail, on_web) == [(5, True), (6, True)]
    assert labels(mail, web, Told(Kind.CONVERTED, 7, decision=7, channel=0)) == [(5, False), (6, True)]
    late = Told(Kind.CONVERTED, 8.9, decision=7, channel=MAIL)
    assert labels(Told(Kind.SENT, 8.95, decision=7), web, late) == [(6, True), (8.95, False)]


def test_sent_and_displayed_of_one_decision_are_one_contact_at_the_first() -> None:
    assert labels(Told(Kind.SENT, 5, decision=7), Told(Kind.DISPLAYED, 6, decision=7)) == [(5, False)]
    assert labels(Told(Kind.SENT, 5, decision=7), Told(Kind.SENT, 6, decision=7, channel=WEB)) == [
        (5, False),
        (6, False),
    ]


def test_not_sent_is_no_contact_nor_is_what_the_catalogue_does_not_know() -> None:
    assert labels(Told(Kind.NOT_SENT, 5), Told(Kind.SENT, 5, action=2), Told(Kind.SENT, 5, channel=9)) == []


def test_an_unfinished_window_has_no_label_even_after_a_success() -> None:
    assert labels(Told(Kind.SENT, 95), Told(Kind.CONVERTED, 96)) == []
    assert labels(Told(Kind.SENT, 90), Told(Kind.CONVERTED, 96)) == [(90, True)]


def test_a_success_recorded_late_matures_late() -> None:
    late = (Told(Kind.SENT, 5), Told(Kind.CONVERTED, 6, lag=20))
    (found,) = contacts(history(*late), RULES, NOW)
    assert (found["matured_at"], found["told_at"]) == (26 * DAY, 26 * DAY)
    assert labels(*late, known_at=25 * DAY) == [(5, False)]


def test_features_are_as_of_the_decision_else_just_before_the_contact() -> None:
    alone = contacts(history(Told(Kind.SENT, 5)), RULES, NOW)
    assert alone["moment"][0] == 5 * DAY - 1
    decided = contacts(history(Told(Kind.DECIDED, 4, decision=3), Told(Kind.SENT, 5, decision=3)), RULES, NOW)
    assert decided["moment"][0] == 4 * DAY


told = st.builds(
    Told,
    kind=st.sampled_from([Kind.SENT, Kind.DISPLAYED, Kind.NOT_SENT, Kind.CONVERTED, Kind.CLICKED, Kind.ORDERED]),
    at=st.integers(0, 100).map(float),
    action=st.integers(-1, 3),
    channel=st.sampled_from([0, MAIL, WEB, 255]),
    decision=st.integers(0, 3),
    lag=st.sampled_from([0.0, 0.0, 0.0, 15.0]),
)
histories = st.lists(told, max_size=14)


@given(histories)
@LAW
def test_there_are_never_more_successes_than_outcomes(events: list[Told]) -> None:
    found = contacts(history(*events), RULES, NOW)
    for action, kind in ((0, Kind.CONVERTED), (1, Kind.CLICKED)):
        outcomes = sum(event.kind == kind and event.action == action for event in events)
        assert found["success"][found["action"] == action].sum() <= outcomes
    assert len(found) <= sum(event.kind in CONTACTS for event in events)


@given(histories, st.lists(told, max_size=6), st.integers(20, 60))
@LAW
def test_what_is_recorded_later_changes_nothing(events: list[Told], later: list[Told], day: int) -> None:
    known = [event for event in events if event.at + event.lag <= day]
    unknown = [event for event in (*events, *later) if event.at + event.lag > day]
    before = contacts(history(*known), RULES, day * DAY)
    after = contacts(history(*known, *unknown), RULES, day * DAY)
    assert before.tobytes() == after.tobytes()


@given(histories)
@LAW
def test_a_label_is_settled_before_it_matures_and_never_changes(events: list[Told]) -> None:
    """Unless a contact itself is told late, and takes the credit of an earlier one."""
    prompt = [replace(event, lag=0.0) if event.kind in CONTACTS else event for event in events]
    final = contacts(history(*prompt), RULES, 200 * DAY)
    for row in final:
        then = contacts(history(*prompt), RULES, int(row["matured_at"]))
        assert row.tobytes() in {known.tobytes() for known in then}


@given(histories)
@LAW
def test_the_order_of_rows_is_nothing(events: list[Told]) -> None:
    records = history(*events)
    mixed = records.copy()
    np.random.default_rng(1).shuffle(mixed)
    assert contacts(records, RULES, NOW).tobytes() == contacts(mixed, RULES, NOW).tobytes()
