"""The sum of the trees for rows that have much in common, equal to LightGBM's to the last bit; compiled.

Candidates of one customer differ in few columns. A split on a column that is the same in all rows is decided once; what
is left of a tree is worked out for all rows at a time, split by split from the bottom up: result[i] = left[i] if
value[i] goes left else right[i]. That is one comparison and one choice for several rows per instruction, without
branches, and beats sorting the rows into both sides at each split (docs/adr/0406). A row's trees are added in
LightGBM's order, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled, part, revision
from models import forest_codes
from models.forest_codes import LEFT_IF_NAN, RIGHT_IF_NAN, Node, Nodes, goes_left, left_if_nan, near_zero, right_if_nan

BLOCK = 512
"""Rows at a time: their columns and results stay in the nearest caches."""
TILE = 8
"""Doubles in a cache line."""

Rows = NDArray[np.float64]
Goes = Callable[[float, Node, NDArray[np.uint32]], bool]
Work = NDArray[np.float64]


def _choices(goes: Goes) -> Callable[..., int]:
    """The step of one split, compiled for one rule, so that its loops have no other in them."""

    @part
    def between(node: Node, bits: NDArray[np.uint32], value: Work, out: Work, left: float, right: float) -> None:
        for i in range(len(value)):
            out[i] = left if goes(value[i], node, bits) else right

    @part
    def with_leaf(node: Node, bits: NDArray[np.uint32], value: Work, out: Work, leaf: float, side: int) -> None:
        if side == 0:
            for i in range(len(value)):
                done = out[i]  # read beforehand, else what is chosen would be a branch
                out[i] = leaf if goes(value[i], node, bits) else done
        else:
            for i in range(len(value)):
                done = out[i]
                out[i] = done if goes(value[i], node, bits) else leaf

    @part
    def merge(node: Node, bits: NDArray[np.uint32], value: Work, left: Work, out: Work) -> None:
        for i in range(len(value)):
            one, other = left[i], out[i]
            out[i] = one if goes(value[i], node, bits) else other

    return _step(between, with_leaf, merge)


def _step(
    between: Callable[..., None], with_leaf: Callable[..., None], merge: Callable[..., None]
) -> Callable[..., int]:
    @part
    def choose(
        node: Node, bits: NDArray[np.uint32], value: Work, done: Work, top: int, leaves: Work, left: int, right: int
    ) -> int:
        """done: float64[any, block], results that wait for their parent, the newest at `top`; a left side lies on its
        right one. left, right: a leaf when below 0. Returns the new top."""
        if left < 0 and right < 0:
            top += 1
            between(node, bits, value, done[top], leaves[~left], leaves[~right])
        elif left < 0:
            with_leaf(node, bits, value, done[top], leaves[~left], 0)
        elif right < 0:
            with_leaf(node, bits, value, done[top], leaves[~right], 1)
        else:
            merge(node, bits, value, done[top], done[top - 1])
            top -= 1
        return top

    return choose


choose_right_if_nan = _choices(right_if_nan)
choose_left_if_nan = _choices(left_if_nan)
choose_by_any_rule = _choices(goes_left)


@part
def settled(nodes: Nodes, bits: NDArray[np.uint32], place: NDArray[np.int32], head: Work, at: int) -> int:
    """From `at` down to the first split whose column differs, or to a leaf."""
    while at >= 0:
        node = nodes[at]
        if place[node.column] >= 0:
            break
        at = node.left if goes_left(head[node.column], node, bits) else node.right
    return at


@part
def open_splits(
    nodes: Nodes, bits: NDArray[np.uint32], place: NDArray[np.int32], head: Work, at: int, found: NDArray[np.int32]
) -> int:
    """found[k] becomes (split, what is left of it, what is right of it), a split before those below it and its left
    side before its right one. Returns how many. The end of `found` holds those yet to be visited."""
    count, waiting = 0, len(found)
    while at >= 0:
        node = nodes[at]
        left = settled(nodes, bits, place, head, node.left)
        right = settled(nodes, bits, place, head, node.right)
        found[count, 0], found[count, 1], found[count, 2] = at, left, right
        count += 1
        if right >= 0:
            waiting -= 1
            found[waiting, 3] = right
        if left >= 0:
            at = left
        elif waiting < len(found):
            at = found[waiting, 3]
            waiting += 1
        else:
            at = -1
    return count


@part
def gather(
    rows: Rows, beside: Rows, loose: NDArray[np.int32], head: Work, columns: Work, place: NDArray[np.int32]
) -> None:
    """The loose columns, each in one piece; one that is the same all over turns out to be shared."""
    width = rows.shape[1]
    for begin in range(0, len(rows), TILE):
        end = min(begin + TILE, len(rows))
        for k in range(len(loose)):
            column = loose[k]
            if column < width:
                for i in range(begin, end):
                    columns[k, i] = rows[i, column]
            else:
                for i in range(begin, end):
                    columns[k, i] = beside[i, column - width]
    for k in range(len(loose)):
        values, first, same = columns[k], head[loose[k]], 0
        for i in range(len(rows)):
            values[i] = near_zero(values[i])
            same += values[i] == first
        place[loose[k]] = -1 if same == len(rows) else k


@part
def add_tree(
    root: int,
    nodes: Nodes,
    leaves: Work,
    bits: NDArray[np.uint32],
    place: NDArray[np.int32],
    head: Work,
    columns: Work,
    done: Work,
    found: NDArray[np.int32],
    score: Work,
) -> None:
    """score: float64[rows], at most as many as columns and done have room for."""
    root = settled(nodes, bits, place, head, root)
    if root < 0:
        for i in range(len(score)):
            score[i] += leaves[~root]
        return
    top = -1
    for k in range(open_splits(nodes, bits, place, head, root, found) - 1, -1, -1):
        at, left, right = found[k, 0], found[k, 1], found[k, 2]
        node = nodes[at]
        value = columns[place[node.column]][: len(score)]
        if node.rule == RIGHT_IF_NAN:
            top = choose_right_if_nan(node, bits, value, done, top, leaves, left, right)
        elif node.rule == LEFT_IF_NAN:
            top = choose_left_if_nan(node, bits, value, done, top, leaves, left, right)
        else:
            top = choose_by_any_rule(node, bits, value, done, top, leaves, left, right)
    result = done[0]
    for i in range(len(score)):
        score[i] += result[i]


def _entry(revised: int) -> Callable[..., int]:
    def add_up(
        rows: Rows,
        beside: Rows,
        shared: NDArray[np.bool_],
        nodes: Nodes,
        roots: NDArray[np.int32],
        leaves: Work,
        bits: NDArray[np.uint32],
        used: NDArray[np.int32],
        widest: int,
        out: Work,
    ) -> int:
        """Adds the trees to out, float64[classes, rows], in their order. The rows are those of `rows` and `beside` side
        by side. shared: bool[inputs], columns that are read from the first row only. Returns the revision of the
        sources that it was compiled from."""
        count, width = len(rows), rows.shape[1]
        block = max(1, min(BLOCK, count))
        head, place = np.empty(len(shared)), np.full(len(shared), -1, np.int32)
        loose = used[~shared[used]]
        columns, done = np.empty((len(loose), block)), np.empty((widest + 1, block))
        found = np.empty((widest + 1, 4), np.int32)
        for begin in range(0, count, block):
            end = min(begin + block, count)
            for column in used:
                value = rows[begin, column] if column < width else beside[begin, column - width]
                head[column] = near_zero(value)
            if count > 1:
                gather(rows[begin:end], beside[begin:end], loose, head, columns, place)
            for t in range(len(roots)):
                score = out[t % len(out)][begin:end]
                add_tree(roots[t], nodes, leaves, bits, place, head, columns, done, found, score)
        return revised

    return add_up


add_up = compiled(_entry(revision(forest_codes)))
