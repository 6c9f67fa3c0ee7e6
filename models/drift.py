"""How far what is seen now is from what a model learned from: arithmetic alone.

PSI, the population stability index, of shares p before and q now over the same bins is sum (q - p) ln(q / p). Siddiqi
(Credit Risk Scorecards, 2006) reads it so: below 0.1 nothing has changed, from 0.1 on something has, from 0.25 on a
great deal. A bin that is empty on one side alone would make it infinite: each side gets half an observation in every
bin that is not empty on both.

Without any drift it is not 0. It is then about (1/n + 1/m) chi-squared with a degree of freedom less than there are
bins (Yurdakul and Naranjo 2020), n and m being how many independent observations are on each side. Rows of one person
are not independent; `Histogram.effective` is what they are worth, by the mean design effect (Rao and Scott 1981).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

BINS = 10
SOME, GREAT = 0.1, 0.25
SMOOTHING = 0.5
"""Observations added to each bin."""
RARE = 3.090
"""A normal variable is above it once in a thousand."""
TWO_SIDED = 1.960
"""And above this or below its negative once in twenty."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """edges: ascending; bin 0 holds what is up to the first, bin i what is above edges[i - 1] and up to edges[i], the
    last bin but one what is above them all, the last what is unknown (NaN). share: of each bin; they sum to 1.
    effective: how many independent observations would tell as much."""

    edges: tuple[float, ...]
    share: tuple[float, ...]
    effective: float

    def __post_init__(self) -> None:
        whole = math.isclose(sum(self.share), 1.0, abs_tol=1e-6) and min(self.share, default=-1.0) >= 0.0
        ascending = all(a < b for a, b in zip(self.edges, self.edges[1:], strict=False))
        if not (whole and ascending and len(self.share) == len(self.edges) + 2 and self.effective > 0.0):
            raise ValueError(
                f"histogram is of {len(self.edges)} edges and {len(self.share)} shares that sum to {sum(self.share)}; "
                "edges ascend, and there are two more shares, which sum to 1; train again"
            )


@dataclass(frozen=True, slots=True)
class Rate:
    """Matured contacts that a model learned from, and those of them that succeeded."""

    contacts: int
    successes: int


@dataclass(frozen=True, slots=True)
class Reference:
    """What a model was asked about while it was judged. scores: response probabilities of contacts, by channel.
    features: of what could have been offered in those contacts, by feature. rates: of all contacts learned from, by
    channel and action. channels: the first few of features, each as it was on one channel, by channel and feature; none
    of a bundle from before there were any."""

    scores: Mapping[str, Histogram]
    features: Mapping[str, Histogram]
    rates: Mapping[str, Mapping[str, Rate]]
    channels: Mapping[str, Mapping[str, Histogram]] = field(default_factory=dict)


@runtime_checkable
class Referenced(Protocol):
    """A scorer that knows what it learned from; None: its bundle does not say."""

    @property
    def reference(self) -> Reference | None: ...


def to_object(reference: Reference) -> dict[str, object]:
    """Without what is not there, as an earlier version wrote it."""
    content = asdict(reference)
    return content if reference.channels else {name: one for name, one in content.items() if name != "channels"}


def from_object(content: Mapping[str, object]) -> Reference:
    """Raises ValueError when it is not what to_object makes."""
    try:
        return msgspec.convert(content, Reference)
    except msgspec.ValidationError as error:
        raise ValueError(f"reference is unreadable: {error}") from error


def edges_of(values: NDArray[np.float64], weight: NDArray[np.float64], bins: int = BINS) -> tuple[float, ...]:
    """That part what is known into bins of about equal weight, as many as the ties allow. values, weight: [n]."""
    known = np.isfinite(values) & (weight > 0.0)
    if not known.any():
        return ()
    order = np.argsort(values[known], kind="stable")
    ordered, below = values[known][order], np.cumsum(weight[known][order])
    wanted = np.arange(1, bins) / bins * below[-1]
    found = ordered[np.minimum(np.searchsorted(below, wanted), len(ordered) - 1)]
    return tuple(float(edge) for edge in np.unique(found) if edge < ordered[-1])


def bins_of(values: NDArray[np.float64], edges: tuple[float, ...]) -> NDArray[np.intp]:
    """intp[n], see Histogram."""
    place = np.searchsorted(np.array(edges, np.float64), values, side="left")
    return np.where(np.isnan(values), len(edges) + 1, place).astype(np.intp)


def histogram(
    values: NDArray[np.float64],
    weight: NDArray[np.float64],
    person: NDArray[np.int64],
    edges: tuple[float, ...],
) -> Histogram | None:
    """values, weight, person: [n], whose row it is. None without any."""
    if not len(values):
        return None
    bins, total = len(edges) + 2, float(weight.sum())
    place = bins_of(values, edges)
    share = np.bincount(place, weight, bins) / total
    effective = _effective(place, share, weight, person)
    return Histogram(edges, tuple(share.tolist()), min(effective, float(len(values))))


def _effective(
    place: NDArray[np.intp], share: NDArray[np.float64], weight: NDArray[np.float64], person: NDArray[np.int64]
) -> float:
    """From the variance of each share as a ratio of sums over people: under independence sum Var(p) / p over k bins
    would be (k - 1) / n."""
    _, whose = np.unique(person, return_inverse=True)
    people, bins, total = int(whose.max()) + 1, len(share), float(weight.sum())
    cell, inside = np.unique(whose * bins + place, return_inverse=True)
    there = np.bincount(inside, weight)
    own = np.bincount(whose, weight, people)
    column = cell % bins
    squared = np.bincount(column, there**2, bins)
    crossed = np.bincount(column, there * own[cell // bins], bins)
    variance = (squared - 2.0 * share * crossed + share**2 * float((own**2).sum())) / total**2
    used = share > 0.0
    spread = float((np.maximum(variance[used], 0.0) / share[used]).sum()) * people / max(people - 1, 1)
    if used.sum() < 2 or spread <= 0.0:
        return float(people)
    return float(used.sum() - 1) / spread


class Shift(StrEnum):
    """How to read a PSI."""

    NONE = "none"
    SOME = "some"
    GREAT = "great"


@dataclass(frozen=True, slots=True)
class Drift:
    """noise: what the PSI exceeds once in a thousand times when nothing has drifted. effective: of what is seen now."""

    psi: float
    noise: float
    effective: float

    @property
    def shift(self) -> Shift:
        """NONE also for what may be chance."""
        if self.psi < SOME or self.psi <= self.noise:
            return Shift.NONE
        return Shift.SOME if self.psi < GREAT else Shift.GREAT


def drift(before: Histogram, now: Histogram) -> Drift:
    """Raises ValueError for histograms of other bins."""
    if before.edges != now.edges:
        raise ValueError("edges differ; PSI is over the same bins; count what is seen now by the edges of before")
    value, used = psi(np.array(before.share), before.effective, np.array(now.share), now.effective)
    noise = chi_squared(max(used - 1, 1)) * (1.0 / before.effective + 1.0 / now.effective)
    return Drift(value, noise, now.effective)


def psi(
    before: NDArray[np.float64], effective_before: float, now: NDArray[np.float64], effective_now: float
) -> tuple[float, int]:
    """The PSI of shares float64[k], and how many bins are not empty on both sides."""
    used = (before > 0.0) | (now > 0.0)
    p, q = _smoothed(before[used], effective_before), _smoothed(now[used], effective_now)
    return float(((q - p) * np.log(q / p)).sum()), int(used.sum())


def _smoothed(share: NDArray[np.float64], effective: float) -> NDArray[np.float64]:
    found: NDArray[np.float64] = (share * effective + SMOOTHING) / (effective + SMOOTHING * len(share))
    return found


def chi_squared(freedom: int, normal: float = RARE) -> float:
    """The quantile of a chi-squared variable at the chance where `normal` is that of a normal one (Wilson and Hilferty
    1931: its cube root is about normal)."""
    part = 2.0 / (9.0 * freedom)
    return float(freedom * (1.0 - part + normal * math.sqrt(part)) ** 3)


@dataclass(frozen=True, slots=True)
class InTheLarge:
    """Successes observed over successes expected, with the ends of its interval. ratio: 1 is right, above it more
    succeeds than the model says; NaN where nothing was expected. low may be 0 and high infinite."""

    observed: float
    expected: float
    ratio: float
    low: float
    high: float


def in_the_large(
    observed: NDArray[np.float64],
    expected: NDArray[np.float64],
    person: NDArray[np.int64],
    normal: float = TWO_SIDED,
) -> InTheLarge:
    """Of contacts [n] and their people. The interval is that of a ratio of sums over independent people, on its
    logarithm, where the error of small counts is nearly symmetrical. Of no success at all nothing varies: the upper
    end is then the rate at which none would be seen this rarely (Poisson)."""
    won, hoped = float(observed.sum()), float(expected.sum())
    if hoped <= 0.0:
        return InTheLarge(won, hoped, math.nan, 0.0, math.inf)
    ratio = won / hoped
    if won == 0.0:
        rare = math.erfc(normal / math.sqrt(2.0)) / 2.0
        return InTheLarge(won, hoped, 0.0, 0.0, -math.log(rare) / hoped)
    _, whose = np.unique(person, return_inverse=True)
    residual = np.bincount(whose, observed - ratio * expected)
    people = len(residual)
    if people < 2:
        return InTheLarge(won, hoped, ratio, 0.0, math.inf)
    error = math.sqrt(float((residual**2).sum()) * people / (people - 1)) / won
    return InTheLarge(won, hoped, ratio, ratio * math.exp(-normal * error), ratio * math.exp(normal * error))
