"""A search for better trees: repeatable, no worse than what it started from, never looking at what judges it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from features.progress import Advance, Silent
from models.inputs import response_inputs
from serving.commands.shell import one_line
from training.errors import InvalidSettings
from training.growing import Sample, best_rounds, grow
from training.metrics import log_loss
from training.settings import SPANS, ResponseTrees, Span, TrainingSettings, read_trees, trees_of
from training.tuning import MOST_TRIALS, Search, tune
from training.tuning_report import markdown

SETTINGS = TrainingSettings(rounds=60, patience=10, seed=5)
SEVEN = Search(trials=7, minutes=None)


def sample(seed: int, rows: int = 900) -> Sample:
    """Synthetic: of six columns that say anything the log odds are a product of two, which few small trees cannot
    have all of."""
    rng = np.random.default_rng(seed)
    columns = np.zeros((rows, len(response_inputs())))
    columns[:, :6] = rng.normal(size=(rows, 6))
    chance = 1 / (1 + np.exp(1.0 - 2.0 * columns[:, 0] * columns[:, 1]))
    weight = np.where(rng.random(rows) < 0.5, 1.0, 2.0)
    return Sample(columns, rng.random(rows) < chance, weight, np.arange(rows, dtype=np.int32))


TRAIN, VALIDATION = sample(1), sample(2)


def spanned(span: Span) -> st.SearchStrategy[float]:
    return st.integers(int(span.low), int(span.high)) if span.whole else st.floats(span.low, span.high)


@given(st.fixed_dictionaries({name: spanned(span) for name, span in SPANS.items()}))
def test_trees_that_were_written_are_read_as_they_were(given_trees: dict[str, float]) -> None:
    trees = trees_of(given_trees)
    assert read_trees(trees.written()) == trees


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("num_leaves=1", "num_leaves is 1; it is from 3 to 63"),
        ("num_leaves=7.5", "num_leaves is 7.5; it is a whole number"),
        ("lambda_l2=", "lambda_l2 is missing; it is a number"),
        ("feature_fraction=nan", "feature_fraction is nan; it is from 0.05 to 1"),
        ("leaves=7", "response is leaves=7; it is name=value of num_leaves"),
    ],
)
def test_trees_that_cannot_be_are_told(text: str, told: str) -> None:
    with pytest.raises(InvalidSettings, match=told.replace(".", r"\.")):
        read_trees(text)


def test_nothing_told_is_what_was_always_told() -> None:
    assert read_trees("") == ResponseTrees() == TrainingSettings().response
    assert list(ResponseTrees().told().items()) == [
        ("objective", "binary"),
        ("verbose", -1),
        ("deterministic", True),
        ("force_col_wise", True),
        ("max_bin", 127),
        ("feature_pre_filter", False),
        ("num_leaves", 7),
        ("learning_rate", 0.05),
        ("min_data_in_leaf", 100),
        ("feature_fraction", 0.2),
        ("bagging_fraction", 0.8),
        ("lambda_l2", 20.0),
        ("bagging_freq", 1),
    ]


@pytest.mark.parametrize("wrong", [(None, None), (0, None), (MOST_TRIALS + 1, None), (None, 0.0), (1, float("nan"))])
def test_a_search_ends(wrong: tuple[int | None, float | None]) -> None:
    with pytest.raises(InvalidSettings):
        Search(*wrong)


def test_the_same_seed_tries_and_chooses_the_same() -> None:
    one, other = (tune(TRAIN, VALIDATION, SETTINGS, SEVEN, Silent()) for _ in range(2))
    shown = [[replace(trial, began=0, ended=0) for trial in each.trials] for each in (one, other)]
    assert shown[0] == shown[1]
    assert one.settings == other.settings
    assert tune(TRAIN, VALIDATION, replace(SETTINGS, seed=6), SEVEN, Silent()).trials[1].trees != one.trials[1].trees


def test_what_is_chosen_is_the_best_and_grows_to_what_was_measured() -> None:
    found = tune(TRAIN, VALIDATION, SETTINGS, SEVEN, Silent())
    assert len(found.trials) == SEVEN.trials
    assert found.trials[0].trees == SETTINGS.response
    assert not found.trials[0].given_up
    assert found.best.loss == min(one.loss for one in found.trials if not one.given_up)
    assert found.best.loss < found.trials[0].loss  # of these data the untuned trees have not all
    assert found.settings == replace(SETTINGS, response=found.best.trees)
    for one in (found.trials[0], found.best):
        told = (response_inputs(), one.trees.told(), SETTINGS.rounds, SETTINGS.seed)
        forest = grow(TRAIN, *told, VALIDATION, SETTINGS.patience, backbone=True)
        assert best_rounds(TRAIN, *told, VALIDATION, SETTINGS.patience, backbone=True) == one.rounds
        probability = 1 / (1 + np.exp(-forest.raw(VALIDATION.columns)))
        assert log_loss(probability, VALIDATION.label, VALIDATION.weight) == pytest.approx(one.loss, rel=1e-6)


def test_a_search_begins_with_what_was_told_to_the_last_digit() -> None:
    told = replace(SETTINGS, response=ResponseTrees(feature_fraction=0.123456789))
    assert tune(TRAIN, VALIDATION, told, Search(1, None), Silent()).settings == told


def test_given_again_what_was_chosen_gives_the_same_trees() -> None:
    found = tune(TRAIN, VALIDATION, SETTINGS, SEVEN, Silent())
    again = read_trees(found.remark.rpartition("--response ")[2])
    told = [(response_inputs(), trees.told(), 20, SETTINGS.seed) for trees in (again, found.settings.response)]
    assert grow(TRAIN, *told[0]).text == grow(TRAIN, *told[1]).text


class Clock:
    """Seconds; each look costs one."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_a_budget_of_time_ends_the_search_and_the_first_trial_is_always_finished() -> None:
    budget = Search(trials=None, minutes=0.5)  # 30 looks at the clock; a trial looks after each round
    found = tune(TRAIN, VALIDATION, SETTINGS, budget, Silent(), Clock())
    assert not found.trials[0].given_up
    assert len(found.trials) < 4
    assert found.trials[0].loss == tune(TRAIN, VALIDATION, SETTINGS, Search(1, None), Silent()).trials[0].loss


def test_a_hopeless_trial_is_given_up_early() -> None:
    found = tune(TRAIN, VALIDATION, SETTINGS, Search(15, None), Silent())
    given_up = [one for one in found.trials if one.given_up]
    assert given_up
    assert all(one.looks and one.number > 0 for one in given_up)
    assert all(one.loss >= found.best.loss for one in given_up)
    assert markdown(found.trials).count("given up") == len(given_up)


class StoppedAfter:
    """Ctrl-C when so many trials were told."""

    def __init__(self, trials: int) -> None:
        self._left = trials

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Advance]:  # noqa: ARG002
        def advance(steps: float = 1.0, /, said: str = "") -> None:
            assert steps == 1.0
            assert said.startswith("best log loss ")
            self._left -= 1
            if self._left == 0:
                raise KeyboardInterrupt

        yield advance


def test_a_stopped_search_says_what_was_best_so_far() -> None:
    with pytest.raises(KeyboardInterrupt) as stopped:
        tune(TRAIN, VALIDATION, SETTINGS, SEVEN, StoppedAfter(3))
    line = str(stopped.value)
    assert line.startswith("stopped; nothing is registered; the best of 3 trials")
    whole = tune(TRAIN, VALIDATION, SETTINGS, Search(3, None), Silent())
    assert read_trees(line.rpartition("--response ")[2]) == whole.best.trees


def test_ctrl_c_ends_the_command_with_that_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, one_line():
        tune(TRAIN, VALIDATION, SETTINGS, SEVEN, StoppedAfter(1))
    assert ended.value.exit_code == 130
    assert "--response num_leaves=7," in capsys.readouterr().err
