"""What a target policy is worth per draw, estimated from the draws of another policy.

Shapes in all formulas: n rows, row i with the candidates a of A_i; pi(a | i) the target's chances (float64[m]),
p_i the logged propensity, r_i the reward, w_i = pi(taken | i) / p_i (float64[n]), q(a | i) the expected reward
(float64[m]).

Every estimator here is a ratio of two sums over rows, which is all that intervals need to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.errors import InvalidFeedback
from training.offpolicy.feedback import Evaluation


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """numerator, denominator: float64[n], per row; the estimate is the ratio of their sums."""

    numerator: NDArray[np.float64]
    denominator: NDArray[np.float64]

    @property
    def value(self) -> float:
        """Raises InvalidFeedback where the denominators are all 0: nothing that was logged tells of the target."""
        below = float(self.denominator.sum())
        if below == 0.0:
            raise InvalidFeedback(
                "weights is 0 in every row; the target would never have taken what was logged; "
                "log a policy that explores what the target does"
            )
        return float(self.numerator.sum()) / below


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known beforehand, which a guarantee needs; not what happens to be largest in the log. low, high: of a
    reward. weight: the largest importance weight that the two policies allow, at most 1 / the smallest propensity,
    and at least 1, which is their mean.
    rows: of one person at most. Raises InvalidFeedback."""

    low: float
    high: float
    weight: float
    rows: int

    def __post_init__(self) -> None:
        if not -np.inf < self.low < self.high < np.inf:
            raise InvalidFeedback(f"high is {self.high}; rewards are from low, {self.low}, up to it; give both")
        if not 1.0 <= self.weight < np.inf:
            raise InvalidFeedback(f"weight is {self.weight}; the largest one is at least 1 and finite; cap the weights")
        if self.rows < 1:
            raise InvalidFeedback(f"rows is {self.rows}; a person has at least one; count them")

    @property
    def span(self) -> float:
        return self.high - self.low


class Estimator(Protocol):
    """One contract suite (tests/checks/estimator_contract.py) holds every implementation to it."""

    @property
    def name(self) -> str: ...

    def terms(self, evaluation: Evaluation) -> Terms:
        """Raises InvalidFeedback where it needs a reward model and there is none."""

    def width(self, bounds: Bounds) -> float:
        """How far numerator - v x denominator of two rows can be apart, for any value v within the rewards' range; 0
        is between them."""


@dataclass(frozen=True, slots=True)
class IPS:
    """Inverse propensity scoring: (1/n) sum_i min(w_i, cap) r_i.

    Unbiased without a cap, where the logging policy gives a chance to whatever the target does. A cap takes variance
    for bias: of rewards >= 0 it can only underestimate. Horvitz and Thompson 1952; capped: Ionides 2008, "Truncated
    importance sampling".
    """

    cap: float = np.inf
    name: str = "IPS"

    def __post_init__(self) -> None:
        _check_cap(self.cap)

    def terms(self, evaluation: Evaluation) -> Terms:
        weight = np.minimum(evaluation.weight, self.cap)
        return Terms(weight * evaluation.feedback.reward, np.ones(len(weight)))

    def width(self, bounds: Bounds) -> float:
        return min(bounds.weight, self.cap) * (max(bounds.high, 0.0) - min(bounds.low, 0.0))


@dataclass(frozen=True, slots=True)
class SelfNormalisedIPS:
    """Self-normalised IPS: sum_i w_i r_i / sum_i w_i, with w capped like IPS.

    Biased in small logs, consistent, never outside the rewards' range; errors in the scale of propensities cancel.
    Swaminathan and Joachims 2015, "The self-normalized estimator for counterfactual learning".
    """

    cap: float = np.inf
    name: str = "SNIPS"

    def __post_init__(self) -> None:
        _check_cap(self.cap)

    def terms(self, evaluation: Evaluation) -> Terms:
        weight = np.minimum(evaluation.weight, self.cap)
        return Terms(weight * evaluation.feedback.reward, weight)

    def width(self, bounds: Bounds) -> float:
        return min(bounds.weight, self.cap) * bounds.span


@dataclass(frozen=True, slots=True)
class DirectMethod:
    """Direct method: (1/n) sum_i sum_a pi(a | i) q(a | i).

    Uses no propensity and is as wrong as the model of rewards is; its interval does not know how wrong that is.
    Beygelzimer and Langford 2009, "The offset tree for learning with partial labels".
    """

    name: str = "DM"

    def terms(self, evaluation: Evaluation) -> Terms:
        expected = evaluation.expected
        return Terms(expected, np.ones(len(expected)))

    def width(self, bounds: Bounds) -> float:
        return bounds.span


@dataclass(frozen=True, slots=True)
class SwitchDR:
    """Switch doubly robust: (1/n) sum_i [sum_a pi(a | i) q(a | i) + w_i 1(w_i <= threshold) (r_i - q(taken | i))].

    What would be weighted by more than the threshold is left to the model: 0 is the direct method, infinity DR. Wang,
    Agarwal and Dudik 2017, "Optimal and adaptive off-policy evaluation in contextual bandits".
    """

    threshold: float
    name: str = "Switch-DR"

    def __post_init__(self) -> None:
        if not self.threshold >= 0.0:
            raise InvalidFeedback(f"threshold is {self.threshold}; weights are 0 or more; 0 never weighs, inf always")

    def terms(self, evaluation: Evaluation) -> Terms:
        weight = evaluation.weight
        kept = np.where(weight <= self.threshold, weight, 0.0)
        return Terms(evaluation.expected + kept * evaluation.surprise, np.ones(len(weight)))

    def width(self, bounds: Bounds) -> float:
        return (2.0 * min(bounds.weight, self.threshold) + 1.0) * bounds.span


@dataclass(frozen=True, slots=True)
class DoublyRobust:
    """Doubly robust: (1/n) sum_i [sum_a pi(a | i) q(a | i) + w_i (r_i - q(taken | i))].

    Unbiased whatever the model, as long as it has not seen the row's reward; a good model takes variance off. Dudik,
    Langford and Li 2011, "Doubly robust policy evaluation and learning".
    """

    name: str = "DR"

    def terms(self, evaluation: Evaluation) -> Terms:
        return SwitchDR(np.inf).terms(evaluation)

    def width(self, bounds: Bounds) -> float:
        return SwitchDR(np.inf).width(bounds)


def _check_cap(cap: float) -> None:
    if not cap >= 1.0:
        raise InvalidFeedback(f"cap is {cap}; weights are 1 on average, it is at least that; inf caps nothing")
