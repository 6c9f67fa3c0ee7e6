"""Other ways of ranking what comes next, from the same baskets and for the same people as ours.

Settings of the published ones are their authors' for Ta-Feng; what a peer is told besides is the best of OPTIONS on the
last basket of the history, never on the one that is judged.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from implicit.utils import ParameterWarning
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.parts.next_basket_neighbours import Tifuknn, UpCf, in_chunks
from training.next_purchase.baskets import Baskets
from training.next_purchase.counting import COUNTING, DEPTH, Method, best, personal
from training.next_purchase.frequency import Decay

SEED = 20240229


def tifuknn(known: Baskets, asked: NDArray[np.int64], model: Tifuknn) -> NDArray[np.int64]:
    return best(model.score(known, asked))


def up_cf(known: Baskets, asked: NDArray[np.int64], model: UpCf) -> NDArray[np.int64]:
    return best(model.score(known, asked))


def als(known: Baskets, asked: NDArray[np.int64], factors: int, alpha: float) -> NDArray[np.int64]:
    """Of implicit, on ln(1 + baskets with it)."""
    bought = _logarithms(known)
    with threadpool_limits(limits=1, user_api="blas"):
        model = AlternatingLeastSquares(factors=factors, alpha=alpha, iterations=10, random_state=SEED, num_threads=1)
        model.fit(bought, show_progress=False)
        found, _ = model.recommend(asked, bought[asked], N=DEPTH, filter_already_liked_items=False)
    return np.asarray(found, np.int64)


def item_item(known: Baskets, asked: NDArray[np.int64], neighbours: int) -> NDArray[np.int64]:
    """Cosine of implicit, the item itself included, on ln(1 + baskets with it)."""
    bought = _logarithms(known)
    with threadpool_limits(limits=1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ParameterWarning)  # implicit hands itself a matrix of the wrong form
        model = CosineRecommender(K=neighbours, num_threads=1)
        model.fit(bought, show_progress=False)
    similar = sp.csr_array(model.similarity)
    return best(in_chunks(lambda people: sp.csr_array(sp.csr_array(bought[people]) @ similar), asked))


def _logarithms(known: Baskets) -> sp.csr_matrix:
    count = known.profile(np.ones(len(known)))
    return sp.csr_matrix((np.log1p(count.data).astype(np.float32), count.indices, count.indptr), shape=count.shape)


OPTIONS: Mapping[str, Mapping[str, Method]] = {
    "global frequency": {"": COUNTING["global frequency"]},
    "personal frequency": {"": personal},
    "recency-weighted personal frequency": {
        f"half-life {count} baskets": partial(personal, half_life=float(count)) for count in (2, 5, 15)
    },
    "combined frequency": {"": COUNTING["combined frequency"]},
    "TIFUKNN": {
        "as published for Ta-Feng": partial(tifuknn, model=Tifuknn()),
        "as published for Dunnhumby": partial(tifuknn, model=Tifuknn(Decay(3, 0.9, 0.6), 900, 0.2)),
    },
    "UP-CF@r": {
        f"r {recent}, locality {locality:g}": partial(up_cf, model=UpCf(recent, 0.25, locality))
        for recent, locality in ((10, 14.0), (25, 5.0))
    },
    "ALS (implicit)": {
        f"{factors} factors, alpha {alpha:g}": partial(als, factors=factors, alpha=alpha)
        for factors, alpha in ((32, 1.0), (64, 20.0))
    },
    "item-item (implicit)": {f"{count} neighbours": partial(item_item, neighbours=count) for count in (5, 50)},
}
