"""Items that are one thing to whoever owns them: variants of a head, and the parts of a bundle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class ItemRelations:
    """head: int32[items] by item code, the code of what it is a variant of, its own where of nothing. start:
    int32[items + 1] and part: int32[...]: bundle b holds part[start[b]:start[b + 1]]; nothing else holds anything."""

    head: NDArray[np.int32]
    start: NDArray[np.int32]
    part: NDArray[np.int32]

    def bought_with(self, item: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """What n purchases of item int32[n] (any code, also one past the end) were purchases of: themselves, in their
        order, then every part of every bundle. The place of each in `item`, and its code."""
        line = np.arange(len(item), dtype=np.intp)
        if not len(self.part):
            return line, item
        known = (item >= 0) & (item < len(self.head))
        code = np.where(known, item, 0)
        count = np.where(known, self.start[code + 1] - self.start[code], 0)
        of = np.repeat(line, count)
        within = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
        return np.concatenate([line, of]), np.concatenate([item, self.part[self.start[code[of]] + within]])


def item_relations(items: pa.Table, codes: NDArray[np.int64], vocabulary: Vocabulary) -> ItemRelations:
    """items: ITEM_SCHEMA. codes: of each row. What names an item that is not listed is left out: a catalogue that was
    checked has no such thing."""
    size = vocabulary.size("item")
    head = np.arange(size, dtype=np.int32)
    rows = pc.index_in(items["variant_of"], value_set=items["id"].combine_chunks())
    variants = np.flatnonzero(rows.is_valid().to_numpy())
    head[codes[variants]] = codes[rows.drop_null().to_numpy()]
    contains = items["contains"].combine_chunks()
    found = pc.index_in(pc.list_flatten(contains), value_set=items["id"].combine_chunks())
    bundle = codes[pc.list_parent_indices(contains).filter(found.is_valid()).to_numpy()]
    part = codes[found.drop_null().to_numpy()].astype(np.int32)
    start = np.zeros(size + 1, np.int32)
    np.cumsum(np.bincount(bundle, minlength=size), out=start[1:])
    return ItemRelations(head, start, part[np.argsort(bundle, kind="stable")])
