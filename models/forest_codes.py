"""How a forest is laid out in memory, and by which rule a value goes left or right.

The rules are those of LightGBM (include/LightGBM/tree.h, NumericalDecision and CategoricalDecision). A split knows what
is missing in its column: nothing, zeros or NaN. Where it is not NaN, NaN is read as 0; where it is zeros, zeros go the
split's own way. What is left of all this are five rules, of which the first two are nearly all that there ever are.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from features.compiled import part

RIGHT_IF_NAN: Final = 0
"""Left when value <= threshold."""
LEFT_IF_NAN: Final = 1
"""Left unless value > threshold."""
ZERO_RIGHT: Final = 2
"""As RIGHT_IF_NAN, but 0 goes right."""
ZERO_LEFT: Final = 3
"""As LEFT_IF_NAN, but 0 goes left."""
CATEGORY: Final = 4
"""Left when the whole part of the value is in a set; what is NaN, below 0 or at the threshold or above is in none."""

ZERO: Final = float(np.float32(1e-35))
"""What is as near to 0 is 0: LightGBM leaves it out of the row that its trees are handed."""

NODE: Final = np.dtype(
    [
        ("threshold", np.float64),
        ("column", np.int32),
        ("rule", np.int32),
        ("left", np.int32),
        ("right", np.int32),
        ("bits", np.int32),
    ],
    align=True,
)
"""left, right: a node, or the leaf ~left when below 0; always of a higher number than the node. bits: where the set of
a CATEGORY begins."""

Nodes = NDArray[np.void]


class Node(Protocol):
    """One of NODE, as compiled code sees it."""

    threshold: float
    column: int
    rule: int
    bits: int


EDGE: Final = np.dtype(
    [
        ("above", np.int32),
        ("before", np.int32),
        ("whole", np.float64),
        ("left", np.float64),
        ("right", np.float64),
    ],
    align=True,
)
"""Of each node. An edge's place in its tree is 1 + 2 * node + (1 if it is the right one), the nodes counted from the
tree's first; place 0 is above the root. above: the edge that leads to the node. before: the nearest edge on the way to
it of the same column, 0 when there is none. whole: what the node's column lets through down to `before`, of all rows
that the tree was grown on; left, right: the same down to the ends of the node's own edges."""

Edges = NDArray[np.void]


class Trees(NamedTuple):
    """first: int32[trees + 1], where the nodes of each tree begin; tree t is of class t % classes. nodes: NODE records
    of all trees. roots: int32[trees], a node or, below 0, a leaf. edges: EDGE records,
    one for each node. leaves: float64, what each adds to the score. bits: uint32, the sets of
    categories. used: int32, the columns that any split reads, in order. widest: nodes of the largest tree.
    longest: at most as many columns are on the way to any leaf."""

    first: NDArray[np.int32]
    nodes: Nodes
    roots: NDArray[np.int32]
    leaves: NDArray[np.float64]
    edges: Edges
    bits: NDArray[np.uint32]
    used: NDArray[np.int32]
    widest: int
    longest: int


@part
def near_zero(value: float) -> float:
    """0 for what LightGBM takes for it."""
    return 0.0 if -ZERO <= value <= ZERO else value


@part
def right_if_nan(value: float, node: Node, bits: NDArray[np.uint32]) -> bool:  # noqa: ARG001 - as its likes
    return value <= node.threshold


@part
def left_if_nan(value: float, node: Node, bits: NDArray[np.uint32]) -> bool:  # noqa: ARG001
    return not value > node.threshold


@part
def goes_left(value: float, node: Node, bits: NDArray[np.uint32]) -> bool:
    """By whatever rule. value: after near_zero."""
    if node.rule <= LEFT_IF_NAN:  # without branches, which would be mistaken half of the time
        return bool((value <= node.threshold) | (math.isnan(value) & (node.rule == LEFT_IF_NAN)))
    if node.rule == ZERO_RIGHT:
        return value <= node.threshold and value != 0.0
    if node.rule == ZERO_LEFT:
        return not value > node.threshold or value == 0.0
    if not -1.0 < value < node.threshold:
        return False
    category = np.int64(value)
    word = bits[node.bits + (category >> 5)]
    return bool((word >> np.uint32(category & 31)) & np.uint32(1))
