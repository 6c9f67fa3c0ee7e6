"""What a response forest begins with: what it adds up to, and that with few successes it is nearer to the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.forest import Forest
from models.inputs import AFFINITY_INPUT, INTEREST_INPUT, response_inputs
from models.track_record import TRACK_COLUMNS
from training.backbone import BACKBONE, INTERESTED, WORN, WORN_INPUT, lines, staircases, standardised
from training.growing import Sample, best_rounds, grow, tables_of
from training.settings import ResponseTrees

INPUTS = response_inputs()
LIFT, WANTED, VIEWED = (INPUTS.index(one) for one in (TRACK_COLUMNS[0], AFFINITY_INPUT, "category.viewed.7d"))


def columns(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """SYNTHETIC contacts: of actions of which some succeed ten times as often as others, with people who have looked
    for what is promoted or not, and noise besides."""
    made = np.zeros((count, len(INPUTS)))
    made[:, LIFT] = rng.choice([-2.0, -0.5, 0.0, 0.3, 0.8], count)
    made[:, WANTED] = np.where(rng.random(count) < 0.2, np.nan, rng.normal(-3.0, 1.0, count))
    made[:, VIEWED] = rng.poisson(0.3, count)
    for place in range(0, len(INPUTS) - 4, 9):
        if place != VIEWED:
            made[:, place] = rng.normal(size=count)
    return made


def truth(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    wanted = np.nan_to_num(rows[:, WANTED], nan=-3.0) + 3.0
    log_odds = -2.5 + rows[:, LIFT] + 0.4 * wanted + 1.2 * np.log1p(rows[:, VIEWED])
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)), np.float64)


def sample(rng: np.random.Generator, count: int) -> Sample:
    rows = columns(rng, count)
    return Sample(rows, rng.random(count) < truth(rows), np.ones(count), np.arange(count, dtype=np.int32))


def test_the_staircases_add_up_to_the_lines_they_follow() -> None:
    made = sample(np.random.default_rng(1), 3_000)
    tables = tables_of(made, INPUTS, 1, None, backbone=True)
    assert tables.before is not None
    forest = Forest(tables.before.model_to_string())
    followed = lines(made, INPUTS)
    assert forest.rounds == tables.begun == len(followed)
    total = np.sum([line for _, line in followed], axis=0)
    apart = np.abs(forest.raw(made.columns) - total)
    assert (apart < 0.05).mean() > 0.99  # the rest is in the outermost bins
    assert apart.max() < 0.5
    assert {place for place, _ in followed} >= {LIFT, WANTED, VIEWED}
    assert {INPUTS[place] for place, _ in followed} <= set(BACKBONE)


def test_beyond_what_was_seen_a_staircase_goes_no_further() -> None:
    made = sample(np.random.default_rng(2), 2_000)
    tables = tables_of(made, INPUTS, 1, None, backbone=True)
    assert tables.before is not None
    forest = Forest(tables.before.model_to_string())
    highest = made.columns[[int(made.columns[:, VIEWED].argmax())]].copy()
    beyond = highest.copy()
    beyond[:, VIEWED] = 1e6
    assert forest.raw(beyond) == forest.raw(highest)


def test_few_contacts_leave_the_lines_where_they_were_expected_and_many_move_them() -> None:
    """Where interest is known: towards it, and away from what was just offered; of SYNTHETIC contacts that care for
    neither."""
    rng, slopes = np.random.default_rng(11), []
    wanted, worn = INPUTS.index(INTEREST_INPUT), INPUTS.index(WORN_INPUT)
    for count in (60, 60_000):
        rows = np.zeros((count, len(INPUTS)))
        rows[:, wanted], rows[:, worn] = rng.normal(-3.0, 1.0, count), rng.poisson(1.0, count)
        made = Sample(rows, rng.random(count) < 0.1, np.ones(count), np.arange(count, dtype=np.int32))
        by = dict(lines(made, INPUTS))
        slopes.append([np.polyfit(rows[:, wanted], by[wanted], 1)[0]])
        slopes[-1].append(np.polyfit(np.log1p(rows[:, worn]), by[worn], 1)[0])
    few, many = slopes
    assert few == pytest.approx([INTERESTED, -WORN], rel=0.4)
    assert many == pytest.approx([0.0, 0.0], abs=0.06)


@pytest.mark.parametrize("label", [False, True])
def test_one_kind_of_outcome_has_no_backbone(label: bool) -> None:
    made = sample(np.random.default_rng(3), 200)
    assert lines(replace(made, label=np.full(200, label)), INPUTS) == []


def test_columns_are_standardised_by_weight_and_unknown_is_the_mean() -> None:
    told = np.array([[1.0, 0.0], [3.0, np.nan], [5.0, np.e - 1.0], [5.0, np.e - 1.0]])
    found = standardised(told, [False, True], np.array([1.0, 1.0, 0.5, 0.5]))
    assert found[:, 0] == pytest.approx(np.array([-2.0, 0.0, 2.0, 2.0]) / np.sqrt(8.0 / 3.0))
    assert found[:, 1] == pytest.approx([-1.0, 0.0, 1.0, 1.0])
    assert (standardised(np.ones((3, 1)), [False], np.ones(3)) == 0.0).all()


def test_the_same_sample_and_seed_give_the_same_trees_alone_and_begun_anew() -> None:
    made = sample(np.random.default_rng(4), 1_000)
    told = (INPUTS, ResponseTrees().told(), 20, 7)
    first, again = (grow(made, *told, backbone=True) for _ in range(2))
    assert first.text == again.text
    tables = tables_of(made, INPUTS, 7, None, backbone=False)
    assert tables.begun == 0
    assert staircases(tables.grown, made, INPUTS, 7) is not None
    assert grow(made, *told).rounds == 20


def test_what_is_too_little_to_split_leaves_the_backbone_alone() -> None:
    made, later = (sample(np.random.default_rng(seed), 150) for seed in (6, 7))
    told = (INPUTS, ResponseTrees().told(), 20, 7)
    rounds = best_rounds(made, *told, later, 5, backbone=True)
    assert rounds == 1
    tables = tables_of(made, INPUTS, 7, None, backbone=True)
    assert tables.before is not None
    alone = Forest(tables.before.model_to_string()).raw(later.columns)
    found = grow(made, INPUTS, ResponseTrees().told(), rounds, 7, backbone=True).raw(later.columns)
    assert found.tobytes() == alone.tobytes()


def test_with_few_successes_it_is_nearer_to_the_truth_than_trees_alone() -> None:
    """Expected log loss beside the truth's own, on other contacts: over twelve worlds the backbone loses less than
    four fifths of what trees alone lose, by more than three standard errors."""
    later = columns(np.random.default_rng(99), 4_000)
    chance, lost = truth(later), []
    for seed in range(12):
        made = sample(np.random.default_rng([5, seed]), 1_500)
        forests = [grow(made, INPUTS, ResponseTrees().told(), 60, seed, backbone=one) for one in (True, False)]
        lost.append([divergence(chance, forest.raw(later)) for forest in forests])
    ahead = 0.8 * np.array(lost)[:, 1] - np.array(lost)[:, 0]
    assert ahead.mean() > 3 * ahead.std(ddof=1) / np.sqrt(len(ahead))


def divergence(chance: NDArray[np.float64], log_odds: NDArray[np.float64]) -> float:
    told = 1.0 / (1.0 + np.exp(-log_odds))
    return float((chance * np.log(chance / told) + (1 - chance) * np.log((1 - chance) / (1 - told))).mean())
