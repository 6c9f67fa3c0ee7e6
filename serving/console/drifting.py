"""How far the features of what is decided lately are from what the model in force learned from: of the decisions whose
rows were kept. Nothing here reads a clock or a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.definitions import names
from features.stores.desk import Sampled
from models.drift import Drift, Reference, drift, histogram
from models.logged_rows import rows_of

LEAST: Final = 100
"""Decisions of which drift is told; what fewer show is mostly whom they happened to be about."""


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """unknown: the share of rows without a value. found: against what was learned from."""

    feature: str
    unknown: float
    found: Drift


@dataclass(frozen=True, slots=True)
class Drifted:
    """features: what has drifted most first. decisions: whose rows these are."""

    decisions: int
    features: tuple[FeatureDrift, ...]

    @property
    def too_few(self) -> bool:
        return self.decisions < LEAST


def drifted(samples: Sequence[Sampled], reference: Reference) -> Drifted:
    """samples: of decisions by the model that learned from what `reference` tells."""
    watched = tuple(name for name in reference.features if name in names())
    columns = [names().index(name) for name in watched]
    read = [(one.person, rows_of(one.rows, columns)) for one in samples]
    kept = [(person, rows) for person, rows in read if rows is not None]
    if not kept or not watched:
        return Drifted(0, ())
    times = [len(one.rows) for _, one in kept]
    person = np.repeat([one for one, _ in kept], times).astype(np.int64)
    weight = np.repeat([one.weight for _, one in kept], times)
    values = np.concatenate([one.rows for _, one in kept])
    found = [
        _drift(name, values[:, column], weight, person, reference) for column, name in enumerate(watched)
    ]  # fmt: skip
    return Drifted(len(kept), tuple(sorted(found, key=lambda one: (-one.found.psi, one.feature))))


def _drift(
    name: str,
    value: NDArray[np.float64],
    weight: NDArray[np.float64],
    person: NDArray[np.int64],
    reference: Reference,
) -> FeatureDrift:
    before = reference.features[name]
    now = histogram(value, weight, person, before.edges)
    if now is None:
        raise ValueError(f"rows of {name} are none; a histogram is of some; look at its callers")
    return FeatureDrift(name, float(weight[np.isnan(value)].sum() / weight.sum()), drift(before, now))
