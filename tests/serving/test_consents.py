"""What a customer said yes and no to, as it is shown: what holds, and everything that was said."""

from __future__ import annotations

from features.consent import PROFILING_TOPIC
from features.event import Event, Kind
from features.history import text_code
from features.vocabulary import Vocabulary
from serving.consents import HISTORY, consents_of, topic_names, unnamed_topics
from serving.know_answers import ConsentAnswer, StatementAnswer
from serving.schemas import Instant
from tests.models.shop import DAY, NOW, customer, event

YES, NO = Kind.CONSENT_GRANTED, Kind.CONSENT_WITHDRAWN
NAMES = {text_code(topic): topic for topic in ("news", PROFILING_TOPIC)}


def view(*events: Event) -> list[ConsentAnswer]:
    vocabulary = Vocabulary()
    vocabulary.learn("channel", [(0, "email"), (1, "sms")])
    return consents_of(customer(events, vocabulary).consents, vocabulary, NAMES, NOW)


def said(granted: bool, days_ago: float, lag: float = 0.0) -> StatementAnswer:
    at = NOW - round(days_ago * DAY)
    return StatementAnswer(granted, Instant(at), Instant(at + round(lag * DAY)))


def test_each_channel_and_topic_shows_what_holds_and_what_was_said() -> None:
    shown = view(
        event(YES, 9, channel="email"),
        event(NO, 5, channel="email", topic="news", lag_days=2),
        event(YES, 7, channel="email", topic="news"),
        event(NO, 3, channel="sms"),
    )
    at = [Instant(NOW - days * DAY) for days in (9, 5, 3)]
    assert shown[0] == ConsentAnswer("email", None, granted=True, since=at[0], history=[said(True, 9)])
    assert shown[1] == ConsentAnswer("email", "news", False, at[1], [said(True, 7), said(False, 5, lag=2)])
    assert shown[2] == ConsentAnswer("sms", None, granted=False, since=at[2], history=[said(False, 3)])
    assert len(shown) == 3


def test_a_no_on_every_channel_shows_on_each() -> None:
    everywhere = event(NO, 1)
    shown = view(event(YES, 9, channel="email"), everywhere)
    assert [(one.channel, one.granted, len(one.history)) for one in shown] == [("email", False, 1), (None, False, 1)]
    lifted = view(event(YES, 0.5, channel="email"), event(YES, 0.2), everywhere)
    assert [(one.channel, one.granted) for one in lifted] == [("email", True), (None, False)]


def test_of_much_that_was_said_the_newest_is_shown_and_all_of_it_holds() -> None:
    (shown,) = view(event(NO, 90, channel="email"), *(event(YES, day, channel="email") for day in range(70, 0, -1)))
    assert shown.history == [said(True, day) for day in range(HISTORY, 0, -1)]
    assert (shown.granted, shown.since) == (True, Instant(NOW - DAY))


def test_profiling_is_shown_once_wherever_it_was_said() -> None:
    (shown,) = view(event(NO, 3, channel="email", topic="profiling"), event(YES, 1, topic="profiling"))
    assert (shown.channel, shown.topic, shown.granted) == (None, "profiling", True)
    assert shown.history == [said(False, 3), said(True, 1)]


def test_a_topic_that_no_catalogue_declares_is_named_by_whoever_spoke_of_it() -> None:
    told = event(NO, 1, channel="email", topic="retired")
    vocabulary = Vocabulary()
    vocabulary.learn("channel", [(0, "email")])
    consents = customer([told], vocabulary).consents
    assert unnamed_topics(consents, topic_names(None, ()))
    assert not unnamed_topics(consents, {text_code("retired"): "retired"})
    assert view(told) == []
