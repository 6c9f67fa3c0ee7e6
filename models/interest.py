"""What the customer turns to next: log odds of looking at a category or buying in it, learned of all that people look
at and buy, and how much of such interest ends in a purchase.

People look far more often than they buy, and what they look for now they want for days, not for the month that affinity
foresees. It needs no contact to learn from, so the very first model knows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from models.affinity import Needs
from models.forest import Forest


@dataclass(frozen=True, slots=True)
class InterestModel:
    """as_of: ms UTC, nothing recorded later was seen. forest: of interest_inputs; log odds that somebody
    who looks or buys at all turns to the category. levels: by category id, ln of how often such interest ends in a
    purchase over how often it does anywhere, shrunk; a category that is not among them is as all others. Raises
    ValueError for a level that is not finite."""

    as_of: int
    forest: Forest
    levels: Mapping[str, float]

    def __post_init__(self) -> None:
        for name, level in self.levels.items():
            if not np.isfinite(level):
                raise ValueError(f"level of {name} is {level}; it must be finite; measure it again")

    def by_number(self, categories: Iterable[str]) -> NDArray[np.float64]:
        """float64[len(categories) + 1]: the levels in a catalogue's order; the last, which index -1 finds, is for "no
        category"."""
        return np.array([*(self.levels.get(name, 0.0) for name in categories), 0.0])


def interest_log_odds(
    model: InterestModel | None, needs: Needs, category: NDArray[np.int32], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64[m], NaN where category is -1; 0 everywhere without a model, for a column of 0 leaves LightGBM's trees as
    they are without it, and one of NaN does not. needs: of the m rows, whose category is int32[m]. levels:
    InterestModel.by_number()."""
    if model is None:
        return np.zeros(len(category))
    return needs.interest(model.forest) + levels[category]


def to_object(model: InterestModel) -> Mapping[str, object]:
    """All but the forest."""
    return {"as_of": model.as_of, "levels": dict(model.levels)}


def from_object(content: Mapping[str, object], forest: Forest) -> InterestModel:
    """Raises ValueError, KeyError, TypeError for what is none."""
    levels = cast("Mapping[str, float]", content["levels"])
    return InterestModel(
        int(cast("int", content["as_of"])), forest, {str(name): float(level) for name, level in levels.items()}
    )
