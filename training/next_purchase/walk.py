"""From what a person bought to everybody who bought the same, and on to what these bought lately.

A random walk of three steps over purchases, as RP3beta (Paudel, Christoffel, Newell, Bernstein, "Updatable, Accurate,
Diverse, and Scalable Recommendations for Interactive Applications", TiiS 2017); but the last step goes by late baskets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from training.next_purchase.baskets import Baskets

ENTRY, EXIT = 0.5, 0.2
"""Powers of how often a thing was bought at all, which it loses where the walk sets out, and where it ends."""

LATE = 0.5
"""What a basket of whoever was met loses for every later one."""


@dataclass(frozen=True, slots=True)
class Walk:
    """met: int64[met], the people whom it may meet, ascending. buyers: float64[things, met], the weight of each who
    bought a thing. lately: float64[met, things], where the walk goes from each of them."""

    met: NDArray[np.int64]
    buyers: sp.csr_array
    lately: sp.csr_array

    def ends(self, start: sp.csr_array, people: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """float64[n, things] each: how likely the walk ends at a thing, by way of everybody, and by way of all but
        oneself; 0 when nobody is met. start: float64[n, things], what each of people, int64[n], sets out from."""
        met = sp.csr_array(start @ self.buyers)
        everybody = (shares(met) @ self.lately).toarray()
        row = np.repeat(np.arange(len(people)), np.diff(met.indptr))
        met.data[self.met[met.indices] == people[row]] = 0.0
        return everybody, (shares(met) @ self.lately).toarray()


def walk(known: Baskets, met: NDArray[np.int64]) -> Walk:
    """met: int64[met], the people whom it may meet, ascending."""
    bought = known.profile(np.ones(len(known)))
    often = np.maximum(np.asarray(bought.sum(axis=0), np.float64).ravel(), 1.0)
    lately = shares(known.profile(np.power(LATE, known.age().astype(np.float64))))
    return Walk(
        met,
        sp.csr_array(sp.diags_array(often**-ENTRY) @ bought[met].T),
        sp.csr_array(lately[met] @ sp.diags_array(often**-EXIT)),
    )


def shares(weights: sp.csr_array) -> sp.csr_array:
    """Every row summing to 1; an empty one stays empty."""
    total = np.asarray(weights.sum(axis=1), np.float64).ravel()
    return sp.csr_array(sp.diags_array(1.0 / np.maximum(total, 1e-12)) @ weights)
