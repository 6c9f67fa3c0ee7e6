"""The response model for a data scientist's frame, by MLflow's loader-module convention; never on the request path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle, read

if TYPE_CHECKING:
    import pandas as pd


class ResponseFrame:
    """`predict(frame)`: float64[n], the calibrated probability of a positive response of each row. frame: the columns
    models.inputs.response_inputs, in any order; NaN is unknown."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    def predict(self, frame: pd.DataFrame, params: dict[str, object] | None = None) -> NDArray[np.float64]:
        """params: MLflow hands them on; there are none. Raises KeyError for a missing column."""
        if params:
            raise ValueError(f"params is {params}; this model takes none; leave them out")
        columns = frame[list(self._bundle.response.inputs)].to_numpy(np.float64)
        return self._bundle.calibration.apply(self._bundle.response.raw(columns))


def _load_pyfunc(path: str) -> ResponseFrame:
    return ResponseFrame(read(Path(path)))
