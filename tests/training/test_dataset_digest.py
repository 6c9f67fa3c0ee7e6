"""The digest of what was learned from: of everything that was seen, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from features.columns import CUSTOMER_SCHEMA
from features.event import Kind
from features.progress import Silent
from features.stores.protocol import Store
from tests.training.small_shop import as_table, events, open_shop
from training import table
from training.contacts import DAY
from training.table import Dataset


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = open_shop(tmp_path_factory.mktemp("shop") / "store.db")
    yield store
    store.close()


@pytest.fixture(scope="module")
def dataset(shop: Store) -> Dataset:
    return table.read(shop, None, Silent())


def test_the_dataset_digest_changes_with_what_is_known(shop: Store, dataset: Dataset) -> None:
    assert table.read(shop, None, Silent()).digest == dataset.digest
    assert table.read(shop, dataset.known_at - DAY, Silent()).digest != dataset.digest


def _digest_of(path: Path, rows: pa.Table, until: int, zone: str | None = None) -> str:
    store = open_shop(path, rows=rows)
    if zone is not None:
        told = {"customer_id": ["c-1"], "traits": [None], "identifiers": [None], "time_zone": [zone]}
        store.import_customers(pa.table(told, schema=CUSTOMER_SCHEMA), "synthetic-zones")
    try:
        return table.read(store, until, Silent()).digest
    finally:
        store.close()


def test_the_dataset_digest_is_of_all_that_was_seen_and_of_nothing_else(tmp_path: Path, dataset: Dataset) -> None:
    until = dataset.known_at - DAY
    rows = events(7).to_pylist()
    first = _digest_of(tmp_path / "first.db", as_table(rows), until)
    assert _digest_of(tmp_path / "again.db", as_table(rows), until) == first
    ordered = next(place for place, row in enumerate(rows) if row["kind"] == Kind.ORDERED)
    for name, value in (("amount", 99.0), ("quantity", 7.0), ("channel", "email")):
        changed = [*rows[:ordered], {**rows[ordered], name: value}, *rows[ordered + 1 :]]
        assert _digest_of(tmp_path / f"{name}.db", as_table(changed), until) != first
    assert _digest_of(tmp_path / "zone.db", as_table(rows), until, "Asia/Tokyo") != first
    later = {**rows[ordered], "customer_id": "newcomer", "occurred_at": until + 1, "recorded_at": until + 1}
    assert _digest_of(tmp_path / "later.db", as_table([*rows, later]), until) == first
