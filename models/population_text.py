"""A population's figures as a bundle's JSON; null is unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import numpy as np

from models.population import COLUMNS, Population


def to_object(population: Population) -> Mapping[str, object]:
    return {
        "as_of": population.as_of,
        "columns": COLUMNS,
        "categories": {
            name: [None if math.isnan(figure) else figure for figure in row]
            for name, row in zip(population.categories, population.figures.tolist(), strict=True)
        },
    }


def from_object(content: Mapping[str, object]) -> Population:
    """Raises ValueError, KeyError, TypeError for what is none."""
    if content["columns"] != list(COLUMNS):
        raise ValueError(f"population's columns are {content['columns']}, not {list(COLUMNS)}")
    categories = cast("dict[str, list[float | None]]", content["categories"])
    rows = [[math.nan if figure is None else figure for figure in row] for row in categories.values()]
    figures = np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS))
    return Population(int(cast("int", content["as_of"])), tuple(categories), figures)
