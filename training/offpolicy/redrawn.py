"""Another policy in the place of the logged one: its chances in every logged draw, decided anew as of then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.progress import Progress
from features.stores.protocol import LoggedDecision
from features.vocabulary import Vocabulary
from models.first_draws import Choice, FirstDraw
from models.policy_rules import RankBy
from training.offpolicy.feedback import NO_ACTION, Feedback
from training.offpolicy.logged import Draw, Reward, assembled

SAME = 1e-9
"""How far a chance that was decided anew may be from the logged one."""

Redraw = Callable[[LoggedDecision, Sequence[Sequence[Choice]]], Sequence[FirstDraw | None] | None]
"""The first draws of a policy in the place of a logged decision, given what its slates took: models.first_draws on the
record, catalogue, model and moment of then. None: something of that is not kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Redrawn:
    """draws: the rows of `feedback`, whose candidates are all that compete under either policy, and no action. logging,
    target: float64[m], the chances of both. different: draws left out, for the logging policy decided anew does not
    give what was taken, or no action, the chance that was logged; what is left of a log of which many differ is no fair
    sample of it. unknown: left out, for one of the policies could not be decided
    anew, or could not have drawn what earlier channels had. incremental: draws that the target ranks by incremental
    value."""

    draws: tuple[Draw, ...]
    feedback: Feedback
    logging: NDArray[np.float64]
    target: NDArray[np.float64]
    different: int
    unknown: int
    incremental: int

    @property
    def remarks(self) -> tuple[str, ...]:
        """Lines for people."""
        left = {
            "draws that come out differently when decided anew": self.different,
            "draws that cannot be decided anew": self.unknown,
        }
        return tuple(f"{what} are {count:,}; they are left out" for what, count in left.items() if count)


def redrawn(
    draws: Sequence[Draw],
    logging: Redraw,
    target: Redraw,
    vocabulary: Vocabulary,
    progress: Progress,
    reward: Reward = Reward.SUCCESS,
) -> Redrawn:
    """Raises InvalidFeedback when no draw is left."""
    kept: list[tuple[Draw, dict[Choice | None, float], dict[Choice | None, float]]] = []
    different = unknown = incremental = 0
    found: dict[str, tuple[Sequence[FirstDraw | None] | None, Sequence[FirstDraw | None] | None]] = {}
    with progress.step("Decide anew", total=len(draws)) as advance:
        for one in draws:
            advance()
            key = one.decision.decision_id
            if key not in found:  # the draws of a decision stand together
                found = {key: (logging(one.decision, one.taken), target(one.decision, one.taken))}
            ours, theirs = (_chances(each, one.slate) for each in found[key])
            if ours is None or theirs is None:
                unknown += 1
            elif abs(ours.get(_taken(one), 0.0) - one.propensity) > SAME or abs(ours[None] - one.no_action) > SAME:
                different += 1
            else:
                kept.append((one, ours, theirs))
                incremental += _is_incremental(found[key][1], one.slate)
    return _joined(kept, vocabulary, reward, different, unknown, incremental)


def _is_incremental(found: Sequence[FirstDraw | None] | None, slate: int) -> bool:
    draw = None if found is None else found[slate]
    return draw is not None and draw.ranked_by is RankBy.INCREMENTAL


def _chances(found: Sequence[FirstDraw | None] | None, slate: int) -> dict[Choice | None, float] | None:
    """By choice, None being no action."""
    draw = None if found is None else found[slate]
    return None if draw is None else dict(zip([*draw.choices, None], draw.chances.tolist(), strict=True))


def _taken(draw: Draw) -> Choice | None:
    return None if draw.action is None else (draw.channel, draw.action)


def _joined(
    kept: Sequence[tuple[Draw, dict[Choice | None, float], dict[Choice | None, float]]],
    vocabulary: Vocabulary,
    reward: Reward,
    different: int,
    unknown: int,
    incremental: int,
) -> Redrawn:
    start, taken = [0], []
    action: list[int] = []
    chances: list[tuple[float, float]] = []
    for draw, ours, theirs in kept:
        choices = list(dict.fromkeys([*ours, *theirs]))
        taken.append(start[-1] + choices.index(_taken(draw)))
        start.append(start[-1] + len(choices))
        action += [NO_ACTION if one is None else vocabulary.code("action", one[1]) for one in choices]
        chances += [(ours.get(one, 0.0), theirs.get(one, 0.0)) for one in choices]
    draws = tuple(draw for draw, _, _ in kept)
    places = (np.array(start, np.int64), np.array(action, np.int64), np.array(taken, np.int64))
    columns = np.array(chances, np.float64).reshape(-1, 2)
    feedback = assembled(draws, *places, reward)
    return Redrawn(draws, feedback, columns[:, 0].copy(), columns[:, 1].copy(), different, unknown, incremental)
