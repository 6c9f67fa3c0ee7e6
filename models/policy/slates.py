"""From a ranking to the slates of a request: each channel its own, or one best pair over all of them."""

from __future__ import annotations

import numpy as np

from models.decision import DecisionRequest
from models.policy.arbitration import Ranking
from models.policy.exploration import Drawn, Explorer, draw
from models.policy.situation import Situation


def draw_slates(
    explorer: Explorer, situation: Situation, ranking: Ranking, rng: np.random.Generator
) -> tuple[Drawn, ...]:
    """One Drawn for each channel, in the order of the request."""
    if situation.request.across == "best":
        return _best(explorer, situation, ranking, rng)
    return _each(explorer, situation.request, situation, ranking, rng)


def _each(
    explorer: Explorer, request: DecisionRequest, situation: Situation, ranking: Ranking, rng: np.random.Generator
) -> tuple[Drawn, ...]:
    channel = situation.candidates.channel[ranking.place]
    action = situation.candidates.action[ranking.place]
    free = np.ones(len(ranking.place), np.bool_)
    slates = []
    for number in range(len(situation.candidates.channels)):
        pool = np.flatnonzero((channel == number) & free)
        drawn = draw(explorer, pool, ranking.priority, ranking.tie, ranking.first, request.limit, rng)
        if request.distinct:
            free &= ~np.isin(action, action[[one.candidate for one in drawn.draws]])
        slates.append(drawn)
    return tuple(slates)


def _best(explorer: Explorer, situation: Situation, ranking: Ranking, rng: np.random.Generator) -> tuple[Drawn, ...]:
    """One draw over all (action, channel) pairs; equal ones go by the channels' order after the action's id. Every
    slate reports that draw's probability of no action."""
    channel = situation.candidates.channel[ranking.place]
    tie = ranking.tie * len(situation.candidates.channels) + channel
    pool = np.arange(len(ranking.place), dtype=np.intp)
    drawn = draw(explorer, pool, ranking.priority, tie, ranking.first, 1, rng)
    here = {int(channel[one.candidate]) for one in drawn.draws}
    numbers = range(len(situation.candidates.channels))
    return tuple(Drawn(drawn.draws if number in here else (), drawn.no_action) for number in numbers)
