"""What a model's trees gave where it was trained, kept in its bundle, so that whoever loads it can tell whether they
give the same there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class RecordedScores:
    """Of one forest. rows: float64[n, inputs], invented, NaN unknown. raw: float64[n], what LightGBM itself summed up
    for them, in log odds. Raises ValueError for shapes that do not fit."""

    rows: NDArray[np.float64]
    raw: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or self.raw.shape != self.rows.shape[:1] or not len(self.raw):
            raise ValueError(f"recorded rows are of shape {self.rows.shape} and sums of {self.raw.shape}")


@dataclass(frozen=True, slots=True, eq=False)
class SelfTest:
    """Of the forests that decide. incremental: of each forest of the effect, none of an earlier version. interest: None
    of a model without it."""

    affinity: RecordedScores
    response: RecordedScores
    incremental: tuple[RecordedScores, ...] = ()
    interest: RecordedScores | None = None


def to_object(test: SelfTest) -> Mapping[str, object]:
    """For JSON, whose numbers are told to the last bit."""
    incremental = [_object(one) for one in test.incremental]
    return {
        "affinity": _object(test.affinity),
        "response": _object(test.response),
        **({"incremental": incremental} if incremental else {}),
        **({} if test.interest is None else {"interest": _object(test.interest)}),
    }


def from_object(content: Mapping[str, object]) -> SelfTest:
    """Raises ValueError, KeyError, TypeError."""
    incremental = tuple(_scores(one) for one in cast("Sequence[object]", content.get("incremental", ())))
    interest = _scores(content["interest"]) if "interest" in content else None
    return SelfTest(_scores(content["affinity"]), _scores(content["response"]), incremental, interest)


def _object(scores: RecordedScores) -> Mapping[str, object]:
    rows = [[None if math.isnan(one) else one for one in row] for row in scores.rows.tolist()]
    return {"rows": rows, "raw": scores.raw.tolist()}


def _scores(content: object) -> RecordedScores:
    known = cast("Mapping[str, Sequence[object]]", content)
    told = cast("list[list[float | None]]", known["rows"])
    rows = [[math.nan if one is None else one for one in row] for row in told]
    return RecordedScores(np.array(rows, np.float64), np.array(known["raw"], np.float64))
