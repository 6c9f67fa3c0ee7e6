"""A LightGBM ensemble, stored as its text, scored as arrays: equal to Booster.predict to the last bit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numba
import numpy as np
from numpy.typing import NDArray

from features.compiled import Compiled
from features.once import once
from models.forest_additions import explain, rule
from models.forest_codes import EDGE, NODE, Trees
from models.forest_kernel import add_up
from models.forest_text import read


@dataclass(frozen=True, slots=True)
class Forest:
    """text: LightGBM's own model text, the only stored form. inputs: names of its columns, in order. classes: 1 unless
    it is of a multi-class objective. Raises ValueError for a text that is none, or whose leaves are linear.

    NaN is unknown; where it leads, as what is near 0 and what is no whole category, is LightGBM's business, and
    Booster.predict(raw_score=True) of the same text is what every score is equal to.
    """

    text: str
    inputs: tuple[str, ...] = field(init=False, repr=False, compare=False)
    classes: int = field(init=False, repr=False, compare=False)
    _trees: Trees = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        made = read(self.text)
        object.__setattr__(self, "inputs", made.inputs)
        object.__setattr__(self, "classes", made.classes)
        object.__setattr__(self, "_trees", made.trees)

    @property
    def rounds(self) -> int:
        return len(self._trees.roots)

    def raw(
        self,
        rows: NDArray[np.float64],
        beside: NDArray[np.float64] | None = None,
        shared: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float64]:
        """float64[m], the sum of the trees for float64[m, inputs], in log odds; float64[m, classes] of several classes.

        beside: float64[m, n], the last n inputs, when `rows` holds only those before. shared: bool[inputs], columns
        that the caller knows to be the same in all rows; the others are looked through for more of them. Raises
        ValueError for another number of columns.
        """
        rows, beside, shared = self._checked(rows, beside, shared)
        out = np.zeros((self.classes, len(rows)))
        trees = self._trees
        warm()
        add_up(
            rows, beside, shared, trees.nodes, trees.roots, trees.leaves, trees.bits, trees.used, trees.widest, out
        )  # fmt: skip
        return out[0] if self.classes == 1 else np.ascontiguousarray(out.T)

    def contributions(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[m, classes, inputs]: what each column adds to the raw score of each class, against what is usual; see
        models.forest_additions."""
        rows, _, _ = self._checked(rows, None, None)
        out = np.zeros((len(rows), self.classes, len(self.inputs)))
        trees = self._trees
        points, weights = rule(trees.longest)
        warm()
        explain(
            rows, trees.first, trees.nodes, trees.edges, trees.leaves, trees.bits, trees.widest, points, weights, out
        )  # fmt: skip
        return out

    def _checked(
        self, rows: NDArray[np.float64], beside: NDArray[np.float64] | None, shared: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        count = len(self.inputs)
        rows = np.ascontiguousarray(rows, np.float64)
        beside = np.zeros((len(rows), 0)) if beside is None else np.ascontiguousarray(beside, np.float64)
        shared = np.zeros(count, np.bool_) if shared is None else shared
        if (len(beside), rows.shape[1] + beside.shape[1], len(shared)) != (len(rows), count, count):
            raise ValueError(
                f"rows are of shapes {rows.shape} and {beside.shape}, shared of {len(shared)}; the forest has {count} "
                "inputs; pass them all, in its order"
            )
        return rows, beside, shared


@once
def warm() -> None:
    """Compiles, or loads from the cache beside the sources. Done by the first score at the latest; from then on it is a
    TypeError, and no second compilation, to hand the kernel other arrays."""
    matrix, columns, numbers = _read_only(2, np.float64), _read_only(1, np.bool_), _read_only(1, np.int32)
    nodes, edges, bits = _read_only(1, NODE), _read_only(1, EDGE), _read_only(1, np.uint32)
    some = _read_only(1, np.float64)
    _compile(add_up, matrix, matrix, columns, nodes, numbers, some, bits, numbers, 0, np.zeros((1, 1)))
    _compile(explain, matrix, numbers, nodes, edges, some, bits, 0, some, some, np.zeros((1, 1, 1)))


def _compile(kernel: Compiled[..., int], *example: object) -> None:
    kernel.compile(tuple(numba.typeof(one) for one in example))
    kernel.disable_compile()


def _read_only(dimensions: int, dtype: np.dtype[np.void] | type[np.generic]) -> NDArray[np.generic]:
    example: NDArray[np.generic] = np.zeros((0,) * dimensions, dtype)
    example.flags.writeable = False
    return example
