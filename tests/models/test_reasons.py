"""Reasons in words: the strongest first, with the value and the factor, and never more than asked."""

# ruff: noqa: ARG002 a scorer takes what the protocol gives it

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from features.candidates import Candidates
from features.published import NOTHING
from models.columns import CompiledCatalogue
from models.decide import decide
from models.inputs import AFFINITY_INPUT, response_inputs
from models.reasons import SHOWN, Additions, reasons
from tests.models.shop import NOW, ByAction, customer, request
from tests.models.test_decide import small_shop

COLUMNS = response_inputs()


def additions(**added: tuple[float, float]) -> Additions:
    """One row: by name of the column (dots as __), its value and what it adds."""
    values, log_odds = np.zeros((1, len(COLUMNS))), np.zeros((1, len(COLUMNS)))
    for name, (value, addition) in added.items():
        values[0, COLUMNS.index(name.replace("__", "."))] = value
        log_odds[0, COLUMNS.index(name.replace("__", "."))] = addition
    return Additions(values, log_odds)


def test_the_strongest_comes_first_with_its_value_and_factor() -> None:
    row = additions(
        customer__spend__28d=(1234.5, math.log(2)),
        customer__orders__last=(math.nan, -math.log(4)),
        customer__orders__28d_of_90d=(0.25, 0.1),
        customer__orders__7d=(1, 0.001),
    )
    assert reasons(row, 0, "EUR") == (
        "days since the last purchase: unknown; lowers the odds to 0.25 of it",
        "money spent in the last 28 days: 1,234.5 EUR; raises the odds 2.00 times",
        "share of the orders placed in the last 90 days that fell in the last 28 days: 25%; raises the odds 1.11 times",
    )


def test_there_are_words_for_every_column_and_never_too_many() -> None:
    for start in range(0, len(COLUMNS), SHOWN):
        row = Additions(np.ones((1, len(COLUMNS))), np.zeros((1, len(COLUMNS))))
        row.log_odds[0, start : start + SHOWN] = 1.0
        told = reasons(row, 0, "EUR")
        assert len(told) == len(COLUMNS[start : start + SHOWN])
        assert all(one.endswith("raises the odds 2.72 times") for one in told)
    everything = Additions(np.ones((1, len(COLUMNS))), np.ones((1, len(COLUMNS))))
    assert len(reasons(everything, 0, "EUR")) == SHOWN


class Outspoken(ByAction):
    """Says of the affinity that it decides."""

    def additions(self, rows: NDArray[np.float64], candidates: Candidates, compiled: CompiledCatalogue) -> Additions:
        assert len(rows) == len(candidates)
        made = np.zeros((len(rows), len(COLUMNS)))
        made[:, COLUMNS.index(AFFINITY_INPUT)] = 1.0
        return Additions(made, made)


class Speechless(Outspoken):
    def additions(self, rows: NDArray[np.float64], candidates: Candidates, compiled: CompiledCatalogue) -> Additions:
        raise MemoryError


def test_a_decision_tells_reasons_when_asked_and_survives_a_model_that_cannot() -> None:
    shop, vocabulary = small_shop({"a": {"items": ["w1"]}, "b": {"items": ["d1"]}})
    asked = request("web", limit=2, explain=True)

    def told(scorer: ByAction, explain: bool = True) -> list[tuple[str, ...]]:
        record, rng = customer((), vocabulary), np.random.default_rng(1)
        decision = decide(replace(asked, explain=explain), record, shop, scorer, NOW, rng, NOTHING)
        return [action.reasons for slate in decision.slates for action in slate.actions]

    words = "how likely they are to buy it within 28 days, by what they buy: 1 log odds; raises the odds 2.72 times"
    assert told(Outspoken()) == [(words,)] * 2
    assert told(Outspoken(), explain=False) == told(ByAction()) == [()] * 2
    assert told(Speechless()) == [("the model could not say why (MemoryError)",)] * 2
