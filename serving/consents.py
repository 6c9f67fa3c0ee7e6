"""What a customer has said yes and no to, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from features import consent
from features.history import NO_CHANNEL, Records, text_code
from features.stores.people import LoggedEvent
from features.vocabulary import Vocabulary
from models.catalogue import Catalogue
from serving.know_answers import ConsentAnswer, StatementAnswer
from serving.schemas import Instant

CONSENT_KINDS = consent.CONSENT_KINDS
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
    """What holds at `moment` (ms UTC) for every channel and topic that was spoken of, and what was said. Profiling is
    there once, on no channel. A topic that `names` lacks is left out."""
    said: dict[tuple[int, int], list[StatementAnswer]] = {}
    for one in consent.history(consents, moment):
        channel = NO_CHANNEL if one.topic == consent.PROFILING else one.channel
        told = StatementAnswer(one.granted, Instant(one.occurred_at), Instant(one.recorded_at))
        said.setdefault((channel, one.topic), []).append(told)
    answers: list[ConsentAnswer] = []
    for (channel, topic), history in sorted(said.items(), key=lambda entry: entry[0]):
        state = consent.state(consents, channel, topic, moment)
        if state is None or (topic != consent.EVERYTHING and topic not in names):
            continue
        name = vocabulary.text("channel", channel)
        answers.append(ConsentAnswer(name, names.get(topic), state.granted, Instant(state.since), history))
    return answers
