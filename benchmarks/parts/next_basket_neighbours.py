"""What people alike buy: two published ways of foretelling the next basket, rivals of ours.

TIFUKNN: Hu, He, Gao, Zhang, "Modeling Personalized Item Frequency Information for Next-basket Recommendation", SIGIR
2020. UP-CF@r: Faggioli, Polato, Aiolli, "Recency Aware Collaborative Filtering for Next Basket Recommendation", UMAP
2020. `asked` are int64[asked] people in both; everybody in `known` may be a neighbour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from training.next_purchase.baskets import Baskets
from training.next_purchase.frequency import Decay

CHUNK = 256
"""Rows at a time, so that memory does not grow with their number."""


@dataclass(frozen=True, slots=True)
class Tifuknn:
    """neighbours: the nearest others by Euclidean distance of personal frequencies. own: the weight of one's own."""

    decay: Decay = field(default_factory=Decay)
    neighbours: int = 300
    own: float = 0.7

    def others(self, known: Baskets, asked: NDArray[np.int64]) -> sp.csr_array:
        """float64[asked, things]: the mean frequency of the neighbours."""
        profile = known.profile(self.decay.weight(known))
        square = np.asarray(profile.multiply(profile).sum(axis=1)).ravel()
        square[known.count() == 0] = np.inf
        transposed = sp.csr_array(profile.T)
        count = min(self.neighbours, max(int((known.count() > 0).sum()) - 1, 1))

        def near(people: NDArray[np.int64]) -> sp.csr_array:
            closeness = 2.0 * (profile[people] @ transposed).toarray() - square
            closeness[np.arange(len(people)), people] = -np.inf
            found = largest(closeness, count)
            found.data = np.where(np.isfinite(found.data), 1.0 / count, 0.0)
            return sp.csr_array(found @ profile)

        return in_chunks(near, asked)

    def score(self, known: Baskets, asked: NDArray[np.int64]) -> sp.csr_array:
        """float64[asked, things]."""
        profile = known.profile(self.decay.weight(known))
        return sp.csr_array(self.own * profile[asked] + (1.0 - self.own) * self.others(known, asked))


@dataclass(frozen=True, slots=True)
class UpCf:
    """recent: baskets that count for frequency. asymmetry: of the cosine, 0.5 symmetric. locality: power of it, so that
    the nearest count most. neighbours: the nearest, oneself included; the power leaves next to nothing of the rest."""

    recent: int = 10
    asymmetry: float = 0.25
    locality: float = 14.0
    neighbours: int = 500

    def score(self, known: Baskets, asked: NDArray[np.int64]) -> sp.csr_array:
        """float64[asked, things]."""
        recent = np.minimum(known.count(), self.recent)[known.owner()]
        frequency = known.profile(np.where(known.age() < self.recent, 1.0 / recent, 0.0))
        alike = known.ever()
        size = np.maximum(np.asarray(alike.sum(axis=1)).ravel(), 1.0)
        left = sp.csr_array(sp.diags_array(size**-self.asymmetry) @ alike)
        right = sp.csr_array((sp.diags_array(size ** (self.asymmetry - 1.0)) @ alike).T)

        def near(people: NDArray[np.int64]) -> sp.csr_array:
            found = largest((left[people] @ right).toarray(), self.neighbours)
            found.data **= self.locality
            return sp.csr_array(found @ frequency)

        return in_chunks(near, asked)


def in_chunks(rows: Callable[[NDArray[np.int64]], sp.csr_array], asked: NDArray[np.int64]) -> sp.csr_array:
    """The rows of all of `asked`, worked out CHUNK at a time."""
    parts = [rows(asked[first : first + CHUNK]) for first in range(0, len(asked), CHUNK)]
    return sp.csr_array(sp.vstack(parts, format="csr"))


def largest(dense: NDArray[np.float64], count: int) -> sp.csr_array:
    """float64[rows, columns]: the `count` largest of each row, and nothing else."""
    count = min(count, dense.shape[1])
    column = np.argpartition(dense, -count, axis=1)[:, -count:]
    column.sort(axis=1)
    kept = np.take_along_axis(dense, column, axis=1)
    return sp.csr_array((kept.ravel(), column.ravel(), np.arange(len(column) + 1) * count), shape=dense.shape)
