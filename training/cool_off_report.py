"""What a run shows of how long rejections are felt: tables of every action and group, and a plot of those most seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from models.cool_off import WORSE
from training import plots
from training.cool_off import CoolOffs, Line, in_words
from training.cool_off_rates import CERTAINTY, FEWEST_PEOPLE
from training.rejections import EDGES

AGES = (0, 7, 28, 84, 168)
"""Days since a rejection that the tables have columns for: the bins that begin there."""

SHOWN = 6


def markdown(learned: CoolOffs) -> str:
    tables = (
        ("Contacted again with what they had rejected", "action", learned.own),
        ("Contacted with another action of the group", "group", learned.shared),
    )
    lines = [
        "# Rejected again",
        "",
        "How many times as often as by people who have rejected nothing of the group, with one-sided "
        f"{CERTAINTY:.0f} % limits; a rest ends when the upper one is {WORSE:g} or less. What fewer than "
        f"{FEWEST_PEOPLE} people were contacted with again goes by its kind.",
    ]
    for title, kind, found in tables:
        lines += [
            "",
            f"## {title}",
            "",
            f"| {kind} | people | rests | " + " | ".join(_head(age) for age in AGES) + " |",
        ]
        lines += ["|---|---|---|" + "---|" * len(AGES), *(_row(line) for line in found)]
    return "\n".join(lines) + "\n"


def figure(learned: CoolOffs) -> Figure:
    """All together, and the actions and groups that most people were contacted with again."""
    shown = {
        f"{kind}: {line.whose}": line.curve
        for kind, found in (("it", learned.own), ("its group", learned.shared))
        for line in _most_seen(found)[:SHOWN]
    }
    return plots.rejected_again(EDGES, shown, WORSE)


def metrics(learned: CoolOffs) -> dict[str, float]:
    """How many have rests of their own, and those of all together, where known."""
    model = learned.model
    own = {"actions": len(model.actions), "in_group": len(model.in_group), "groups": len(model.groups)}
    days = {"any_action_days": model.any_action, "any_group_days": model.any_group}
    known = {name: rest.days for name, rest in days.items() if rest is not None}
    return {f"cool_off.{name}": float(value) for name, value in {**own, **known}.items()}


def params(learned: CoolOffs) -> dict[str, str]:
    """What the fit was told, or found."""
    told = {"worse": WORSE, "held_actions": learned.held_actions, "held_groups": learned.held_groups}
    return {f"cool_off.{name}": str(value) for name, value in told.items()}


def _most_seen(found: Sequence[Line]) -> list[Line]:
    return sorted((line for line in found if line.people >= FEWEST_PEOPLE), key=lambda line: -line.people)


def _head(age: int) -> str:
    return f"after {age} days"


def _row(line: Line) -> str:
    places = np.searchsorted(EDGES, AGES)
    cells = [_cell(*line.curve[:, place]) for place in places.tolist()]
    name = line.whose.replace("|", "\\|")
    return f"| {name} | {line.people:,} | {in_words(line.rest)} | " + " | ".join(cells) + " |"


def _cell(ratio: float, low: float, high: float) -> str:
    return "unknown" if np.isnan(ratio) else f"{ratio:.2f} ({low:.2f} to {high:.2f})"
