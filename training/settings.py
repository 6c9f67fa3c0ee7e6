"""What a training run is told: everything that changes its result, in one frozen value."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """seed: of every draw. threads: LightGBM's and implicit's; the result does not depend on it.

    affinity_moments: moments, 28 days apart, that one affinity model learns from. affinity_rounds: trees. refits: at
    most how many affinity models that saw earlier data only are fitted for the exposures' sake, besides the last.
    negatives: failed contacts drawn (with weights that make up for the rest) per split to learn from; judged: the same
    to be judged on. rounds: at most how many trees of the response model; patience: rounds without a better
    validation. resamples: bootstrap draws of people. judged_people: at most how many people the next-purchase table
    ranks for.
    """

    seed: int = 20240229
    threads: int = 2
    affinity_moments: int = 3
    affinity_rounds: int = 160
    refits: int = 4
    negatives: int = 40_000
    judged: int = 150_000
    rounds: int = 500
    patience: int = 40
    resamples: int = 200
    judged_people: int = 5_000

    def flat(self) -> dict[str, str]:
        """As tracking wants parameters."""
        return {name: str(value) for name, value in asdict(self).items()}


SHARED = {
    "objective": "binary",
    "verbose": -1,
    "deterministic": True,
    "force_col_wise": True,
    "max_bin": 127,
    "feature_pre_filter": False,
}
"""Of every LightGBM model here, ours and the plain one."""

AFFINITY = {**SHARED, "num_leaves": 31, "learning_rate": 0.05, "min_data_in_leaf": 100, "feature_fraction": 0.5}

REWARD = {**SHARED, "objective": "regression", "num_leaves": 15, "learning_rate": 0.05, "min_data_in_leaf": 50}
"""Of what a draw is expected to earn, for off-policy evaluation."""

CONTACT_REASON = {
    **SHARED,
    "objective": "multiclass",
    "num_leaves": 7,
    "learning_rate": 0.05,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
}
"""Contacts with a reason are few at first."""

RESPONSE = {
    **SHARED,
    "num_leaves": 7,
    "learning_rate": 0.05,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.2,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 20.0,
}
"""Successes are few and what is known of a customer grows with time: larger trees promise too much of later
contacts."""
