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

from features import build
from features.history import page
from models.forest import Forest
from models.forest_kernel import BLOCK
from models.inputs import affinity_shared, need_feature_index, response_shared
from tests.features.histories import World, worlds

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


def _noise(classes: int = 1, **told: object) -> tuple[str, Rows]:
    """A model of noise with more rows than a block has; columns 0 to 3 are as a customer's."""
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(2 * BLOCK + 77, 8))
    label = rng.integers(0, max(classes, 2), len(rows)).astype(np.float64)
    objective = {"objective": "multiclass", "num_class": classes} if classes > 1 else {"objective": "binary"}
    parameters: Mapping[str, object] = {"verbose": -1, "num_threads": 1, "seed": 1, **objective, **told}
    text = lgb.train(dict(parameters), lgb.Dataset(rows, label), 10).model_to_string()
    return text, rows


@pytest.mark.parametrize("classes", [1, 3])
def test_what_the_caller_knows_of_the_columns_changes_nothing(classes: int) -> None:
    text, rows = _noise(classes)
    forest, shared = Forest(text), np.arange(8) < 4
    rows[:, shared] = rows[5, shared]
    told = _oracle(text, rows).tobytes()
    assert forest.raw(rows).tobytes() == told
    assert forest.raw(rows, shared=shared).tobytes() == told
    assert forest.raw(rows[:, :6], rows[:, 6:], shared).tobytes() == told
    assert forest.raw(np.asfortranarray(rows), shared=shared).tobytes() == told


def test_a_row_scores_the_same_in_any_company() -> None:
    text, rows = _noise(num_leaves=63)
    together = Forest(text).raw(rows)
    assert Forest(text).raw(rows[::-1])[::-1].tobytes() == together.tobytes()
    assert [Forest(text).raw(rows[i : i + 1])[0] for i in (0, BLOCK, len(rows) - 1)] == [
        together[i] for i in (0, BLOCK, len(rows) - 1)
    ]


def test_a_model_that_found_nothing_to_split_is_a_constant() -> None:
    constant = lgb.Dataset(np.ones((30, 2)), np.arange(30.0), params={"verbose": -1})
    text = lgb.train({"objective": "regression", "verbose": -1}, constant, 3).model_to_string()
    rows = np.array([[1.0, np.nan], [0.0, 2.0]])
    assert Forest(text).raw(rows).tobytes() == _oracle(text, rows).tobytes()
    assert not Forest(text).contributions(rows).any()


def test_no_rows_have_no_scores() -> None:
    text, rows = _noise(3)
    assert Forest(text).raw(rows[:0]).shape == (0, 3)
    assert Forest(text).contributions(rows[:0]).shape == (0, 3, 8)
    assert Forest(_noise()[0]).raw(rows[:0]).shape == (0,)


@pytest.mark.parametrize("columns", [7, 9])
def test_rows_of_another_width_are_refused(columns: int) -> None:
    forest = Forest(_noise()[0])
    with pytest.raises(ValueError, match="8 inputs"):
        forest.raw(np.zeros((2, columns)))
    with pytest.raises(ValueError, match="8 inputs"):
        forest.raw(np.zeros((2, 8)), shared=np.zeros(columns, np.bool_))
    with pytest.raises(ValueError, match="8 inputs"):
        forest.contributions(np.zeros((2, columns)))


def test_linear_leaves_are_refused() -> None:
    with pytest.raises(ValueError, match="linear_tree"):
        Forest(_noise(linear_tree=True)[0])


_SPOILT = {
    "cut off": ("\nend of trees", ""),
    "a tree less": ("\nTree=3\n", "\n"),
    "a child twice": (r"left_child=(\S+) \S+ ", r"left_child=\1 \1 "),
    "a child out of reach": (r"right_child=\S+ ", "right_child=4000 "),
    "a loop": (r"left_child=\S+ ", "left_child=0 "),
    "a column too many": (r"split_feature=\S+ ", "split_feature=8 "),
    "a leaf less": (r"leaf_value=\S+ ", "leaf_value="),
    "a count less": (r"leaf_count=\S+ ", "leaf_count="),
    "a word for a number": (r"threshold=\S+ ", "threshold=high "),
    "no number": (r"threshold=\S+ ", "threshold=nan "),
    "categories without a set": (r"decision_type=\S+ ", "decision_type=1 "),
    "no names": (r"feature_names=", "names="),
}


@pytest.mark.parametrize("spoilt", _SPOILT.values(), ids=_SPOILT.keys())
def test_a_spoilt_text_is_refused(spoilt: tuple[str, str]) -> None:
    text = re.sub(*spoilt, _noise()[0], count=1)
    with pytest.raises(ValueError, match="model text is unreadable"):
        Forest(text)


@given(worlds())
@settings(max_examples=50, deadline=None)
def test_what_is_declared_the_customers_is_the_same_for_all_candidates(world: World) -> None:
    rows = build.rows(page(world.records), world.moment, world.utc_offset, world.candidates, world.facts)
    features = rows.shape[1]
    assert not response_shared()[features:].any()
    own = rows[:, response_shared()[:features]]
    assert own.tobytes() == np.repeat(own[:1], len(rows), axis=0).tobytes()
    assert set(need_feature_index()[affinity_shared()[:-2]]) <= set(np.flatnonzero(response_shared()))
