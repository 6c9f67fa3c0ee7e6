"""What a data scientist looks at first: is it calibrated, does it gain, on what does it lean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import lightgbm as lgb
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from models.drift import GREAT, SOME
from models.forest import Forest
from training.metrics import BINS, bins
from training.tables import Table

_SHOWN = 25


def figures(
    probability: NDArray[np.float64], label: NDArray[np.bool_], weight: NDArray[np.float64], forest: Forest
) -> dict[str, Figure]:
    """By file name. probability, label, weight: of the test part, [n]."""
    return {
        "calibration.png": calibration(probability, label, weight),
        "gain.png": gain(probability, label, weight),
        "importance.png": importance(forest),
    }


def calibration(probability: NDArray[np.float64], label: NDArray[np.bool_], weight: NDArray[np.float64]) -> Figure:
    """Predicted against observed share of successes in bins of equal weight; logarithmic, for rates span decades."""
    bin_of = bins(probability, weight)
    total = np.maximum(np.bincount(bin_of, weight, BINS), np.finfo(float).tiny)
    predicted = np.bincount(bin_of, weight * probability, BINS) / total
    observed = np.bincount(bin_of, weight * label, BINS) / total
    figure, axes = _sheet("Calibration on contacts after the cutoff", "predicted probability", "observed share")
    ends = [max(predicted[predicted > 0].min(initial=1.0), 1e-6), predicted.max(initial=1e-3)]
    axes.plot(ends, ends, linestyle="--", color="grey", label="perfect")
    axes.plot(predicted, observed, marker="o", label="model")
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=float(ends[0]))
    axes.set_ylim(bottom=0.0)  # no successes at all has no logarithm, yet must show
    axes.legend()
    return figure


def calibration_by(
    names: Mapping[str, NDArray[np.bool_]],
    probability: NDArray[np.float64],
    label: NDArray[np.bool_],
    weight: NDArray[np.float64],
) -> Figure:
    """As `calibration`, a line for each of `names`: bool[n], which rows are its own, at least one."""
    figure, axes = _sheet("Calibration on contacts after the cutoff", "predicted probability", "observed share")
    lowest, highest = 1.0, 1e-3
    for name, rows in names.items():
        bin_of = bins(probability[rows], weight[rows])
        total = np.bincount(bin_of, weight[rows], BINS)
        filled = total > 0
        predicted = np.bincount(bin_of, weight[rows] * probability[rows], BINS)[filled] / total[filled]
        observed = np.bincount(bin_of, weight[rows] * label[rows], BINS)[filled] / total[filled]
        axes.plot(predicted, observed, marker="o", label=_plain(name))
        lowest, highest = min(lowest, float(predicted.min())), max(highest, float(predicted.max()))
    ends = [max(lowest, 1e-6), highest]
    axes.plot(ends, ends, linestyle="--", color="grey", label="perfect")
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=ends[0])
    axes.set_ylim(bottom=0.0)
    axes.legend(fontsize="small")
    return figure


def gain(probability: NDArray[np.float64], label: NDArray[np.bool_], weight: NDArray[np.float64]) -> Figure:
    """Which share of the successes is found in which share of the contacts, most promising first."""
    order = np.argsort(-probability, kind="stable")
    contacts = np.cumsum(weight[order]) / weight.sum()
    found = np.cumsum((weight * label)[order]) / max(float((weight * label).sum()), np.finfo(float).tiny)
    figure, axes = _sheet("Gain on contacts after the cutoff", "share of contacts", "share of successes found")
    axes.plot([0, 1], [0, 1], linestyle="--", color="grey", label="at random")
    axes.plot(np.append(0.0, contacts), np.append(0.0, found), label="model")
    axes.legend()
    return figure


def reasons(probability: NDArray[np.float64], label: NDArray[np.intp], names: Sequence[str]) -> Figure:
    """How often each reason was expected and how often it was given, with two standard errors. probability: float64[n,
    names]."""
    given = np.bincount(label, minlength=len(names)) / len(label)
    error = 2.0 * np.sqrt(given * (1.0 - given) / len(label))
    figure, axes = _sheet("Contact reasons after the cutoff", "share of the contacts", "")
    places = np.arange(len(names))
    axes.barh(places, probability.mean(axis=0), color="lightgrey", label="expected")
    axes.errorbar(given, places, xerr=error, linestyle="", marker="o", label="given")
    axes.set_yticks(places, [_plain(name) for name in names])
    axes.legend()
    return figure


def windows(days: NDArray[np.float64], curves: Mapping[str, NDArray[np.float64]], enough: float) -> Figure:
    """By days since the last purchase, the chance of buying again soon. curves: by name, float64[3, days]: the chance
    and the ends of its interval. enough: from which chance on a thing is offered again."""
    figure, axes = _sheet("Bought again within 28 days", "days since the last purchase", "chance")
    for name, (middle, low, high) in curves.items():
        (line,) = axes.plot(days, middle, label=_plain(name))
        axes.fill_between(days, low, high, color=line.get_color(), alpha=0.2)
    axes.axhline(enough, linestyle="--", color="grey", label="offered again from here on")
    axes.set_ylim(0.0, 1.0)
    axes.legend(fontsize="small")
    return figure


def rejected_again(edges: NDArray[np.float64], curves: Mapping[str, NDArray[np.float64]], worse: float) -> Figure:
    """By days since a rejection, how many times as often as usual a contact is rejected. edges: float64[bins + 1], in
    days. curves: by name, float64[3, bins]: the ratio and its limits, NaN unknown. worse: from which on it rests."""
    figure, axes = _sheet("Rejected again after a rejection", "days since the rejection", "times as often as usual")
    for name, (middle, low, high) in curves.items():
        (line,) = axes.step(edges, np.append(middle, middle[-1]), where="post", label=_plain(name))
        limits = (np.append(low, low[-1]), np.append(high, high[-1]))
        axes.fill_between(edges, *limits, step="post", color=line.get_color(), alpha=0.2)
    axes.axhline(worse, linestyle="--", color="grey", label="rests above")
    axes.set_ylim(bottom=0.0)
    axes.legend(fontsize="small")
    return figure


def in_the_large(ratios: Mapping[str, tuple[float, float, float]]) -> Figure:
    """Successes observed over expected with their intervals, by name; logarithmic, cut at a twentieth and twenty."""
    figure, axes = _sheet("Calibration in the large", "successes observed / expected", "")
    inside = {name: np.clip(ends, 0.05, 20.0) for name, ends in ratios.items()}
    middle, low, high = np.array(list(inside.values())).T
    axes.errorbar(middle, np.arange(len(inside)), xerr=(middle - low, high - middle), linestyle="", marker="o")
    axes.axvline(1.0, linestyle="--", color="grey")
    axes.set_xscale("log")
    axes.set_yticks(np.arange(len(inside)), [_plain(name) for name in inside])
    return figure


def psi(found: Mapping[str, tuple[float, float]]) -> Figure:
    """Of each name the PSI, and a mark up to where chance alone may reach."""
    figure, axes = _sheet("Drift", "PSI", "")
    places, values = np.arange(len(found)), np.array(list(found.values()))
    axes.barh(places, values[:, 0], color="lightgrey", label="PSI")
    axes.plot(values[:, 1], places, linestyle="", marker="|", markersize=12, label="chance alone reaches")
    for limit in (SOME, GREAT):
        axes.axvline(limit, linestyle="--", color="grey")
    axes.set_yticks(places, [_plain(name) for name in found])
    axes.legend()
    return figure


def foretold(found: Table) -> Figure:
    """Each metric of each method with its interval, the first method on top."""
    figure, axes = _sheet(f"{found.title}, {found.people:,} customers", "", "")
    methods = list(found.figures)[::-1]
    for number, metric in enumerate(found.metrics):
        ends = np.array([(one.value, one.low, one.high) for one in (found.figures[name][metric] for name in methods)])
        middle, low, high = ends.T
        places = np.arange(len(methods)) + 0.1 * (number - len(found.metrics) / 2)
        axes.errorbar(middle, places, xerr=(middle - low, high - middle), linestyle="", marker="o", label=metric)
    axes.set_yticks(np.arange(len(methods)), [_plain(name) for name in methods])
    axes.legend()
    return figure


def underserved(lost_to: Mapping[str, Mapping[str, int]], total: Mapping[str, int]) -> Figure:
    """By channel, the share of its people who got nothing or only poor actions, by the gate they lost most to."""
    figure, axes = _sheet("People with nothing, or only poor actions", "", "share of the people")
    gates = sorted({gate for counts in lost_to.values() for gate in counts})
    below = np.zeros(len(lost_to))
    for gate in gates:
        share = np.array([counts.get(gate, 0) / max(total[name], 1) for name, counts in lost_to.items()])
        axes.bar([_plain(name) for name in lost_to], share, bottom=below, label=_plain(gate))
        below += share
    axes.set_ylim(0.0, 1.0)
    if gates:
        axes.legend(fontsize="small")
    return figure


def _plain(text: str) -> str:
    """As it is, where a dollar sign would begin a formula."""
    return text.replace("$", r"\$")


def importance(forest: Forest) -> Figure:
    """The columns that reduce the loss most, by total gain of their splits."""
    gained = lgb.Booster(model_str=forest.text).feature_importance("gain")
    order = np.argsort(gained)[-_SHOWN:]
    figure, axes = _sheet("Importance", "share of the total gain", "")
    axes.barh([forest.inputs[index] for index in order], gained[order] / max(float(gained.sum()), 1e-12))
    return figure


def _sheet(title: str, across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=across, ylabel=up)
    return figure, axes
