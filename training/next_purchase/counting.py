"""What counting alone foretells: the lists that a ranker has to beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from training.next_purchase.baskets import Baskets

DEPTH = 10
"""How long a judged list is."""

Method = Callable[[Baskets, NDArray[np.int64]], NDArray[np.int64]]
"""int64[asked, DEPTH]: things, best first, -1 where it has no more; for int64[asked] people as of the baskets known."""


def best(score: sp.csr_array) -> NDArray[np.int64]:
    """int64[rows, DEPTH]: the columns with the largest values above 0; among equals the lower number first."""
    found = np.full((score.shape[0], DEPTH), -1, np.int64)
    for row in range(score.shape[0]):
        part = slice(score.indptr[row], score.indptr[row + 1])
        column, value = score.indices[part], score.data[part]
        order = np.lexsort((column, -value))[:DEPTH]
        order = order[value[order] > 0.0]
        found[row, : len(order)] = column[order]
    return found


def _reach(known: Baskets) -> NDArray[np.float64]:
    return np.asarray(known.ever().sum(axis=0)).ravel() / known.people


def popularity(known: Baskets, asked: NDArray[np.int64]) -> NDArray[np.int64]:
    popular = np.argsort(-_reach(known), kind="stable")[:DEPTH]
    return np.tile(np.pad(popular, (0, DEPTH - len(popular)), constant_values=-1), (len(asked), 1))


def personal(known: Baskets, asked: NDArray[np.int64], half_life: float = np.inf) -> NDArray[np.int64]:
    """Baskets with it, each halved for every `half_life` later ones; ties by popularity. Only things bought before."""
    counted = known.profile(0.5 ** (known.age() / half_life))[asked]
    counted.data += 1e-6 * _reach(known)[counted.indices]
    return best(counted)


def combined(known: Baskets, asked: NDArray[np.int64], half_life: float = np.inf) -> NDArray[np.int64]:
    """The personal list, filled up with what is popular."""
    own, popular = personal(known, asked, half_life), np.argsort(-_reach(known), kind="stable")[: 2 * DEPTH]
    for row in own:
        free = np.flatnonzero(row < 0)
        more = popular[~np.isin(popular, row)][: len(free)]
        row[free[: len(more)]] = more
    return own


COUNTING: Mapping[str, Method] = {
    "global frequency": popularity,
    "personal frequency": personal,
    "combined frequency": combined,
}
