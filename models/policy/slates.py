"""From a ranking to the slates of a request: each channel its own, or one best pair over all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.decision import DecisionRequest
from models.policy.allowance import allowance, per_slate
from models.policy.arbitration import Ranking
from models.policy.exploration import UNIFORM, Dice, Drawn, Explorer, draw
from models.policy.situation import Situation
from models.policy.spending import all_funds
from models.policy_rules import Arm, Exploration

RULE = "at most per_slate of a group, but for what is owed"


def draw_slates(explorer: Explorer, situation: Situation, ranking: Ranking, dice: Dice) -> tuple[Drawn, ...]:
    """One Drawn for each channel, in the order of the request; all together are within the contact limits and
    what actions may spend, and each has no more of a group than it may. The random arm draws by its own rule."""
    rule = UNIFORM if situation.arm is Arm.RANDOM else explorer
    if situation.request.across == "best":
        return _best(rule, situation, ranking, dice)
    return _each(rule, situation.request, situation, ranking, dice)


def _each(
    explorer: Explorer, request: DecisionRequest, situation: Situation, ranking: Ranking, dice: Dice
) -> tuple[Drawn, ...]:
    several = len(situation.candidates.channels) > 1
    channel = situation.candidates.channel[ranking.place] if several else None
    action = situation.candidates.action[ranking.place] if request.distinct else None
    free = np.ones(len(ranking.place), np.bool_)
    left = allowance(situation, ranking.place).beside(all_funds(situation, ranking.place))
    left = left.beside(per_slate(situation, ranking.place))
    slates = []
    for number, name in enumerate(situation.candidates.channels):
        here = np.arange(len(free)) if channel is None else np.flatnonzero((channel == number) & free)
        pool = _before_fallbacks(left.within(here), ranking)
        allowed = situation.compiled.catalogue.channels[name].exploration
        drawn = draw(explorer, allowed, pool, ranking.priority, ranking.tie, ranking.first, left, request.limit, dice)
        if action is not None:
            free &= ~np.isin(action, action[[one.candidate for one in drawn.draws]])
        slates.append(drawn)
    return tuple(slates)


def _best(explorer: Explorer, situation: Situation, ranking: Ranking, dice: Dice) -> tuple[Drawn, ...]:
    """One draw over all (action, channel) pairs; equal ones go by the channels' order after the action's id. Every
    slate reports that draw's probability of no action, and its end when it took none."""
    channel = situation.candidates.channel[ranking.place]
    tie = ranking.tie * len(situation.candidates.channels) + channel
    left = allowance(situation, ranking.place).beside(all_funds(situation, ranking.place))
    everything = np.arange(len(ranking.place), dtype=np.intp)
    pool = _before_fallbacks(left.within(everything), ranking)
    names = situation.candidates.channels
    allowed = _strictest(situation, [names[number] for number in np.unique(channel[pool])])
    drawn = draw(explorer, allowed, pool, ranking.priority, tie, ranking.first, left, 1, dice)
    here = {int(channel[one.candidate]) for one in drawn.draws}
    return tuple(replace(drawn, draws=drawn.draws if number in here else ()) for number in range(len(names)))


def _before_fallbacks(pool: NDArray[np.intp], ranking: Ranking) -> NDArray[np.intp]:
    """The pool without its fallbacks, unless it has nothing else."""
    if not ranking.fallback.any():
        return pool
    others = pool[~ranking.fallback[pool]]
    return others if len(others) else pool


def _strictest(situation: Situation, channels: list[str]) -> Exploration | None:
    """What one draw over several channels may explore: as little as the strictest of them, for a draw that is not the
    best on one channel takes from another. None is less than any share but 0, which binds the random arm too."""
    found = [situation.compiled.catalogue.channels[name].exploration for name in channels]
    allowed = [one for one in found if one is not None]
    forbidden = next((one for one in allowed if one.is_forbidden), None)
    if forbidden is not None:
        return forbidden
    if not allowed or len(allowed) < len(found):
        return None
    return Exploration(min(one.share for one in allowed), max(one.gamma for one in allowed))
