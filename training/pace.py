"""How long a challenger takes for a decision, beside the champion: both decide the same logged ones, taking turns, so
that a busy machine is busy for both. CPU time of one thread, for all but reading: features, trees, gates, the draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from features.progress import Progress
from features.stores.protocol import LoggedDecision
from models.first_draws import Choice, FirstDraw
from training.offpolicy.logged import Draw, sampled
from training.promotion import NotEvaluable, Paced

TIMED = 200
"""Decisions that are timed, at most."""
FEWEST = 20
_NS_PER_MS = 1e6


class TimedModel(Protocol):
    """The first draws of a model in the place of a logged decision. took: CPU nanoseconds of the last time that it
    decided each of them (serving.redrawing.ByModel)."""

    @property
    def took(self) -> dict[str, int]: ...

    def __call__(
        self, logged: LoggedDecision, taken: Sequence[Sequence[Choice]]
    ) -> Sequence[FirstDraw | None] | None: ...


def paced(
    challenger: TimedModel,
    champion: TimedModel,
    draws: Sequence[Draw],
    rng: np.random.Generator,
    progress: Progress,
) -> Paced | NotEvaluable:
    """Over decisions of these draws that both can decide anew. Who is second finds much in the processor's caches
    already, so each is second every other time."""
    decisions = {one.decision.decision_id: one for one in draws}
    timed = sampled(tuple(decisions.values()), TIMED, rng)
    turns = ((challenger, champion), (champion, challenger))
    with progress.step("Time decisions", total=len(timed)) as advance:
        for number, one in enumerate(timed):
            for model in turns[number % 2]:
                model(one.decision, one.taken)
            advance()
    return over([one.decision.decision_id for one in timed], challenger.took, champion.took)


def over(decisions: Sequence[str], ours: dict[str, int], theirs: dict[str, int]) -> Paced | NotEvaluable:
    """decisions: ids, each once. ours, theirs: CPU nanoseconds."""
    timed = [(ours[one], theirs[one]) for one in decisions if ours.get(one) and theirs.get(one)]
    if len(timed) < FEWEST:
        return NotEvaluable(f"{len(timed)} logged decisions could be decided anew by both; {FEWEST} are needed")
    took = np.array(timed, np.float64)
    challenger, champion = np.median(took, axis=0) / _NS_PER_MS
    return Paced(float(np.median(took[:, 0] / took[:, 1])), len(timed), float(challenger), float(champion))
