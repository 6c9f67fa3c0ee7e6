"""What a customer has said yes and no to, in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from features import consent
from features.history import NO_CHANNEL, Records, text_code
from features.stores.people import LoggedEvent
from features.vocabulary import Vocabulary
from models.catalogue import Catalogue
from serving.know_answers import ConsentAnswer, StatementAnswer
from serving.schemas import Instant

CONSENT_KINDS = consent.CONSENT_KINDS
HISTORY = 50
"""Statements that are shown of each channel and topic, the newest of them."""

TopicNames = Mapping[int, str]
"""Topics by their text_code."""


def topic_names(catalogue: Catalogue | None, events: Iterable[LoggedEvent]) -> TopicNames:
    """The topics of the catalogue, and those that the events speak of."""
    listed = () if catalogue is None else catalogue.topics
    spoken = (one.event.topic for one in events if one.event.topic is not None)
    return {text_code(topic): topic for topic in (consent.PROFILING_TOPIC, *listed, *spoken)}


def unnamed_topics(consents: Records, names: TopicNames) -> bool:
    """Whether somebody spoke of a topic that is not among `names`."""
    return not set(consents["topic"].tolist()) <= {consent.EVERYTHING, *names}


def consents_of(consents: Records, vocabulary: Vocabulary, names: TopicNames, moment: int) -> list[ConsentAnswer]:
    """What holds at `moment` (ms UTC) for every channel and topic that was spoken of, and what was said last, at most
    HISTORY statements of each. Profiling is there once, on no channel. A topic that `names` lacks is left out."""
    said: dict[tuple[int, int], deque[consent.Statement]] = {}
    for one in consent.history(consents, moment):
        channel = NO_CHANNEL if one.topic == consent.PROFILING else one.channel
        said.setdefault((channel, one.topic), deque(maxlen=HISTORY)).append(one)
    holds = consent.standing(consents, moment)
    answers: list[ConsentAnswer] = []
    for (channel, topic), told in sorted(said.items(), key=lambda entry: entry[0]):
        state = holds.state(channel, topic)
        if state is None or (topic != consent.EVERYTHING and topic not in names):
            continue
        name = vocabulary.text("channel", channel)
        history = [StatementAnswer(one.granted, Instant(one.occurred_at), Instant(one.recorded_at)) for one in told]
        answers.append(ConsentAnswer(name, names.get(topic), state.granted, Instant(state.since), history))
    return answers
