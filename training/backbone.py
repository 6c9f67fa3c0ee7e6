"""What a response forest begins with: one tree for each of a few columns, a staircase that follows a straight line.

The lines are a logistic regression's. Where successes are few, trees of many columns hardly get away from everybody's
rate, and take hundreds of rounds to say that one action is ten times as likely as another; a line says it at once. The
trees after them learn what is left. A staircase, unlike a line, promises nothing beyond what was seen; and all of it
stays one LightGBM forest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.inputs import AFFINITY_INPUT, INTEREST_INPUT, NEED_INPUTS
from models.population import RESPONSE_COLUMNS
from models.track_record import TRACK_COLUMNS
from training.held_logistic import held_logistic
from training.settings import SHARED

if TYPE_CHECKING:
    from training.growing import Sample

WORN_INPUT: Final = "action.offered.half_life_28d"
"""How often the person was offered the action itself of late."""

LOGARITHMIC: Final = True
BACKBONE: Final[Mapping[str, bool]] = {
    **dict.fromkeys((*NEED_INPUTS, *RESPONSE_COLUMNS, *TRACK_COLUMNS), not LOGARITHMIC),
    "category.viewed.half_life_7d": LOGARITHMIC,
    "category.viewed.7d": LOGARITHMIC,
    "category.bought.overdue": LOGARITHMIC,
    WORN_INPUT: LOGARITHMIC,
    "customer.contacts.7d": LOGARITHMIC,
    "customer.cases.open": LOGARITHMIC,
}
"""Of the response model's inputs those whose effect on the log odds is near a line, of the value or of its logarithm:
what somebody wants, how it has gone so far, and how tired they are of being told."""

INTERESTED: Final = 0.8
"""Log odds of a response for one of interest, before contacts say more."""

WORN: Final = 0.7
"""Log odds that ln(1 + WORN_INPUT) takes, before contacts say more: after one offer of late the odds of a response to
the same action are 0.6 of what they were, after four a third."""

_HELD: Final = 0.03
"""Where interest is known, a line differs from what was expected of it by a log odds of so much, squared, for a
standard deviation of its column: most of what there is to know of a person is known without a contact."""

_STRENGTH: Final = 1.0
"""C of the regression where it is not: a coefficient of 1 for a standard deviation costs a half of log likelihood."""

_STEPS: Final = 128
_LEAST: Final = 1e-6


def staircases(grown: lgb.Dataset, sample: Sample, inputs: Sequence[str], seed: int) -> lgb.Booster | None:
    """Of `sample`, whose table is `grown`: the trees for the columns of BACKBONE, among `inputs`, that tell anything;
    None when none does."""
    found: lgb.Booster | None = None
    for place, line in lines(sample, inputs):
        found = staircase(grown, place, line, seed, found)
    return found


def lines(sample: Sample, inputs: Sequence[str]) -> list[tuple[int, NDArray[np.float64]]]:
    """(the column's place, float64[n], what it adds to the log odds of each row), the constant with the first."""
    if sample.label.all() or not sample.label.any():
        return []
    deviation = _deviation(sample.columns[:, inputs.index(INTEREST_INPUT)], sample.weight)
    names = [name for name in BACKBONE if name != (AFFINITY_INPUT if deviation > _LEAST else INTEREST_INPUT)]
    places = [inputs.index(name) for name in names]
    columns = standardised(sample.columns[:, places], [BACKBONE[name] for name in names], sample.weight)
    expected = np.where([name == INTEREST_INPUT for name in names], INTERESTED * deviation, 0.0)
    offered = sample.columns[:, inputs.index(WORN_INPUT)]
    expected -= np.where([name == WORN_INPUT for name in names], WORN * _deviation(np.log1p(offered), sample.weight), 0)
    slopes, constant = _held(columns, sample, expected) if deviation > _LEAST else _free(columns, sample)
    added = columns * slopes
    telling = np.flatnonzero(np.abs(added).max(axis=0) > _LEAST)
    if len(telling):
        added[:, telling[0]] += constant
    return [(places[column], added[:, column]) for column in telling.tolist()]


def _free(columns: NDArray[np.float64], sample: Sample) -> tuple[NDArray[np.float64], float]:
    """Slopes float64[columns], and the constant."""
    fitted = LogisticRegression(C=_STRENGTH, max_iter=1_000).fit(columns, sample.label, sample_weight=sample.weight)
    return fitted.coef_[0], float(fitted.intercept_[0])


def _held(
    columns: NDArray[np.float64], sample: Sample, expected: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """The same, with slopes that are expected to be about `expected`."""
    rate = float(np.average(sample.label, weights=sample.weight))
    start = np.append(expected, np.log(rate / (1.0 - rate)))
    precision = np.append(np.full(len(expected), 1.0 / _HELD), _LEAST)
    found = held_logistic(
        np.column_stack([columns, np.ones(len(columns))]), sample.label, sample.weight, start, precision
    )
    return found[:-1], float(found[-1])


def _deviation(column: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """0 where nothing is known."""
    known = ~np.isnan(column)
    if not known.any():
        return 0.0
    told, weighs = column[known], weight[known]
    return float(np.sqrt(np.average((told - np.average(told, weights=weighs)) ** 2, weights=weighs)))


def standardised(
    columns: NDArray[np.float64], logarithmic: Sequence[bool], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """As the regression sees them: mean 0 and deviation 1, unknown is the mean, constant columns are 0."""
    chosen = np.where(logarithmic, np.sign(columns) * np.log1p(np.abs(columns)), columns)
    known = ~np.isnan(chosen)
    shares = known * weight[:, None]
    total = np.maximum(shares.sum(axis=0), _LEAST)
    filled = np.where(known, chosen, 0.0)
    centred = np.where(known, filled - (filled * shares).sum(axis=0) / total, 0.0)
    deviation = np.sqrt((centred**2 * shares).sum(axis=0) / total)
    return np.where(deviation > _LEAST, centred / np.maximum(deviation, _LEAST), 0.0)


def staircase(
    grown: lgb.Dataset, place: int, line: NDArray[np.float64], seed: int, before: lgb.Booster | None
) -> lgb.Booster:
    """`before` and a tree of the one column at `place`, in each leaf of which the mean of `line` is added."""

    def towards(_raw: NDArray[np.float64], _table: lgb.Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return -line, np.ones(len(line))

    told = {
        **SHARED,
        "objective": towards,
        "learning_rate": 1.0,
        "num_leaves": _STEPS,
        "min_data_in_leaf": 1,
        "min_sum_hessian_in_leaf": 0.0,
        "interaction_constraints": [[place]],
        "boost_from_average": False,
        "num_threads": 1,
        "seed": seed,
    }
    return lgb.train(told, grown, 1, init_model=before)
