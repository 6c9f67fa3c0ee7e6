"""What a run shows of when things are bought again: a table of every category, and a plot of those most bought."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from models.affinity import HORIZON
from models.catalogue import LIKELY_ENOUGH
from models.repurchase import DAY
from training import plots
from training.repurchase import FEWEST_PEOPLE, Windows
from training.repurchase_rates import intervals

AGES = (0, 28, 91, 182, 364)
"""Days since the last purchase that the table has columns for."""

SEED = 5
SHOWN = 12
_DAYS = np.arange(0.0, 366.0, 3.0)


def markdown(windows: Windows) -> str:
    """The chance that somebody buys again within HORIZON, so many days after a purchase of one."""
    lines = [
        f"# Bought again within {HORIZON // DAY} days",
        "",
        "The chance, with its 95 % interval, of somebody of whom no more is known than one purchase so many days ago.",
        "",
        "| category | people | " + " | ".join(f"{age} days" for age in AGES) + " |",
        "|---|---|" + "---|" * len(AGES),
    ]
    for thing in _most_bought(windows):
        middle, low, high = _interval(windows, thing, np.array(AGES, np.float64))
        cells = [f"{a:.1%} ({b:.1%} to {c:.1%})" for a, b, c in zip(middle, low, high, strict=True)]
        lines.append(f"| {_cell(windows.names[thing])} | {windows.people[thing]:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def figure(windows: Windows) -> Figure:
    """The same by day, of the categories that most people bought."""
    shown = {windows.names[thing]: _interval(windows, thing, _DAYS) for thing in _most_bought(windows)[:SHOWN]}
    return plots.windows(_DAYS, shown, LIKELY_ENOUGH)


def metrics(windows: Windows) -> dict[str, float]:
    """How many things have rates of their own, and how well they foretold."""
    own = {"categories": float(len(windows.model.categories)), "items": float(len(windows.model.items))}
    return {f"repurchase.{name}": float(value) for name, value in {**asdict(windows.judged), **own}.items()}


def params(windows: Windows) -> dict[str, str]:
    """What the fit was told."""
    told = {"category": windows.model.category_pace, "item": windows.model.item_pace}
    return {
        f"repurchase.{kind}.{name}": str(value) for kind, pace in told.items() for name, value in asdict(pace).items()
    }


def _most_bought(windows: Windows) -> list[int]:
    order = np.argsort(-windows.people, kind="stable")
    return [int(thing) for thing in order if windows.people[thing] >= FEWEST_PEOPLE]


def _interval(windows: Windows, thing: int, days: NDArray[np.float64]) -> NDArray[np.float64]:
    return intervals(windows.categories, thing, days, np.random.default_rng([SEED, thing]))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
