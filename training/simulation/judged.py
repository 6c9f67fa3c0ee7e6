"""What every choice was truly worth beside what else could have been chosen, on the same SYNTHETIC opportunities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from training.simulation.goods import CHANNELS
from training.simulation.truth import Floats

NOTHING: Final = -1
"""The choice of no action, worth 0."""
POLICIES: Final = ("ours", "random", "popularity", "best fixed", "oracle")
_RESAMPLES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Choices:
    """n decisions of a day. person, channel: intp[n]. action: intp[n], place or NOTHING. eligible: bool[n, A], after
    all gates. net: float64[n, A], the true expected net value. realised: float64[n], in the currency. popular: intp[n],
    what popularity would have chosen, or NOTHING. round: from 1."""

    round: int
    person: NDArray[np.intp]
    channel: NDArray[np.intp]
    action: NDArray[np.intp]
    eligible: NDArray[np.bool_]
    net: Floats
    realised: Floats
    popular: NDArray[np.intp]


class Share(msgspec.Struct, frozen=True):
    """Of the oracle's gain over random; low and high: 95 %, over people; all null where the oracle gains nothing."""

    share: float | None
    low: float | None
    high: float | None


class Figures(msgspec.Struct, frozen=True):
    """Of a round, or of all of them. reward: true expected net value per decision by policy. realised: ours, with its
    luck. withheld: the share of decisions where no action was chosen."""

    round: str
    decisions: int
    reward: Mapping[str, float]
    realised: float
    withheld: float
    share: Share


@dataclass(slots=True)
class Log:
    """Everything that was decided, in order."""

    days: list[Choices] = field(default_factory=list)

    def successes(self, actions: int) -> NDArray[np.int64]:
        """int64[A]: how often each has succeeded so far, as far as its realised reward tells."""
        count = np.zeros(actions, np.int64)
        for day in self.days:
            good = day.action[(day.realised > 0) & (day.action >= 0)]
            count += np.bincount(good, minlength=actions)
        return count

    def figures(self, seed: int) -> list[Figures]:
        """Round by round, and last of all together."""
        rounds = sorted({day.round for day in self.days})
        order = fixed_order(self.days)
        found = [_figures(str(one), [day for day in self.days if day.round == one], order, seed) for one in rounds]
        return [*found, _figures("all", self.days, order, seed)]


def fixed_order(days: Sequence[Choices]) -> Floats:
    """float64[H, A]: what each action was worth on average wherever it was eligible on the channel, known from the
    truth and in hindsight; -inf where it never was."""
    shape = (len(CHANNELS), days[0].net.shape[1])
    total, count = np.zeros(shape), np.zeros(shape)
    for day in days:
        np.add.at(total, day.channel, np.where(day.eligible, day.net, 0.0))
        np.add.at(count, day.channel, day.eligible)
    return np.where(count > 0, total / np.maximum(count, 1), -np.inf)


def worth(net: Floats, eligible: NDArray[np.bool_], action: NDArray[np.intp]) -> Floats:
    """float64[n]: of one choice each; NOTHING is worth 0."""
    assert eligible[np.arange(len(action)), action][action >= 0].all()  # noqa: S101 a policy that cheats is a bug here
    return np.where(action >= 0, net[np.arange(len(action)), action], 0.0)


def best(score: Floats, eligible: NDArray[np.bool_]) -> NDArray[np.intp]:
    """intp[n]: the eligible action with the highest score, NOTHING where that is not above 0."""
    masked = np.where(eligible, score, -np.inf)
    chosen = masked.argmax(axis=1)
    return np.where(masked[np.arange(len(chosen)), chosen] > 0, chosen, NOTHING)


def _rewards(day: Choices, order: Floats) -> dict[str, Floats]:
    """float64[n] by policy."""
    net, eligible = day.net, day.eligible
    count = eligible.sum(axis=1)
    uniform = np.where(eligible, net, 0.0).sum(axis=1) / np.maximum(count, 1)
    chosen = (day.action, day.popular, best(order[day.channel], eligible), best(net, eligible))
    ours, popular, fixed, oracle = (worth(net, eligible, one) for one in chosen)
    return dict(zip(POLICIES, (ours, uniform, popular, fixed, oracle), strict=True))


def _figures(name: str, days: Sequence[Choices], order: Floats, seed: int) -> Figures:
    found = [_rewards(day, order) for day in days]
    reward = {policy: np.concatenate([one[policy] for one in found]) for policy in POLICIES}
    person = np.concatenate([day.person for day in days])
    return Figures(
        round=name,
        decisions=len(person),
        reward={policy: float(one.mean()) for policy, one in reward.items()},
        realised=float(np.concatenate([day.realised for day in days]).mean()),
        withheld=float(np.concatenate([day.action < 0 for day in days]).mean()),
        share=share(person, reward["ours"] - reward["random"], reward["oracle"] - reward["random"], seed),
    )


def share(person: NDArray[np.intp], gain: Floats, possible: Floats, seed: int) -> Share:
    """The ratio of the sums, and percentiles of it over people drawn with replacement. gain, possible: float64[n], over
    random."""
    _, group = np.unique(person, return_inverse=True)
    mine, all_of_it = np.bincount(group, gain), np.bincount(group, possible)
    if all_of_it.sum() <= 0:
        return Share(None, None, None)
    rng, people = np.random.default_rng([seed, 8]), len(mine)
    drawn = (rng.integers(people, size=people) for _ in range(_RESAMPLES))
    ratios = np.array([mine[some].sum() / all_of_it[some].sum() for some in drawn])
    low, high = np.percentile(ratios, (2.5, 97.5))
    return Share(float(mine.sum() / all_of_it.sum()), float(low), float(high))
