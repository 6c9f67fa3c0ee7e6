"""A LightGBM ensemble as the text that it is stored as."""

from __future__ import annotations

from dataclasses import dataclass, field

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Forest:
    """text: LightGBM's own model text, the only stored form. Raises ValueError when it is not one.

    Equal texts give equal scores, on any thread count.
    """

    text: str
    booster: lgb.Booster = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.text.startswith("tree\n"):
            raise ValueError("model text is not LightGBM's; it must begin with 'tree'; train again")
        try:
            booster = lgb.Booster(model_str=self.text)
        except lgb.basic.LightGBMError as error:
            raise ValueError(f"model text is unreadable ({error}); train again") from error
        object.__setattr__(self, "booster", booster)

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.booster.feature_name())

    @property
    def rounds(self) -> int:
        return int(self.booster.num_trees())

    @property
    def classes(self) -> int:
        """1 unless it is of a multi-class objective."""
        return int(self.booster.num_model_per_iteration())

    def raw(self, rows: NDArray[np.float64], threads: int = 1) -> NDArray[np.float64]:
        """float64[m], the sum of the trees for float64[m, inputs], in log odds; float64[m, classes] of several
        classes."""
        if len(rows) == 0:
            return np.zeros(0 if self.classes == 1 else (0, self.classes))
        score = self.booster.predict(np.ascontiguousarray(rows), raw_score=True, num_threads=threads)
        return np.asarray(score, dtype=np.float64)

    def contributions(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[m, classes, inputs]: what each column adds to the raw score of each class, against what is usual."""
        added = self.booster.predict(np.ascontiguousarray(rows), pred_contrib=True, num_threads=1)
        return np.asarray(added, np.float64).reshape(len(rows), self.classes, -1)[:, :, :-1]
