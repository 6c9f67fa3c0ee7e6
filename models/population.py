"""What everybody does with a category, frozen at one moment.

A model must know how popular a category is, else somebody new could not be told anything; yet category numbers belong
to one catalogue version and never enter a model. So the population's figures travel with the model, by category id.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

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


def to_object(population: Population) -> Mapping[str, object]:
    """null: unknown."""
    rows = zip(population.categories, population.figures.tolist(), strict=True)
    told = {name: [None if math.isnan(figure) else figure for figure in row] for name, row in rows}
    return {"as_of": population.as_of, "columns": COLUMNS, "categories": told}


def from_object(content: Mapping[str, object]) -> Population:
    """Raises ValueError, KeyError, TypeError for what is none."""
    if content["columns"] != list(COLUMNS):
        raise ValueError(f"population's columns are {content['columns']}, not {list(COLUMNS)}")
    categories = cast("dict[str, list[float | None]]", content["categories"])
    rows = [[math.nan if figure is None else figure for figure in row] for row in categories.values()]
    figures = np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS))
    return Population(int(cast("int", content["as_of"])), tuple(categories), figures)
