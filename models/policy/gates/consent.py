"""Nobody is contacted without consent to the channel and to the topic. What silence means is the regime: under opt_in
no, under opt_out yes; under not_needed nobody asks. A topic may be stricter than its channel.

What is owed (a service, what the law demands) is no marketing and needs no consent to the channel; a service that has
a topic of its own is left out for who withdrew that very topic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features import consent
from models.catalogue import Regime
from models.document_fields import text_of
from models.policy.gate import Account
from models.policy.situation import Situation


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    name: str = "consent"
    revision: int = 3

    def refuses(self, situation: Situation) -> NDArray[np.bool_]:
        """Each pair of channel and topic is looked up once, however many actions share it."""
        if not len(situation.customer.consents) and not situation.compiled.policy.any_grant_needed:
            return situation.nobody
        topics = situation.compiled.topics
        pair = situation.candidates.channel * len(topics) + situation.compiled.topic[situation.candidates.action]
        distinct, place = np.unique(pair, return_inverse=True)
        said = consent.standing(situation.customer.consents, situation.moment)
        asked = ((situation.candidates.channels[one // len(topics)], topics[one % len(topics)]) for one in distinct)
        answers = [
            (not _open(situation, said, one, topic), _refuses(situation, said, one, topic)) for one, topic in asked
        ]
        closed, withdrawn = np.array(answers, np.bool_).reshape(-1, 2).T
        columns, action = situation.compiled.policy, situation.candidates.action
        owed = withdrawn[place] & ~columns.legal[action]
        return np.where(columns.owed[action], owed, closed[place])

    def account(self, situation: Situation, place: int) -> Account:
        channel = situation.channel(place)
        topic = situation.compiled.topics[situation.compiled.topic[situation.candidates.action[place]]]
        regime = situation.compiled.catalogue.regime(channel, topic)
        about = channel if topic is None else f"{channel} about {_named(situation, topic)}"
        said = consent.standing(situation.customer.consents, situation.moment)
        owed = situation.compiled.policy.owed[situation.candidates.action[place]]
        known = (_exactly if owed else _known)(situation, said, channel, topic)
        if known is None:
            return Account(regime, "nothing known", "a grant", f"{about} needs a grant ({regime}) and none is known")
        since = text_of(known.since)
        withdrawn = channel if known.topic == consent.EVERYTHING else about
        return Account(
            regime, f"withdrawn {since}", "a later grant", f"consent to {withdrawn} was withdrawn on {since}"
        )


def _named(situation: Situation, topic: str) -> str:
    return situation.compiled.catalogue.topics[topic].name


def _known(situation: Situation, said: consent.Standing, channel: str, topic: str | None) -> consent.Consent | None:
    return said.state(situation.compiled.channel_codes[channel], situation.compiled.topic_codes[topic])


def _open(situation: Situation, said: consent.Standing, channel: str, topic: str | None) -> bool:
    regime = situation.compiled.catalogue.regime(channel, topic)
    if regime is Regime.NOT_NEEDED:
        return True
    known = _known(situation, said, channel, topic)
    return known.granted if known is not None else regime is Regime.OPT_OUT


def _refuses(situation: Situation, said: consent.Standing, channel: str, topic: str | None) -> bool:
    """Whether the topic itself was withdrawn, whatever was said of the channel."""
    known = None if topic is None else _exactly(situation, said, channel, topic)
    return known is not None and not known.granted


def _exactly(situation: Situation, said: consent.Standing, channel: str, topic: str | None) -> consent.Consent | None:
    return said.exactly(situation.compiled.channel_codes[channel], situation.compiled.topic_codes[topic])
