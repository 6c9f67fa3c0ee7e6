"""What each column adds to a row's score, exactly: path-dependent TreeSHAP (Lundberg et al. 2020, "From local
explanations to global understanding with explainable AI for trees"), equal to LightGBM's pred_contrib but for rounding;
compiled.

On the way to a leaf of value v each column j has a share z_j, of the rows that its splits let through, and passes the
row (o_j = 1) or not (o_j = 0). Its Shapley value there is v (o_j - z_j) times the integral, over t from 0 to 1, of the
product over the other columns i of t o_i + (1 - t) z_i. That is a polynomial of t, so that Gauss-Legendre's rule with
half as many points as there are columns gives it exactly, all of its terms above 0. Each point is one walk down the
tree, multiplying, and one up again, adding, where a column's factor is divided out; all points walk together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled, part, revision
from models import forest_codes
from models.forest_codes import Edges, Nodes, goes_left, near_zero

Work = NDArray[np.float64]


@part
def descend(
    row: Work,
    nodes: Nodes,
    edges: Edges,
    bits: NDArray[np.uint32],
    points: Work,
    passes: Work,
    product: Work,
    inverse: Work,
) -> None:
    """Of both edges out of each node of a tree: whether their column passes the row (1 or 0), the product of all
    columns' factors down to their end, and one over their own column's factor."""
    for at in range(len(nodes)):
        node, edge, here = nodes[at], edges[at], 2 * at + 1
        before, above, old = passes[edge.before], product[edge.above], inverse[edge.before]
        left = before if goes_left(row[node.column], node, bits) else 0.0
        right = before - left
        passes[here], passes[here + 1] = left, right
        down_left, over_left, down_right, over_right = (
            product[here],
            inverse[here],
            product[here + 1],
            inverse[here + 1],
        )
        for q in range(len(points)):
            rest, so_far = 1.0 - points[q], above[q] * old[q]
            factor = points[q] * left + rest * edge.left
            other = points[q] * right + rest * edge.right
            down_left[q], down_right[q] = factor * so_far, other * so_far
            over_left[q] = np.divide(1.0, factor) if factor != 0.0 else 0.0
            over_right[q] = np.divide(1.0, other) if other != 0.0 else 0.0


@part
def ascend(nodes: Nodes, edges: Edges, leaves: Work, passes: Work, product: Work, inverse: Work, added: Work) -> None:
    """Adds to added, float64[columns, points], what the column of each edge is worth in all leaves below the edge, in
    place of what the edge before it was."""
    for at in range(len(nodes) - 1, -1, -1):
        node, edge, here = nodes[at], edges[at], 2 * at + 1
        worth, above, old = added[node.column], product[edge.above], inverse[edge.before]
        left, over_left, right, over_right = product[here], inverse[here], product[here + 1], inverse[here + 1]
        was = passes[edge.before] - edge.whole
        now_left, now_right = passes[here] - edge.left, passes[here + 1] - edge.right
        leaf_left = leaves[~node.left] if node.left < 0 else 1.0
        leaf_right = leaves[~node.right] if node.right < 0 else 1.0
        for q in range(len(worth)):
            one, other = left[q] * leaf_left, right[q] * leaf_right
            both = one + other
            worth[q] += now_left * one * over_left[q] + now_right * other * over_right[q] - was * both * old[q]
            above[q] = both


def _entry(revised: int) -> Callable[..., int]:
    def explain(
        rows: NDArray[np.float64],
        first: NDArray[np.int32],
        nodes: Nodes,
        edges: Edges,
        leaves: Work,
        bits: NDArray[np.uint32],
        widest: int,
        points: Work,
        weights: Work,
        out: Work,
    ) -> int:
        """Adds to out, float64[rows, classes, inputs]. points, weights: of Gauss-Legendre's rule from 0 to 1. Returns
        the revision of the sources that it was compiled from."""
        classes, row, places = out.shape[1], np.empty(rows.shape[1]), 2 * widest + 1
        passes, product, inverse = np.ones(places), np.ones((places, len(points))), np.ones((places, len(points)))
        added = np.empty((rows.shape[1], len(points)))
        for i in range(len(rows)):
            for column in range(len(row)):
                row[column] = near_zero(rows[i, column])
            for k in range(classes):
                added[:] = 0.0
                for t in range(k, len(first) - 1, classes):
                    some, ways = nodes[first[t] : first[t + 1]], edges[first[t] : first[t + 1]]
                    product[0] = 1.0
                    descend(row, some, ways, bits, points, passes, product, inverse)
                    ascend(some, ways, leaves, passes, product, inverse, added)
                for column in range(len(row)):
                    for q in range(len(points)):
                        out[i, k, column] += weights[q] * added[column, q]
        return revised

    return explain


explain = compiled(_entry(revision(forest_codes)))


@cache
def rule(columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and weights that are exact for as many columns on one way from root to leaf."""
    count = -(-max(columns, 1) // 8) * 4  # in full registers
    points, weights = np.polynomial.legendre.leggauss(count)
    return (points + 1.0) / 2.0, weights / 2.0
