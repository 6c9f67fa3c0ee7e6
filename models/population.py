"""What everybody does with a category, frozen at one moment.

A model must know how popular a category is, else somebody new could not be told anything; yet category numbers belong
to one catalogue version and never enter a model. So the population's figures travel with the model, by category id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AFFINITY_COLUMNS = ("population_reach_28d", "population_reach_ever")
"""Share of all customers with any purchase who bought in the category: in the 28 days before as_of; ever before
as_of."""

RESPONSE_COLUMNS = ("population_response_lift",)
"""ln of (the category's share of successful contacts / everybody's), both shrunk, from contacts matured by as_of."""

COLUMNS = AFFINITY_COLUMNS + RESPONSE_COLUMNS


@dataclass(frozen=True, slots=True)
class Population:
    """as_of: ms UTC. categories: ids. figures: float64[categories, COLUMNS], NaN unknown."""

    as_of: int
    categories: tuple[str, ...]
    figures: NDArray[np.float64]

    def __post_init__(self) -> None:
        wanted = (len(self.categories), len(COLUMNS))
        if self.figures.shape != wanted:
            raise ValueError(f"figures is of shape {self.figures.shape}; it must be {wanted}; measure it again")

    def by_number(self, categories: Iterable[str]) -> NDArray[np.float64]:
        """float64[len(categories) + 1, COLUMNS]: the figures in another catalogue's order, NaN for a category that was
        unknown at as_of; the last row, which index -1 finds, is for "no category"."""
        place = {category: index for index, category in enumerate(self.categories)}
        rows = [self.figures[place[name]] if name in place else np.full(len(COLUMNS), np.nan) for name in categories]
        return np.array([*rows, np.full(len(COLUMNS), np.nan)], dtype=np.float64)
