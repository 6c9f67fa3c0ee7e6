"""The columns that the models see, put together in one place for training, evaluation and serving."""

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
_ABOVE = re.compile(
    r"parent\.(bought\.(28d|365d|share|last|overdue|half_life_28d)|viewed|in_basket)\b|customer\.viewed\.(7d|28d|90d)$"
)
"""What interest sees besides: how much somebody looks at all, and at what lies above the category. A month's purchases
are foretold no better with it."""


@cache
def need_feature_index() -> NDArray[np.intp]:
    """The places, among all features, of those that depend only on customer and category and tell of need."""
    return _matching(_NEED)


@cache
def above_feature_index() -> NDArray[np.intp]:
    """The places of those that interest sees besides."""
    return _matching(_ABOVE)


def _matching(told: re.Pattern[str]) -> NDArray[np.intp]:
    known = names()
    return np.array([place for place in category_feature_index().tolist() if told.match(known[place])], dtype=np.intp)


def affinity_inputs() -> tuple[str, ...]:
    """The names of the affinity model's columns, in order."""
    known = names()
    return (*(known[index] for index in need_feature_index()), *AFFINITY_COLUMNS)


def interest_inputs() -> tuple[str, ...]:
    """The names of the interest model's columns, in order: the affinity model's first."""
    known = names()
    return (*affinity_inputs(), *(known[index] for index in above_feature_index()))


def response_inputs() -> tuple[str, ...]:
    """The names of the response model's columns, in order."""
    return (*names(), *NEED_INPUTS, *RESPONSE_COLUMNS, *TRACK_COLUMNS)


def affinity_columns(
    rows: NDArray[np.float64], figures: NDArray[np.float64], chosen: NDArray[np.int32] | None = None
) -> NDArray[np.float64]:
    """float64[m, affinity_inputs] from feature rows float64[m, F] and the population's figures of each row's category,
    float64[m, models.population.COLUMNS]. chosen: int32[m], which of the rows; None: all."""
    features = need_feature_index()
    return with_figures(rows[:, features] if chosen is None else rows[chosen[:, None], features], figures)


def with_figures(need: NDArray[np.float64], figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same from float64[m, need_feature_index], the features that it takes alone."""
    made = np.empty((len(figures), need.shape[1] + len(AFFINITY_COLUMNS)))
    made[:, : need.shape[1]] = need
    made[:, need.shape[1] :] = figures[:, : len(AFFINITY_COLUMNS)]
    return made


def interest_columns(
    rows: NDArray[np.float64], affinity: NDArray[np.float64], chosen: NDArray[np.int32] | None = None
) -> NDArray[np.float64]:
    """float64[m, interest_inputs] from feature rows float64[n, F] and the affinity_columns of those that are chosen."""
    above = above_feature_index()
    return np.hstack([affinity, rows[:, above] if chosen is None else rows[chosen[:, None], above]])


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
    return np.concatenate([needs, figures[:, len(AFFINITY_COLUMNS) :], track], axis=1)


@cache
def affinity_shared() -> NDArray[np.bool_]:
    """bool[affinity_inputs]: columns that are the same in all rows of one customer at one moment."""
    return np.array([*_of_the_customer()[need_feature_index()], *(False for _ in AFFINITY_COLUMNS)])


@cache
def interest_shared() -> NDArray[np.bool_]:
    """bool[interest_inputs], likewise."""
    return np.array([*affinity_shared(), *_of_the_customer()[above_feature_index()]])


@cache
def response_shared() -> NDArray[np.bool_]:
    """bool[response_inputs], likewise."""
    return np.array([*_of_the_customer(), *(False for _ in (*NEED_INPUTS, *RESPONSE_COLUMNS, *TRACK_COLUMNS))])


def _of_the_customer() -> NDArray[np.bool_]:
    return np.array([feature.scope == "customer" for feature in FEATURES])
