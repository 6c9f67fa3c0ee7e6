"""The feature rows of a logged decision as serving makes them again, and what each of them is about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.first_draws import Choice


@dataclass(frozen=True, slots=True, eq=False)
class RowsOfThen:
    """rows: float64[m, F]. choices: the channel and action of each. personalised: as in Decision. prices: number of the
    newest price of the item feed that the decision had heard of. time_zone: of the person then, None unknown."""

    rows: NDArray[np.float64]
    choices: tuple[Choice, ...]
    personalised: bool
    prices: int
    time_zone: str | None
