"""What a contact brings against no contact, of each candidate of one customer, in the catalogue's currency.

The effect is a weighted sum of forests, scaled and shifted until it is honest on people whom the forests had not seen;
without forests it is the same figure for everybody, which is what stands when no learner could be shown to know more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.forest import Forest

MOST = 2
"""Forests; the bundle has files for so many."""

CONSTANT = "constant"
"""The learner that knows no difference between people."""


@dataclass(frozen=True, slots=True)
class Origin:
    """learner: by name, CONSTANT where none was better. rows, treated, people: learned from. average: the mean effect,
    with its standard error."""

    learner: str
    rows: int
    treated: int
    people: int
    average: float
    error: float


@dataclass(frozen=True, slots=True)
class IncrementalModel:
    """effect = offset + scale x (the sum of weights x forests), catalogue currency per contact.

    forests: of the response model's columns, none of a constant, MOST at most. weights: one each. Raises ValueError for
    what is no number, for another number of weights than forests, and for a constant with forests.
    """

    origin: Origin
    offset: float
    scale: float
    weights: tuple[float, ...]
    forests: tuple[Forest, ...]

    def __post_init__(self) -> None:
        if not all(math.isfinite(one) for one in (self.offset, self.scale, *self.weights)):
            raise ValueError("effect has figures that are no numbers; they must be finite; train again")
        if (
            len(self.weights) != len(self.forests)
            or len(self.forests) > MOST
            or (self.origin.learner == CONSTANT) != (not self.forests)
        ):
            raise ValueError(
                f"effect of {self.origin.learner} has {len(self.forests)} forests and {len(self.weights)} weights; "
                "they must be as many, and none of a constant; train again"
            )

    def effect(
        self,
        rows: NDArray[np.float64],
        beside: NDArray[np.float64] | None = None,
        shared: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float64]:
        """float64[m]; the arguments as of Forest.raw."""
        found = np.zeros(len(rows))
        for weight, forest in zip(self.weights, self.forests, strict=True):
            found += weight * forest.raw(rows, beside, shared)
        return self.offset + self.scale * found


def to_object(model: IncrementalModel) -> dict[str, object]:
    """Without the forests."""
    return {
        "origin": asdict(model.origin),
        "offset": model.offset,
        "scale": model.scale,
        "weights": list(model.weights),
    }


class _Figures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    origin: Origin
    offset: float
    scale: float
    weights: tuple[float, ...]


def from_object(content: Mapping[str, object], forests: tuple[Forest, ...]) -> IncrementalModel:
    """Raises ValueError when it is not what to_object makes."""
    try:
        told = msgspec.convert(content, _Figures)
    except msgspec.ValidationError as error:
        raise ValueError(f"incremental.json is unreadable: {error}") from error
    return IncrementalModel(told.origin, told.offset, told.scale, told.weights, forests)
