"""With what chances a policy takes each choice in the first draw of each slate, given what was drawn before.

The same gates, ranking and draws as a decision's, but nothing is left to chance: every draw takes what it is told was
taken. So the chances of one policy can be had in the place of another's decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.history import CustomerRecord
from features.published import Published
from models.columns import CompiledCatalogue
from models.decide import weigh
from models.decision import DecisionRequest
from models.policy.arbitration import Ranking
from models.policy.arms import arm_of
from models.policy.slates import draw_slates
from models.policy.version import POLICY, Policy
from models.policy_rules import Arm, RankBy
from models.scoring import Scorer

Choice = tuple[str, str]
"""Channel and action id."""


@dataclass(frozen=True, slots=True, eq=False)
class FirstDraw:
    """choices: what competes in it. chances: float64[choices + 1], no action last; the sum is 1. foremost: the place in
    `choices` of the highest priority, of equals of the lowest tie, be it below 0; -1 without choices.
    ranked_by: as in Decision."""

    choices: tuple[Choice, ...]
    chances: NDArray[np.float64]
    foremost: int
    ranked_by: RankBy = RankBy.RESPONSE


def first_draws(
    request: DecisionRequest,
    customer: CustomerRecord,
    compiled: CompiledCatalogue,
    scorer: Scorer,
    moment: int,
    published: Published,
    taken: Sequence[Sequence[Choice]],
    policy: Policy = POLICY,
    arm: Arm | None = None,
) -> tuple[FirstDraw | None, ...]:
    """One for each channel of the request, in order; a single one for the best over all channels. taken: what each
    slate took, rank by rank. arm: None, the customer's. None after a slate that took what this policy could not take:
    of what comes after it nothing can be said. The rest as in `decide`."""
    its_arm = arm_of(compiled.catalogue.arms, request.subject, moment) if arm is None else arm
    weighed = weigh(request, customer, compiled, scorer, moment, published, policy, its_arm)
    situation, place = weighed.situation, weighed.ranking.place
    names = [(situation.channel(one), situation.action_id(one)) for one in place.tolist()]
    slates = 1 if request.across == "best" else len(request.channels)
    if len(taken) != slates:
        raise ValueError(f"taken is of {len(taken)} slates; the request has {slates}; tell of each what it took")
    told = _Told(names, weighed.ranking, taken, 1 if request.across == "best" else request.limit)
    draw_slates(policy.explorer, situation, weighed.ranking, told)
    return tuple(told.found)


@dataclass(slots=True)
class _Told:
    """names: of each place in the ranking. limit: of draws in a slate. rank: of the next draw in it."""

    names: Sequence[Choice]
    ranking: Ranking
    taken: Sequence[Sequence[Choice]]
    limit: int
    found: list[FirstDraw | None] = field(default_factory=list)
    rank: int = 0
    lost: bool = False

    def choose(self, pool: NDArray[np.intp], chances: NDArray[np.float64]) -> int:
        choices = tuple(self.names[one] for one in pool.tolist())
        if self.rank == 0:
            drawn = FirstDraw(choices, chances.copy(), self._foremost(pool), self.ranking.ranked_by)
            self.found.append(None if self.lost else drawn)
        slate = self.taken[len(self.found) - 1]
        if self.rank < len(slate) and slate[self.rank] in choices:
            place = choices.index(slate[self.rank])
            self.rank = (self.rank + 1) % self.limit
            return place
        self.lost |= self.rank < len(slate)
        self.rank = 0
        return len(choices)

    def _foremost(self, pool: NDArray[np.intp]) -> int:
        order = np.lexsort((self.ranking.tie[pool], -self.ranking.priority[pool]))
        return int(order[0]) if len(order) else -1
