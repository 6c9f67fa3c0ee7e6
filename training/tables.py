"""Tables of figures with intervals over people, by the bootstrap, paired between methods."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training import metrics

OURS = "nextbest"
BASE_RATE = "base rate"
"""Calibrated by construction and of no use for choosing: shown, but no rival."""

INTERVAL = (2.5, 97.5)
"""Percentiles of the bootstrap."""

RESPONSE_METRICS = ("AUC", "log loss", "calibration error")
SMALLER_IS_BETTER = frozenset({"log loss", "calibration error"})
NEXT_METRICS = ("NDCG@5", "NDCG@10", "recall@10")


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric and its 95 % interval over people."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Table:
    """figures: by method, then by metric. lead: by metric, how much better ours is than the best other, above 0 when
    it is better, over the same draws of people. rivals: by metric, that best other. people: judged. rows: contacts or
    rankings. successes: successful contacts, or relevant categories."""

    title: str
    metrics: tuple[str, ...]
    figures: Mapping[str, Mapping[str, Figure]]
    lead: Mapping[str, Figure]
    rivals: Mapping[str, str]
    people: int
    rows: int
    successes: int

    def flat(self) -> dict[str, float]:
        """Every figure, by a name that tracking accepts."""
        return {
            re.sub(r"[^a-zA-Z0-9_./ -]", "_", f"{self.title}/{metric}/{method}"): figure.value
            for method, figures in self.figures.items()
            for metric, figure in figures.items()
        }

    def markdown(self) -> str:
        head = f"| {self.title} | " + " | ".join(self.metrics) + " |\n|---|" + "---|" * len(self.metrics)
        rows = [_row(method, [found[metric] for metric in self.metrics]) for method, found in self.figures.items()]
        rows.append(_row("*lead over the best other*", [self.lead[metric] for metric in self.metrics], signed=True))
        return "\n".join([head, *rows])


def people_weights(people: int, resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """float64[1 + resamples, people]: first everybody once, then each draw with replacement."""
    drawn = rng.multinomial(people, np.full(people, 1.0 / people), size=resamples)
    return np.vstack([np.ones((1, people)), drawn])


def response_draws(
    score: NDArray[np.float64],
    probability: NDArray[np.float64],
    label: NDArray[np.bool_],
    weight: NDArray[np.float64],
    person: NDArray[np.intp],
    draws: NDArray[np.float64],
) -> NDArray[np.float64]:
    """float64[draws, RESPONSE_METRICS]. person: intp[n] column of `draws`. The bins of the calibration error stay
    those of the whole."""
    people = draws.shape[1]
    order = np.argsort(score, kind="stable")
    ranked = (score[order], label[order], weight[order], person[order])
    aucs = np.array([metrics.sorted_auc(ranked[0], ranked[1], ranked[2] * draw[ranked[3]]) for draw in draws])
    total = draws @ np.bincount(person, weight, people)
    loss = draws @ np.bincount(person, weight * metrics.losses(probability, label), people) / total
    cell = person * metrics.BINS + metrics.bins(probability, weight)
    gaps = np.bincount(cell, weight * (probability - label), people * metrics.BINS).reshape(people, metrics.BINS)
    return np.column_stack([aucs, loss, np.abs(draws @ gaps).sum(axis=1) / total])


def class_draws(
    probability: NDArray[np.float64], label: NDArray[np.intp], person: NDArray[np.intp], draws: NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64[draws, 3]: log loss, and how often what happened was the likeliest, or among the likeliest three.
    probability: float64[n, classes]. person: intp[n] column of `draws`."""
    rows = np.arange(len(label))
    order = np.argsort(-probability, axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")[rows, label]
    loss = -np.log(np.maximum(probability[rows, label], metrics.SMALLEST))
    each = np.column_stack([loss, rank < 1, rank < 3])
    people = draws.shape[1]
    summed = np.column_stack([np.bincount(person, values, people) for values in each.T])
    return np.asarray(draws @ summed / (draws @ np.bincount(person, minlength=people))[:, None], np.float64)


def next_draws(
    score: NDArray[np.float64], relevant: NDArray[np.bool_], draws: NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64[draws, NEXT_METRICS]. score, relevant: [people, categories], everybody with something relevant."""
    each = np.column_stack(
        [metrics.ndcg(score, relevant, 5), metrics.ndcg(score, relevant, 10), metrics.recall(score, relevant, 10)]
    )
    return np.asarray(draws @ each / draws.sum(axis=1, keepdims=True), np.float64)


def tabulate(
    title: str, names: Sequence[str], drawn: Mapping[str, NDArray[np.float64]], people: int, rows: int, successes: int
) -> Table:
    """drawn: by method, float64[draws, len(names)], the first draw being the whole."""
    figures = {
        method: {name: _figure(values[:, column]) for column, name in enumerate(names)}
        for method, values in drawn.items()
    }
    lead, rivals = dict[str, Figure](), dict[str, str]()
    for column, name in enumerate(names):
        sign = -1.0 if name in SMALLER_IS_BETTER else 1.0
        others = {
            method: sign * values[0, column] for method, values in drawn.items() if method not in {OURS, BASE_RATE}
        }
        rivals[name] = max(others, key=others.__getitem__)
        lead[name] = _figure(sign * (drawn[OURS][:, column] - drawn[rivals[name]][:, column]))
    return Table(title, tuple(names), figures, lead, rivals, people, rows, successes)


def _figure(values: NDArray[np.float64]) -> Figure:
    low, high = np.nanpercentile(values[1:], INTERVAL) if len(values) > 1 else (values[0], values[0])
    return Figure(float(values[0]), float(low), float(high))


def _row(name: str, figures: Sequence[Figure], *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    cells = [f"{figure.value:{sign}.4f} ({figure.low:{sign}.4f} to {figure.high:{sign}.4f})" for figure in figures]
    return f"| {name} | " + " | ".join(cells) + " |"
