"""A forest scores as LightGBM does, to the last bit, and its contributions are LightGBM's; Booster is the oracle."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.forest import Forest
from models.forest_kernel import BLOCK

Rows = NDArray[np.float64]

_ODD = [
    0.0, -0.0, 1e-35, -1e-35, 1.0000000180025095e-35, -1.0000000180025095e-35, 1.1e-35, -1.1e-35, 5e-324, -5e-324,
    1e300, -1e300, 1.7e308, np.inf, -np.inf, np.nan, 31.0, 32.0, 2.0**31, -(2.0**31), 2.0**33, 0.5, -0.5, -1.0, 1e-20,
]  # fmt: skip
"""Values that a rule might take for others."""


@dataclass(frozen=True, slots=True)
class Grown:
    """A little model and rows to ask it: what it learned from, and odder ones."""

    text: str
    rows: Rows


def _column(rng: np.random.Generator, kind: str, count: int) -> Rows:
    if kind == "constant":
        return np.full(count, rng.choice(_ODD[:8]))
    if kind == "category":
        return rng.choice([0, 1, 2, 3, 31, 32, 33, 70, 1000], count).astype(np.float64)
    if kind == "odd":
        return rng.choice(_ODD, count)
    if kind == "tiny":
        return rng.choice([-1, 0, 1], count) * rng.choice([1e-36, 1e-35, 2e-35, 1e-30, 1.0], count)
    return rng.normal(size=count).round(1) * rng.choice([1.0, 1e200, 1e-200])


@st.composite
def grown(draw: st.DrawFn) -> Grown:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kinds = draw(st.lists(st.sampled_from(["number", "category", "odd", "tiny", "constant"]), min_size=1, max_size=5))
    count = draw(st.integers(2, 120))
    columns = np.stack([_column(rng, kind, count) for kind in kinds], axis=1)
    columns[rng.random(columns.shape) < draw(st.sampled_from([0.0, 0.1, 0.6]))] = np.nan
    columns[rng.random(columns.shape) < draw(st.sampled_from([0.0, 0.3]))] = 0.0
    classes = draw(st.sampled_from([1, 1, 3]))
    told = {
        "objective": "multiclass" if classes > 1 else draw(st.sampled_from(["binary", "regression", "poisson"])),
        "num_class": classes,
        "boosting": draw(st.sampled_from(["gbdt", "gbdt", "dart", "rf"])),
        "bagging_freq": 1,
        "bagging_fraction": 0.8,
        "num_leaves": draw(st.sampled_from([2, 3, 8, 31, 100])),
        "min_data_in_leaf": draw(st.sampled_from([1, 5, 20])),
        "min_data_in_bin": 1,
        "min_sum_hessian_in_leaf": 0.0,
        "zero_as_missing": draw(st.booleans()),
        "use_missing": draw(st.booleans()),
        "max_cat_to_onehot": draw(st.sampled_from([1, 4])),
        "min_data_per_group": 1,
        "cat_smooth": 1.0,
        "learning_rate": draw(st.sampled_from([0.1, 1.0])),
        "feature_pre_filter": False,
        "verbose": -1,
        "num_threads": 1,
        "seed": 1,
    }
    categories = [place for place, kind in enumerate(kinds) if kind == "category"]
    label = rng.integers(0, max(classes, 2), count).astype(np.float64)
    taught = lgb.Dataset(columns, label, categorical_feature=categories, params=told)
    try:
        text = lgb.train(told, taught, draw(st.integers(1, 6))).model_to_string()
    except lgb.basic.LightGBMError:  # it gives up on some odd tables
        reject()
    odder = rng.choice([*_ODD, *_thresholds(text)], (40, len(kinds)))
    rows = np.concatenate([columns, odder])
    alike = rng.random(len(kinds)) < 0.3
    rows[:, alike] = rows[0, alike]
    return Grown(text, rows[: draw(st.sampled_from([1, 2, len(rows), len(rows)]))])


def _thresholds(text: str) -> list[float]:
    """And their nearest neighbours."""
    found = [float(one) for line in re.findall(r"^threshold=(.+)$", text, re.MULTILINE) for one in line.split()]
    return [one for at in found for one in (at, math.nextafter(at, math.inf), math.nextafter(at, -math.inf))]


def _oracle(text: str, rows: Rows) -> Rows:
    return np.asarray(lgb.Booster(model_str=text).predict(rows, raw_score=True, num_threads=1), np.float64)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(grown())
def test_scores_are_lightgbms_to_the_last_bit(model: Grown) -> None:
    forest = Forest(model.text)
    assert forest.raw(model.rows).tobytes() == _oracle(model.text, model.rows).tobytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(grown())
def test_contributions_are_lightgbms(model: Grown) -> None:
    forest, booster = Forest(model.text), lgb.Booster(model_str=model.text)
    told = np.asarray(booster.predict(model.rows, pred_contrib=True, num_threads=1))
    told = told.reshape(len(model.rows), forest.classes, -1)[:, :, :-1]
    np.testing.assert_allclose(forest.contributions(model.rows), told, rtol=1e-9, atol=1e-9)
