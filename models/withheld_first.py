"""What a slate would have begun with, had an action been drawn: of draws that took no action, and of the holdout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.first_draws import Choice, FirstDraw


@dataclass(frozen=True, slots=True)
class Withheld:
    """choice: channel and action id that were withheld. chance: with which the policy draws it first. no_action: with
    which it draws no action."""

    choice: Choice
    chance: float
    no_action: float


def withheld_first(drawn: FirstDraw | None, lot: float) -> Withheld | None:
    """An action of `drawn`, each by its own chance given that one is drawn, so that those to whom something was
    withheld are as those whom it reached. Where no action is certain: what ranks first, though it pays less than
    nothing. lot: in [0, 1). None where nothing could be taken, or nothing is known of the draw."""
    if drawn is None or not drawn.choices:
        return None
    place = drawn.foremost
    reached = np.cumsum(drawn.chances[:-1])
    if reached[-1] > 0.0:  # rounding never takes what has no chance
        place = int(np.searchsorted(reached, lot * reached[-1], side="right"))
        place = min(place, int(np.flatnonzero(drawn.chances[:-1])[-1]))
    return Withheld(drawn.choices[place], float(drawn.chances[place]), float(drawn.chances[-1]))
