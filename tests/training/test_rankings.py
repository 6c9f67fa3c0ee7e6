"""What the next-purchase table is judged by, on shops whose records come late or whose orders hold no leaf."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from features.event import Kind
from features.progress import Silent
from models.affinity import HORIZON
from tests.training.small_shop import LOOSE, PEOPLE, as_table, events, open_shop
from training import metrics, table
from training.errors import NothingToLearn
from training.evaluate import NEXT_ORDER, Rankings, rankings
from training.settings import TrainingSettings
from training.table import Dataset

HOUR = 3_600_000


def _read(path: Path, rows: pa.Table) -> Dataset:
    store = open_shop(path / "store.db", rows=rows)
    try:
        return table.read(store, None, Silent())
    finally:
        store.close()


def _recorded_later(rows: pa.Table) -> pa.Table:
    return as_table([{**row, "recorded_at": row["occurred_at"] + HOUR} for row in rows.to_pylist()])


def _with_loose_orders(rows: pa.Table, moment: int) -> pa.Table:
    """Everybody orders something of no leaf right after `moment`."""
    loose = {"kind": int(Kind.ORDERED), "occurred_at": moment + 1, "recorded_at": moment + 1, "item": LOOSE}
    more = [{**loose, "customer_id": f"c-{n}", "order": f"loose/{n}", "channel": "mail"} for n in range(PEOPLE)]
    return as_table([*rows.to_pylist(), *more])


def _plainly(dataset: Dataset, moment: int) -> dict[int, set[int]]:
    """The leaves of each person's first order of leaves after `moment`, by a plain loop over the histories."""
    expected: dict[int, tuple[int, set[int]]] = {}
    for person, records in enumerate(dataset.histories):
        for record in records:
            at, category = int(record["occurred_at"]), int(dataset.compiled.facts.category[record["item"]])
            late = not moment < at <= moment + HORIZON or int(record["recorded_at"]) > moment + HORIZON
            if record["kind"] != Kind.ORDERED or late or not dataset.purchases.leaf[category]:
                continue
            first, held = expected.setdefault(person, (at, set()))
            if at == first:
                held.add(category)
    return {person: held for person, (_, held) in expected.items()}


def _found(dataset: Dataset, asked: Rankings) -> dict[int, set[int]]:
    leaves, (people, count) = np.flatnonzero(dataset.purchases.leaf), asked.shape
    persons = asked.pairs.person.reshape(people, count)[:, 0].tolist()
    relevant = asked.relevant[NEXT_ORDER]
    return {person: set(leaves[row].tolist()) for person, row in zip(persons, relevant, strict=True)}


@pytest.mark.parametrize("back", [1, 2])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("loose", [False, True])
def test_everybody_judged_has_a_next_order_that_holds_something(
    tmp_path: Path, *, back: int, late: bool, loose: bool
) -> None:
    rows = events(7)
    if late:
        rows = _recorded_later(rows)
    moment = max(rows["recorded_at"].to_pylist()) - back * HORIZON
    dataset = _read(tmp_path, _with_loose_orders(rows, moment) if loose else rows)
    assert dataset.known_at - back * HORIZON == moment
    asked = rankings(dataset, moment, TrainingSettings())
    assert asked.shape[0] > PEOPLE / 2
    assert _found(dataset, asked) == _plainly(dataset, moment)
    for relevant in asked.relevant.values():
        assert np.isfinite(metrics.ndcg(np.zeros(asked.shape), relevant, 10)).all()


def test_where_nobody_bought_nothing_is_judged(tmp_path: Path) -> None:
    dataset = _read(tmp_path, events(7))
    with pytest.raises(NothingToLearn, match="buyers in the 28 days after"):
        rankings(dataset, dataset.known_at, TrainingSettings())
