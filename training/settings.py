"""What a training run is told: everything that changes its result, in one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from training.errors import InvalidSettings

DEFAULT_SEED = 20240229
SHARED = {
    "objective": "binary",
    "verbose": -1,
    "deterministic": True,
    "force_col_wise": True,
    "max_bin": 127,
    "feature_pre_filter": False,
}
"""Of every LightGBM model here, ours and the plain one."""


@dataclass(frozen=True, slots=True)
class Span:
    """Ends included. logarithmic: equal ratios are searched alike, not equal steps. whole: numbers only."""

    low: float
    high: float
    logarithmic: bool = True
    whole: bool = False


SPANS = {
    "num_leaves": Span(3, 63, whole=True),
    "learning_rate": Span(0.01, 0.2),
    "min_data_in_leaf": Span(10, 1_000, whole=True),
    "feature_fraction": Span(0.05, 1.0, logarithmic=False),
    "bagging_fraction": Span(0.5, 1.0, logarithmic=False),
    "lambda_l2": Span(0.01, 1_000.0),
}
"""Of each of ResponseTrees: where tuning looks, and beyond which nothing may be given."""


@dataclass(frozen=True, slots=True)
class ResponseTrees:
    """How the response model's trees are grown, by LightGBM's names: what tuning chooses. Successes are few and what is
    known of a customer grows with time: larger trees promise too much of later contacts. Raises InvalidSettings."""

    num_leaves: int = 7
    learning_rate: float = 0.05
    min_data_in_leaf: int = 100
    feature_fraction: float = 0.2
    bagging_fraction: float = 0.8
    lambda_l2: float = 20.0

    def __post_init__(self) -> None:
        for name, span in SPANS.items():
            value = getattr(self, name)
            if not span.low <= value <= span.high:
                raise InvalidSettings(f"{name} is {value}; it is from {span.low:g} to {span.high:g}; correct it")

    def told(self) -> dict[str, object]:
        """As LightGBM wants it."""
        return {**SHARED, **asdict(self), "bagging_freq": 1}

    def written(self) -> str:
        """As `read_trees` reads it, to the last bit."""
        return ",".join(f"{name}={value}" for name, value in asdict(self).items())


def read_trees(text: str) -> ResponseTrees:
    """`num_leaves=15,learning_rate=0.1`; what is not named is as without tuning. Raises InvalidSettings."""
    given: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (each.strip() for each in part.partition("="))
        if name not in SPANS:
            raise InvalidSettings(f"response is {part}; it is name=value of {', '.join(SPANS)}; correct it")
        try:
            given[name] = int(value) if SPANS[name].whole else float(value)
        except ValueError as error:
            kind = "a whole number" if SPANS[name].whole else "a number"
            raise InvalidSettings(f"{name} is {value or 'missing'}; it is {kind}; correct it") from error
    return trees_of(given)


def trees_of(given: Mapping[str, float]) -> ResponseTrees:
    """By name, whole where SPANS says so. Raises InvalidSettings."""
    return ResponseTrees(**given)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """seed: of every draw. threads: LightGBM's and implicit's; the result does not depend on it. people: about how many
    people's histories are held and learned from at most, see training.table.read_share; None: everybody's.

    affinity_moments: moments, 28 days apart, that one affinity model learns from; affinity_people: at most how many are
    drawn at each. affinity_rounds, interest_rounds: trees. refits: at most how many affinity models that saw earlier
    data only are fitted for the exposures' sake, besides the last.
    negatives: failed contacts drawn (with weights that make up for the rest) per split to learn from; judged: the same
    to be judged on. rounds: at most how many trees of the response model; patience: rounds without a better
    validation. resamples: bootstrap draws of people. judged_people: at most how many people the next-purchase table
    ranks for. response: how its trees are grown.
    """

    seed: int = DEFAULT_SEED
    threads: int = 2
    people: int | None = None
    affinity_moments: int = 3
    affinity_people: int = 10_000
    affinity_rounds: int = 160
    interest_rounds: int = 120
    refits: int = 3
    negatives: int = 40_000
    judged: int = 150_000
    rounds: int = 500
    patience: int = 40
    resamples: int = 200
    judged_people: int = 5_000
    response: ResponseTrees = ResponseTrees()

    def flat(self) -> dict[str, str]:
        """As tracking wants parameters."""
        return {name: str(value) for name, value in asdict(self).items() if name != "response"}


AFFINITY = {**SHARED, "num_leaves": 31, "learning_rate": 0.05, "min_data_in_leaf": 100, "feature_fraction": 0.5}

INTEREST = {
    **SHARED,
    "num_leaves": 15,
    "learning_rate": 0.05,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.5,
    "lambda_l2": 5.0,
}

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
