"""The repurchase model as JSON: one line a category, one an item."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import cast

import numpy as np
from numpy.typing import NDArray

from models.repurchase import BINS, EDGES, Pace, RepurchaseModel


def to_json(model: RepurchaseModel) -> bytes:
    """Equal models give equal bytes. categories: own rates, those of a typical category right below, those of a typical
    item within; any: the last two of all. items: the category (null: none) and the factor."""
    count = len(model.categories)
    rows = {
        name: [model.own[place].tolist(), model.below[place].tolist(), model.within[place].tolist()]
        for place, name in enumerate(model.categories)
    }
    items = {
        name: [model.categories[home] if home >= 0 else None, factor]
        for name, home, factor in zip(model.items, model.home.tolist(), model.factor.tolist(), strict=True)
    }
    head = {
        "any": [model.below[count].tolist(), model.within[count].tolist()],
        "as_of": model.as_of,
        "category_pace": asdict(model.category_pace),
        "edges": EDGES.tolist(),
        "item_pace": asdict(model.item_pace),
    }
    lines = [f" {json.dumps(name)}: {_one_line(value)}" for name, value in head.items()]
    lines += [f" {json.dumps(name)}: {_lines(entries)}" for name, entries in (("categories", rows), ("items", items))]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def from_object(content: Mapping[str, object]) -> RepurchaseModel:
    """Raises ValueError, KeyError, TypeError when it is not what to_json writes."""
    if content["edges"] != EDGES.tolist():
        raise ValueError("the days at which bins begin are others than this version's")
    categories = cast("dict[str, list[list[float]]]", content["categories"])
    items = cast("dict[str, tuple[str | None, float]]", content["items"])
    below, within = cast("list[list[float]]", content["any"])
    number: dict[str | None, int] = {None: -1, **{name: place for place, name in enumerate(categories)}}
    return RepurchaseModel(
        as_of=int(cast("int", content["as_of"])),
        category_pace=_pace(content["category_pace"]),
        item_pace=_pace(content["item_pace"]),
        categories=tuple(categories),
        own=_rates([row[0] for row in categories.values()]),
        below=_rates([*(row[1] for row in categories.values()), below]),
        within=_rates([*(row[2] for row in categories.values()), within]),
        items=tuple(items),
        home=np.array([number[home] for home, _ in items.values()], np.int32),
        factor=np.array([factor for _, factor in items.values()], np.float64),
    )


def _pace(content: object) -> Pace:
    told = cast("dict[str, float]", content)
    return Pace(float(told["shape"]), float(told["wear"]))


def _rates(rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    return np.array(rows, np.float64).reshape(len(rows), BINS)


def _one_line(value: object) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def _lines(entries: Mapping[str, object]) -> str:
    within = ",\n".join(f"  {json.dumps(name)}: {_one_line(value)}" for name, value in entries.items())
    return "{\n" + within + "\n }"
