"""What contributions need to know of each split, besides where it leads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.forest_codes import EDGE, Edges, Nodes


def edges_of(nodes: Nodes, start: NDArray[np.int64], inner: Sequence[int], leaf: Sequence[int]) -> tuple[Edges, int]:
    """EDGE records of all nodes, and how many columns there are at most on one way to a leaf. start: of each node, the
    first node of its tree. inner, leaf: rows that each node and each leaf was grown on."""
    counts = [*inner, *reversed(leaf)]  # so that the leaf ~child is where child points to
    columns, left, right = (nodes[name].tolist() for name in ("column", "left", "right"))
    above, before = [-1] * len(nodes), [-1] * len(nodes)
    whole, met, passed = [1.0] * len(nodes), [1] * len(nodes), [0.0] * (2 * len(nodes))
    for at, column in enumerate(columns):
        edge = nearest = above[at]
        while nearest >= 0 and columns[nearest >> 1] != column:
            nearest = above[nearest >> 1]
        before[at] = nearest
        whole[at] = passed[nearest] if nearest >= 0 else 1.0
        met[at] = (met[edge >> 1] if edge >= 0 else 0) + (nearest < 0)
        for edge, child in ((2 * at, left[at]), (2 * at + 1, right[at])):
            passed[edge] = whole[at] * counts[child] / inner[at] if inner[at] else 0.0
            if child >= 0:
                above[child] = edge
    made = np.zeros(len(nodes), EDGE)
    for name, places in (("above", above), ("before", before)):
        made[name] = np.maximum(np.array(places, np.int64) + 1 - 2 * start, 0)
    made["whole"], made["left"], made["right"] = whole, passed[::2], passed[1::2]
    return made, max(met, default=0)
