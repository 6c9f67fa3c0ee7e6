"""How well the next basket is foretold: each person's last one from those before, by ours and by whatever else there
is, with the same metrics over the same people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.progress import Progress
from training.metrics import listed_ndcg, listed_recall
from training.next_purchase.baskets import Baskets
from training.next_purchase.counting import DEPTH
from training.next_purchase.ranker import Ranker, Settings, Withheld, fit, rank
from training.tables import Table, people_weights, tabulate

METRICS = (f"recall@{DEPTH}", f"NDCG@{DEPTH}")
RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Foretold:
    """ranker: learned from what was known before each last basket. worth: float64[asked, METRICS] of its lists, for
    each way of withholding."""

    ranker: Ranker
    worth: tuple[NDArray[np.float64], ...]


def by_lot(people: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """At most so many of them, in their order."""
    if len(people) <= count:
        return people
    return np.sort(np.random.default_rng(seed).choice(people, count, replace=False))


def foretold(
    everything: Baskets,
    asked: NDArray[np.int64],
    settings: Settings,
    progress: Progress,
    *withheld: Withheld | None,
) -> Foretold:
    """asked: people with two baskets at least, ascending. withheld: as of before the last basket; None: nothing is.
    Raises NothingToLearn."""
    known = everything.without_last(1)
    ranker = fit(known, settings, progress)
    listed = rank(ranker, known, asked, DEPTH, progress, *withheld)
    return Foretold(ranker, tuple(worth(everything, asked, one.thing) for one in listed))


def worth(everything: Baskets, asked: NDArray[np.int64], listed: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[asked, METRICS] of lists, int64[asked, DEPTH], against the last basket of each."""
    truth = everything.last()[asked]
    row = np.broadcast_to(np.arange(len(asked))[:, None], listed.shape)
    found = (np.asarray(truth[row.ravel(), np.maximum(listed, 0).ravel()]).reshape(listed.shape) > 0) & (listed >= 0)
    relevant = np.diff(truth.indptr).astype(np.int64)
    return np.column_stack([listed_recall(found, relevant), listed_ndcg(found, relevant, DEPTH)])


def compared(
    title: str, everything: Baskets, asked: NDArray[np.int64], each: Mapping[str, NDArray[np.float64]], seed: int
) -> Table:
    """each: by method, ours among them, what `worth` says. The intervals are over people."""
    draws = people_weights(len(asked), RESAMPLES, np.random.default_rng(seed))
    drawn = {name: draws @ values / draws.sum(axis=1, keepdims=True) for name, values in each.items()}
    return tabulate(title, METRICS, drawn, len(asked), len(asked), int(everything.last()[asked].sum()))
