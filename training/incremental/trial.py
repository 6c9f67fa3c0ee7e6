"""Rows of an experiment: contacts that were made or withheld by chances that are known, and what people then did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError


class InvalidTrial(TrainingError):
    """Rows that nothing can be learned from."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """n rows in any order. columns: float64[n, inputs], NaN unknown. treated: bool[n], the contact was made.
    propensity: float64[n], the chance with which it was, in (0, 1). outcome: float64[n], what the person then brought,
    whatever brought them. person: int64[n]. Raises InvalidTrial."""

    columns: NDArray[np.float64]
    treated: NDArray[np.bool_]
    propensity: NDArray[np.float64]
    outcome: NDArray[np.float64]
    person: NDArray[np.int64]

    def __post_init__(self) -> None:
        lengths = {len(one) for one in (self.treated, self.propensity, self.outcome, self.person)}
        if self.columns.ndim != 2 or lengths != {len(self.columns)}:
            raise InvalidTrial(f"rows are {len(self.columns)} and {sorted(lengths)}; give every column for each row")
        if not ((self.propensity > 0.0) & (self.propensity < 1.0)).all():
            raise InvalidTrial("propensity is outside (0, 1); no row may be certain of its treatment; leave such out")
        if not np.isfinite(self.outcome).all():
            raise InvalidTrial("outcome is not a number; what is not known yet has no row; leave it out")

    def __len__(self) -> int:
        return len(self.treated)

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Trial:
        return Trial(
            self.columns[chosen],
            self.treated[chosen],
            self.propensity[chosen],
            self.outcome[chosen],
            self.person[chosen],
        )

    def order(self) -> NDArray[np.intp]:
        """The same order of the same rows however they came: rows that it cannot tell apart are equal."""
        keys = (*self.columns.T[::-1], self.propensity, self.treated, self.outcome, self.person)
        return np.lexsort(keys)


def folds(person: NDArray[np.int64], count: int, seed: int) -> NDArray[np.intp]:
    """intp[n] in 0..count - 1: people are dealt, all rows of one into one fold. Raises InvalidTrial with fewer people
    than folds."""
    people, place = np.unique(person, return_inverse=True)
    if len(people) < count:
        raise InvalidTrial(f"people are {len(people)}; {count} folds need as many at least; log more of them")
    dealt = np.random.default_rng([seed, count]).permutation(len(people)) % count
    return dealt[place].astype(np.intp)
