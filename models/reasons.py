"""Why a chosen action was ranked as it was: what each column of the model added, exactly, in the words of the feature
table.

The additions are TreeSHAP's (Lundberg et al. 2020, path-dependent), as LightGBM computes them: with the usual value
they sum up to the model's raw score, in log odds; calibration scales them all alike. So exp(addition x slope) is the
factor by which a column changes the odds of a success against what is usual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from features.candidates import Candidates
from features.definitions import FEATURES
from models.columns import CompiledCatalogue
from models.inputs import AFFINITY_INPUT, INTEREST_INPUT, response_inputs
from models.population import RESPONSE_COLUMNS
from models.track_record import TRACK_COLUMNS

SHOWN: Final = 5
"""Reasons of one action."""

LEAST: Final = 0.01
"""Log odds: what adds less says nothing."""

_OURS: Final = {
    AFFINITY_INPUT: ("log odds", "how likely they are to buy it within 28 days, by what they buy"),
    INTEREST_INPUT: ("log odds", "how likely they are to turn to it next, by what they look at and buy"),
    RESPONSE_COLUMNS[0]: ("log ratio", "how often its category succeeds with everybody, against all others"),
    TRACK_COLUMNS[0]: ("log ratio", "how often it succeeds with everybody, against all others"),
    TRACK_COLUMNS[1]: ("log ratio", "how often what is told on the channel succeeds, against all others"),
}

DECLARED_BESIDE: Final = {name: words for name, (_, words) in _OURS.items()}
"""Words by name of the inputs that are no features."""


@dataclass(frozen=True, slots=True)
class Additions:
    """Of m rows. columns: float64[m, models.inputs.response_inputs]. log_odds: float64[m, the same], what each adds."""

    columns: NDArray[np.float64]
    log_odds: NDArray[np.float64]


@runtime_checkable
class Explains(Protocol):
    """A scorer that can say what its scores are made of."""

    def additions(self, rows: NDArray[np.float64], candidates: Candidates, compiled: CompiledCatalogue) -> Additions:
        """rows: feature rows float64[m, F] of the m candidates that it has scored."""


def reasons(additions: Additions, place: int, currency: str) -> tuple[str, ...]:
    """The SHOWN columns that add most to the row at `place`, up or down, the strongest first."""
    added = additions.log_odds[place]
    order = np.argsort(-np.abs(added), kind="stable")[:SHOWN]
    values = additions.columns[place]
    strong = [int(column) for column in order if abs(added[column]) >= LEAST]
    return tuple(_sentence(column, float(values[column]), float(added[column]), currency) for column in strong)


def _sentence(column: int, value: float, added: float, currency: str) -> str:
    unit, words = _words()[column]
    factor = math.exp(added)
    effect = f"raises the odds {factor:.2f} times" if added > 0 else f"lowers the odds to {factor:.2f} of it"
    return f"{words}: {_shown(value, unit, currency)}; {effect}"


@cache
def _words() -> tuple[tuple[str, str], ...]:
    """(unit, words) of each of the response model's inputs."""
    known = {feature.name: (feature.unit, feature.words) for feature in FEATURES} | _OURS
    return tuple(known[name] for name in response_inputs())


def _shown(value: float, unit: str, currency: str) -> str:
    if math.isnan(value):
        return "unknown"
    if unit == "share":
        return f"{value:.0%}"
    number = f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{number} {currency if unit == 'currency' else unit}".rstrip()
