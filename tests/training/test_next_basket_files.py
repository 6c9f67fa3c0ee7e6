"""The published files of Ta-Feng become the event log that everything else reads: order kept, the future last."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.parts.next_basket_files import LAST, NotThere, read
from training.next_purchase.baskets import baskets

HISTORY = {"2": [[-1], [3], [0, 1], [-1]], "10": [[-1], [2, 2], [-1]]}
"""SYNTHETIC."""
FUTURE = {"2": [[-1], [1, 4], [-1]], "10": [[-1], [0], [-1]]}


def write(folder: Path, name: str, content: object) -> None:
    with gzip.open(folder / f"shop_{name}.json.gz", "wt", encoding="utf-8") as file:
        json.dump(content, file)


def test_baskets_are_read_in_order_and_the_future_is_the_last(tmp_path: Path) -> None:
    write(tmp_path, "history", HISTORY)
    write(tmp_path, "future", FUTURE)
    split = read(tmp_path, "shop")
    assert split.items == 5
    assert split.judged.tolist() == [True, True]
    everything = np.arange(split.items, dtype=np.int32)
    found = baskets(split.histories, everything, LAST)
    assert found.count().tolist() == [3, 2]
    assert found.thing.tolist() == [3, 0, 1, 1, 4, 2, 0]
    before = baskets(split.histories, everything, LAST - 1)
    assert before.thing.tolist() == found.without_last(1).thing.tolist() == [3, 0, 1, 2]


def test_where_keys_are_only_the_tested_are_judged(tmp_path: Path) -> None:
    write(tmp_path, "history", HISTORY)
    write(tmp_path, "future", FUTURE)
    write(tmp_path, "keyset", {"item_num": 5, "train": ["2", "10"], "test": ["10"]})
    assert read(tmp_path, "shop").judged.tolist() == [False, True]


def test_customers_must_agree(tmp_path: Path) -> None:
    write(tmp_path, "history", HISTORY)
    write(tmp_path, "future", {"2": FUTURE["2"]})
    with pytest.raises(NotThere, match="other customers"):
        read(tmp_path, "shop")


def test_what_is_no_json_is_said(tmp_path: Path) -> None:
    (tmp_path / "shop_history.json.gz").write_bytes(b"no gzip")
    with pytest.raises(NotThere, match="shop_history"):
        read(tmp_path, "shop")
