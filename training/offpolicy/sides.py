"""What each side of a trial has earned: who decided for whom was drawn by lot, so no weights.

A draw counts for the model version that was logged with it, of the two that were tried, in the full arm: in the other
arms the model decides nothing, or not by itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.progress import Progress
from features.stores.trials import Trial
from models.document_fields import text_of
from models.policy_rules import Arm
from training.errors import InvalidFeedback
from training.offpolicy.arms import ArmResult, by_name, table
from training.offpolicy.intervals import Interval
from training.offpolicy.logged import Draw, LogStore, Reward, read_draws


@dataclass(frozen=True, slots=True)
class Sides:
    """results: by version. others: draws of the trial's time that another version or arm made."""

    trial: Trial
    results: tuple[ArmResult, ...]
    others: int
    remarks: tuple[str, ...]

    def markdown(self) -> str:
        trial = self.trial
        lines = [
            f"Challenger {trial.version} for {trial.share:.1%} of the people beside champion {trial.champion}, "
            f"{text_of(trial.since)} to {text_of(trial.until)}",
            "",
            table(self.results, "version", f"champion {trial.champion}"),
            "",
            f"{self.others:,} draws of other versions or arms are left out",
            *self.remarks,
        ]
        return "\n".join(lines)

    def as_json(self) -> str:
        trial = self.trial
        sides = [
            {
                "version": one.arm,
                "side": "challenger" if one.arm == trial.version else "champion",
                "draws": one.draws,
                "people": one.people,
                "reward": _figures(one.reward),
                "ahead": None if one.ahead is None else _figures(one.ahead),
            }
            for one in self.results
        ]
        told = {"challenger": trial.version, "champion": trial.champion, "share": trial.share}
        told |= {"since": text_of(trial.since), "until": text_of(trial.until)}
        return json.dumps({**told, "sides": sides, "left_out": self.others, "remarks": self.remarks}, indent=2)


def report(store: LogStore, trial: Trial, known_at: int, reward: Reward, seed: int, progress: Progress) -> Sides:
    """known_at: ms UTC. Raises InvalidFeedback, NothingToLearn."""
    reading = read_draws(store, trial.since, known_at, progress)
    during = [one for one in reading.draws if trial.since <= one.decision.decided_at < trial.until]
    return by_side(during, trial, reward, np.random.default_rng(seed), reading.remarks)


def by_side(
    draws: Sequence[Draw], trial: Trial, reward: Reward, rng: np.random.Generator, remarks: tuple[str, ...] = ()
) -> Sides:
    """draws: of the trial's time. Raises InvalidFeedback without any of the two versions."""
    ours = [one for one in draws if one.decision.arm == Arm.FULL.value and _is_of(one, trial)]
    if not ours:
        raise InvalidFeedback(
            f"draws is 0 of {trial.version} and {trial.champion}; sides are compared on matured decisions; "
            "let their reward windows pass"
        )
    names = [one.decision.model_version for one in ours]
    return Sides(trial, by_name(ours, names, trial.champion, reward, rng), len(draws) - len(ours), remarks)


def _is_of(draw: Draw, trial: Trial) -> bool:
    return draw.decision.model_version in (trial.version, trial.champion)


def _figures(interval: Interval) -> dict[str, float | None]:
    """None: the log does not tell."""
    figures = {"value": interval.value, "low": interval.low, "high": interval.high, "level": interval.level}
    return {name: one if math.isfinite(one) else None for name, one in figures.items()}
