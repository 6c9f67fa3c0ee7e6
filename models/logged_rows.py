"""The feature rows that were logged with a decision, read again to be compared with what a model learned from."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.definitions import names

MOST: Final = 64
"""Of one decision at most so many rows are looked at, evenly spaced; they weigh as much as all."""


@dataclass(frozen=True, slots=True)
class LoggedRows:
    """rows: float64[m, columns]. weight: of each."""

    rows: NDArray[np.float64]
    weight: float


def rows_of(content: bytes, columns: Sequence[int]) -> LoggedRows | None:
    """content: as serving.sampled_rows writes it. columns: of features.definitions.names. None of another version's
    features, and of a decision without any."""
    rows = np.load(io.BytesIO(content), allow_pickle=False)
    if rows.ndim != 2 or rows.shape[1] != len(names()) or not len(rows):
        return None
    kept = rows[:: math.ceil(len(rows) / MOST)][:, columns]
    return LoggedRows(np.ascontiguousarray(kept), len(rows) / len(kept))
