"""How the effect of a contact is learned: the T-, X- and DR-learner, and a share of the response, on small LightGBM
trees.

Y outcome, W treated, e(x) the known propensity, mu_w(x) the expected outcome with (1) and without (0) the contact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from models.forest import Forest
from training.growing import Tables, grow_matrix, matrix
from training.incremental.trial import InvalidTrial, Trial, folds
from training.settings import SHARED

EFFECT: Mapping[str, object] = {
    **SHARED,
    "objective": "regression",
    "num_leaves": 4,
    "learning_rate": 0.05,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
}
"""An effect is a small part of what an outcome varies by: few leaves with many rows each."""

ROUNDS = 60
FOLDS = 3
TWICE: Final = float(np.sqrt(2.0))
"""An effect that is noise is the difference of the very rows that judge it in the other folds, so that each pair of
rows counts twice in what its figures vary by. (That folds are dependent where there is nothing to find is told in Wager
2024, "Sequential validation of treatment heterogeneity".) What somebody does is no difference: an order by it alone is
as independent of the rows that judge it as if it had been told."""
LEAF_SHARE, LEAST_LEAF = 0.02, 20
"""Of the rows, and of rows, that a leaf has at least."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The sum of weights x forests: what a contact adds to the outcome."""

    weights: tuple[float, ...]
    forests: tuple[Forest, ...]

    def __call__(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n, inputs] -> float64[n]."""
        found = np.zeros(len(columns))
        for weight, forest in zip(self.weights, self.forests, strict=True):
            found += weight * forest.raw(columns)
        return found


@dataclass(frozen=True, slots=True)
class Outcomes:
    """mu_0 and mu_1, each grown on its own side."""

    without: Forest
    with_it: Forest

    def __call__(self, columns: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.without.raw(columns), self.with_it.raw(columns)


class Learner(Protocol):
    """The effect depends on nothing but the set of rows, the columns' names and the seed. `outcomes` were grown on the
    same rows. dependence: what the standard errors of folds that are independent are multiplied by, for how it orders
    one fold is made of the very rows that judge it in others."""

    @property
    def name(self) -> str: ...

    @property
    def dependence(self) -> float: ...

    def fit(self, trial: Trial, inputs: tuple[str, ...], seed: int, outcomes: Outcomes | None = None) -> Effect:
        """Raises InvalidTrial when one side has too few rows."""


def outcomes_of(trial: Trial, inputs: tuple[str, ...], seed: int) -> Outcomes:
    """Raises InvalidTrial when one side has too few rows."""
    treated = trial.treated
    fewest = min(int(treated.sum()), int((~treated).sum()))
    if fewest < 2 * LEAST_LEAF:
        raise InvalidTrial(
            f"rows of one side are {fewest}; {2 * LEAST_LEAF} with and without a contact are needed; log more of them"
        )
    without, with_it = (regress(trial.columns[side], trial.outcome[side], inputs, seed) for side in (~treated, treated))
    return Outcomes(without, with_it)


def regress(
    columns: NDArray[np.float64],
    outcome: NDArray[np.float64],
    inputs: tuple[str, ...],
    seed: int,
    weight: NDArray[np.float64] | None = None,
) -> Forest:
    """The expected outcome, by squared error, for a mean is what is wanted."""
    leaf = max(LEAST_LEAF, int(LEAF_SHARE * len(outcome)))
    parameters = {**EFFECT, "min_data_in_leaf": leaf}
    return grow_matrix(Tables(matrix(columns, outcome, inputs, weight)), parameters, ROUNDS, seed)


def doubly_robust(trial: Trial, without: NDArray[np.float64], with_it: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n], the pseudo-outcome mu_1 - mu_0 + (W - e) / (e (1 - e)) (Y - mu_W) of Kennedy 2023 ("Towards optimal
    doubly robust estimation of heterogeneous causal effects"): with a known e its mean given x is the effect, however
    wrong mu is, as long as mu was not grown on the row."""
    given = np.where(trial.treated, with_it, without)
    scale = (trial.treated - trial.propensity) / (trial.propensity * (1.0 - trial.propensity))
    return np.asarray(with_it - without + scale * (trial.outcome - given), np.float64)


def cross_fitted_scores(trial: Trial, inputs: tuple[str, ...], seed: int, count: int = FOLDS) -> NDArray[np.float64]:
    """The pseudo-outcomes, each by outcomes that were grown on the other people."""
    fold = folds(trial.person, count, seed)
    found = np.empty(len(trial))
    for number in range(count):
        here = fold == number
        own = trial.take(here)
        found[here] = doubly_robust(own, *outcomes_of(trial.take(~here), inputs, seed)(own.columns))
    return found


@dataclass(frozen=True, slots=True)
class TLearner:
    """mu_1 - mu_0 (Kuenzel et al. 2019, "Metalearners for estimating heterogeneous treatment effects")."""

    name: str = field(default="T", init=False)
    dependence: float = field(default=TWICE, init=False)

    def fit(self, trial: Trial, inputs: tuple[str, ...], seed: int, outcomes: Outcomes | None = None) -> Effect:
        found = outcomes or outcomes_of(trial, inputs, seed)
        return Effect((1.0, -1.0), (found.with_it, found.without))


@dataclass(frozen=True, slots=True)
class XLearner:
    """g tau_0 + (1 - g) tau_1, where tau_1 is grown on Y - mu_0 of the treated, tau_0 on mu_1 - Y of the others
    (Kuenzel et al. 2019). g: the share that was treated, so that the side with more rows tells mu, and the other
    tau."""

    name: str = field(default="X", init=False)
    dependence: float = field(default=TWICE, init=False)

    def fit(self, trial: Trial, inputs: tuple[str, ...], seed: int, outcomes: Outcomes | None = None) -> Effect:
        without, with_it = (outcomes or outcomes_of(trial, inputs, seed))(trial.columns)
        treated = trial.treated
        of_treated = regress(trial.columns[treated], (trial.outcome - without)[treated], inputs, seed)
        of_others = regress(trial.columns[~treated], (with_it - trial.outcome)[~treated], inputs, seed)
        share = float(trial.propensity.mean())
        return Effect((share, 1.0 - share), (of_others, of_treated))


@dataclass(frozen=True, slots=True)
class DRLearner:
    """Grown on doubly robust pseudo-outcomes whose mu had not seen the person (Kennedy 2023), each row weighted by
    e (1 - e), so that rows of small chances, whose pseudo-outcomes are mostly noise, count as much as they tell."""

    name: str = field(default="DR", init=False)
    dependence: float = field(default=TWICE, init=False)

    def fit(
        self,
        trial: Trial,
        inputs: tuple[str, ...],
        seed: int,
        outcomes: Outcomes | None = None,  # noqa: ARG002 its own have not seen the row
    ) -> Effect:
        weight = 4.0 * trial.propensity * (1.0 - trial.propensity)
        scores = cross_fitted_scores(trial, inputs, seed)
        return Effect((1.0,), (regress(trial.columns, scores, inputs, seed, weight),))


@dataclass(frozen=True, slots=True)
class ProportionalLearner:
    """Everybody's effect is the same share of what they do: c m, where m = (1 - g) mu_0 + g mu_1, g the share that was
    treated, and c the mean effect over the mean of m. Of effects it learns one figure in the place of a forest; where
    successes are few, and who comes anyway comes more when asked, that is what can be known. c is taken without its
    sign, so that the order is m's alone: where contacts do harm in proportion it is not believed."""

    name: str = field(default="proportional", init=False)
    dependence: float = field(default=1.0, init=False)

    def fit(self, trial: Trial, inputs: tuple[str, ...], seed: int, outcomes: Outcomes | None = None) -> Effect:
        found, share = outcomes or outcomes_of(trial, inputs, seed), float(trial.propensity.mean())
        without, with_it = found(trial.columns)
        effect = abs(float(doubly_robust(trial, without, with_it).mean()))
        level = float(((1.0 - share) * without + share * with_it).mean())
        lift = effect / level if level > 0.0 else 0.0
        return Effect((lift * (1.0 - share), lift * share), (found.without, found.with_it))


LEARNERS: tuple[Learner, ...] = (TLearner(), XLearner(), DRLearner(), ProportionalLearner())
