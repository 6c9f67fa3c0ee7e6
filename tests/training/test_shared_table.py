"""Forests that share one table's bins: the trees of a table of their own, where the bins are the same."""

from __future__ import annotations

import numpy as np
import pytest

from training.growing import Sample, best_rounds, calibrate_across_people, grow, part_of, shared_table
from training.settings import ResponseTrees

INPUTS = ("one", "two", "three")
TOLD = (INPUTS, ResponseTrees().told(), 25, 3)


def contacts(count: int) -> Sample:
    """SYNTHETIC. Columns of ten values each, all of them in any part of a hundred rows: bins are the same."""
    rng = np.random.default_rng(8)
    columns = rng.integers(0, 10, (count, len(INPUTS))).astype(np.float64)
    label = rng.random(count) < 1.0 / (1.0 + np.exp(3.0 - 0.3 * columns[:, 0] + 0.1 * columns[:, 1]))
    return Sample(columns, label, rng.uniform(0.5, 2.0, count), rng.integers(0, 500, count).astype(np.int32))


def test_a_part_has_the_trees_of_a_table_of_its_own() -> None:
    made = contacts(4_000)
    table = shared_table(made, INPUTS, backbone=False)
    for chosen in (made.person % 3 != 0, np.arange(4_000) < 3_000, np.ones(4_000, np.bool_)):
        shared = grow(made.take(chosen), *TOLD, table=part_of(table, chosen))
        assert shared.text == grow(made.take(chosen), *TOLD).text
    assert grow(made, *TOLD, table=table).text == grow(made, *TOLD).text


def test_what_is_judged_by_parts_is_the_same() -> None:
    made, later = contacts(4_000), contacts(4_500).take(np.arange(4_500) >= 4_000)
    table = shared_table(made, INPUTS, backbone=False)
    asked = (made, *TOLD, later, 5)
    assert best_rounds(*asked, backbone=False, table=table) == best_rounds(*asked, backbone=False)
    judged = np.arange(4_000) >= 2_000
    told = (made, judged, *TOLD, 2)
    assert calibrate_across_people(*told, table=table) == calibrate_across_people(*told)


@pytest.mark.parametrize("chosen", [True, False])
def test_with_a_backbone_nothing_is_shared(chosen: bool) -> None:
    assert shared_table(contacts(50), INPUTS, backbone=True) is None
    assert part_of(None, np.full(50, chosen)) is None
