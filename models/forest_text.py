"""LightGBM's model text, read into arrays: a heading, then a paragraph of `key=value` lines for each tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.forest_codes import CATEGORY, LEFT_IF_NAN, NODE, RIGHT_IF_NAN, ZERO_LEFT, ZERO_RIGHT, Nodes, Trees
from models.forest_edges import edges_of

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_NOTHING_MISSING, _ZERO_MISSING = 0, 1
_END: Final = "\nend of trees"

Paragraph = Mapping[str, str]
T = TypeVar("T", int, float)


@dataclass(frozen=True, slots=True)
class ModelText:
    """inputs: names of the columns, in order. classes: 1 unless the objective is multi-class."""

    inputs: tuple[str, ...]
    classes: int
    trees: Trees


def read(text: str) -> ModelText:
    """Raises ValueError when it is no text of LightGBM's, or has linear leaves."""
    if not text.startswith("tree\n"):
        raise ValueError("model text is not LightGBM's; it must begin with 'tree'; train again")
    if "\nis_linear=1" in text:
        raise ValueError("model text has is_linear=1; leaves must be plain numbers; train again without linear_tree")
    heading, *paragraphs = text.partition(_END)[0].split("\nTree=")
    try:
        return _read(_paragraph(heading), [_paragraph(one) for one in paragraphs], whole=_END in text)
    except (KeyError, ValueError, OverflowError) as error:
        raise ValueError(f"model text is unreadable ({error}); it must be whole; train again") from error


def _read(heading: Paragraph, told: Sequence[Paragraph], *, whole: bool) -> ModelText:
    inputs = tuple(heading["feature_names"].split(" "))
    classes, count = int(heading["num_tree_per_iteration"]), len(heading["tree_sizes"].split())
    if not whole or count != len(told) or classes < 1 or count % classes:
        raise ValueError(f"it has {len(told)} of {count} trees")
    return ModelText(inputs, classes, _trees(told, len(inputs)))


def _paragraph(text: str) -> Paragraph:
    return {key: value for key, equals, value in (line.partition("=") for line in text.split("\n")) if equals}


def _trees(told: Sequence[Paragraph], inputs: int) -> Trees:
    sizes = np.array([int(one["num_leaves"]) for one in told], np.int64)
    grown = [one for one, size in zip(told, sizes, strict=True) if size > 1]
    first = np.concatenate([[0], np.cumsum(sizes - 1)])
    first_leaf = np.concatenate([[0], np.cumsum(sizes)])
    leaves = np.array(_numbers(told, "leaf_value", float), np.float64)
    if (sizes < 1).any() or len(leaves) != first_leaf[-1]:
        raise ValueError("num_leaves is not the number of leaf values")
    nodes, bits = _nodes(grown, int(first[-1]), inputs)
    offsets = np.repeat(first[:-1], sizes - 1), np.repeat(first_leaf[:-1], sizes - 1)
    for side in ("left", "right"):
        child = nodes[side]
        nodes[side] = np.where(child < 0, child - offsets[1], child + offsets[0])
    _check_shape(nodes, first, len(leaves))
    inner = _numbers(grown, "internal_count", int)
    leaf = [count for one in told for count in _leaf_counts(one)]
    if len(inner) != len(nodes) or len(leaf) != len(leaves):
        raise ValueError("internal_count and leaf_count do not count every node and leaf")
    edges, longest = edges_of(nodes, offsets[0], inner, leaf)
    return Trees(
        first=first.astype(np.int32),
        nodes=nodes,
        roots=np.where(sizes == 1, ~first_leaf[:-1], first[:-1]).astype(np.int32),
        leaves=leaves,
        edges=edges,
        bits=bits,
        used=np.unique(nodes["column"]),
        widest=int(sizes.max(initial=1)) - 1,
        longest=longest,
    )


def _numbers(told: Sequence[Paragraph], key: str, number: Callable[[str], T]) -> list[T]:
    return list(map(number, chain.from_iterable(one[key].split() for one in told)))


def _leaf_counts(one: Paragraph) -> list[int]:
    """A tree of one leaf need not count."""
    return [0] if one["num_leaves"] == "1" else [int(count) for count in one["leaf_count"].split()]


def _nodes(grown: Sequence[Paragraph], count: int, inputs: int) -> tuple[Nodes, NDArray[np.uint32]]:
    """With children as each tree counts them."""
    nodes = np.zeros(count, NODE)
    for field, key in (("column", "split_feature"), ("left", "left_child"), ("right", "right_child")):
        nodes[field] = _numbers(grown, key, int)
    if count and not 0 <= nodes["column"].min() <= nodes["column"].max() < inputs:
        raise ValueError(f"split_feature is {nodes['column'].max()}; there are {inputs} columns")
    nodes["threshold"] = _numbers(grown, "threshold", float)
    if np.isnan(nodes["threshold"]).any():
        raise ValueError("threshold is no number")
    kind = np.array(_numbers(grown, "decision_type", int), np.int64)
    nodes["rule"] = _rules(kind, nodes["threshold"])
    return nodes, _sets(grown, nodes)


def _rules(kind: NDArray[np.int64], threshold: NDArray[np.float64]) -> NDArray[np.int32]:
    missing, left = (kind >> 2) & 3, (kind & _DEFAULT_LEFT) != 0
    zero_left = threshold >= 0.0
    nan_left = np.where(missing == _NOTHING_MISSING, zero_left, left)
    rule = np.where(nan_left, LEFT_IF_NAN, RIGHT_IF_NAN)
    against = (missing == _ZERO_MISSING) & (left != zero_left)
    rule = np.where(against, np.where(left, ZERO_LEFT, ZERO_RIGHT), rule)
    return np.where(kind & _CATEGORICAL, CATEGORY, rule).astype(np.int32)


def _sets(grown: Sequence[Paragraph], nodes: Nodes) -> NDArray[np.uint32]:
    """The words of all sets; a categorical node's threshold becomes the number of its set's bits."""
    words: list[int] = []
    begin, node = 0, 0
    for one in grown:
        size = len(one["split_feature"].split())
        if int(one.get("num_cat", "0")) > 0:
            bounds = [int(bound) for bound in one["cat_boundaries"].split()]
            _place_sets(nodes[node : node + size], bounds, begin)
            words += map(int, one["cat_threshold"].split())
            begin += bounds[-1]
            if len(words) != begin:
                raise ValueError("cat_threshold is not of the length that cat_boundaries says")
        elif (nodes["rule"][node : node + size] == CATEGORY).any():
            raise ValueError("num_cat is 0 in a tree that splits by category")
        node += size
    return np.array([*words, 0], np.uint32)


def _place_sets(nodes: Nodes, bounds: Sequence[int], begin: int) -> None:
    limits = np.array(bounds, np.int64)
    chosen = nodes["rule"] == CATEGORY
    number = nodes["threshold"][chosen].astype(np.int64)
    if limits[0] != 0 or (np.diff(limits) < 1).any() or (number < 0).any() or (number >= len(limits) - 1).any():
        raise ValueError("cat_boundaries do not hold the sets that the splits name")
    nodes["bits"][chosen] = begin + limits[number]
    nodes["threshold"][chosen] = 32 * (limits[number + 1] - limits[number])


def _check_shape(nodes: Nodes, first: NDArray[np.int64], leaves: int) -> None:
    """Every node but the roots, and every leaf of a tree with nodes, is the child of exactly one node of its tree that
    comes before it."""
    here = np.arange(len(nodes))
    children = np.concatenate([nodes["left"], nodes["right"]]).astype(np.int64)
    parents, inner = np.concatenate([here, here]), children >= 0
    tree = np.searchsorted(first, here, side="right")
    roots = np.unique(first[:-1][np.diff(first) > 0])
    whole = np.array_equal(np.sort(children[inner]), np.setdiff1d(here, roots))
    ends = np.sort(~children[~inner])
    whole = whole and len(ends) == len(nodes) + len(roots) and len(np.unique(ends)) == len(ends)
    if not (whole and (children[inner] > parents[inner]).all() and ends.max(initial=-1) < leaves):
        raise ValueError("left_child and right_child make no tree")
    if (tree[children[inner]] != tree[parents[inner]]).any():
        raise ValueError("left_child and right_child lead into another tree")
