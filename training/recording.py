"""What a bundle is tested by wherever it is loaded: LightGBM's own sums for invented rows."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np

from models.forest import Forest
from models.incremental import IncrementalModel
from models.interest import InterestModel
from models.recorded_scores import RecordedScores, SelfTest

ROWS = 16
_UNKNOWN, _ZERO = 0.2, 0.3
"""Shares of the cells."""
_SPREAD = 4.0
"""Of the logarithm of the rest, so that counts, amounts and ages are all met."""


def self_test_of(
    affinity: Forest,
    response: Forest,
    incremental: IncrementalModel | None,
    seed: int,
    interest: InterestModel | None = None,
) -> SelfTest:
    """The same again for the same forests and seed."""
    rng = np.random.default_rng(seed)
    forests = () if incremental is None else incremental.forests
    recorded = _recorded(affinity, rng), _recorded(response, rng), tuple(_recorded(one, rng) for one in forests)
    return SelfTest(*recorded, None if interest is None else _recorded(interest.forest, rng))


def _recorded(forest: Forest, rng: np.random.Generator) -> RecordedScores:
    """SYNTHETIC rows."""
    shape = (ROWS, len(forest.inputs))
    rows = rng.lognormal(0.0, _SPREAD, shape) * rng.choice([-1.0, 1.0, 1.0, 1.0], shape)
    share = rng.random(shape)
    rows[share < _UNKNOWN + _ZERO] = 0.0
    rows[share < _UNKNOWN] = np.nan
    summed = lgb.Booster(model_str=forest.text).predict(rows, raw_score=True, num_threads=1)
    return RecordedScores(rows, np.asarray(summed, np.float64))
