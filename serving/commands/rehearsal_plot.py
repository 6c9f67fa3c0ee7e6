"""A rehearsal as a picture; needs matplotlib, which no service installs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.rehearsal import Comparison
from serving.rehearsing import Rehearsal

_SHOWN = 25
_FUNNEL = frozenset({"candidates", "eligible"})

Bar = tuple[str, int, int]
"""Name, before, after."""


def save(path: Path, made: Rehearsal) -> None:
    """In the format that the name ends in; whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        figure(made.changes).savefig(part, format=path.suffix[1:])
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def figure(changes: Comparison) -> Figure:
    """What is chosen where, what differs most first and at most _SHOWN of it; and what each gate refuses."""
    volumes = sorted(changes.volumes, key=lambda one: (-abs(one.after - one.before), -one.before))
    chosen = [(f"{one.action_id} ({one.channel})", one.before, one.after) for one in volumes[:_SHOWN]]
    gates = [(one.name, one.before, one.after) for one in changes.funnel if one.name not in _FUNNEL]
    refused = [bar for bar in gates if any(bar[1:])]
    heights = [max(len(bars), 2) for bars in (chosen, refused)]
    sheet = Figure(figsize=(9, 2.5 + 0.35 * sum(heights)), layout="constrained")
    upper, lower = sheet.subplots(2, 1, height_ratios=heights)
    more = f", the {_SHOWN} of {len(volumes)} that change most" if len(volumes) > _SHOWN else ""
    _bars(upper, chosen, f"Chosen in {changes.decisions:,} logged decisions{more}", "times")
    _bars(lower, refused, "Refused first by each gate", "candidates")
    upper.legend()
    return sheet


def _bars(axes: Axes, bars: Sequence[Bar], title: str, across: str) -> None:
    places = np.arange(len(bars))
    axes.barh(places - 0.2, [before for _, before, _ in bars], 0.4, color="lightgrey", label="in force")
    axes.barh(places + 0.2, [after for _, _, after in bars], 0.4, label="rehearsed")
    axes.set_yticks(places, [name.replace("$", r"\$") for name, _, _ in bars])
    axes.invert_yaxis()
    axes.set(title=title, xlabel=across)
