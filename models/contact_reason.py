"""The model of contact reasons: a multi-class ensemble over every feature of the customer and the reasons that they
told of earlier contacts, calibrated.

It learns from past contacts that carry a reason. models.contact_ranking answers with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

from features.definitions import FEATURES
from models.forest import Forest

TOLD = "told."


@dataclass(frozen=True, slots=True)
class ContactReasonModel:
    """forest: multi-class, of the columns contact_reason_inputs and, unless it was grown before there were any, a told
    column of each class (models.contact_told). reasons: its classes, in order. base_rates: share of
    each among the contacts that it learned from. P = softmax(slope x raw + offsets). contacts: learned from. Raises
    ValueError when these do not fit together."""

    forest: Forest
    reasons: tuple[str, ...]
    base_rates: tuple[float, ...]
    slope: float
    offsets: tuple[float, ...]
    contacts: int

    def __post_init__(self) -> None:
        count = len(self.reasons)
        if not (len(set(self.reasons)) == len(self.base_rates) == len(self.offsets) == self.forest.classes == count):
            raise ValueError(f"reasons are {count}; rates, offsets and the trees' classes must be as many; train again")
        if not np.isclose(sum(self.base_rates), 1.0) or min(self.base_rates) < 0.0:
            raise ValueError(f"base_rates are {self.base_rates}; they must be shares of a whole; train again")
        if not (np.isfinite(self.slope) and self.slope > 0.0 and np.isfinite(self.offsets).all()):
            raise ValueError(f"slope is {self.slope}; it must be above 0 and all offsets finite; train again")

    def probabilities(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n, reasons] for float64[n, contact_reason_inputs + told columns]; each row sums to 1."""
        return softmax(self.slope * self.forest.raw(self._read(rows)) + np.array(self.offsets))

    def contributions(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n, reasons, columns read]: see Forest.contributions."""
        return self.forest.contributions(self._read(rows))

    def _read(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return rows[:, : len(self.forest.inputs)]


def to_object(model: ContactReasonModel) -> Mapping[str, object]:
    """All but the forest."""
    return {
        "base_rates": model.base_rates,
        "contacts": model.contacts,
        "offsets": model.offsets,
        "reasons": model.reasons,
        "slope": model.slope,
    }


def from_object(content: Mapping[str, object], forest: Forest) -> ContactReasonModel:
    """Raises ValueError, KeyError, TypeError for what is none."""
    return ContactReasonModel(
        forest=forest,
        reasons=tuple(cast("list[str]", content["reasons"])),
        base_rates=tuple(cast("list[float]", content["base_rates"])),
        slope=float(cast("float", content["slope"])),
        offsets=tuple(cast("list[float]", content["offsets"])),
        contacts=int(cast("int", content["contacts"])),
    )


def contact_reason_inputs() -> tuple[str, ...]:
    """The names of the model's first columns, in order: every feature of the customer at the moment."""
    return tuple(FEATURES[index].name for index in contact_reason_index().tolist())


def told_inputs(classes: int) -> tuple[str, ...]:
    """The names of the told columns, which follow them. By number, for a reason is text from anywhere."""
    return tuple(f"{TOLD}{number}" for number in range(classes))


@cache
def contact_reason_index() -> NDArray[np.intp]:
    """Their places among all features."""
    return np.array([i for i, feature in enumerate(FEATURES) if feature.scope == "customer"], dtype=np.intp)


def softmax(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n, classes] of any log odds, by row."""
    likely = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(likely / likely.sum(axis=1, keepdims=True), np.float64)
