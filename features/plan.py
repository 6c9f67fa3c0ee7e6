"""Declared features as the tables that the kernel reads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from features.declaration import HALF_LIVES, WINDOWS, Feature, Kinds, Term
from features.definitions import FEATURES
from features.event import FLEETING, LOG_ONLY
from features.history import PAGE_LIMIT
from features.kernel_codes import BLOCKS, CELLS, DAY, Measure, Op, Plan, Role, Store

STORE_OF = {
    Role.CUSTOMER: Store.CUSTOMER,
    Role.CHANNEL: Store.CHANNEL,
    Role.ACTION: Store.ACTION,
    Role.GROUP: Store.GROUP,
    Role.CATEGORY: Store.CATEGORY,
    Role.PARENT: Store.CATEGORY,
    Role.ITEMS: Store.ITEM,
}
DISTINCT = (Measure.ITEMS, Measure.CATEGORIES, Measure.ORDERS, Measure.CONTACTS)
"""In the order of their codes."""

Series = tuple[Store, Measure, Kinds]


def _series_of(term: Term) -> Series | None:
    """None for a fact."""
    if term.measure == Measure.NOTHING:
        return None
    store = Store.CHANNEL if term.whose >= Role.NAMED else STORE_OF[Role(term.whose)]
    return store, term.measure, term.kinds


def _order(series: Series) -> tuple[int, int, list[int]]:
    return int(series[0]), int(series[1]), sorted(int(kind) for kind in series[2])


def _offsets(series: Sequence[Series]) -> dict[Series, int]:
    """Where each series' cells begin in its store's row."""
    counted = dict.fromkeys(Store, 0)
    offsets: dict[Series, int] = {}
    for one in series:
        offsets[one] = counted[one[0]] * CELLS
        counted[one[0]] += 1
    return offsets


def _bits(series: Sequence[Series]) -> tuple[dict[tuple[Measure, Kinds], int], NDArray[np.int64]]:
    """A bit for each (distinct measure, kinds), and the bits that an event of a kind may use up."""
    pairs = dict.fromkeys((measure, kinds) for _, measure, kinds in series if measure in DISTINCT)
    numbered = {pair: bit for bit, pair in enumerate(pairs)}
    bits = np.zeros((len(DISTINCT), 256), dtype=np.int64)
    for (measure, kinds), bit in numbered.items():
        for kind in kinds:
            bits[DISTINCT.index(measure), kind] |= 1 << bit
    return numbered, bits


def _visits(series: Sequence[Series]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Which series an event of a kind adds to, by store * 256 + kind."""
    lists: list[list[int]] = [[] for _ in range(len(Store) * 256)]
    for number, (store, _, kinds) in enumerate(series):
        for kind in kinds:
            lists[store * 256 + kind].append(number)
    starts = np.cumsum([0, *(len(one) for one in lists)], dtype=np.int32)
    return starts, np.array([number for one in lists for number in one], dtype=np.int32)


def _encoded(columns: Sequence[tuple[int, Feature]], offsets: dict[Series, int]) -> NDArray[np.int32]:
    rows = np.zeros((len(columns), 6), dtype=np.int32)
    alike = sorted(columns, key=lambda pair: (pair[1].op, pair[1].terms[0].whose))  # the kernel's branches repeat
    for row, (column, feature) in zip(rows, alike, strict=True):
        row[:2] = column, feature.op
        for place, term in enumerate(feature.terms):
            series = _series_of(term)
            row[2 + 2 * place : 4 + 2 * place] = term.whose, term.cell + (offsets[series] if series else 0)
    return rows


def _block(feature: Feature) -> int:
    """The place in BLOCKS of the one row that it reads beside the customer's; len(BLOCKS) where there is no such."""
    others = {term.whose for term in feature.terms} - {Role.CUSTOMER}
    alone = len(others) == 1 and feature.op != Op.PRICE
    return next((place for place, role in enumerate(BLOCKS) if alone and role in others), len(BLOCKS))


def _in_blocks(
    columns: Sequence[tuple[int, Feature]], offsets: dict[Series, int]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The features of the candidate block by block, and where each block begins."""
    parts = [
        _encoded([pair for pair in columns if _block(pair[1]) == place], offsets) for place in range(len(BLOCKS) + 1)
    ]
    return np.concatenate(parts), np.cumsum([0, *map(len, parts[:-1])], dtype=np.int32)


def _classes() -> NDArray[np.uint8]:
    """By kind: 0 fleeting, 1 lasting, 2 never in a page."""
    classes = np.ones(256, dtype=np.uint8)
    classes[[int(kind) for kind in FLEETING]] = 0
    classes[[int(kind) for kind in LOG_ONLY]] = 2
    return classes


def plan_of(features: Sequence[Feature]) -> Plan:
    """The plan that computes these features, in this order."""
    terms = (term for feature in features for term in feature.terms)
    series = sorted({one for term in terms if (one := _series_of(term)) is not None}, key=_order)
    offsets = _offsets(series)
    numbered, bits = _bits(series)
    table = [
        (measure, offsets[one], numbered.get((measure, kinds), 0)) for one in series for _, measure, kinds in [one]
    ]
    stores = np.array([one[0] for one in series], dtype=np.int64)
    visit_start, visit = _visits(series)
    numbered_features = list(enumerate(features))
    of_candidate, blocks = _in_blocks([pair for pair in numbered_features if pair[1].scope == "candidate"], offsets)
    return Plan(
        classes=_classes(),
        windows=np.array([days * DAY if days < np.inf else np.iinfo(np.int64).max for days in WINDOWS], dtype=np.int64),
        half_life=float(HALF_LIVES[-1] * DAY),
        page_limit=PAGE_LIMIT,
        series=np.array(table, dtype=np.int32).reshape(-1, 3),
        series_start=np.searchsorted(stores, np.arange(len(Store) + 1)).astype(np.int32),
        visit_start=visit_start,
        visit=visit,
        bits=bits,
        width=np.bincount(stores, minlength=len(Store)).astype(np.int64) * CELLS,
        customer_features=_encoded([pair for pair in numbered_features if pair[1].scope == "customer"], offsets),
        category_features=_encoded([pair for pair in numbered_features if pair[1].scope == "category"], offsets),
        candidate_features=of_candidate,
        blocks=blocks,
    )


@lru_cache(maxsize=64)
def plan_of_columns(columns: bytes | None) -> Plan:
    """The plan of all features, or of those whose indices are the int64s in `columns`."""
    return plan_of(FEATURES if columns is None else [FEATURES[i] for i in np.frombuffer(columns, dtype=np.int64)])
