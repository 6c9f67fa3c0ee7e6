"""What each arm of the standing experiment earned by its own draws: no weights, for the arms are drawn by lot.

People are what is drawn, so every interval is over people, and one who was in two arms counts in both at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from features.progress import Progress
from models.policy_rules import Arm
from training.errors import InvalidFeedback
from training.offpolicy.estimators import Terms
from training.offpolicy.intervals import LEVEL, RESAMPLES, Interval, bootstrapped, bootstrapped_difference
from training.offpolicy.logged import Draw, LogStore, Reward, earned, read_draws

FEWEST_PEOPLE = 2


@dataclass(frozen=True, slots=True)
class ArmResult:
    """draws, people: of the arm. reward: per draw. ahead: of the full arm; None of the full arm itself, and without
    one. taken: the share of draws that took an action. certainty: the mean propensity of what was drawn; at 1 nothing
    was explored, and the arm's log tells of no other policy."""

    arm: str
    draws: int
    people: int
    reward: Interval
    ahead: Interval | None
    taken: float
    certainty: float


def by_arm(
    draws: Sequence[Draw], reward: Reward, rng: np.random.Generator, level: float = LEVEL, resamples: int = RESAMPLES
) -> tuple[ArmResult, ...]:
    """By name of the arm; an arm of fewer than FEWEST_PEOPLE is left out. Raises InvalidFeedback."""
    names = [one.decision.arm for one in draws]
    return by_name(draws, names, Arm.FULL.value, reward, rng, level, resamples)


def by_name(
    draws: Sequence[Draw],
    names: Sequence[str],
    reference: str,
    reward: Reward,
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> tuple[ArmResult, ...]:
    """names: of what each draw counts for, drawn by lot for its person. reference: of these, what the others may be
    ahead of. Raises InvalidFeedback."""
    if not draws:
        raise InvalidFeedback("draws is 0; arms are compared on matured decisions; let their reward windows pass")
    arm = np.array(names)
    person = np.array([one.decision.person for one in draws], np.int64)
    gained, full = earned(draws, reward), arm == reference
    found = []
    for name in sorted(set(names)):
        here = arm == name
        people = len(np.unique(person[here]))
        if people < FEWEST_PEOPLE:
            continue
        terms, theirs = (Terms(gained * mask, mask.astype(np.float64)) for mask in (here, full))
        own = bootstrapped(terms, person, rng, level, resamples)
        compared = None
        if name != reference and full.any():
            compared = bootstrapped_difference(terms, theirs, person, rng, level, resamples)
        some = [one for one, inside in zip(draws, here, strict=True) if inside]
        if all(one.action is None for one in some):  # which earns nothing, for certain
            own = replace(own, low=0.0, high=0.0)
        share = sum(one.action is not None for one in some) / len(some)
        certainty = float(np.mean([one.propensity for one in some]))
        found.append(ArmResult(name, len(some), people, own, compared, share, certainty))
    return tuple(found)


def report(
    store: LogStore, since: int, now: int, reward: Reward, seed: int, progress: Progress
) -> tuple[tuple[str, ...], str]:
    """Lines for people, and the table. since, now: ms UTC. Raises InvalidFeedback, NothingToLearn."""
    reading = read_draws(store, since, now, progress)
    return reading.remarks, table(by_arm(reading.draws, reward, np.random.default_rng(seed)))


def table(results: Sequence[ArmResult], what: str = "arm", reference: str = Arm.FULL.value) -> str:
    """As Markdown."""
    lines = [
        f"| {what} | draws | people | per draw | ahead of {reference} "
        "| took an action | mean chance of what was drawn |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in results:
        ahead = "" if one.ahead is None else _words(one.ahead, "+")
        lines.append(
            f"| {one.arm} | {one.draws:,} | {one.people:,} | {_words(one.reward, '')} | {ahead} | {one.taken:.1%} "
            f"| {one.certainty:.3f} |"
        )
    return "\n".join(lines)


def _words(interval: Interval, sign: str) -> str:
    return f"{interval.value:{sign}.4f} ({interval.low:{sign}.4f} to {interval.high:{sign}.4f})"
