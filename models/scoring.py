"""What the decision asks of a model: a calibrated probability for each candidate of one customer at one moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.candidates import Candidates
from features.history import CustomerRecord
from models.columns import CompiledCatalogue


class ScoringFailed(Exception):
    """What a model returned cannot be ranked by."""


@dataclass(frozen=True, slots=True)
class Scores:
    """response: float64[m], calibrated probability of the action's success outcome. affinity: float64[m], how likely
    the person needs what it promotes, NaN unknown. rows: float64[m, F], the feature rows that they come from. effect:
    float64[m], what a contact adds to the person's net sales, catalogue currency; None where no model knows, the
    catalogue does not rank by it, or it cannot be used: then effect_fault says why, and the response stands."""

    response: NDArray[np.float64]
    affinity: NDArray[np.float64]
    rows: NDArray[np.float64]
    effect: NDArray[np.float64] | None = None
    effect_fault: str | None = None


class Scorer(Protocol):
    """A model in service. It may raise anything: the decision then falls back and says so."""

    @property
    def version(self) -> str: ...

    def score(
        self,
        record: CustomerRecord,
        moment: int,
        utc_offset: int,
        candidates: Candidates,
        compiled: CompiledCatalogue,
    ) -> Scores:
        """One customer at `moment` (ms UTC), whose clock is `utc_offset` ms ahead of UTC, times all the candidates."""


def checked(scores: Scores, count: int) -> Scores:
    """The scores, when they are `count` probabilities; without an effect that is not as many finite numbers. Raises
    ScoringFailed."""
    shapes = (scores.response.shape, scores.affinity.shape, scores.rows.shape[:1])
    if shapes != ((count,),) * 3:
        raise ScoringFailed(f"scores is of shapes {shapes}; {count} candidates need {count} of each; mend the model")
    if not (scores.response.min(initial=1.0) >= 0.0 and scores.response.max(initial=0.0) <= 1.0):  # nor is NaN either
        raise ScoringFailed("response is outside 0 to 1 or not a number; it must be a probability; mend the model")
    effect = scores.effect
    if effect is not None and not (effect.shape == (count,) and np.isfinite(effect).all()):
        fault = f"effect is not {count} finite numbers; it must be one for each candidate; train again"
        return replace(scores, effect=None, effect_fault=fault)
    return scores
