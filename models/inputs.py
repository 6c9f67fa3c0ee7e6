"""The columns that the two models see, put together in one place for training, evaluation and serving."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

from features.build import category_feature_index
from features.definitions import FEATURES, names
from models.population import AFFINITY_COLUMNS, RESPONSE_COLUMNS
from models.track_record import TRACK_COLUMNS

AFFINITY_INPUT = "affinity_log_odds"
INTEREST_INPUT = "interest_log_odds"
NEED_INPUTS = (AFFINITY_INPUT, INTEREST_INPUT)

_NEED = re.compile(
    r"category\.(bought|occasions|spend|items|viewed|in_basket|basket_added)\b"
    r"|customer\.(orders\.(28d|90d|last|first|gap|overdue)|categories\.28d)$"
)
"""Need is learned from buying and looking; what was offered and answered tells of response. Within a person only what
is of the category decides the order, so that few columns of the customer do as well as all, in a fraction of the
time."""


@cache
def need_feature_index() -> NDArray[np.intp]:
    """The places, among all features, of those that depend only on customer and category and tell of need."""
    known = names()
    chosen = [place for place in category_feature_index().tolist() if _NEED.match(known[place])]
    return np.array(chosen, dtype=np.intp)


def affinity_inputs() -> tuple[str, ...]:
    """The names of the affinity model's columns, in order."""
    known = names()
    return (*(known[index] for index in need_feature_index()), *AFFINITY_COLUMNS)


def response_inputs() -> tuple[str, ...]:
    """The names of the response model's columns, in order."""
    return (*names(), *NEED_INPUTS, *RESPONSE_COLUMNS, *TRACK_COLUMNS)


def affinity_columns(rows: NDArray[np.float64], figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[m, affinity_inputs] from feature rows float64[m, F] and the population's figures of each row's category,
    float64[m, models.population.COLUMNS]."""
    return np.hstack([rows[:, need_feature_index()], figures[:, : len(AFFINITY_COLUMNS)]])


def response_columns(
    rows: NDArray[np.float64], needs: NDArray[np.float64], figures: NDArray[np.float64], track: NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64[m, response_inputs] from feature rows float64[m, F], float64[m, NEED_INPUTS], figures as above and
    float64[m, TRACK_COLUMNS]."""
    return np.hstack([rows, beside_features(needs, figures, track)])


def beside_features(
    needs: NDArray[np.float64], figures: NDArray[np.float64], track: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The last of the response model's columns, those that are no features."""
    return np.column_stack([needs, figures[:, len(AFFINITY_COLUMNS) :], track])


@cache
def affinity_shared() -> NDArray[np.bool_]:
    """bool[affinity_inputs]: columns that are the same in all rows of one customer at one moment."""
    return np.array([*_of_the_customer()[need_feature_index()], *(False for _ in AFFINITY_COLUMNS)])


@cache
def response_shared() -> NDArray[np.bool_]:
    """bool[response_inputs], likewise."""
    return np.array([*_of_the_customer(), *(False for _ in (*NEED_INPUTS, *RESPONSE_COLUMNS, *TRACK_COLUMNS))])


def _of_the_customer() -> NDArray[np.bool_]:
    return np.array([feature.scope == "customer" for feature in FEATURES])
